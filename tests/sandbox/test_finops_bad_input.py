"""Whatever is sent to a finops sandbox, the answer is a refusal in the service's own shape, never an accident."""

import io
import json
import zipfile
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.sandbox.client import Client
from tests.sandbox.conftest import Management
from tests.sandbox.packages import ACTIONS, ask_import, begin_import, ended, package, put, write_url, zipped
from tests.sandbox.rows import number

some = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
few = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
texts = st.text(max_size=40)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=5
)
COLUMNS = ["VENDORACCOUNTNUMBER", "VENDORGROUPID", "VENDORHOLDRELEASEDATE", "CREDITLIMIT", "ONHOLDSTATUS", "dataAreaId"]
NAMES = st.sampled_from(["CUSTOMERGROUPID", "DESCRIPTION", "dataAreaId", "ModifiedDateTime", "CustomersV3", "Nothing"])
VALUES = st.sampled_from(
    ["'10'", "10", "null", "true", "2026-11-21T00:00:00Z", "Microsoft.Dynamics.DataEntities.NoYes'No'", "'*'", "''"]
)
WORDS = st.sampled_from(
    ["eq", "ne", "gt", "le", "and", "or", "not", "in", "has", "(", ")", "any(", "contains(", ",", "/"]
)
ACTION_NAMES = [
    "GetAzureWriteUrl",
    "ImportFromPackage",
    "ExportToPackage",
    "GetExecutionSummaryStatus",
    "GetExportedPackageUrl",
    "GetImportStagingErrorFileUrl",
    "GenerateImportTargetErrorKeysFile",
    "GetImportTargetErrorKeysFileUrl",
]


@pytest.fixture(scope="module", autouse=True)
def _vendor_group(finops: Client) -> None:
    finops.post("VendorGroups", {"dataAreaId": "usmf", "VENDORGROUPID": "10"})


def check(answer: httpx.Response) -> None:
    """Success, or a refusal that is the client's and has the service's shape."""
    if answer.status_code < 400:
        return
    assert answer.status_code < 500, answer.text[:500]
    body: dict[str, Any] = answer.json()
    if "error" in body:
        assert {"code", "message"} <= body["error"].keys()
    else:
        assert body.keys() == {"Message"}


@some
@given(body=st.dictionaries(st.sampled_from(COLUMNS) | texts, values, max_size=6))
@example(body={"VENDORACCOUNTNUMBER": "1", "VENDORGROUPID": "10", "VENDORHOLDRELEASEDATE": "9999-12-31T23:59:59-23:59"})
@example(body={"VENDORACCOUNTNUMBER": "1", "VENDORGROUPID": "10", "VENDORHOLDRELEASEDATE": "0001-01-01T00:00:00+14:00"})
def test_any_payload_is_answered(finops: Client, body: dict[str, Any]) -> None:
    check(finops.post("VendorsV2", {"dataAreaId": "usmf", **body}))
    path = "VendorsV2(dataAreaId='usmf',VENDORACCOUNTNUMBER='1')?cross-company=true"
    for method in ("PATCH", "PUT"):
        check(finops.call(method, path, json.dumps(body)))


@some
@given(body=st.binary(max_size=80))
@example(body=b"[" * 5_000)
@example(body=b'{"CREDITLIMIT":1e400}')
@example(body=b'{"CREDITLIMIT":' + b"9" * 5_000 + b"}")
@example(body=b'{"DESCRIPTION":"\\ud800"}')
def test_any_bytes_as_payload_are_answered(finops: Client, body: bytes) -> None:
    check(finops.call("POST", "CustomerGroups", body, {"Content-Type": "application/json"}))


@some
@given(key=st.lists(st.tuples(NAMES | texts, VALUES | texts), max_size=4))
def test_any_key_in_an_address_is_answered(finops: Client, key: list[tuple[str, str]]) -> None:
    text = quote(",".join(f"{name}={value}" for name, value in key), safe="=,'")
    for method in ("GET", "PATCH", "DELETE"):
        check(finops.call(method, f"CustomerGroups({text})?cross-company=true", "{}"))


@some
@given(words=st.lists(NAMES | VALUES | WORDS | texts, max_size=9))
def test_any_filter_is_answered(finops: Client, words: list[str]) -> None:
    text = quote(" ".join(words))
    check(finops.get(f"CustomerGroups?cross-company=true&$filter={text}"))
    check(finops.get(f"CustomerGroups/$count?$filter={text}"))


@some
@given(
    name=st.sampled_from(["$select", "$orderby", "$top", "$skip", "$count", "$skiptoken", "$expand", "$format"]),
    words=st.lists(
        NAMES | st.sampled_from(["PaymentTerm", "($select=", ")", ",", ";", "/", " desc"]) | texts, max_size=5
    ),
)
def test_any_option_is_answered(finops: Client, name: str, words: list[str]) -> None:
    check(finops.get(f"CustomerGroups?{name}={quote(''.join(words))}"))
    check(finops.get(f"CustomerGroups(dataAreaId='usmf',CUSTOMERGROUPID='1')?{name}={quote(''.join(words))}"))


@some
@given(
    etag=texts.filter(lambda text: text.isascii() and text.isprintable()) | st.sampled_from(['W/"JzEsMic="', '"JzEn"'])
)
def test_any_version_is_answered(finops: Client, etag: str) -> None:
    path = "CustomerGroups(dataAreaId='usmf',CUSTOMERGROUPID='none')?cross-company=true"
    for method in ("PATCH", "DELETE"):
        check(finops.call(method, path, "{}", {"If-Match": etag.strip()}))


PIECES = st.sampled_from(
    [
        b"--b",
        b"--b--",
        b"--c--",
        b"\r\n",
        b"\r\n\r\n",
        b"Content-Type: multipart/mixed; boundary=c\r\n\r\n--c",
        b"Content-Type: application/http\r\n",
        b"Content-ID: 1\r\n",
        b"GET /data/CustomerGroups HTTP/1.1\r\n\r\n",
        b"POST CustomerGroups HTTP/1.1\r\nContent-Type: application/json\r\n\r\n{}",
        b"PATCH $1 HTTP/1.1\r\n\r\n{}",
    ]
)


@some
@given(
    pieces=st.lists(PIECES | st.binary(max_size=20), max_size=14),
    boundary=st.sampled_from(["b", "c", "", '"b"', "b;x"]),
)
def test_any_multipart_body_is_answered(finops: Client, pieces: list[bytes], boundary: str) -> None:
    content_type = f"multipart/mixed; boundary={boundary}"
    answer = finops.call("POST", "$batch", b"--b\r\n" + b"".join(pieces), {"Content-Type": content_type})
    if answer.status_code != 200:
        check(answer)
    assert "HTTP/1.1 5" not in answer.text


@few
@given(name=st.sampled_from(ACTION_NAMES) | texts, body=values)
def test_any_call_of_an_action_is_answered(finops: Client, name: str, body: Any) -> None:
    check(finops.call("POST", ACTIONS + quote(name, safe=""), json.dumps(body)))


@few
@given(
    name=st.sampled_from(ACTION_NAMES),
    body=st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(
            [
                "uniqueFileName",
                "packageUrl",
                "definitionGroupId",
                "executionId",
                "packageName",
                "legalEntityId",
                "entityName",
                "execute",
                "overwrite",
                "reExecute",
            ],
            st.sampled_from(["usmf", "", "CustomerGroups", True, False]) | scalars,
        ),
    ),
)
def test_any_parameters_of_an_action_are_answered(finops: Client, name: str, body: dict[str, Any]) -> None:
    check(finops.post(ACTIONS + name, body))


@few
@given(content=st.binary(max_size=200))
def test_any_bytes_as_a_package_are_refused(finops: Client, content: bytes) -> None:
    answer = ask_import(finops, content, "garbage")
    check(answer)
    assert answer.status_code == 400


@few
@given(place=st.integers(min_value=0, max_value=500), byte=st.integers(min_value=0, max_value=255))
def test_a_damaged_package_is_refused_or_fails(finops: Client, place: int, byte: int) -> None:
    content = bytearray(package("damaged", "Customer groups", f"CUSTOMERGROUPID\r\n{number()}\r\n"))
    content[place % len(content)] = byte
    answer = ask_import(finops, bytes(content), "damaged")
    check(answer)
    if answer.status_code == 200:
        assert ended(finops, answer.json()["value"]) in ("Succeeded", "Failed", "PartiallySucceeded")


@few
@given(text=st.binary(max_size=120) | st.text(max_size=120).map(str.encode))
def test_any_manifest_is_answered(finops: Client, text: bytes) -> None:
    answer = ask_import(finops, zipped({"Manifest.xml": text, "a.csv": ""}), "garbage")
    check(answer)
    assert answer.status_code == 400


@few
@given(text=st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
@example(text=b'"' + b"x" * 200_000 + b'"')
@example(text=b"1,NaN,Infinity,1e999999,2026-02-30\r\n")
def test_any_data_file_ends_an_import(finops: Client, text: bytes) -> None:
    header = b"VENDORACCOUNTNUMBER,VENDORGROUPID,CREDITLIMIT,CREDITRATING,VENDORHOLDRELEASEDATE\r\n"
    execution_id = begin_import(finops, package("text", "Vendors V2", (header + text).decode("latin-1")), "text")
    assert ended(finops, execution_id) in ("Succeeded", "Failed", "PartiallySucceeded")


def test_a_package_with_a_password_is_refused_or_fails(finops: Client) -> None:
    content = bytearray(package("locked", "Customer groups", "CUSTOMERGROUPID\r\n"))
    with zipfile.ZipFile(io.BytesIO(bytes(content))) as found:
        at = found.getinfo("Manifest.xml").header_offset
    content[at + 6] |= 1
    central = bytes(content).rindex(b"PK\x01\x02")
    while central >= 0:
        content[central + 8] |= 1
        central = bytes(content).rfind(b"PK\x01\x02", 0, central)
    answer = ask_import(finops, bytes(content), "locked")
    assert answer.status_code == 400
    check(answer)


@few
@given(query=texts, headers=st.sampled_from([{}, {"x-ms-blob-type": "BlockBlob"}, {"Range": "bytes=9-1"}]))
def test_any_file_address_is_answered(finops: Client, query: str, headers: dict[str, str]) -> None:
    for method in ("GET", "PUT", "HEAD"):
        url = f"{finops.info['base_url']}/dmf/{quote(query, safe='')}?{quote(query)}"
        assert 400 <= finops.http.request(method, url, content=b"x", headers=headers).status_code < 500


def test_a_file_that_is_too_large_is_refused(finops: Client, management: Management) -> None:
    answer = put(finops, write_url(finops), bytes(64 * 1024 * 1024 + 1), x_ms_blob_type="BlockBlob")
    assert (answer.status_code, answer.headers["x-ms-error-code"]) == (413, "RequestBodyTooLarge")


@few
@given(
    body=st.dictionaries(st.sampled_from(["name", "entities", "url", "sets", "kind", "operations", "company"]), values)
)
def test_the_management_answers_any_request(finops: Client, management: Management, body: dict[str, Any]) -> None:
    for route in ("definition-groups", "endpoints", "errors/x/resend", "executions/x/cancel"):
        answer = management.call("POST", f"sandboxes/{finops.info['name']}/{route}", body)
        assert answer.status_code in (201, 400, 404)
    for one in management.done("GET", f"sandboxes/{finops.info['name']}/endpoints")["endpoints"]:
        management.call("DELETE", f"sandboxes/{finops.info['name']}/endpoints/{quote(one['name'], safe='')}")

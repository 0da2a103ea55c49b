"""Whatever comes in, Dataverse answers in its own shape and never with a fault of its own."""

import json
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.sandbox.client import Client
from tests.sandbox.rows import make_account

quick = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
texts = st.text(max_size=30)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=5
)
NAMES = [
    *("name", "creditlimit", "accountid", "statecode", "createdon", "msdyn_onholdstatus", "_msdyn_company_value"),
    *("msdyn_company@odata.bind", "primarycontactid@odata.bind", "@odata.id", "@odata.type", "@odata.bind", "value"),
]
ADDRESSES = [
    *("accounts(", "accounts()", "accounts(())", "accounts(x=)", "accounts('a')/name/$value", "accounts/$ref", "$1"),
    *("/contacts(lastname='x')", "https://x/api/data/v9.2/contacts(1)", "contacts(@p)", "contacts(null)", "//", "?"),
]
WORDS = [
    *("name", "creditlimit", "createdon", "statecode", "primarycontactid", "primarycontactid/lastname", "a", "a/name"),
    *(
        "account_msdyn_billingaccount/any(a:",
        "account_msdyn_billingaccount/all(a:",
        "any(",
        "/",
        ":",
        "(",
        ")",
        ",",
        "=",
    ),
    *(" eq ", " ne ", " gt ", " and ", " or ", "not ", " in ", "'x'", "'", '"', "5", "1.5", "null", "true", "[", "]"),
    *("2026-11-21", "2026-13-45", "0f8fad5b-d9cb-469f-a165-70867728950e", "contains(", "startswith(", "@p", "$it"),
    *("Microsoft.Dynamics.CRM.In(", "Microsoft.Dynamics.CRM.LastXHours(", "Microsoft.Dynamics.CRM.Between("),
    *("PropertyName=", "PropertyValue=", "PropertyValues=", "'name'", "'createdon'", "['1','2']", "99999999999999"),
]
EXPANDS = [
    "primarycontactid",
    "account_msdyn_billingaccount",
    "(",
    ")",
    ";",
    ",",
    "$select=",
    "$filter=",
    "$top=",
    "name",
]
LINES = [
    *(
        "--b",
        "--b--",
        "--c",
        "--c--",
        "",
        "Content-Type: application/http",
        "Content-Type: multipart/mixed; boundary=c",
    ),
    *(
        "Content-Transfer-Encoding: binary",
        "Content-ID: 1",
        "Content-ID: ",
        "If-Match: x",
        "Prefer: return=representation",
    ),
    *("GET /api/data/v9.2/accounts?$top=1 HTTP/1.1", "PATCH $1 HTTP/1.1", "POST accounts HTTP/1.1", "GET ( HTTP/1.1"),
    *("DELETE /api/data/v9.2/accounts(x) HTTP/1.1", "{}", '{"name": "x"}', "{", "GET", "PUT /x/$ref HTTP/1.1", "\x00"),
]
HEADERS = ["If-Match", "If-None-Match", "Prefer", "CallerObjectId", "MSCRMCallerID", "MSCRM.SolutionUniqueName"]
HEADERS += ["MSCRM.BypassBusinessLogicExecution", "MSCRM.SuppressDuplicateDetection", "Content-Type", "Accept"]


@pytest.fixture(scope="module")
def account(dataverse: Client) -> str:
    return make_account(dataverse)


def is_its_own(answer: httpx.Response) -> bool:
    """Success, or a refusal in the shape of the service."""
    if answer.status_code < 400:
        return True
    error: dict[str, Any] = answer.json()["error"]
    return answer.status_code < 500 and {"code", "message"} <= error.keys() and error["code"].startswith("0x")


def joined(words: list[str]) -> Any:
    return st.lists(st.sampled_from(words) | st.text(max_size=3), max_size=12).map("".join)


@quick
@given(body=st.dictionaries(st.sampled_from(NAMES) | texts, values | st.sampled_from(ADDRESSES), max_size=4))
def test_any_payload_is_answered(dataverse: Client, account: str, body: dict[str, Any]) -> None:
    content = json.dumps(body)
    for method, path in (
        ("POST", "accounts"),
        ("PATCH", f"accounts({account})"),
        ("PUT", f"accounts({account})/name"),
        ("PUT", f"accounts({account})/primarycontactid/$ref"),
        ("POST", f"accounts({account})/account_msdyn_billingaccount/$ref"),
        ("PUT", "EntityDefinitions(LogicalName='msdyn_vendor')"),
    ):
        assert is_its_own(dataverse.call(method, path, content)), (method, path)


@quick
@given(body=st.binary(max_size=40))
def test_any_bytes_are_answered(dataverse: Client, account: str, body: bytes) -> None:
    for method, path in (("PATCH", f"accounts({account})"), ("POST", "UnpublishDuplicateRule"), ("POST", "BulkDelete")):
        assert is_its_own(dataverse.call(method, path, body))


@quick
@given(
    targets=st.lists(
        st.dictionaries(st.sampled_from(NAMES), values | st.sampled_from(ADDRESSES), max_size=3), max_size=3
    )
)
def test_any_targets_are_answered(dataverse: Client, targets: list[dict[str, Any]]) -> None:
    typed = [{**target, "@odata.type": "Microsoft.Dynamics.CRM.account"} for target in targets]
    for message in ("CreateMultiple", "UpdateMultiple", "UpsertMultiple", "DeleteMultiple"):
        path = f"accounts/Microsoft.Dynamics.CRM.{message}"
        assert is_its_own(dataverse.call("POST", path, json.dumps({"Targets": typed})))


@quick
@given(text=joined(ADDRESSES))
def test_any_address_is_answered(dataverse: Client, account: str, text: str) -> None:
    api = dataverse.info["api_url"]
    assert is_its_own(dataverse.get(f"{api}/" + quote(text, safe="/()=',@$")))
    assert is_its_own(dataverse.get(f"accounts({account})/{quote(text, safe='/()')}"))
    assert is_its_own(dataverse.delete(f"accounts({account})/{quote(text, safe='/()')}/$ref"))


@quick
@given(text=joined(WORDS), alias=texts)
def test_any_filter_is_answered(dataverse: Client, text: str, alias: str) -> None:
    path = f"accounts?$filter={quote(text)}&@p={quote(alias)}"
    assert is_its_own(dataverse.get(path))
    assert is_its_own(dataverse.get(f"accounts/$count?$filter={quote(text)}"))


@quick
@given(text=joined(EXPANDS))
def test_any_expansion_is_answered(dataverse: Client, account: str, text: str) -> None:
    assert is_its_own(dataverse.get(f"accounts({account})?$expand={quote(text)}"))


@quick
@given(lines=st.lists(st.sampled_from(LINES) | texts, max_size=14), is_continued=st.booleans())
def test_any_multipart_is_answered(dataverse: Client, lines: list[str], is_continued: bool) -> None:
    content = "\r\n".join(["--b", *lines, "--b--", ""]).encode()
    headers = {
        "Content-Type": "multipart/mixed; boundary=b",
        "Prefer": "odata.continue-on-error" if is_continued else "",
    }
    answer = dataverse.call("POST", "$batch", content, headers)
    if answer.headers["Content-Type"].startswith("multipart/mixed"):
        assert "HTTP/1.1 5" not in answer.text
    else:
        assert is_its_own(answer)


@quick
@given(
    name=st.sampled_from(HEADERS),
    value=st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), max_size=30),
)
def test_any_header_is_answered(dataverse: Client, account: str, name: str, value: str) -> None:
    for method, path in (("GET", "accounts?$top=1"), ("PATCH", f"accounts({account})"), ("POST", "accounts")):
        assert is_its_own(dataverse.call(method, path, "{}", {name: value}))


@quick
@given(text=texts)
def test_any_key_of_metadata_is_answered(dataverse: Client, text: str) -> None:
    for path in (f"EntityDefinitions({quote(text)})", f"EntityDefinitions(LogicalName='account')/{quote(text)}"):
        assert is_its_own(dataverse.get(path))
    for option in ("$filter", "$expand", "$select"):
        assert is_its_own(dataverse.get(f"EntityDefinitions?{option}={quote(text)}"))

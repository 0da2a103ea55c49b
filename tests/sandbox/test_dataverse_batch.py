"""`$batch` of the Web API. Source: Dataverse Web API documentation."""

import json
import re
from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest

from tests.sandbox.client import END, Client, change_set, part
from tests.sandbox.conftest import Management
from tests.sandbox.rows import error_of, make_account, number

ROOT = "/api/data/v9.2"
MISSING = f"{ROOT}/accounts(0f3c1a52-6f0e-4d7a-9a0e-3a8f5d1c2b4e)"


def body(**values: object) -> str:
    return json.dumps(values)


def test_each_part_is_answered_in_order_with_its_content_id(dataverse: Client) -> None:
    made = make_account(dataverse, name="A")
    answer = dataverse.batch(
        part("GET", f"{ROOT}/accounts({made})?$select=name", content_id=1)
        + part("PATCH", f"{ROOT}/accounts({made})", body(name="B"), content_id=2)
        + part("DELETE", f"{ROOT}/accounts({made})", content_id=3)
        + END
    )
    assert (answer.status, answer.statuses) == (200, [200, 204, 204])
    assert re.findall(r"Content-ID: (\d)", answer.answer.text) == ["1", "2", "3"]
    assert answer.answer.headers["Content-Type"].startswith("multipart/mixed; boundary=batchresponse_")
    assert '"name":"A"' in answer.parts[0]


def test_a_part_without_a_body_may_end_with_its_headers(dataverse: Client) -> None:
    """As Microsoft's client writes it: one line end behind the empty line, which is the boundary's."""
    made = make_account(dataverse)
    head = "--b\nContent-Type: application/http\nContent-Transfer-Encoding: binary\n\n"
    answer = dataverse.batch(f"{head}DELETE {ROOT}/accounts({made}) HTTP/1.1\nIf-Match: *\n\n{END}")
    assert answer.statuses == [204]


@pytest.mark.parametrize("root", ["{api}/", f"{ROOT}/", "", "/"])
def test_addresses_may_be_absolute_root_relative_or_relative(dataverse: Client, root: str) -> None:
    start = root.format(api=dataverse.info["api_url"]) if root != "/" else f"{ROOT}/"
    answer = dataverse.batch(part("GET", f"{start}accounts?$top=1&$filter=name ne 'x y'") + END)
    assert answer.statuses == [200]


def test_the_first_failure_ends_the_batch(dataverse: Client) -> None:
    made = make_account(dataverse, name="A")
    answer = dataverse.batch(
        part("PATCH", f"{ROOT}/accounts({made})", body(name="B"))
        + part("DELETE", MISSING)
        + part("PATCH", f"{ROOT}/accounts({made})", body(name="C"))
        + END
    )
    assert (answer.status, answer.statuses) == (400, [204, 404])
    assert dataverse.get(f"accounts({made})").json()["name"] == "B"


def test_a_batch_goes_on_when_asked_to(dataverse: Client) -> None:
    made = make_account(dataverse, name="A")
    content = part("DELETE", MISSING) + part("PATCH", f"{ROOT}/accounts({made})", body(name="C")) + END
    answer = dataverse.batch(content, Prefer="odata.continue-on-error")
    assert (answer.status, answer.statuses) == (200, [404, 204])


def test_a_failed_change_set_is_one_answer_and_leaves_nothing(dataverse: Client) -> None:
    own = number()
    answer = dataverse.batch(
        change_set(("POST", f"{ROOT}/accounts", body(accountnumber=own)), ("DELETE", MISSING, "")) + END,
        Prefer="odata.continue-on-error",
    )
    assert (answer.status, answer.statuses) == (200, [404])
    assert "Content-ID: 2" in answer.answer.text
    assert dataverse.rows(f"accounts?$filter=accountnumber eq '{own}'") == []


def test_a_part_may_refer_to_one_before_it(dataverse: Client) -> None:
    answer = dataverse.batch(
        change_set(
            ("POST", f"{ROOT}/contacts", body(lastname="A")),
            ("POST", f"{ROOT}/accounts", json.dumps({"name": "B", "primarycontactid@odata.bind": "$1"})),
            ("PATCH", "$1", body(firstname="C")),
        )
        + END
    )
    assert answer.statuses == [204, 204, 204]
    account = re.findall(r"OData-EntityId: (\S+)", answer.answer.text)[1]
    contact = dataverse.get(account).json()["_primarycontactid_value"]
    assert dataverse.get(f"contacts({contact})").json()["fullname"] == "C A"


@pytest.mark.parametrize(
    "second", [("PATCH", "$7", "{}"), ("POST", f"{ROOT}/accounts", '{"primarycontactid@odata.bind":"$7"}')]
)
def test_a_reference_to_nothing_is_refused(dataverse: Client, second: tuple[str, str, str]) -> None:
    answer = dataverse.batch(change_set(("POST", f"{ROOT}/contacts", "{}"), second) + END)
    assert answer.statuses == [400]
    assert "Content-ID Reference: '$7' does not exist in the batch context." in answer.answer.text


def test_a_change_set_only_writes(dataverse: Client) -> None:
    answer = dataverse.batch(change_set(("GET", f"{ROOT}/accounts", "")) + END)
    assert (answer.status, answer.statuses) == (400, [400])


def test_conditions_and_preferences_stand_in_the_parts(dataverse: Client) -> None:
    made, own = make_account(dataverse), uuid4()
    answer = dataverse.batch(
        part("PATCH", f"{ROOT}/accounts({made})?$select=name", body(name="B"), Prefer="return=representation")
        + part("PATCH", f"{ROOT}/accounts({made})", body(name="C"), If_Match='W/"1"')
        + part("PATCH", f"{ROOT}/accounts({own})", body(name="D"), If_None_Match="*")
        + part("PATCH", f"{ROOT}/accounts({own})", body(name="E"), If_None_Match="*")
        + END,
        Prefer="odata.continue-on-error",
    )
    assert answer.statuses == [200, 412, 204, 412]
    assert '"name":"B"' in answer.parts[0]
    assert "Preference-Applied: return=representation" in answer.parts[0]


def test_bare_line_feeds_are_refused(dataverse: Client) -> None:
    content = (part("GET", f"{ROOT}/accounts?$top=1") + END).encode()
    answer = dataverse.call("POST", "$batch", content, {"Content-Type": "multipart/mixed; boundary=b"})
    assert error_of(answer) == (400, "0x80060888")


def test_a_batch_has_a_thousand_calls_at_most(dataverse: Client) -> None:
    one = part("GET", f"{ROOT}/WhoAmI")
    assert dataverse.batch(one * 1000 + END).status == 200
    answer = dataverse.batch(one * 1001 + END)
    assert error_of(answer.answer) == (400, "0x80060888")


@pytest.mark.parametrize(
    ("content_type", "content"),
    [
        ("application/json", b"{}"),
        ("multipart/mixed", b"--b--\r\n"),
        ("multipart/mixed; boundary=b", b""),
        ("multipart/mixed; boundary=b", b"--b\r\n"),
        ("multipart/mixed; boundary=b", b"--b\r\nContent-Type: text/plain\r\n\r\nx\r\n--b--\r\n"),
        ("multipart/mixed; boundary=b", b"--b\r\nContent-Type: application/http\r\n\r\nnonsense\r\n--b--\r\n"),
        ("multipart/mixed; boundary=b", b"--b\r\nno header\r\n\r\nGET / HTTP/1.1\r\n--b--\r\n"),
    ],
)
def test_a_body_that_is_no_batch_is_refused_as_a_whole(dataverse: Client, content_type: str, content: bytes) -> None:
    answer = dataverse.call("POST", "$batch", content, {"Content-Type": content_type})
    assert error_of(answer) == (400, "0x80060888")


def test_no_batch_in_a_batch(dataverse: Client) -> None:
    assert dataverse.batch(part("POST", f"{ROOT}/$batch", "x") + END).statuses == [400]


# --- what is not settled, by setting


@pytest.fixture
def changed(dataverse: Client, management: Management) -> Iterator[Callable[..., None]]:
    """Changes settings of the sandbox until the test ends."""
    path, changes = f"sandboxes/{dataverse.info['name']}", {}

    def change(**values: bool) -> None:
        changes.update(values)
        management.done("PATCH", path, values)

    yield change
    management.done("PATCH", path, {name: not value for name, value in changes.items()})


def test_bare_line_feeds_are_taken_where_the_sandbox_is_set_so(dataverse: Client, changed: Callable[..., None]) -> None:
    changed(takes_bare_line_feeds=True)
    made = make_account(dataverse)
    content = part("PATCH", f"{ROOT}/accounts({made})", body(name="LF")) + END
    answer = dataverse.call("POST", "$batch", content.encode(), {"Content-Type": "multipart/mixed; boundary=b"})
    assert answer.status_code == 200
    assert dataverse.get(f"accounts({made})").json()["name"] == "LF"


NAMELESS = (
    "--b\nContent-Type: multipart/mixed; boundary=c\n\n--c\nContent-Type: application/http\n"
    "Content-Transfer-Encoding: binary\n\nPOST /api/data/v9.2/accounts HTTP/1.1\nContent-Type: application/json\n\n"
    '{"name": "nameless part"}\n--c--\n'
)


def test_a_part_of_a_change_set_needs_a_content_id(dataverse: Client) -> None:
    answer = dataverse.batch(NAMELESS + END)
    assert error_of(answer.answer) == (400, "0x80060888")
    assert dataverse.rows("accounts?$filter=name eq 'nameless part'") == []


def test_content_ids_may_be_left_out_where_the_sandbox_is_set_so(
    dataverse: Client, changed: Callable[..., None]
) -> None:
    changed(needs_content_ids=False)
    assert dataverse.batch(NAMELESS + END).statuses == [204]


def test_a_content_id_stands_for_one_part(dataverse: Client) -> None:
    twice = change_set(("POST", f"{ROOT}/accounts", "{}"), ("POST", f"{ROOT}/accounts", "{}"))
    answer = dataverse.batch(twice.replace("Content-ID: 2", "Content-ID: 1") + END)
    assert error_of(answer.answer) == (400, "0x80060888")


@pytest.mark.parametrize(
    "options", ["$filter=name eq 'Ä %26 b'&$select=name", "%24filter=name%20eq%20'%C3%84%20%26%20b'&%24select=name"]
)
def test_request_lines_may_be_encoded_or_not(dataverse: Client, options: str) -> None:
    make_account(dataverse, name="Ä & b")
    answer = dataverse.batch(part("GET", f"{ROOT}/accounts?{options}") + END)
    assert answer.statuses == [200]
    assert "Ä & b" in answer.answer.text


def test_an_address_in_a_part_may_be_64_kilobytes_long(dataverse: Client) -> None:
    long = f"{ROOT}/accounts?$top=1&x={'y' * 60_000}"
    answer = dataverse.batch(part("GET", long) + part("GET", long + "z" * 10_000) + END)
    assert answer.statuses == [200, 400]


def test_a_failed_part_is_explained_when_it_asks(dataverse: Client) -> None:
    answer = dataverse.batch(part("GET", MISSING, Prefer='odata.include-annotations="*"') + END)
    assert answer.statuses == [404]
    assert "@Microsoft.PowerApps.CDS.HelpLink" in answer.answer.text


def test_a_batch_is_a_post(dataverse: Client) -> None:
    assert dataverse.get("$batch").status_code == 405


def test_answers_have_the_form_that_clients_read(dataverse: Client) -> None:
    answer = dataverse.batch(change_set(("POST", f"{ROOT}/accounts", body(name="A"))) + END).answer
    text = answer.text
    assert re.search(r"Content-Type: multipart/mixed; boundary=changesetresponse_[0-9a-f-]{36}\r\n\r\n", text)
    leaf = text[text.index("Content-Type: application/http") :]
    pattern = (
        r"Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\nContent-ID: 1\r\n\r\n"
        r"HTTP/1\.1 204 No Content\r\n(?:[\w-]+: [^\r]+\r\n)+\r\n"
    )
    assert re.match(pattern, leaf)
    assert {"OData-Version", "Location", "OData-EntityId"} <= set(re.findall(r"([\w-]+): ", leaf))


def test_a_batch_that_is_throttled_as_a_whole_did_nothing(dataverse: Client, management: Management) -> None:
    own = number()
    dataverse.get("WhoAmI")
    management.faults(dataverse.info, throttle=1, retry_after_s=2)
    answer = dataverse.batch(part("POST", f"{ROOT}/accounts", body(accountnumber=own)) + END).answer
    management.faults(dataverse.info)
    assert (error_of(answer), answer.headers["Retry-After"]) == ((429, "0x80072322"), "2")
    assert dataverse.rows(f"accounts?$filter=accountnumber eq '{own}'") == []

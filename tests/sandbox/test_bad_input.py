"""Whatever comes in, the answer is the service's own: its error shape and a status of the client's making."""

import json
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.sandbox.client import END, Client, part

quick = settings(
    max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
texts = st.text(max_size=40)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
BOMBS = [
    "(" * 500 + "{name} eq 'a'" + ")" * 500,
    " or ".join(["{name} eq 'a'"] * 5000),
    "not " * 300 + "({name} eq 'a')",
    "{name} eq " + "9" * 5000,
    "{name} eq 'a' and",
    "\x00",
    "{name} eq '\x00'",
]
TABLES = {"dataverse": "accounts", "finops": "CustomersV3"}


@pytest.fixture(params=["dataverse", "finops"], scope="module")
def client(request: pytest.FixtureRequest) -> Client:
    made: Client = request.getfixturevalue(request.param)
    made.sign_in()
    return made


def is_own_answer(answer: httpx.Response) -> bool:
    """Success, or a refusal in the service's shape."""
    if answer.status_code < 400:
        return True
    body: dict[str, Any] = answer.json()
    return answer.status_code < 500 and ("error" in body or "Message" in body)


def table(client: Client) -> str:
    return TABLES[client.info["kind"]]


@pytest.mark.parametrize("bomb", BOMBS, ids=range(len(BOMBS)))
def test_filters_that_are_too_much_are_refused(client: Client, bomb: str) -> None:
    """In a part of a batch, where an address may be as long as it likes."""
    text = quote(bomb.format(name="name" if client.info["kind"] == "dataverse" else "ORGANIZATIONNAME"))
    answer = client.batch(part("GET", f"{table(client)}?$filter={text}") + END)
    assert answer.statuses == [400], answer.answer.text[:300]


def test_a_long_text_in_a_filter_finds_nothing(finops: Client) -> None:
    text = f"ORGANIZATIONNAME eq '{'x' * 100_000}'"
    answer = finops.batch(part("GET", f"CustomersV3?$filter={text}") + END)
    assert answer.statuses == [200]


@quick
@given(text=texts)
def test_any_filter_is_answered(client: Client, text: str) -> None:
    assert is_own_answer(client.get(f"{table(client)}?$filter={quote(text)}"))


@quick
@given(
    name=st.sampled_from(["$select", "$orderby", "$top", "$skip", "$count", "$skiptoken", "$deltatoken", "$expand"]),
    text=texts,
)
def test_any_option_is_answered(client: Client, name: str, text: str) -> None:
    assert is_own_answer(client.get(f"{table(client)}?{name}={quote(text)}"))


@quick
@given(text=texts)
def test_any_address_is_answered(client: Client, text: str) -> None:
    assert is_own_answer(client.get(f"{table(client)}({quote(text, safe='')})"))
    assert is_own_answer(client.get(quote(text, safe="/")))


@quick
@given(body=st.binary(max_size=60))
def test_any_body_is_answered(client: Client, body: bytes) -> None:
    assert is_own_answer(client.call("POST", table(client), body))


@quick
@given(
    body=st.dictionaries(
        st.sampled_from(
            [
                "name",
                "creditlimit",
                "accountid",
                "ORGANIZATIONNAME",
                "CREDITLIMIT",
                "a@odata.bind",
                "msdyn_company@odata.bind",
                "dataAreaId",
                "ONHOLDSTATUS",
            ]
        )
        | texts,
        values,
        max_size=4,
    )
)
def test_any_object_is_answered(client: Client, body: dict[str, Any]) -> None:
    assert is_own_answer(client.call("POST", table(client), json.dumps(body)))


@quick
@given(body=st.binary(max_size=120), boundary=st.text(alphabet="abc-_", max_size=5))
def test_any_batch_is_answered(client: Client, body: bytes, boundary: str) -> None:
    headers = {"Content-Type": f"multipart/mixed; boundary={boundary}"}
    content = b"--" + boundary.encode() + b"\r\n" + body + b"\r\n--" + boundary.encode() + b"--\r\n"
    assert is_own_answer(client.call("POST", "$batch", content, headers))


@quick
@given(targets=values)
def test_any_bulk_message_is_answered(dataverse: Client, targets: Any) -> None:
    for message in ("CreateMultiple", "UpdateMultiple", "UpsertMultiple"):
        path = f"accounts/Microsoft.Dynamics.CRM.{message}"
        assert is_own_answer(dataverse.call("POST", path, json.dumps({"Targets": targets})))


@pytest.mark.parametrize("name", ["If-Match", "If-None-Match", "Prefer"])
@pytest.mark.parametrize(
    "value", ["x", '"', 'W/"99999999999999999999"', "*", "odata.maxpagesize=x", "odata.maxpagesize=0"]
)
def test_any_header_is_answered(client: Client, name: str, value: str) -> None:
    own = "0f3c1a52-6f0e-4d7a-9a0e-3a8f5d1c2b4e"
    row = (
        f"accounts({own})"
        if client.info["kind"] == "dataverse"
        else "CustomerGroups(dataAreaId='usmf',CUSTOMERGROUPID='x')"
    )
    for method in ("GET", "PATCH", "DELETE"):
        assert is_own_answer(client.call(method, row, "{}", {name: value}))
    assert is_own_answer(client.call("GET", table(client), headers={name: value}))


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE", "OPTIONS", "HEAD", "TRACE"])
def test_any_method_is_answered(client: Client, method: str) -> None:
    for path in (table(client), "$batch", f"{table(client)}/$count", "EntityDefinitions", "$metadata", ""):
        answer = client.call(method, path, "{}")
        assert answer.status_code < 500 or answer.status_code == 501

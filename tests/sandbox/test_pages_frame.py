"""What all pages have: their address, headers, files; and that nothing in a row becomes markup."""

from collections.abc import Callable

import pytest

from tests.sandbox.client import Client
from tests.sandbox.person import person_of, signed_in
from tests.sandbox.rows import make_account, make_customer

MARKUP = "<script>alert(1)</script>\"'&"


@pytest.fixture(params=["dataverse", "finops"], scope="module")
def client(request: pytest.FixtureRequest, new_client: Callable[..., Client]) -> Client:
    return new_client(request.param)


def test_the_kind_is_told_in_words(dataverse: Client, finops: Client) -> None:
    assert "Training sandbox, Dataverse" in signed_in(dataverse).text
    assert "Training sandbox, Finance and Operations" in signed_in(finops).text


@pytest.mark.parametrize("path", ["/", "/sign-in", "/static/css/base.css", "/settings", "/tables/none"])
def test_every_answer_is_safe_for_browsers(client: Client, path: str) -> None:
    headers = signed_in(client).open(path).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"


def test_no_page_has_script_or_style_of_its_own(client: Client) -> None:
    person = signed_in(client)
    for path in ("/", "/last-changes", "/make-changes", "/faults", "/settings"):
        text = person.open(path).text
        assert "<style" not in text
        assert " style=" not in text
        assert "<script>" not in text
        assert " onclick" not in text


@pytest.mark.parametrize("name", ["css/variables.css", "css/tables.css", "js/theme.js", "icons.svg", "sandbox.css"])
def test_styles_and_scripts_are_there_and_remembered(client: Client, name: str) -> None:
    person = person_of(client)
    answer = person.open(f"/static/{name}")
    assert answer.status_code == 200
    again = person.http.get(f"/static/{name}", headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304


@pytest.mark.parametrize(
    "name",
    ["../../registry.py", "..%2f..%2fregistry.py", "css/none.css", "", "css", "%00.css", f"{'x' * 300}.css"],
)
def test_only_files_of_pages_are_given(client: Client, name: str) -> None:
    assert person_of(client).open(f"/static/{name}").status_code == 404


def test_a_page_that_is_not_there_says_so(client: Client) -> None:
    person = signed_in(client)
    assert person.open("/tables/none").status_code == 404
    assert "This sandbox has no table none" in person.text
    assert person.open("/settings/none").status_code == 404


def test_what_is_no_page_is_left_to_the_service(client: Client) -> None:
    assert signed_in(client).open("/elsewhere").status_code == 404
    assert client.get("").status_code == 200


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_pages_take_no_other_methods(client: Client, method: str) -> None:
    assert signed_in(client).http.request(method, "/settings").status_code == 405


@pytest.mark.parametrize(
    "path",
    [
        "/?q=%00&from=-1",
        "/?from=99999999999999999999",
        f"/?from={'9' * 5_000}",
        "/?said=%3Cb%3E&n=x",
        "/last-changes?before=99999999999999999999&table=%00",
        "/last-changes?before=x",
        "/tables/{table}?q=%00%27&sort=none&company=%00&after=%ff",
        "/tables/{table}?q=%27%22%3B--&everywhere=1&sort=-{column}&company=%27",
        "/tables/{table}?q=%ff%fe",
        "/tables/{table}/options?q=%00%25&column=none&company=%27",
        "/tables/{table}/new?company=%00x",
    ],
)
def test_odd_addresses_are_answered_like_others(client: Client, path: str) -> None:
    is_finops = client.info["kind"] == "finops"
    table, column = ("CustomersV3", "CREDITLIMIT") if is_finops else ("accounts", "name")
    client.post("LegalEntities", {"LEGALENTITYID": "odd", "NAME": "Odd"}) if is_finops else make_account(client)
    assert signed_in(client).open(path.format(table=table, column=column)).status_code == 200


@pytest.mark.parametrize("path", ["/tables/%00", "/tables/x%0Ay", "/tables/{table}/rows/%00", "/tables/{table}/rows/'"])
def test_odd_names_are_not_there(client: Client, path: str) -> None:
    table = "CustomersV3" if client.info["kind"] == "finops" else "accounts"
    assert signed_in(client).open(path.format(table=table)).status_code == 404


def test_a_form_that_is_too_large_is_refused(client: Client) -> None:
    person = signed_in(client)
    assert person.http.post("/sign-out", data={"x": "y" * 5_000_000}).status_code == 400
    assert person.http.post("/sign-out", content=b"\xff\xfe=1").status_code == 400


def test_markup_in_rows_stays_text(dataverse: Client) -> None:
    row_id = make_account(dataverse, name=MARKUP, description=MARKUP)
    person = signed_in(dataverse)
    for path in ("/tables/accounts?sort=name", f"/tables/accounts/rows/{row_id}", "/last-changes", f"/?q={MARKUP}"):
        assert "<script>alert" not in person.open(path).text
        assert MARKUP in person.text or "name" not in path
    person.open(f"/tables/accounts/rows/{row_id}/delete")
    assert "<script>alert" not in person.page.text
    person.open(f"/tables/accounts/rows/{row_id}")
    assert person.value("c.name") == MARKUP
    assert person.value("c.description") == MARKUP


def test_markup_in_keys_stays_text(finops: Client) -> None:
    account = make_customer(finops, ORGANIZATIONNAME="<b>x</b>", SALESMEMO=MARKUP)
    person = signed_in(finops)
    person.open(f"/tables/CustomersV3?q={account}")
    assert "<b>x</b>" not in person.page.text
    (row,) = set(person.links(r"/tables/CustomersV3/rows/\d+"))
    assert "<script>alert" not in person.open(row).text
    assert person.value("c.SALESMEMO") == MARKUP


def test_faults_do_not_touch_the_pages(client: Client) -> None:
    person = signed_in(client)
    person.open("/faults")
    assert person.send("/faults", is_down="true").status_code == 200
    assert client.get("").status_code == 503
    assert person.open("/faults").status_code == 200
    assert "On now: Down" in person.text
    person.send("/faults/off")
    assert client.get("").status_code == 200

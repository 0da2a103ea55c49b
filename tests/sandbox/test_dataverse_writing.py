"""Single writes of the Web API: the matrix of Dataverse Web API documentation, values, look-ups, refusals."""

from typing import Any
from uuid import uuid4

import pytest

from tests.sandbox.client import Client
from tests.sandbox.conftest import Management
from tests.sandbox.rows import error_of, make_account, make_company, number

STALE = 'W/"1"'


@pytest.fixture(scope="module")
def company(dataverse: Client) -> str:
    return make_company(dataverse, "usmf")


@pytest.fixture
def account(dataverse: Client, company: str) -> str:
    return make_account(dataverse, **{"msdyn_company@odata.bind": f"/cdm_companies({company})"})


def read(dataverse: Client, row_id: str, columns: str = "name") -> dict[str, Any]:
    row: dict[str, Any] = dataverse.get(f"accounts({row_id})?$select={columns}").json()
    return row


def test_a_create_answers_with_the_address_of_the_row(dataverse: Client) -> None:
    answer = dataverse.post("accounts", {"name": "A"})
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["OData-EntityId"] == answer.headers["Location"]
    assert dataverse.get(answer.headers["Location"]).json()["name"] == "A"


def test_a_create_answers_with_the_row_when_asked(dataverse: Client) -> None:
    answer = dataverse.post("accounts?$select=name", {"name": "A"}, Prefer="return=representation")
    assert answer.status_code == 201
    assert answer.headers["Preference-Applied"] == "return=representation"
    assert {"name", "accountid", "@odata.etag"} <= answer.json().keys()


def test_a_row_may_come_with_its_own_id_once(dataverse: Client) -> None:
    own = str(uuid4())
    assert make_account(dataverse, accountid=own) == own
    assert error_of(dataverse.post("accounts", {"accountid": own})) == (412, "0x80040237")


def test_an_update_needs_the_row_when_it_says_so(dataverse: Client, account: str) -> None:
    assert dataverse.patch(f"accounts({account})", {"name": "B"}, If_Match="*").status_code == 204
    assert read(dataverse, account)["name"] == "B"
    missing = uuid4()
    answer = dataverse.patch(f"accounts({missing})", {"name": "B"}, If_Match="*")
    assert error_of(answer) == (404, "0x80040217")
    assert answer.json()["error"]["message"] == f"account With Id = {missing} Does Not Exist"


def test_without_a_condition_patch_makes_what_is_missing(dataverse: Client) -> None:
    own = str(uuid4())
    first = dataverse.patch(f"accounts({own})?$select=name", {"name": "A"}, Prefer="return=representation")
    second = dataverse.patch(f"accounts({own})?$select=name", {"name": "B"}, Prefer="return=representation")
    assert (first.status_code, second.status_code) == (201, 200)
    assert (second.json()["accountid"], second.json()["name"]) == (own, "B")
    assert dataverse.patch(f"accounts({own})", {"name": "C"}).status_code == 204


def test_create_only_refuses_what_is_there(dataverse: Client, account: str) -> None:
    own = str(uuid4())
    assert dataverse.patch(f"accounts({own})", {"name": "A"}, If_None_Match="*").status_code == 204
    answer = dataverse.patch(f"accounts({own})", {"name": "B"}, If_None_Match="*")
    assert answer.status_code == 412
    assert answer.json()["error"]["message"] == "A record with matching key values already exists."
    assert read(dataverse, own)["name"] == "A"


def test_an_update_of_a_version_needs_that_version(dataverse: Client, account: str) -> None:
    etag = read(dataverse, account)["@odata.etag"]
    assert dataverse.patch(f"accounts({account})", {"name": "B"}, If_Match=etag).status_code == 204
    answer = dataverse.patch(f"accounts({account})", {"name": "C"}, If_Match=etag)
    assert error_of(answer) == (412, "0x80060882")
    assert "doesn't match the RowVersion property provided" in answer.text
    assert read(dataverse, account)["name"] == "B"


def test_every_write_raises_the_version_of_the_whole_database(dataverse: Client, account: str) -> None:
    other = make_account(dataverse)
    first = read(dataverse, other, "versionnumber")["versionnumber"]
    dataverse.patch(f"accounts({account})", {"name": "same"})
    second = read(dataverse, account, "versionnumber")["versionnumber"]
    dataverse.patch(f"accounts({account})", {"name": "same"})
    assert first < second < read(dataverse, account, "versionnumber")["versionnumber"]


def test_patch_by_key_updates_or_creates_with_the_values_of_the_key(dataverse: Client, company: str) -> None:
    own = number()
    path = f"accounts(accountnumber='{own}',_msdyn_company_value={company})"
    first = dataverse.patch(path, {"name": "A"}, Prefer="return=representation")
    assert (first.status_code, first.json()["accountnumber"]) == (201, own)
    assert first.json()["_msdyn_company_value"] == company
    second = dataverse.patch(path.replace("K", "k"), {"name": "B"}, Prefer="return=representation")
    assert (second.status_code, second.json()["accountid"]) == (200, first.json()["accountid"])


def test_a_taken_alternate_key_is_refused_in_any_letter_case(dataverse: Client, company: str) -> None:
    own, bound = number(), {"msdyn_company@odata.bind": f"/cdm_companies({company})"}
    make_account(dataverse, accountnumber=own, **bound)
    answer = dataverse.post("accounts", {"accountnumber": own.lower(), **bound})
    assert error_of(answer) == (412, "0x80060892")
    assert "accountnumber, msdyn_company" in answer.text
    make_account(dataverse, accountnumber=own)  # without a company it is another key


def test_one_property_is_put_and_deleted(dataverse: Client, account: str) -> None:
    assert dataverse.call("PUT", f"accounts({account})/name", {"value": "X"}).status_code == 204
    assert read(dataverse, account)["name"] == "X"
    assert dataverse.delete(f"accounts({account})/name").status_code == 204
    assert read(dataverse, account)["name"] is None


def test_a_deleted_row_is_gone_and_told_so(dataverse: Client, account: str) -> None:
    assert dataverse.delete(f"accounts({account})", If_Match=STALE).status_code == 412
    assert dataverse.delete(f"accounts({account})").status_code == 204
    assert error_of(dataverse.delete(f"accounts({account})")) == (404, "0x80040217")


def test_a_row_that_others_point_to_stays(dataverse: Client) -> None:
    company = make_company(dataverse)
    make_account(dataverse, **{"msdyn_company@odata.bind": f"/cdm_companies({company})"})
    assert error_of(dataverse.delete(f"cdm_companies({company})")) == (400, "0x80040227")


def test_some_look_ups_let_their_target_go(dataverse: Client) -> None:
    contact = dataverse.make("contacts", {"lastname": "A"})
    account = make_account(dataverse, **{"primarycontactid@odata.bind": f"/contacts({contact})"})
    before = read(dataverse, account)["@odata.etag"]
    assert dataverse.delete(f"contacts({contact})").status_code == 204
    after = read(dataverse, account, "_primarycontactid_value")
    assert after["_primarycontactid_value"] is None
    assert after["@odata.etag"] != before


# --- look-ups


def test_look_ups_are_bound_by_id_by_key_and_by_absolute_address(dataverse: Client) -> None:
    company = make_company(dataverse, "bind")
    for address in (
        f"/cdm_companies({company})",
        f"cdm_companies({company})",
        "/cdm_companies(cdm_companycode='BIND')",
        f"{dataverse.info['api_url']}/cdm_companies({company})",
    ):
        made = make_account(dataverse, **{"msdyn_company@odata.bind": address})
        assert read(dataverse, made, "_msdyn_company_value")["_msdyn_company_value"] == company


def test_a_look_up_is_cleared_by_null_and_by_its_reference(dataverse: Client, account: str, company: str) -> None:
    path, column = f"accounts({account})", "_msdyn_company_value"
    assert dataverse.patch(path, {"msdyn_company@odata.bind": None}).status_code == 204
    assert read(dataverse, account, column)[column] is None
    dataverse.patch(path, {"msdyn_company@odata.bind": f"/cdm_companies({company})"})
    assert dataverse.delete(f"{path}/msdyn_company/$ref").status_code == 204
    assert read(dataverse, account, column)[column] is None


def test_the_navigation_property_counts_in_its_letter_case(dataverse: Client, management: Management) -> None:
    columns = [
        {"name": "new_name", "type": "text"},
        {"name": "new_account", "type": "lookup", "target": "accounts", "navigation": "new_Account"},
    ]
    names = {"set": "new_things", "logical": "new_thing", "label": "Thing"}
    table = {**names, "primary_id": "new_thingid", "primary_name": "new_name", "columns": columns}
    management.done("POST", f"sandboxes/{dataverse.info['name']}/tables", {"tables": [table]})
    bound = f"/accounts({make_account(dataverse)})"
    assert dataverse.post("new_things", {"new_Account@odata.bind": bound}).status_code == 204
    answer = dataverse.post("new_things", {"new_account@odata.bind": bound})
    assert error_of(answer) == (400, "0x80048d19")
    assert "undeclared property 'new_account'" in answer.text


def test_a_look_up_to_nothing_is_refused(dataverse: Client) -> None:
    missing = uuid4()
    by_id = dataverse.post("accounts", {"msdyn_company@odata.bind": f"/cdm_companies({missing})"})
    assert error_of(by_id) == (404, "0x80040217")
    assert by_id.json()["error"]["message"] == f"cdm_company With Id = {missing} Does Not Exist"
    by_key = dataverse.post("accounts", {"msdyn_company@odata.bind": "/cdm_companies(cdm_companycode='none')"})
    assert error_of(by_key) == (404, "0x80060891")


@pytest.mark.parametrize(
    "value", [f"/accounts({uuid4()})", "/cdm_companies", "nonsense", 5, "/cdm_companies('x')", "/cdm_companies(a='"]
)
def test_a_bind_that_is_no_row_of_the_target_is_refused(dataverse: Client, value: Any) -> None:
    answer = dataverse.post("accounts", {"msdyn_company@odata.bind": value})
    assert error_of(answer) in {(400, "0x80048d19"), (400, "0x80060888")}


# --- values


@pytest.mark.parametrize(
    ("column", "sent", "stored"),
    [
        ("name", "", None),
        ("name", " a ", " a "),
        ("creditlimit", 12.345678, 12.3457),
        ("creditlimit", 12, 12),
        ("address1_latitude", -89.123456, -89.12346),
        ("numberofemployees", None, None),
        ("msdyn_onholdstatus", 806380001, 806380001),
        ("statecode", 1, 1),
    ],
)
def test_values_are_stored_as_the_service_stores_them(
    dataverse: Client, account: str, column: str, sent: Any, stored: Any
) -> None:
    assert dataverse.patch(f"accounts({account})", {column: sent}).status_code == 204
    assert read(dataverse, account, column)[column] == stored


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"name": "x" * 161}, "0x80044331"),
        ({"msdyn_onholdstatus": 5}, "0x8004431A"),
        ({"numberofemployees": 2**31}, "0x8004432f"),
        ({"creditlimit": 10**15}, "0x80044330"),
        ({"address1_latitude": 91}, "0x80044330"),
        ({"name": 5}, "0x80048d19"),
        ({"numberofemployees": "5"}, "0x80048d19"),
        ({"numberofemployees": 1.5}, "0x80048d19"),
        ({"numberofemployees": True}, "0x80048d19"),
        ({"creditlimit": "5"}, "0x80048d19"),
        ({"msdyn_onetimecustomer": "true"}, "0x80048d19"),
        ({"msdyn_onholdstatus": "806380001"}, "0x80048d19"),
        ({"accountid": "no id"}, "0x80048d19"),
        ({"name": "a\x00b"}, "0x80048d19"),
        ({"Name": "x"}, "0x80048d19"),
        ({"nothing": 1}, "0x80048d19"),
        ({"_msdyn_company_value": str(uuid4())}, "0x80048d19"),
        ({"msdyn_company": str(uuid4())}, "0x80048d19"),
    ],
)
def test_values_that_do_not_fit_are_refused_by_their_code(
    dataverse: Client, account: str, values: dict[str, Any], code: str
) -> None:
    before = read(dataverse, account)
    assert error_of(dataverse.patch(f"accounts({account})", values)) == (400, code)
    assert read(dataverse, account) == before


@pytest.mark.parametrize(
    ("value", "status"), [("2026-11-21", 204), (None, 204), ("2026-13-01", 400), ("1700-01-01", 400), (5, 400)]
)
def test_dates_are_days_from_1753_on(dataverse: Client, value: Any, status: int) -> None:
    column = "msdyn_vendoronholdreleasedate"
    answer = dataverse.post("msdyn_vendors", {column: value}, Prefer="return=representation")
    assert answer.status_code in {status, 201 if status == 204 else status}
    assert status == 400 or answer.json()[column] == value


def test_what_the_service_fills_in_itself_is_not_taken(dataverse: Client, account: str) -> None:
    dataverse.patch(f"accounts({account})", {"createdon": "2001-01-01T00:00:00Z", "versionnumber": 5})
    row = read(dataverse, account, "createdon,versionnumber")
    assert row["createdon"] > "2020"
    assert row["versionnumber"] > 1000


def test_a_column_made_of_others_follows_them(dataverse: Client) -> None:
    made = dataverse.make("contacts", {"firstname": "Ann", "lastname": "Lee"})
    assert dataverse.get(f"contacts({made})").json()["fullname"] == "Ann Lee"
    dataverse.patch(f"contacts({made})", {"firstname": None})
    assert dataverse.get(f"contacts({made})").json()["fullname"] == "Lee"


def test_a_row_without_a_required_value_is_refused(dataverse: Client) -> None:
    answer = dataverse.post("transactioncurrencies", {"currencyname": "Euro", "isocurrencycode": "EUR"})
    assert error_of(answer) == (400, "0x80040203")
    assert "exchangerate" in answer.text


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"5", b'{"name": "\xff"}', b'"x"'])
def test_a_body_that_is_no_object_is_refused(dataverse: Client, body: bytes) -> None:
    assert error_of(dataverse.call("POST", "accounts", body)) == (400, "0x80048d19")


def test_a_business_rule_refuses_as_often_as_it_was_told(
    dataverse: Client, management: Management, account: str
) -> None:
    rule = {"table": "accounts", "column": "name", "pattern": "*bad*", "message": "No bad names.", "count": 1}
    management.faults(dataverse.info, rules=[rule])
    answer = dataverse.patch(f"accounts({account})", {"name": "A Bad one"})
    assert error_of(answer) == (400, "0x80040265")
    assert answer.json()["error"]["message"] == "No bad names."
    assert dataverse.patch(f"accounts({account})", {"name": "A Bad one"}).status_code == 204
    management.faults(dataverse.info)

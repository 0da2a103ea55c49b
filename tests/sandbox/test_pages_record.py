"""The pages of a row: it is opened, edited, created and deleted through the service, and refusals are shown."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.sandbox.client import Client
from tests.sandbox.conftest import Management
from tests.sandbox.hooks import registering
from tests.sandbox.person import Person, signed_in
from tests.sandbox.receiver import receiving
from tests.sandbox.rows import make_account, make_company, make_customer, make_group, number

ACCOUNTS, CUSTOMERS = "/tables/accounts", "/tables/CustomersV3"


@pytest.fixture
def seller(dataverse: Client) -> Person:
    return signed_in(dataverse)


@pytest.fixture
def clerk(finops: Client) -> Person:
    return signed_in(finops)


def account(client: Client, row_id: str) -> dict[str, Any]:
    row: dict[str, Any] = client.get(f"accounts({row_id})").json()
    return row


def customer(client: Client, key: str, company: str = "usmf") -> dict[str, Any]:
    row: dict[str, Any] = client.get(
        f"CustomersV3(dataAreaId='{company}',CUSTOMERACCOUNT='{key}')?cross-company=true"
    ).json()
    return row


def page_of(person: Person, key: str) -> str:
    """The page of the customer with this key."""
    person.open(f"{CUSTOMERS}?q={key}")
    return person.links(rf"{CUSTOMERS}/rows/\d+")[0]


def test_a_row_is_edited_and_only_what_changed_is_sent(seller: Person, dataverse: Client) -> None:
    row_id = make_account(dataverse, name="Before", description="Kept", creditlimit=5)
    here = f"{ACCOUNTS}/rows/{row_id}"
    seller.open(here)
    assert seller.value("c.creditlimit") == "5.0000"
    seller.send(here, **{"c.name": "After", "c.creditlimit": "7.25"})
    assert seller.page.status_code == 200
    assert "Saved." in seller.text
    row = account(dataverse, row_id)
    assert (row["name"], row["description"], row["creditlimit"]) == ("After", "Kept", 7.25)
    assert "Credit limit, Organization name" in seller.text or "Organization name, Credit limit" in seller.text


def test_a_customer_is_edited(clerk: Person, finops: Client) -> None:
    here = page_of(clerk, key := make_customer(finops, ORGANIZATIONNAME="Before"))
    clerk.open(here)
    clerk.send(here, **{"c.ORGANIZATIONNAME": "After", "c.CREDITLIMIT": "12.5", "c.ONHOLDSTATUS": "All"})
    assert "Saved." in clerk.text
    row = customer(finops, key)
    assert (row["ORGANIZATIONNAME"], row["CREDITLIMIT"], row["ONHOLDSTATUS"]) == ("After", 12.5, "All")


def test_what_is_not_changed_is_not_sent(seller: Person, dataverse: Client) -> None:
    row_id = make_account(dataverse)
    before = account(dataverse, row_id)
    here = f"{ACCOUNTS}/rows/{row_id}"
    seller.open(here)
    seller.send(here)
    assert "Nothing was changed" in seller.text
    assert account(dataverse, row_id)["@odata.etag"] == before["@odata.etag"]


def test_a_column_is_emptied(seller: Person, dataverse: Client) -> None:
    row_id = make_account(dataverse, description="Text")
    here = f"{ACCOUNTS}/rows/{row_id}"
    seller.open(here)
    seller.send(here, **{"c.description": ""})
    assert account(dataverse, row_id)["description"] is None


def test_a_row_is_created(seller: Person, dataverse: Client) -> None:
    seller.open(f"{ACCOUNTS}/new")
    key = number()
    seller.send(f"{ACCOUNTS}/new", **{"c.accountnumber": key, "c.name": "Made here"})
    assert "Created." in seller.text
    (row,) = dataverse.rows(f"accounts?$filter=accountnumber eq '{key}'")
    assert row["name"] == "Made here"
    assert seller.page.url.path == f"{ACCOUNTS}/rows/{row['accountid']}"


def test_a_new_customer_gets_the_next_number(clerk: Person, finops: Client) -> None:
    group = make_group(finops)
    clerk.open(f"{CUSTOMERS}/new?company=usmf")
    assert clerk.value("c.dataAreaId") == "usmf"
    clerk.send(f"{CUSTOMERS}/new", **{"c.CUSTOMERGROUPID": group, "c.ORGANIZATIONNAME": "Numbered"})
    assert "Created." in clerk.text
    (row,) = finops.rows("CustomersV3?cross-company=true&$filter=ORGANIZATIONNAME eq 'Numbered'")
    assert row["CUSTOMERACCOUNT"].startswith("C-")


def test_a_row_is_deleted_after_it_was_asked(seller: Person, dataverse: Client) -> None:
    row_id = make_account(dataverse, name="To go")
    here = f"{ACCOUNTS}/rows/{row_id}"
    seller.open(f"{here}/delete")
    assert dataverse.get(f"accounts({row_id})").status_code == 200
    assert "To go" in seller.text
    seller.send(f"{here}/delete")
    assert "Deleted." in seller.text
    assert dataverse.get(f"accounts({row_id})").status_code == 404
    assert seller.open(here).status_code == 404


def test_a_refusal_is_shown_with_what_was_typed(seller: Person, dataverse: Client, management: Management) -> None:
    row_id = make_account(dataverse, name="Before")
    rule = {"table": "accounts", "column": "name", "pattern": "no*", "message": "Names do not begin with no."}
    management.faults(dataverse.info, rules=[rule])
    here = f"{ACCOUNTS}/rows/{row_id}"
    seller.open(here)
    seller.send(here, **{"c.name": "Nobody", "c.description": "Kept at the form"})
    management.faults(dataverse.info)
    assert seller.page.status_code == 400
    assert "Names do not begin with no." in seller.text
    assert "0x80040265" in seller.text
    assert (seller.value("c.name"), seller.value("c.description")) == ("Nobody", "Kept at the form")
    assert account(dataverse, row_id)["name"] == "Before"
    seller.send(here)  # and again, without the rule
    assert account(dataverse, row_id)["name"] == "Nobody"


def test_what_a_synchronous_step_refuses_is_shown_at_the_form(seller: Person, dataverse: Client) -> None:
    row_id = make_account(dataverse, name="Before")
    here = f"{ACCOUNTS}/rows/{row_id}"
    with receiving() as receiver, registering(dataverse) as hooks:
        hooks.step(hooks.endpoint(receiver.url), "Update", mode=0)
        receiver.statuses = [400]
        seller.open(here)
        seller.send(here, **{"c.name": "After"})
        assert seller.page.status_code == 400
        assert "The service refused this" in seller.text
        assert seller.value("c.name") == "After"
        assert account(dataverse, row_id)["name"] == "Before"
        seller.send(here)
        assert "Saved." in seller.text
        assert [message["InitiatingUserId"] for _, message in receiver.messages] == [person_id(dataverse)] * 2


def person_id(client: Client) -> str:
    """The person's own user, which is not that of any client."""
    (user,) = client.rows("systemusers?$filter=fullname eq 'administrator'&$select=systemuserid")
    return str(user["systemuserid"])


def test_a_key_that_is_taken_is_refused_at_the_form(clerk: Person, finops: Client) -> None:
    group = make_group(finops)
    clerk.open("/tables/CustomerGroups/new?company=usmf")
    clerk.send("/tables/CustomerGroups/new", **{"c.CUSTOMERGROUPID": group, "c.DESCRIPTION": "Kept"})
    assert clerk.page.status_code == 400
    assert "already exists" in clerk.text
    assert clerk.value("c.DESCRIPTION") == "Kept"


def test_a_reference_to_nothing_is_refused_at_its_field(clerk: Person, finops: Client) -> None:
    here = page_of(clerk, make_customer(finops))
    clerk.open(here)
    clerk.send(here, **{"c.CUSTOMERGROUPID": "none"})
    assert clerk.page.status_code == 400
    assert "is not found in the related table" in clerk.text
    assert 'id="c.CUSTOMERGROUPID" name="c.CUSTOMERGROUPID" value="none"' in clerk.page.text
    assert clerk.page.text.count('aria-invalid="true"') == 1


def test_a_row_that_is_referred_to_is_not_deleted(clerk: Person, finops: Client) -> None:
    group = make_group(finops)
    make_customer(finops, CUSTOMERGROUPID=group)
    clerk.open(f"/tables/CustomerGroups?q={group}")
    here = clerk.links(r"/tables/CustomerGroups/rows/\d+")[0]
    clerk.open(f"{here}/delete")
    clerk.send(f"{here}/delete")
    assert clerk.page.status_code == 400
    assert "The row is still there" in clerk.text
    assert "cannot be deleted while dependent" in clerk.text


@pytest.mark.parametrize(
    ("column", "typed", "said"),
    [
        ("creditlimit", "much", "no number"),
        ("creditlimit", "Infinity", "no number"),
        ("numberofemployees", "1.5", "no whole number"),
        ("msdyn_onetimecustomer", "maybe", "Choose Yes or No"),
    ],
)
def test_what_is_no_value_is_told_at_its_field(
    seller: Person, dataverse: Client, column: str, typed: str, said: str
) -> None:
    row_id = make_account(dataverse)
    here = f"{ACCOUNTS}/rows/{row_id}"
    seller.open(here)
    seller.send(here, **{f"c.{column}": typed, "c.name": "Kept"})
    assert seller.page.status_code == 400
    assert said in seller.text
    assert seller.value("c.name") == "Kept"


def test_too_long_a_text_is_refused_by_the_service(seller: Person, dataverse: Client) -> None:
    row_id = make_account(dataverse)
    here = f"{ACCOUNTS}/rows/{row_id}"
    seller.open(here)
    assert 'id="c.accountnumber" name="c.accountnumber"' in seller.page.text
    assert 'maxlength="20"' in seller.page.text
    seller.send(here, **{"c.accountnumber": "x" * 21})
    assert "exceeded the maximum allowed length" in seller.text


def test_another_change_meanwhile_is_told_and_both_are_shown(seller: Person, dataverse: Client) -> None:
    row_id = make_account(dataverse, name="First", description="First text")
    here = f"{ACCOUNTS}/rows/{row_id}"
    seller.open(here)
    dataverse.patch(f"accounts({row_id})", {"name": "Theirs", "description": "Their text"})
    seller.send(here, **{"c.name": "Mine"})
    assert seller.page.status_code == 400
    assert "Another has saved this row since you opened it" in seller.text
    assert "Organization name Mine Theirs" in seller.text
    assert "Sales memo First text Their text" in seller.text
    assert account(dataverse, row_id)["name"] == "Theirs"
    assert seller.value("c.name") == "Mine"
    assert seller.value("c.description") == "Their text"
    seller.send(here)  # mine over theirs, the rest as they left it
    row = account(dataverse, row_id)
    assert (row["name"], row["description"]) == ("Mine", "Their text")


def test_what_another_saved_is_not_lost_while_a_wrong_value_is_put_right(seller: Person, dataverse: Client) -> None:
    row_id = make_account(dataverse, name="First", description="First text")
    here = f"{ACCOUNTS}/rows/{row_id}"
    seller.open(here)
    dataverse.patch(f"accounts({row_id})", {"description": "Their text"})
    seller.send(here, **{"c.creditlimit": "much"})
    seller.send(here, **{"c.creditlimit": "5"})
    assert "Another has saved this row since you opened it" in seller.text
    seller.send(here)
    row = account(dataverse, row_id)
    assert (row["creditlimit"], row["description"]) == (5, "Their text")


def test_another_change_of_a_customer_meanwhile_is_told(clerk: Person, finops: Client) -> None:
    here = page_of(clerk, key := make_customer(finops, ORGANIZATIONNAME="First"))
    clerk.open(here)
    finops.patch(f"CustomersV3(dataAreaId='usmf',CUSTOMERACCOUNT='{key}')?cross-company=true", {"SALESMEMO": "Theirs"})
    clerk.send(here, **{"c.ORGANIZATIONNAME": "Mine"})
    assert "Another has saved this row" in clerk.text
    assert customer(finops, key)["ORGANIZATIONNAME"] == "First"


def test_a_row_changed_meanwhile_is_not_deleted(seller: Person, dataverse: Client) -> None:
    row_id = make_account(dataverse)
    here = f"{ACCOUNTS}/rows/{row_id}/delete"
    seller.open(here)
    dataverse.patch(f"accounts({row_id})", {"name": "Theirs"})
    seller.send(here)
    assert "It is not deleted" in seller.text
    assert "Theirs" in seller.text
    seller.send(here)
    assert dataverse.get(f"accounts({row_id})").status_code == 404


def test_a_row_that_was_deleted_meanwhile_can_be_made_anew(seller: Person, dataverse: Client) -> None:
    row_id = make_account(dataverse, name="Gone")
    here = f"{ACCOUNTS}/rows/{row_id}"
    seller.open(here)
    dataverse.delete(f"accounts({row_id})")
    seller.send(here, **{"c.description": "Kept"})
    assert "Another has deleted this row" in seller.text
    assert seller.value("c.description") == "Kept"
    seller.send(f"{ACCOUNTS}/new", **{"c.accountnumber": number()})
    assert "Created." in seller.text


def test_a_look_up_is_chosen_by_name_key_or_id_and_emptied(seller: Person, dataverse: Client) -> None:
    one, other = make_company(dataverse, "lk01"), make_company(dataverse, "lk02")
    row_id = make_account(dataverse)
    here = f"{ACCOUNTS}/rows/{row_id}"
    for typed, expected in (("LK01", one), (other, other), (f"lk01 [{one}]", one), ("", None)):
        seller.open(here)
        seller.send(here, **{"c._msdyn_company_value": typed})
        assert seller.page.status_code == 200, seller.text
        assert account(dataverse, row_id)["_msdyn_company_value"] == expected


def test_a_look_up_to_nothing_or_to_several_is_told(seller: Person, dataverse: Client) -> None:
    make_account(dataverse, name="Twins")
    make_account(dataverse, name="Twins")
    here = f"{ACCOUNTS}/rows/{make_account(dataverse)}"
    for typed, said in (("Nobody at all", "No row of Account is called"), ("twins", "Several rows of Account")):
        seller.open(here)
        seller.send(here, **{"c._msdyn_billingaccount_value": typed})
        assert seller.page.status_code == 400
        assert said in seller.text


def test_a_look_up_with_several_targets_has_an_input_for_each(seller: Person, dataverse: Client) -> None:
    account_id = make_account(dataverse, name="Several targets")
    seller.open("/tables/salesorders/new")
    seller.send("/tables/salesorders/new", **{"c.name": "Order", "c.customerid_account": "Several targets"})
    assert "Created." in seller.text
    (row,) = dataverse.rows("salesorders?$filter=name eq 'Order'")
    assert row["_customerid_value"] == account_id
    assert seller.value("c.customerid_account") == "Several targets"
    here = seller.page.url.path
    seller.send(here, **{"c.customerid_account": ""})
    assert dataverse.rows("salesorders?$filter=name eq 'Order'")[0]["_customerid_value"] is None


def test_suggestions_begin_with_what_is_typed(seller: Person, clerk: Person, dataverse: Client, finops: Client) -> None:
    make_account(dataverse, name="Suggested twice")
    make_account(dataverse, name="Suggested twice")
    make_account(dataverse, name="Suggested once")
    found = [value for value, _ in seller.open("/tables/accounts/options?q=suggest").json()]
    assert found[0] == "Suggested once"
    assert all(value.startswith("Suggested twice [") for value in found[1:])
    group = make_group(finops, DESCRIPTION="Told beside")
    options = clerk.open(f"/tables/CustomerGroups/options?column=CUSTOMERGROUPID&q={group}&company=usmf").json()
    assert options == [[group, "Told beside"]]
    assert clerk.open(f"/tables/CustomerGroups/options?column=CUSTOMERGROUPID&q={group}&company=demf").json() == []


def test_inputs_fit_their_columns(seller: Person, clerk: Person, finops: Client) -> None:
    text = seller.open(f"{ACCOUNTS}/new").text
    assert 'id="c.creditlimit" name="c.creditlimit" type="number" step="0.0001"' in text
    assert '<select id="c.statecode"' in text
    assert '<textarea id="c.description"' in text
    text = clerk.open(f"{CUSTOMERS}/new").text
    assert '<select id="c.ONHOLDSTATUS"' in text
    assert 'data-suggest="/tables/CustomerGroups/options?column=CUSTOMERGROUPID"' in text
    assert '<select id="c.dataAreaId"' in text


def test_writes_of_pages_are_told_to_subscribers(new_client: Callable[..., Client], management: Management) -> None:
    finops = new_client("finops")
    finops.post("LegalEntities", {"LEGALENTITYID": "usmf", "NAME": "USMF"})
    clerk = signed_in(finops)
    with receiving() as receiver:
        management.done("POST", f"sandboxes/{finops.info['name']}/endpoints", {"name": "here", "url": receiver.url})
        receiver.wait(1)
        clerk.open("/tables/Currencies/new")
        clerk.send("/tables/Currencies/new", **{"c.CURRENCYCODE": "EUR", "c.NAME": "Euro"})
        told = receiver.wait(2)[1]
    assert (told["EntitySetName"], told["Operation"]) == ("Currencies", "Created")


def test_plug_ins_apply_to_writes_of_pages(seller: Person, dataverse: Client, management: Management) -> None:
    plug_in = {"table": "accounts", "column": "name", "suffix": " Ltd"}
    management.faults(dataverse.info, plug_ins=[plug_in])
    seller.open(f"{ACCOUNTS}/new")
    seller.send(f"{ACCOUNTS}/new", **{"c.accountnumber": number(), "c.name": "Plugged"})
    management.faults(dataverse.info)
    assert seller.value("c.name") == "Plugged Ltd"


def test_a_row_shows_its_own_changes(seller: Person, dataverse: Client) -> None:
    row_id = make_account(dataverse, name="Watched")
    make_account(dataverse, name="Not watched")
    here = f"{ACCOUNTS}/rows/{row_id}"
    seller.open(here)
    seller.send(here, **{"c.name": "Watched closely"})
    changes = seller.text.partition("Changes of this row")[2]
    assert "Changed Organization name administrator" in changes
    assert "Created – a client of the service" in changes
    assert changes.count("Created") == 1


def test_a_row_that_is_not_there_says_so(seller: Person, clerk: Person) -> None:
    for path in (f"{ACCOUNTS}/rows/none", f"{ACCOUNTS}/rows/00000000-0000-0000-0000-000000000000"):
        assert seller.open(path).status_code == 404
        assert "is not there, or not any more" in seller.text
    for path in (f"{CUSTOMERS}/rows/1", f"{CUSTOMERS}/rows/x", f"{CUSTOMERS}/rows/99999999999999999999"):
        assert clerk.open(path).status_code == 404


def test_a_table_that_nobody_used_takes_its_first_row_from_a_page(clerk: Person, finops: Client) -> None:
    clerk.open("/tables/ProductColors/new")
    clerk.send("/tables/ProductColors/new", **{"c.COLORID": "Red"})
    assert "Created." in clerk.text
    assert len(finops.rows("ProductColors")) == 1

"""Filters over other tables and with functions. Source: Dataverse Web API documentation, query functions."""

from collections.abc import Callable

import pytest

from tests.sandbox.client import Client
from tests.sandbox.conftest import Management
from tests.sandbox.rows import error_of, make_account

CRM = "Microsoft.Dynamics.CRM."


@pytest.fixture(scope="module")
def client(new_client: Callable[..., Client]) -> Client:
    """Accounts `with A`, `with B` and `alone`; Ann is the contact of the first, Bob of the second and nobody else's."""
    made = new_client("dataverse")
    for person, account in (("Ann", "with A"), ("Bob", "with B")):
        contact = made.make("contacts", {"lastname": person})
        bound = {"primarycontactid@odata.bind": f"/contacts({contact})"}
        make_account(made, name=account, creditlimit=10, **bound)
    make_account(made, name="alone", creditlimit=30)
    made.make("contacts", {"lastname": "Eve"})
    return made


def names(client: Client, text: str, table: str = "accounts", name: str = "name") -> list[str]:
    return sorted(row[name] for row in client.rows(f"{table}?$select={name}&$filter={text}"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("primarycontactid/lastname eq 'ann'", ["with A"]),
        ("primarycontactid/lastname ne 'ann'", ["alone", "with B"]),
        ("primarycontactid/lastname eq null", ["alone"]),
        ("startswith(primarycontactid/lastname,'b') or name eq 'alone'", ["alone", "with B"]),
        ("not (primarycontactid/lastname gt 'ann')", ["alone", "with A"]),
        ("msdyn_billingaccount/primarycontactid/lastname eq 'ann'", []),
        ("msdyn_vendor/msdyn_vendorgroupid/msdyn_description eq null", ["alone", "with A", "with B"]),
    ],
)
def test_a_path_through_look_ups_is_compared(client: Client, text: str, expected: list[str]) -> None:
    assert names(client, text) == expected


def test_a_path_may_lead_through_two_look_ups(client: Client) -> None:
    (parent,) = client.rows("accounts?$filter=name eq 'with A'")
    bound = {"msdyn_billingaccount@odata.bind": f"/accounts({parent['accountid']})"}
    child = make_account(client, name="child", **bound)
    assert names(client, "msdyn_billingaccount/primarycontactid/lastname eq 'ann'") == ["child"]
    client.delete(f"accounts({child})")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("account_primarycontactid/any(a:a/name eq 'with a')", ["Ann"]),
        ("account_primarycontactid/any()", ["Ann", "Bob"]),
        ("not account_primarycontactid/any(a:a/creditlimit gt 5)", ["Eve"]),
        ("account_primarycontactid/all(a:a/name eq 'with a')", ["Ann", "Eve"]),
        ("account_primarycontactid/any(a:a/primarycontactid/lastname eq 'bob')", ["Bob"]),
        ("account_primarycontactid/any(a:contains(a/name,'b') and a/creditlimit ge 10)", ["Bob"]),
        ("salesorder_customerid_contact/any(o:o/name eq 'x')", []),
        ("salesorder_customerid_contact/all(o:o/name eq 'x')", ["Ann", "Bob", "Eve"]),
    ],
)
def test_any_and_all_ask_the_rows_that_point_here(client: Client, text: str, expected: list[str]) -> None:
    assert names(client, text, "contacts", "lastname") == expected


def test_any_within_any(client: Client) -> None:
    text = "account_primarycontactid/any(a:a/account_msdyn_billingaccount/any())"
    assert names(client, text, "contacts", "lastname") == []


def test_messages_that_a_table_takes_are_asked_for_by_path_and_parameters(client: Client) -> None:
    text = "sdkmessageid/name eq @m and primaryobjecttypecode eq @t"
    path = f"sdkmessagefilters?$select=sdkmessagefilterid&$filter={text}&@m='CreateMultiple'&@t="
    assert len(client.rows(f"{path}'account'")) == 1
    assert client.rows(f"{path}'solution'") == []


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("In(PropertyName='name',PropertyValues=['alone','with a'])", ["alone", "with A"]),
        ("NotIn(PropertyName='name',PropertyValues=['alone','with a'])", ["with B"]),
        ("Between(PropertyName='creditlimit',PropertyValues=['5','20'])", ["with A", "with B"]),
        ("NotBetween(PropertyName='creditlimit',PropertyValues=['5','20'])", ["alone"]),
        ("Between(PropertyName='createdon',PropertyValues=['2001-01-01','2002-01-01T10:00:00Z'])", []),
        ("LastXHours(PropertyName='createdon',PropertyValue=1)", ["alone", "with A", "with B"]),
        ("NextXHours(PropertyName='createdon',PropertyValue=1)", []),
        ("LastXDays(PropertyName='createdon',PropertyValue='3')", ["alone", "with A", "with B"]),
        ("OlderThanXMinutes(PropertyName='createdon',PropertyValue=60)", []),
        ("ThisYear(PropertyName='createdon')", ["alone", "with A", "with B"]),
        ("LastYear(PropertyName='createdon')", []),
        ("OnOrAfter(PropertyName='createdon',PropertyValue='2001-01-01')", ["alone", "with A", "with B"]),
        ("On(PropertyName='createdon',PropertyValue=2001-01-01)", []),
    ],
)
def test_functions_of_the_service_filter(client: Client, call: str, expected: list[str]) -> None:
    assert names(client, f"{CRM}{call}") == expected


@pytest.mark.parametrize(
    "text",
    [
        "primarycontactid/nothing eq 1",
        "nothing/name eq 1",
        "name/name eq 1",
        "primarycontactid eq 1",
        "nothing/any()",
        "account_primarycontactid/any()",
        "account_msdyn_billingaccount/any(a:a/nothing eq 1)",
        "account_msdyn_billingaccount/any(a:name eq 'x')",
        f"{CRM}LastXHours(PropertyName='name',PropertyValue=1)",
        f"{CRM}LastXHours(PropertyName='createdon',PropertyValue=-1)",
        f"{CRM}LastXHours(PropertyName='createdon',PropertyValue=99999999999)",
        f"{CRM}LastXHours(PropertyName='createdon')",
        f"{CRM}Between(PropertyName='createdon',PropertyValues=['2001-01-01'])",
        f"{CRM}Between(PropertyName='createdon',PropertyValues=['x','y'])",
        f"{CRM}On(PropertyName='createdon',PropertyValue='x')",
        f"{CRM}Nothing(PropertyName='createdon')",
        f"{CRM}In(PropertyName='name',PropertyValues=['a'],More='x')",
        "year(createdon) eq 2026",
        "name add 'x' eq 'y'",
    ],
)
def test_a_filter_over_what_is_not_there_is_refused(client: Client, text: str) -> None:
    assert error_of(client.get(f"accounts?$filter={text}")) == (400, "0x80060888")


def test_counts_and_silent_edits_know_their_own_filters(client: Client, management: Management) -> None:
    assert client.get("accounts/$count?$filter=primarycontactid/lastname eq 'ann'").text.lstrip("\ufeff") == "1"
    path = f"sandboxes/{client.info['name']}/tables/accounts/rows"
    answer = management.call("DELETE", path, {"filter": "primarycontactid/lastname eq 'ann'"})
    assert answer.status_code == 400

"""Rows within rows: `$expand` of the Web API. Source: Dataverse Web API documentation."""

import pytest

from tests.sandbox.client import Client
from tests.sandbox.rows import error_of, make_account


@pytest.fixture(scope="module")
def contact(dataverse: Client) -> str:
    return dataverse.make("contacts", {"firstname": "Ann", "lastname": "Lee", "jobtitle": "Buyer"})


@pytest.fixture(scope="module")
def account(dataverse: Client, contact: str) -> str:
    return make_account(dataverse, name="Whole", **{"primarycontactid@odata.bind": f"/contacts({contact})"})


def test_a_look_up_is_expanded_with_the_columns_named_in_its_brackets(
    dataverse: Client, account: str, contact: str
) -> None:
    path = f"accounts({account})?$select=name&$expand=primarycontactid($select=fullname,jobtitle)"
    row = dataverse.get(path).json()
    assert row["@odata.context"].endswith("$metadata#accounts(name,primarycontactid(fullname,jobtitle))/$entity")
    inner = row["primarycontactid"]
    assert inner.pop("@odata.etag").startswith('W/"')
    assert inner == {"contactid": contact, "fullname": "Ann Lee", "jobtitle": "Buyer"}


def test_a_list_is_expanded_and_an_empty_look_up_is_null(dataverse: Client, account: str) -> None:
    other = make_account(dataverse, name="Alone")
    path = f"accounts?$filter=accountid eq {account} or accountid eq {other}&$expand=primarycontactid&$orderby=name"
    alone, whole = dataverse.rows(path)
    assert alone["primarycontactid"] is None
    assert whole["primarycontactid"]["lastname"] == "Lee"


def test_expanded_rows_are_expanded_in_turn(dataverse: Client, account: str) -> None:
    child = make_account(dataverse, **{"msdyn_billingaccount@odata.bind": f"/accounts({account})"})
    inner = "msdyn_billingaccount($select=name;$expand=primarycontactid($select=lastname))"
    row = dataverse.get(f"accounts({child})?$select=accountnumber&$expand={inner}").json()
    assert row["msdyn_billingaccount"]["name"] == "Whole"
    assert row["msdyn_billingaccount"]["primarycontactid"]["lastname"] == "Lee"


def test_a_collection_is_expanded_as_a_list_with_options_of_its_own(dataverse: Client, account: str) -> None:
    for name in ("b", "a", "c"):
        make_account(dataverse, name=name, **{"msdyn_billingaccount@odata.bind": f"/accounts({account})"})
    inner = "account_msdyn_billingaccount($select=name;$filter=name lt 'c';$orderby=name desc;$top=5)"
    row = dataverse.get(f"accounts({account})?$select=name&$expand={inner}").json()
    assert [one["name"] for one in row["account_msdyn_billingaccount"]] == ["b", "a"]


def test_a_collection_of_a_table_that_nobody_used_is_empty(dataverse: Client, account: str) -> None:
    row = dataverse.get(f"accounts({account})?$select=name&$expand=msdyn_vendor_msdyn_originalvendor").json()
    assert row.get("error", {}).get("code") == "0x80060888"  # no such collection of accounts
    table = dataverse.get("EntityDefinitions(LogicalName='account')/OneToManyRelationships").json()["value"]
    unused = next(one for one in table if one["ReferencingEntity"] == "salesorder")
    name = unused["ReferencedEntityNavigationPropertyName"]
    assert dataverse.get(f"accounts({account})?$select=name&$expand={name}").json()[name] == []


def test_pages_go_on_with_what_is_expanded(dataverse: Client, account: str) -> None:
    path = "accounts?$select=name&$expand=primarycontactid($select=fullname)"
    first = dataverse.get(path, Prefer="odata.maxpagesize=1").json()
    second = dataverse.get(first["@odata.nextLink"], Prefer="odata.maxpagesize=1").json()
    assert "primarycontactid" in second["value"][0]


def test_a_write_may_answer_with_what_is_expanded(dataverse: Client, contact: str) -> None:
    body = {"name": "New", "primarycontactid@odata.bind": f"/contacts({contact})"}
    path = "accounts?$select=name&$expand=primarycontactid($select=lastname)"
    answer = dataverse.post(path, body, Prefer="return=representation")
    assert (answer.status_code, answer.json()["primarycontactid"]["lastname"]) == (201, "Lee")


@pytest.mark.parametrize(
    "expand",
    [
        "nothing",
        "name",
        "msdyn_company(",
        "msdyn_company)",
        "msdyn_company($filter=statecode eq 0)",
        "msdyn_company($select=nothing)",
        "msdyn_company($select=cdm_name;$select=cdm_name)",
        "msdyn_company,msdyn_company",
        "msdyn_company($select='a",
        "account_msdyn_billingaccount($filter=nothing eq 1)",
        "account_msdyn_billingaccount($top=x)",
    ],
)
def test_an_expansion_that_makes_no_sense_is_refused(dataverse: Client, account: str, expand: str) -> None:
    assert error_of(dataverse.get(f"accounts({account})?$expand={expand}")) == (400, "0x80060888")
    assert error_of(dataverse.get(f"accounts?$expand={expand}")) == (400, "0x80060888")

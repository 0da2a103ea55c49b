"""Look-ups that point to rows of several tables, such as the customer of a sales order."""

from typing import Any

import pytest

from tests.sandbox.client import Client
from tests.sandbox.conftest import Management
from tests.sandbox.rows import error_of, make_account, make_company, number

CRM = "Microsoft.Dynamics.CRM."


def make_contact(client: Client) -> str:
    return client.make("contacts", {"lastname": "Smith", "msdyn_contactpersonid": number()})


def make_order(client: Client, **values: Any) -> str:
    return client.make("salesorders", {"msdyn_salesordernumber": number(), **values})


def customer_of(client: Client, order: str) -> Any:
    return client.get(f"salesorders({order})?$select=_customerid_value").json()["_customerid_value"]


def test_each_target_is_bound_by_a_property_of_its_own(dataverse: Client) -> None:
    account, contact = make_account(dataverse), make_contact(dataverse)
    order = make_order(dataverse, **{"customerid_account@odata.bind": f"/accounts({account})"})
    assert customer_of(dataverse, order) == account
    body = {"customerid_contact@odata.bind": f"/contacts({contact})"}
    assert dataverse.patch(f"salesorders({order})", body).status_code == 204
    assert customer_of(dataverse, order) == contact
    row = dataverse.get(f"salesorders({order})").json()
    assert not {"customerid_account", "_customerid_account_value", "customerid"} & row.keys()


def test_it_is_bound_by_key_too(dataverse: Client) -> None:
    company, own = make_company(dataverse), number()
    bound = {"msdyn_company@odata.bind": f"/cdm_companies({company})"}
    account = make_account(dataverse, accountnumber=own, **bound)
    address = f"/accounts(accountnumber='{own}',_msdyn_company_value={company})"
    assert customer_of(dataverse, make_order(dataverse, **{"customerid_account@odata.bind": address})) == account


@pytest.mark.parametrize("name", ["customerid_account", "customerid_contact"])
def test_it_is_emptied_by_any_of_them(dataverse: Client, name: str) -> None:
    bound = {"customerid_account@odata.bind": f"/accounts({make_account(dataverse)})"}
    order = make_order(dataverse, **bound)
    assert dataverse.patch(f"salesorders({order})", {f"{name}@odata.bind": None}).status_code == 204
    assert customer_of(dataverse, order) is None
    dataverse.patch(f"salesorders({order})", bound)
    assert dataverse.delete(f"salesorders({order})/{name}/$ref").status_code == 204
    assert customer_of(dataverse, order) is None


def test_a_null_beside_a_binding_empties_nothing(dataverse: Client) -> None:
    account = make_account(dataverse)
    bound = f"/accounts({account})"
    for body in (
        {"customerid_account@odata.bind": bound, "customerid_contact@odata.bind": None},
        {"customerid_contact@odata.bind": None, "customerid_account@odata.bind": bound},
    ):
        assert customer_of(dataverse, make_order(dataverse, **body)) == account


def test_it_is_not_bound_by_its_own_name_nor_to_another_table(dataverse: Client) -> None:
    account = make_account(dataverse)
    body = {"msdyn_salesordernumber": number(), "customerid@odata.bind": f"/accounts({account})"}
    assert error_of(dataverse.post("salesorders", body)) == (400, "0x80048d19")
    body = {"msdyn_salesordernumber": number(), "customerid_contact@odata.bind": f"/accounts({account})"}
    assert error_of(dataverse.post("salesorders", body)) == (400, "0x80048d19")


def test_rows_are_found_by_it(dataverse: Client) -> None:
    account = make_account(dataverse)
    order = make_order(dataverse, **{"customerid_account@odata.bind": f"/accounts({account})"})
    found = dataverse.rows(f"salesorders?$filter=_customerid_value eq {account}&$select=salesorderid")
    assert [row["salesorderid"] for row in found] == [order]


def test_what_it_points_to_must_be_there_and_stays(dataverse: Client) -> None:
    body = {
        "msdyn_salesordernumber": number(),
        "customerid_contact@odata.bind": "/contacts(0f3c1a52-6f0e-4d7a-9a0e-3a8f5d1c2b4e)",
    }
    answer = dataverse.post("salesorders", body)
    assert error_of(answer) == (404, "0x80040217")
    assert answer.json()["error"]["message"] == "contact With Id = 0f3c1a52-6f0e-4d7a-9a0e-3a8f5d1c2b4e Does Not Exist"
    contact = make_contact(dataverse)
    make_order(dataverse, **{"customerid_contact@odata.bind": f"/contacts({contact})"})
    assert error_of(dataverse.delete(f"contacts({contact})")) == (400, "0x80040227")


def test_bulk_messages_bind_it(dataverse: Client) -> None:
    account, contact = make_account(dataverse), make_contact(dataverse)
    kind = {"@odata.type": f"{CRM}salesorder"}
    targets = [
        {**kind, "name": "a", "customerid_account@odata.bind": f"/accounts({account})"},
        {**kind, "name": "b", "customerid_contact@odata.bind": f"/contacts({contact})"},
        {**kind, "name": "c"},
    ]
    answer = dataverse.post(f"salesorders/{CRM}CreateMultiple", {"Targets": targets})
    assert [customer_of(dataverse, order) for order in answer.json()["Ids"]] == [account, contact, None]


def test_the_metadata_names_all_its_targets(dataverse: Client) -> None:
    path = "EntityDefinitions(LogicalName='salesorder')"
    (told,) = dataverse.rows(f"{path}/Attributes/{CRM}LookupAttributeMetadata?$filter=LogicalName eq 'customerid'")
    assert (told["AttributeType"], told["Targets"]) == ("Customer", ["account", "contact"])
    related = dataverse.rows(f"{path}/ManyToOneRelationships?$filter=ReferencingAttribute eq 'customerid'")
    assert {one["ReferencingEntityNavigationPropertyName"]: one["ReferencedEntity"] for one in related} == {
        "customerid_account": "account",
        "customerid_contact": "contact",
    }
    names = {one["LogicalName"] for one in dataverse.rows(f"{path}/Attributes?$select=LogicalName")}
    assert "customerid" in names
    assert "customerid_account" not in names


def test_a_copied_sandbox_keeps_it(dataverse: Client, management: Management) -> None:
    account = make_account(dataverse)
    order = make_order(dataverse, **{"customerid_account@odata.bind": f"/accounts({account})"})
    info = management.done("POST", f"sandboxes/{dataverse.info['name']}/copy", {"name": number()})
    assert customer_of(Client(info=info, http=dataverse.http), order) == account

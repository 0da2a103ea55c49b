"""The metadata service, `$metadata` and the version actions. Source: Finance and Operations OData documentation."""

import re

import pytest

from tests.sandbox.client import Client
from tests.sandbox.conftest import Management


def metadata(finops: Client, path: str) -> str:
    return f"{finops.info['base_url']}/Metadata/{path}"


def test_entities_are_listed_with_their_sets(finops: Client) -> None:
    found = {row["PublicCollectionName"]: row for row in finops.rows(metadata(finops, "DataEntities"))}
    customer = found["CustomersV3"]
    assert (customer["Name"], customer["PublicEntityName"]) == ("CustCustomerV3Entity", "CustomerV3")
    assert customer["DataServiceEnabled"] is True
    label = finops.get(metadata(finops, f"Labels(Id='{customer['LabelId']}',Language='en-us')")).json()
    assert label["Value"] == "Customers V3"


def test_an_entity_tells_its_properties(finops: Client) -> None:
    entity = finops.get(metadata(finops, "PublicEntities('CustomerV3')")).json()
    assert entity["EntitySetName"] == "CustomersV3"
    found = {one["Name"]: one for one in entity["Properties"]}
    assert [name for name, one in found.items() if one["IsKey"]] == ["dataAreaId", "CUSTOMERACCOUNT"]
    assert found["CUSTOMERGROUPID"]["IsMandatory"] is True
    assert found["ONHOLDSTATUS"]["TypeName"] == "Microsoft.Dynamics.DataEntities.CustVendorBlocked"
    assert (found["CREDITLIMIT"]["TypeName"], found["CREDITLIMIT"]["DataType"]) == ("Edm.Decimal", "Real")
    assert (found["CUSTOMERACCOUNT"]["AllowEdit"], found["CUSTOMERACCOUNT"]["AllowEditOnCreate"]) == (False, True)
    modified = found["ModifiedDateTime"]
    assert (modified["AllowEdit"], modified["AllowEditOnCreate"]) == (False, False)


def test_an_entity_tells_what_its_rows_refer_to(finops: Client) -> None:
    entity = finops.get(metadata(finops, "PublicEntities('CustomerV3')")).json()
    found = {one["RelatedEntity"]: one for one in entity["NavigationProperties"]}
    group = found["CustomerGroup"]
    assert group["Cardinality"] == "Single"
    pairs = [(one["Property"], one["ReferencedProperty"]) for one in group["Constraints"]]
    assert pairs == [("dataAreaId", "dataAreaId"), ("CUSTOMERGROUPID", "CUSTOMERGROUPID")]
    assert all(one["@odata.type"].endswith("ReferentialConstraint") for one in group["Constraints"])


def test_enumerations_tell_their_members_by_number(finops: Client) -> None:
    found = finops.get(metadata(finops, "PublicEnumerations('NoYes')")).json()
    assert [(one["Name"], one["Value"]) for one in found["Members"]] == [("No", 0), ("Yes", 1)]
    named = {row["Name"] for row in finops.rows(metadata(finops, "PublicEnumerations"))}
    assert {"NoYes", "CustVendorBlocked"} <= named


@pytest.mark.parametrize("path", ["Nothing", "PublicEntities('Nothing')", "PublicEnumerations('Nothing')", ""])
def test_what_is_not_there_is_not_found(finops: Client, path: str) -> None:
    assert finops.get(metadata(finops, path)).status_code == 404


def test_the_document_tells_lengths_and_scales(finops: Client) -> None:
    answer = finops.get("$metadata")
    assert answer.headers["Content-Type"].startswith("application/xml")
    customer = re.search(r'<EntityType Name="CustomerV3">.*?</EntityType>', answer.text)
    assert customer
    assert '<Property Name="CUSTOMERACCOUNT" Type="Edm.String" MaxLength="20"/>' in customer[0]
    assert '<Property Name="CREDITLIMIT" Type="Edm.Decimal" Scale="2"/>' in customer[0]
    assert '<EntitySet Name="CustomersV3" EntityType="Microsoft.Dynamics.DataEntities.CustomerV3"/>' in answer.text


def test_the_versions_are_those_of_the_settings(finops: Client, management: Management) -> None:
    management.done("PATCH", f"sandboxes/{finops.info['name']}", {"version": "10.0.8", "build": "10.0.1.2"})
    path = "DataManagementEntities/Microsoft.Dynamics.DataEntities."
    assert finops.post(f"{path}GetApplicationVersion", {}).json()["value"] == "10.0.8"
    assert finops.post(f"{path}GetApplicationBuildVersion", {}).json()["value"] == "10.0.1.2"
    assert finops.post(f"{path}GetPlatformBuildVersion", {}).json()["value"] == "10.0.1.2"
    assert finops.post(f"{path}Nothing", {}).status_code == 404


def test_registered_applications_can_be_listed(finops: Client) -> None:
    (found,) = finops.rows("SysAADClients")
    assert found["AADClientId"] == finops.info["client_id"]


def test_the_service_document_lists_the_sets(finops: Client) -> None:
    assert {"name": "CustomersV3", "kind": "EntitySet", "url": "CustomersV3"} in finops.rows("")

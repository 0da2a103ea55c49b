"""The metadata service, `$metadata` and the version actions. Source: Finance and Operations OData documentation."""

import re
from xml.etree import ElementTree as ET

import pytest

from tests.sandbox.client import Client
from tests.sandbox.conftest import Management

EDM = "{http://docs.oasis-open.org/odata/ns/edm}"
ENUMS = "Microsoft.Dynamics.DataEntities"


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


def test_an_entity_tells_which_rows_refer_to_its_own(finops: Client) -> None:
    entity = finops.get(metadata(finops, "PublicEntities('CustomerGroup')")).json()
    found = {one["Name"]: one for one in entity["NavigationProperties"]}
    customers = found["CustomersV3"]
    assert (customers["Cardinality"], customers["RelatedEntity"]) == ("Multiple", "CustomerV3")
    assert customers["RelatedRelationName"] == "CustomerGroup"


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
    assert '<EntitySet Name="CustomersV3" EntityType="Microsoft.Dynamics.DataEntities.CustomerV3">' in answer.text


def document(finops: Client) -> ET.Element:
    return ET.fromstring(finops.get("$metadata").content)


def test_the_document_tells_navigation_properties_with_their_constraints(finops: Client) -> None:
    (customer,) = (one for one in document(finops).iter(f"{EDM}EntityType") if one.get("Name") == "CustomerV3")
    (group,) = (one for one in customer.iter(f"{EDM}NavigationProperty") if one.get("Name") == "CustomerGroup")
    assert (group.get("Type"), group.get("Partner")) == ("Microsoft.Dynamics.DataEntities.CustomerGroup", "CustomersV3")
    pairs = [(one.get("Property"), one.get("ReferencedProperty")) for one in group]
    assert pairs == [("dataAreaId", "dataAreaId"), ("CUSTOMERGROUPID", "CUSTOMERGROUPID")]


def test_the_document_binds_every_navigation_property_to_a_set(finops: Client) -> None:
    found = document(finops)
    types = {f"Microsoft.Dynamics.DataEntities.{one.get('Name')}": one for one in found.iter(f"{EDM}EntityType")}
    sets = {one.get("Name"): one for one in found.iter(f"{EDM}EntitySet")}
    for one in sets.values():
        named = {each.get("Name") for each in types[str(one.get("EntityType"))].iter(f"{EDM}NavigationProperty")}
        bound = {each.get("Path"): each.get("Target") for each in one}
        assert named == bound.keys()
        assert set(bound.values()) <= sets.keys()
    collection = next(one for one in types[f"{ENUMS}.CustomerGroup"] if one.get("Name") == "CustomersV3")
    assert collection.get("Type") == f"Collection({ENUMS}.CustomerV3)"


def test_the_document_tells_enumerations_with_their_numbers(finops: Client) -> None:
    (found,) = (one for one in document(finops).iter(f"{EDM}EnumType") if one.get("Name") == "NoYes")
    assert [(one.get("Name"), one.get("Value")) for one in found] == [("No", "0"), ("Yes", "1")]


def test_the_versions_are_those_of_the_settings(finops: Client, management: Management) -> None:
    management.done("PATCH", f"sandboxes/{finops.info['name']}", {"version": "10.0.8", "build": "10.0.1.2"})
    path = "DataManagementEntities/Microsoft.Dynamics.DataEntities."
    assert finops.post(f"{path}GetApplicationVersion", {}).json()["value"] == "10.0.8"
    assert finops.post(f"{path}GetApplicationBuildVersion", {}).json()["value"] == "10.0.1.2"
    assert finops.post(f"{path}GetPlatformBuildVersion", {}).json()["value"] == "10.0.1.2"
    answer = finops.post(f"{path}Nothing", {})
    assert (answer.status_code, list(answer.json())) == (404, ["Message"])


def test_registered_applications_can_be_listed(finops: Client) -> None:
    (found,) = finops.rows("SysAADClients")
    assert found["AADClientId"] == finops.info["client_id"]


def test_the_service_document_lists_the_sets(finops: Client) -> None:
    assert {"name": "CustomersV3", "kind": "EntitySet", "url": "CustomersV3"} in finops.rows("")


def test_items_of_the_metadata_service_have_the_fields_of_the_service(finops: Client) -> None:
    entity = next(iter(finops.rows(metadata(finops, "DataEntities"))))
    assert entity.keys() == {
        "Name",
        "PublicEntityName",
        "PublicCollectionName",
        "LabelId",
        "DataServiceEnabled",
        "DataManagementEnabled",
        "EntityCategory",
        "IsReadOnly",
    }
    public = finops.get(metadata(finops, "PublicEntities('CustomerGroup')")).json()
    assert public.keys() - {"@odata.context"} == {
        "Name",
        "EntitySetName",
        "LabelId",
        "IsReadOnly",
        "ConfigurationEnabled",
        "Properties",
        "NavigationProperties",
        "PropertyGroups",
        "Actions",
    }
    assert {
        "Name",
        "TypeName",
        "DataType",
        "LabelId",
        "IsKey",
        "IsMandatory",
        "ConfigurationEnabled",
        "AllowEdit",
        "AllowEditOnCreate",
        "IsDimension",
        "DimensionRelation",
    } <= public["Properties"][0].keys()
    found = finops.get(metadata(finops, "PublicEnumerations('NoYes')")).json()
    assert found.keys() - {"@odata.context"} == {"Name", "LabelId", "Members"}
    assert found["Members"][0].keys() == {"Name", "Value", "LabelId", "ConfigurationEnabled"}


def test_a_label_that_is_not_there_answers_with_its_id(finops: Client) -> None:
    found = finops.get(metadata(finops, "Labels(Id='@SYS1',Language='en-us')")).json()
    assert found == {"Id": "@SYS1", "Language": "en-us", "Value": "@SYS1"}

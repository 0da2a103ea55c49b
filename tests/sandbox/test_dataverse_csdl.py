"""The service's description in CSDL: complete enough for a client to bind to. Source: Web API, CSDL metadata."""

from typing import Any
from xml.etree import ElementTree as ET

import pytest

from tests.sandbox.client import Client

EDMX, EDM = "{http://docs.oasis-open.org/odata/ns/edmx}", "{http://docs.oasis-open.org/odata/ns/edm}"
PLAIN = {
    "Edm.String",
    "Edm.Int32",
    "Edm.Int64",
    "Edm.Decimal",
    "Edm.Boolean",
    "Edm.Date",
    "Edm.DateTimeOffset",
    "Edm.Guid",
}


@pytest.fixture(scope="module")
def schema(dataverse: Client) -> ET.Element:
    answer = dataverse.get("$metadata")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/xml")
    root = ET.fromstring(answer.content)
    assert (root.tag, root.get("Version")) == (f"{EDMX}Edmx", "4.0")
    found = root.find(f"{EDMX}DataServices/{EDM}Schema")
    assert found is not None
    return found


def types(schema: ET.Element) -> dict[str, ET.Element]:
    return {str(one.get("Name")): one for one in schema.iter(f"{EDM}EntityType")}


def properties(kind: ET.Element) -> dict[str, ET.Element]:
    return {str(one.get("Name")): one for one in kind.iter(f"{EDM}Property")}


def short(name: Any) -> str:
    return str(name).removeprefix("Collection(").removesuffix(")").rpartition(".")[2]


def test_every_set_has_a_type_with_its_key(dataverse: Client, schema: ET.Element) -> None:
    assert (schema.get("Namespace"), schema.get("Alias")) == ("Microsoft.Dynamics.CRM", "mscrm")
    known = types(schema)
    sets = {str(one.get("Name")): short(one.get("EntityType")) for one in schema.iter(f"{EDM}EntitySet")}
    assert sets.keys() == {row["name"] for row in dataverse.rows("")}
    for name, kind in sets.items():
        keys = [one.get("Name") for one in known[kind].findall(f"{EDM}Key/{EDM}PropertyRef")]
        assert len(keys) == 1, name
        assert properties(known[kind])[str(keys[0])].get("Type") == "Edm.Guid"


def test_types_have_the_base_type_of_the_service(schema: ET.Element) -> None:
    known = types(schema)
    assert known.pop("crmbaseentity").get("Abstract") == "true"
    assert {one.get("BaseType") for one in known.values()} == {"mscrm.crmbaseentity"}


def test_columns_have_plain_types_and_choices_are_numbers(schema: ET.Element) -> None:
    known = types(schema)
    assert {one.get("Type") for kind in known.values() for one in properties(kind).values()} <= PLAIN
    account = properties(known["account"])
    assert account["msdyn_onholdstatus"].get("Type") == "Edm.Int32"
    assert account["versionnumber"].get("Type") == "Edm.Int64"
    assert (account["creditlimit"].get("Type"), account["creditlimit"].get("Scale")) == ("Edm.Decimal", "4")
    assert account["_msdyn_company_value"].get("Type") == "Edm.Guid"
    assert "msdyn_company" not in account
    assert not list(schema.iter(f"{EDM}EnumType"))


def test_navigation_leads_to_types_that_are_there_and_back(schema: ET.Element) -> None:
    known = types(schema)
    for name, kind in known.items():
        for one in kind.findall(f"{EDM}NavigationProperty"):
            target = known[short(one.get("Type"))]
            partner = target.find(f"{EDM}NavigationProperty[@Name='{one.get('Partner')}']")
            assert partner is not None, (name, one.attrib)
            assert (short(partner.get("Type")), partner.get("Partner")) == (name, one.get("Name"))


def test_a_look_up_names_its_column_and_the_one_that_it_points_to(schema: ET.Element) -> None:
    order = types(schema)["salesorder"]
    for name, key in (("customerid_account", "accountid"), ("customerid_contact", "contactid")):
        found = order.find(f"{EDM}NavigationProperty[@Name='{name}']/{EDM}ReferentialConstraint")
        assert found is not None
        assert found.attrib == {"Property": "_customerid_value", "ReferencedProperty": key}


def test_every_navigation_property_is_bound_to_a_set(schema: ET.Element) -> None:
    known = types(schema)
    sets = {str(one.get("Name")): one for one in schema.iter(f"{EDM}EntitySet")}
    for one in sets.values():
        bound = {each.get("Path"): each.get("Target") for each in one.findall(f"{EDM}NavigationPropertyBinding")}
        declared = {
            each.get("Name"): short(each.get("Type"))
            for each in known[short(one.get("EntityType"))].findall(f"{EDM}NavigationProperty")
        }
        assert bound.keys() == declared.keys()
        assert all(short(sets[str(target)].get("EntityType")) == declared[path] for path, target in bound.items())


def test_alternate_keys_name_look_ups_as_they_are_read(schema: ET.Element) -> None:
    account = types(schema)["account"]
    (told,) = account.findall(f"{EDM}Annotation[@Term='OData.Community.Keys.V1.AlternateKeys']")
    names = [one.get("PropertyPath") for one in told.iter(f"{EDM}PropertyValue") if one.get("Property") == "Name"]
    assert names == ["accountnumber", "_msdyn_company_value"]


def test_labels_are_told_with_annotations(dataverse: Client) -> None:
    plain, annotated = dataverse.get("$metadata").text, dataverse.get("$metadata?annotations=true").text
    assert "Org.OData.Core.V1.Description" not in plain
    assert 'Term="Org.OData.Core.V1.Description" String="Customer account"' in annotated
    assert 'Term="Org.OData.Core.V1.Computed" Bool="true"' in annotated
    ET.fromstring(annotated)


def test_the_description_is_only_read(dataverse: Client) -> None:
    assert dataverse.call("POST", "$metadata", "{}").status_code == 405

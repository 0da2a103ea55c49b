"""What the Web API tells of itself. Source: Dataverse Web API documentation."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.sandbox.client import Client
from tests.sandbox.conftest import Management
from tests.sandbox.rows import error_of

CRM = "Microsoft.Dynamics.CRM."


def attributes(dataverse: Client, table: str, cast: str = "", options: str = "") -> dict[str, dict[str, Any]]:
    path = f"EntityDefinitions(LogicalName='{table}')/Attributes"
    path += f"/{CRM}{cast}AttributeMetadata" if cast else ""
    return {row["LogicalName"]: row for row in dataverse.rows(f"{path}{options}")}


def test_tables_are_listed_with_their_names(dataverse: Client) -> None:
    select = "LogicalName,EntitySetName,PrimaryIdAttribute,PrimaryNameAttribute,ChangeTrackingEnabled"
    tables = {row["LogicalName"]: row for row in dataverse.rows(f"EntityDefinitions?$select={select}")}
    account = tables["account"]
    assert (account["EntitySetName"], account["PrimaryIdAttribute"]) == ("accounts", "accountid")
    assert account["ChangeTrackingEnabled"] is True
    assert "DisplayName" not in account
    assert {"cdm_company", "transactioncurrency", "uom", "product", "systemuser"} <= tables.keys()


@pytest.mark.parametrize("text", ["LogicalName eq 'account'", "EntitySetName eq 'accounts' or LogicalName eq 'none'"])
def test_tables_are_found_by_name(dataverse: Client, text: str) -> None:
    found = dataverse.rows(f"EntityDefinitions?$filter={text}&$select=LogicalName")
    assert [row["LogicalName"] for row in found] == ["account"]


def test_an_unknown_table_is_told(dataverse: Client) -> None:
    assert dataverse.get("EntityDefinitions(LogicalName='nothing')").status_code == 404


def test_columns_tell_type_validity_and_need(dataverse: Client) -> None:
    found = attributes(dataverse, "transactioncurrency")
    assert found["isocurrencycode"]["AttributeType"] == "String"
    assert found["isocurrencycode"]["RequiredLevel"]["Value"] == "SystemRequired"
    assert found["currencysymbol"]["RequiredLevel"]["Value"] == "None"
    assert found["versionnumber"]["AttributeType"] == "BigInt"
    created = found["createdon"]
    assert (created["IsValidForCreate"], created["IsValidForUpdate"], created["IsValidForRead"]) == (False, False, True)
    assert found["transactioncurrencyid"]["IsValidForUpdate"] is False


def test_casts_tell_the_details_of_their_type(dataverse: Client) -> None:
    assert attributes(dataverse, "account", "String")["name"]["MaxLength"] == 160
    assert attributes(dataverse, "account", "Money")["creditlimit"]["Precision"] == 4
    assert attributes(dataverse, "account", "Decimal")["address1_latitude"]["Precision"] == 5
    assert attributes(dataverse, "account", "DateTime")["createdon"]["Format"] == "DateAndTime"
    day = attributes(dataverse, "msdyn_vendor", "DateTime")["msdyn_vendoronholdreleasedate"]
    assert (day["Format"], day["DateTimeBehavior"]["Value"]) == ("DateOnly", "DateOnly")
    assert attributes(dataverse, "account", "Lookup")["msdyn_company"]["Targets"] == ["cdm_company"]
    assert "name" not in attributes(dataverse, "account", "Money")


def test_choices_come_with_their_options_when_expanded(dataverse: Client) -> None:
    plain = attributes(dataverse, "account", "Picklist", "?$select=LogicalName")
    assert "OptionSet" not in plain["msdyn_onholdstatus"]
    found = attributes(dataverse, "account", "Picklist", "?$select=LogicalName&$expand=OptionSet")
    options = found["msdyn_onholdstatus"]["OptionSet"]["Options"]
    assert {one["Value"]: one["Label"]["UserLocalizedLabel"]["Label"] for one in options}[806380000] == "No"
    states = attributes(dataverse, "account", "State", "?$expand=OptionSet")["statecode"]
    assert [one["Value"] for one in states["OptionSet"]["Options"]] == [0, 1]


def test_keys_are_told_with_their_columns(dataverse: Client) -> None:
    (key,) = dataverse.rows("EntityDefinitions(LogicalName='account')/Keys")
    assert key["KeyAttributes"] == ["accountnumber", "msdyn_company"]
    assert key["EntityKeyIndexStatus"] == "Active"


def test_relationships_tell_the_name_that_a_write_binds(dataverse: Client) -> None:
    found = dataverse.rows("EntityDefinitions(LogicalName='account')/ManyToOneRelationships")
    names = {one["ReferencingAttribute"]: one for one in found}
    assert names["msdyn_company"]["ReferencedEntity"] == "cdm_company"
    assert names["msdyn_company"]["ReferencingEntityNavigationPropertyName"] == "msdyn_company"
    assert names["transactioncurrencyid"]["ReferencedEntity"] == "transactioncurrency"


def test_a_table_is_told_with_its_columns_in_one_call(dataverse: Client) -> None:
    path = "EntityDefinitions(LogicalName='uom')?$select=LogicalName&$expand=Attributes($select=LogicalName),Keys"
    found = dataverse.get(path).json()
    assert {"uomid", "msdyn_symbol"} <= {one["LogicalName"] for one in found["Attributes"]}
    assert found["Keys"][0]["KeyAttributes"] == ["msdyn_symbol"]


def test_a_filter_that_metadata_does_not_take_is_refused(dataverse: Client) -> None:
    answer = dataverse.get("EntityDefinitions?$filter=contains(LogicalName,'a')")
    assert error_of(answer) == (400, "0x80060888")


def test_every_look_up_points_to_a_table_that_is_there(dataverse: Client) -> None:
    tables = {row["LogicalName"] for row in dataverse.rows("EntityDefinitions")}
    for table in tables:
        for one in dataverse.rows(f"EntityDefinitions(LogicalName='{table}')/ManyToOneRelationships"):
            assert one["ReferencedEntity"] in tables


def test_the_version_is_that_of_the_settings(dataverse: Client, management: Management) -> None:
    management.done("PATCH", f"sandboxes/{dataverse.info['name']}", {"version": "9.0.1.2"})
    assert dataverse.get("RetrieveVersion").json()["Version"] == "9.0.1.2"
    assert dataverse.get("RetrieveVersion()").json()["Version"] == "9.0.1.2"


def test_the_organization_tells_tenant_place_and_kind(dataverse: Client, management: Management) -> None:
    changes = {"is_trial": True, "data_centre": "unitedstates"}
    management.done("PATCH", f"sandboxes/{dataverse.info['name']}", changes)
    path = "RetrieveCurrentOrganization(AccessType=Microsoft.Dynamics.CRM.EndpointAccessType'Default')"
    detail = dataverse.get(path).json()["Detail"]
    assert (detail["TenantId"], detail["Geo"]) == (dataverse.info["tenant_id"], "unitedstates")
    assert detail["OrganizationType"] == "Trial"
    assert detail["EnvironmentId"] == dataverse.info["environment_id"]


@pytest.mark.parametrize("kind", ["dataverse", "finops"])
def test_the_platform_tells_the_same_of_both_kinds(kind: str, request: pytest.FixtureRequest) -> None:
    client: Client = request.getfixturevalue(kind)
    path = "providers/Microsoft.BusinessAppPlatform/scopes/admin/environments?api-version=2020-10-01"
    (found,) = client.rows(f"{client.info['base_url']}/{path}")
    assert found["name"] == client.info["environment_id"]
    assert found["properties"]["tenantId"] == client.info["tenant_id"]
    assert found["properties"]["environmentSku"] in {"Trial", "Production"}


def test_the_service_document_lists_the_sets(dataverse: Client) -> None:
    assert {"name": "accounts", "kind": "EntitySet", "url": "accounts"} in dataverse.rows("")
    assert [row["name"] for row in dataverse.rows("organizations?$select=name")] == [dataverse.info["name"]]


@pytest.mark.parametrize(
    ("table", "cast", "column", "kind"),
    [
        ("account", "String", "name", "String"),
        ("account", "Money", "creditlimit", "Money"),
        ("account", "Decimal", "address1_latitude", "Decimal"),
        ("account", "Integer", "numberofemployees", "Integer"),
        ("account", "BigInt", "versionnumber", "BigInt"),
        ("account", "Boolean", "msdyn_onetimecustomer", "Boolean"),
        ("account", "DateTime", "createdon", "DateTime"),
        ("account", "Picklist", "msdyn_onholdstatus", "Picklist"),
        ("account", "State", "statecode", "State"),
        ("account", "Status", "statuscode", "Status"),
        ("account", "Lookup", "msdyn_company", "Lookup"),
        ("account", "UniqueIdentifier", "accountid", "Uniqueidentifier"),
        ("salesorder", "Lookup", "customerid", "Customer"),
        ("sdkmessageprocessingstep", "Memo", "filteringattributes", "Memo"),
    ],
)
def test_each_cast_tells_the_columns_of_its_type(
    dataverse: Client, table: str, cast: str, column: str, kind: str
) -> None:
    found = attributes(dataverse, table, cast)
    assert found[column]["AttributeType"] == kind
    assert found[column]["AttributeTypeName"]["Value"] == f"{kind}Type"
    every = attributes(dataverse, table)
    assert found.keys() == {
        name for name, one in every.items() if one["@odata.type"] == f"#{CRM}{cast}AttributeMetadata"
    }


def test_numbers_tell_their_bounds(dataverse: Client) -> None:
    latitude = attributes(dataverse, "account", "Decimal")["address1_latitude"]
    assert (latitude["MinValue"], latitude["MaxValue"], latitude["Precision"]) == (-90, 90, 5)
    people = attributes(dataverse, "account", "Integer")["numberofemployees"]
    assert (people["MinValue"], people["MaxValue"]) == (-(2**31) + 1, 2**31 - 1)
    assert attributes(dataverse, "account", "Money")["creditlimit"]["PrecisionSource"] == 0


def test_relationships_are_told_from_both_sides(dataverse: Client) -> None:
    one = dataverse.rows("EntityDefinitions(LogicalName='account')/ManyToOneRelationships")
    found = next(each for each in one if each["ReferencingAttribute"] == "primarycontactid")
    other = dataverse.rows("EntityDefinitions(LogicalName='contact')/OneToManyRelationships")
    assert found in other
    name = found["ReferencedEntityNavigationPropertyName"]
    assert isinstance(dataverse.rows(f"contacts?$select=lastname&$filter={name}/any()"), list)
    assert dataverse.rows("EntityDefinitions(LogicalName='account')/ManyToManyRelationships") == []


def test_an_elastic_table_tells_so(new_client: Callable[..., Client], management: Management) -> None:
    client = new_client("dataverse")
    names = {"set": "new_logs", "logical": "new_log", "label": "Log", "primary_id": "new_logid"}
    columns = [{"name": "new_name", "type": "text"}]
    table = {**names, "primary_name": "new_name", "columns": columns, "is_elastic": True}
    management.done("POST", f"sandboxes/{client.info['name']}/tables", {"tables": [table]})
    assert client.get("EntityDefinitions(LogicalName='new_log')").json()["TableType"] == "Elastic"
    assert client.get("EntityDefinitions(LogicalName='account')").json()["TableType"] == "Standard"


def test_the_organization_is_a_row(dataverse: Client) -> None:
    (found,) = dataverse.rows("organizations?$select=name,languagecode")
    assert (found["languagecode"], found["organizationid"]) == (1033, dataverse.info["organization_id"])

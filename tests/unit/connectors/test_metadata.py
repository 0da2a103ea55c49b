"""Catalogs out of metadata as the real services word it, more than the sandboxes tell."""

import json
from typing import Any

import httpx
import pytest

from syncengine.catalog import Catalog, ColumnType
from syncengine.connectors.dataverse.connector import DataverseConnector
from syncengine.connectors.finops.connector import FinopsConnector
from syncengine.errors import PermanentError
from tests.unit.connectors.make import Script, answer, batch_answer, make_settings, sent_calls


def label(text: str) -> dict[str, Any]:
    return {"LocalizedLabels": [], "UserLocalizedLabel": {"Label": text, "LanguageCode": 1033}}


def attribute(name: str, kind: str, **more: Any) -> dict[str, Any]:
    valid = {"IsValidForCreate": True, "IsValidForUpdate": True, "IsValidForRead": True}
    shown = {"RequiredLevel": {"Value": "None", "CanBeChanged": True}, "DisplayName": label(name.title())}
    return {"LogicalName": name, "AttributeType": kind, "AttributeOf": None, **valid, **shown, **more}


DEFINITIONS = [
    {
        "LogicalName": "account",
        "EntitySetName": "accounts",
        "PrimaryIdAttribute": "accountid",
        "ChangeTrackingEnabled": True,
        "DisplayName": label("Account"),
    },
    {"LogicalName": "contact", "EntitySetName": "contacts", "PrimaryIdAttribute": "contactid"},
    {"LogicalName": "virtualthing", "EntitySetName": None, "PrimaryIdAttribute": None},
]
ATTRIBUTES = [
    attribute("accountid", "Uniqueidentifier", RequiredLevel={"Value": "SystemRequired"}, IsValidForUpdate=False),
    attribute("name", "String", RequiredLevel={"Value": "ApplicationRequired"}),
    attribute("primarycontactid", "Lookup"),
    attribute("primarycontactidname", "String", AttributeOf="primarycontactid"),
    attribute("ownerid", "Owner", RequiredLevel={"Value": "SystemRequired"}),
    attribute("birthdate", "DateTime"),
    attribute("modifiedon", "DateTime", IsValidForCreate=False, IsValidForUpdate=False),
    attribute("creditlimit", "Money"),
    attribute("industrycode", "Picklist"),
    attribute("entityimage", "Virtual", DisplayName={"LocalizedLabels": [], "UserLocalizedLabel": None}),
    attribute("hidden", "String", IsValidForRead=False),
]
DETAILS = {
    "String": [{"LogicalName": "name", "MaxLength": 160}],
    "Money": [{"LogicalName": "creditlimit", "Precision": 2}],
    "DateTime": [
        {"LogicalName": "birthdate", "Format": "DateOnly", "DateTimeBehavior": {"Value": "DateOnly"}},
        {"LogicalName": "modifiedon", "Format": "DateAndTime", "DateTimeBehavior": {"Value": "UserLocal"}},
    ],
    "Lookup": [
        {"LogicalName": "primarycontactid", "Targets": ["contact", "virtualthing"]},
        {"LogicalName": "ownerid", "Targets": ["systemuser", "team"]},
    ],
    "Picklist": [
        {
            "LogicalName": "industrycode",
            "OptionSet": {"Options": [{"Value": 1, "Label": label("Accounting")}, {"Value": 2, "Label": None}]},
        }
    ],
}
RELATIONSHIPS = [
    {
        "ReferencingAttribute": "primarycontactid",
        "ReferencedEntity": "contact",
        "ReferencingEntityNavigationPropertyName": "primarycontactid",
    },
    {
        "ReferencingAttribute": "primarycontactid",
        "ReferencedEntity": "virtualthing",
        "ReferencingEntityNavigationPropertyName": "primarycontactid_v",
    },
]
KEYS = [{"LogicalName": "k", "KeyAttributes": ["name"], "EntityKeyIndexStatus": "Pending"}]


def dataverse_part(url: str) -> dict[str, Any]:
    """The answer to one read about the table account."""
    resource = url.partition("?")[0]
    if resource.endswith("AttributeMetadata"):
        return {"value": DETAILS.get(resource.rpartition(".")[2].removesuffix("AttributeMetadata"), [])}
    if resource.endswith("/Attributes"):
        return {"value": ATTRIBUTES}
    return {"value": KEYS if resource.endswith("/Keys") else RELATIONSHIPS}


def dataverse_catalog(definitions: list[dict[str, Any]] | None = None) -> tuple[Catalog, Script]:
    def details(request: httpx.Request) -> httpx.Response:
        return batch_answer(*((200, dataverse_part(url)) for _, url, _, _ in sent_calls(request)))

    script = Script(answer(body={"value": DEFINITIONS if definitions is None else definitions}), details)
    return DataverseConnector(make_settings(), transport=script).catalog(["Accounts"]), script


def test_dataverse_catalog_takes_two_calls() -> None:
    catalog, script = dataverse_catalog()
    assert [table.name for table in catalog.tables] == ["accounts"]
    assert len(script.requests) == 2


def test_columns_that_cannot_be_read_or_held_are_left_out() -> None:
    (table,) = dataverse_catalog()[0].tables
    shadows = {"primarycontactidname", "entityimage", "hidden"}
    assert shadows.isdisjoint(table.by_name)
    assert len(table.columns) == len(ATTRIBUTES) - len(shadows)


def test_dataverse_columns_have_their_types_and_limits() -> None:
    columns = dataverse_catalog()[0].tables[0].by_name
    assert (columns["name"].max_length, columns["name"].is_required) == (160, True)
    assert (columns["creditlimit"].type, columns["creditlimit"].scale) == (ColumnType.DECIMAL, 2)
    assert (columns["birthdate"].type, columns["modifiedon"].type) == (ColumnType.DATE, ColumnType.DATETIME)
    assert (columns["modifiedon"].is_read_only, columns["name"].is_read_only) == (True, False)
    assert [(each.value, each.label) for each in columns["industrycode"].choices] == [("1", "Accounting"), ("2", "")]


def test_what_the_service_fills_in_itself_is_not_required() -> None:
    columns = dataverse_catalog()[0].tables[0].by_name
    assert not columns["ownerid"].is_required
    assert not columns["accountid"].is_required


def test_look_up_names_the_tables_that_can_be_addressed() -> None:
    columns = dataverse_catalog()[0].tables[0].by_name
    assert (columns["primarycontactid"].targets, columns["primarycontactid"].bind_name) == (
        ("contacts",),
        "primarycontactid",
    )
    assert columns["ownerid"].targets == ()


def test_key_that_is_not_indexed_yet_is_not_active() -> None:
    (table,) = dataverse_catalog()[0].tables
    assert [(key.columns, key.is_active) for key in table.keys] == [(("name",), False)]


def test_table_facts_are_kept() -> None:
    (table,) = dataverse_catalog()[0].tables
    facts = (table.label, table.id_column, table.modified_column, table.company_column, table.tracks_changes)
    assert facts == ("Account", "accountid", "modifiedon", "", True)


def test_lying_dataverse_metadata_is_a_named_problem() -> None:
    with pytest.raises(PermanentError, match="metadata"):
        dataverse_catalog([{"LogicalName": 5}])


CSDL = """<?xml version="1.0"?><Schema><EnumType Name="NoYes"/>
<EntityType Name="CustomerV3"><Key><PropertyRef Name="CustomerAccount"/></Key>
<Property Name="CustomerAccount" Type="Edm.String" MaxLength="20"/>
<Property Type="Edm.Decimal" Name="CreditLimit" Scale="variable" Nullable="false"/></EntityType></Schema>"""
PROPERTIES = [
    {"Name": "dataAreaId", "TypeName": "Edm.String", "DataType": "String", "IsKey": True},
    {"Name": "CustomerAccount", "TypeName": "Edm.String", "DataType": "String", "IsKey": True, "IsMandatory": True},
    {"Name": "CreditLimit", "TypeName": "Edm.Decimal", "DataType": "Real", "LabelId": "@SYS1"},
    {"Name": "OnHold", "TypeName": "Microsoft.Dynamics.DataEntities.CustVendorBlocked", "DataType": "Enum"},
    {"Name": "Opened", "TypeName": "Edm.DateTimeOffset", "DataType": "Date"},
    {"Name": "SysModifiedDateTime", "TypeName": "Edm.DateTimeOffset", "DataType": "UtcDateTime", "AllowEdit": False},
    {"Name": "Blob", "TypeName": "Edm.Stream", "DataType": "Container"},
]
NAVIGATION = [
    {
        "Name": "CustomerGroup",
        "RelatedEntity": "CustomerGroup",
        "Cardinality": "Single",
        "Constraints": [
            {"@odata.type": "#X.ReferentialConstraint", "Property": "GroupId", "ReferencedProperty": "CustomerGroupId"},
            {"@odata.type": "#X.RelatedFixedConstraint", "Value": 1},
        ],
    },
    {"Name": "Orders", "RelatedEntity": "Order", "Cardinality": "Multiple", "Constraints": []},
]


def finops_answer(request: httpx.Request) -> httpx.Response:
    resource = request.url.path.rpartition("/")[2]
    if resource == "$metadata":
        return httpx.Response(200, text=CSDL, headers={"Content-Type": "application/xml"})
    entity = {
        "Name": "CustomerV3",
        "EntitySetName": "CustomersV3",
        "LabelId": "@SYS2",
        "IsReadOnly": False,
        "Properties": PROPERTIES,
        "NavigationProperties": NAVIGATION,
    }
    bodies: dict[str, Any] = {
        "DataEntities": {
            "value": [
                {"Name": "A", "PublicEntityName": "CustomerV3", "PublicCollectionName": "CustomersV3"},
                {"Name": "B", "PublicEntityName": "CustomerGroup", "PublicCollectionName": "CustomerGroups"},
                {"Name": "C", "PublicEntityName": None, "PublicCollectionName": None, "DataServiceEnabled": False},
            ]
        },
        "PublicEnumerations": {
            "value": [
                {"Name": "CustVendorBlocked", "Members": [{"Name": "All", "Value": 2}, {"Name": "No", "Value": 0}]}
            ]
        },
        "PublicEntities('CustomerV3')": entity,
        "Labels(Id='@SYS2',Language='en-us')": {"Id": "@SYS2", "Value": "Customers V3"},
    }
    return httpx.Response(200, text=json.dumps(bodies[resource]), headers={"Content-Type": "application/json"})


def test_finops_catalog_tells_keys_types_and_references() -> None:
    (table,) = FinopsConnector(make_settings(), transport=Script(finops_answer)).catalog(["customersv3"]).tables
    columns = table.by_name
    assert (table.name, table.label, table.company_column) == ("CustomersV3", "Customers V3", "dataAreaId")
    assert table.keys[0].columns == ("dataAreaId", "CustomerAccount")
    assert table.modified_column == "SysModifiedDateTime"
    assert (columns["customeraccount"].max_length, columns["customeraccount"].is_required) == (20, True)
    assert (columns["creditlimit"].type, columns["creditlimit"].scale) == (ColumnType.DECIMAL, None)
    assert (columns["onhold"].enum_type, [each.value for each in columns["onhold"].choices]) == (
        "CustVendorBlocked",
        ["No", "All"],
    )
    assert columns["opened"].type is ColumnType.DATE
    assert "blob" not in columns
    assert [(each.columns, each.target_table, each.target_columns) for each in table.references] == [
        (("GroupId",), "CustomerGroups", ("CustomerGroupId",))
    ]


def test_lying_finops_metadata_is_a_named_problem() -> None:
    with pytest.raises(PermanentError, match="DataEntities"):
        FinopsConnector(make_settings(name="C"), transport=Script(answer(body={"value": 5}))).catalog()

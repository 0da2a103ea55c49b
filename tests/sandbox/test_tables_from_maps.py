"""The program that makes declarations from facts about maps: what it concludes from names, values and look-ups."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from script.tables_from_maps import kinds, names, words
from script.tables_from_maps.__main__ import files, text
from script.tables_from_maps.symbols import Symbols
from syncengine.catalog import ColumnType
from syncengine.sandbox import declarations
from syncengine.sandbox.declarations import (
    Column,
    DataverseDocument,
    DataverseExtension,
    DataverseTable,
    FinopsDocument,
    FinopsTable,
    Kind,
)

YES_NO = {"yes": "True", "no": "False"}
Made = dict[str, Any]


def line(finops: str | None, dataverse: str | None, *, values: dict[str, str] | None = None, **more: Any) -> Made:
    transforms = [{"type": "ValueMap", "map": values}] if values else []
    return {"finops": finops, "direction": "=", "dataverse": dataverse, "transforms": transforms, **more}


def default(value: str) -> Made:
    return {"type": "Default", "value": value, "applies_to": "dataverse"}


def lookup(finops: str, path: str, *targets: str, **more: Any) -> Made:
    *hops, key = path.split(".")
    return line(finops, path, lookup={"path": hops, "key": key, "target_tables": list(targets), **more})


def facts(entity: str, table: str, key: list[str], *fields: Made, **more: Any) -> Made:
    """A map whose finops key is that of the first columns, in the order of `key`; paths to companies stand for them."""
    named = [path for path in key if not path.endswith("cdm_companycode")]
    by_path = {each["dataverse"]: each["finops"] for each in fields}
    company = ["dataAreaId"] if len(named) < len(key) else []
    return {
        "group": "Some group",
        "finops_entity": entity,
        "finops_entity_token": None,
        "dataverse_table": table,
        "finops_filter": None,
        "dataverse_filter": None,
        "key": {"finops": [by_path[path] for path in named] + company, "dataverse": key},
        "fields": list(fields),
        **more,
    }


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Any]:
    """The documents made from these facts, by kind."""

    def documents(*maps: Made) -> Any:
        for number, each in enumerate(maps):
            (tmp_path / f"{number}__{each['dataverse_table']}.json").write_text(json.dumps(each), encoding="utf-8")
        made = files(tmp_path)
        assert {Path(name).name for name in made} == {"some_group.json"}
        return {kind: declarations.read(kind, made[f"{kind}/from_maps/some_group.json"].encode()) for kind in Kind}

    return documents


def finops(made: Any, number: int = 0) -> FinopsTable:
    document = made[Kind.FINOPS]
    assert isinstance(document, FinopsDocument)
    return document.tables[number]


def dataverse(made: Any, number: int = 0) -> DataverseTable:
    document = made[Kind.DATAVERSE]
    assert isinstance(document, DataverseDocument)
    return document.tables[number]


def column(table: FinopsTable | DataverseTable | DataverseExtension, name: str) -> Column:
    return next(one for one in table.columns if one.name == name)


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("DELIVERYADDRESSCOUNTRYREGIONISOCODE", "Delivery address country region ISO code"),
        ("msdyn_functionallocation_id", "Functional location ID"),
        ("address1_line2", "Address 1 line 2"),
        ("QWERTYNUMBER", "Qwerty number"),
    ],
)
def test_a_name_falls_into_words(name: str, label: str) -> None:
    assert words.label(words.split(name)) == label


@pytest.mark.parametrize(
    ("finops", "dataverse", "kind"),
    [
        ("VALIDFROM", "msdyn_validfrom", kinds.MOMENT),
        ("SALESPRICEDATE", "msdyn_salespricedate", kinds.DAY),
        ("REQUESTEDSHIPPINGDATE", "requestdeliveryby", kinds.DAY),
        ("ORDERTOTALAMOUNT", "totalamount", kinds.MONEY),
        ("SALESPRICE", "price", kinds.PRICE),
        ("LINENUMBER", "msdyn_linenumber", kinds.WHOLE),
        ("ADDRESSLATITUDE", "address1_latitude", kinds.LATITUDE),
        ("FISCALYEAR", "msdyn_name", kinds.of_words(("fiscal", "year"))),
        ("AFFIX", "msdyn_affix", kinds.PLAIN),
    ],
)
def test_the_last_words_tell_what_a_column_holds(finops: str, dataverse: str, kind: kinds.Kind) -> None:
    assert kinds.of_pair(words.split(finops), words.split(dataverse)) == kind


@pytest.mark.parametrize(
    ("entity", "set_name", "one"),
    [
        ("Main account", "MainAccounts", "MainAccount"),
        ("Purchase order headers V2", "PurchaseOrderHeadersV2", "PurchaseOrderHeaderV2"),
        ("Product categories", "ProductCategories", "ProductCategory"),
        ("Name affixes", "NameAffixes", "NameAffix"),
        ("Chart of accounts", "ChartsOfAccounts", "ChartOfAccounts"),
    ],
)
def test_entities_are_named_in_plural_and_singular(entity: str, set_name: str, one: str) -> None:
    assert (names.entity_set(entity), names.public_entity(set_name)) == (set_name, one)


@pytest.mark.parametrize(
    ("set_name", "logical"),
    [
        ("msdyn_warehouses", "msdyn_warehouse"),
        ("cdm_companies", "cdm_company"),
        ("msdyn_postaladdresses", "msdyn_postaladdress"),
        ("cdm_veteranstatuses", "cdm_veteranstatus"),
        ("msdyn_chartofaccountses", "msdyn_chartofaccounts"),
    ],
)
def test_logical_names_are_singular(set_name: str, logical: str) -> None:
    assert names.logical_name(set_name) == logical


def test_symbols_of_one_column_name_are_one_enumeration_where_they_meet() -> None:
    symbols = Symbols(["TakenName"])
    assert symbols.enum_of("A", "WORKSTATUS", ["open", "inprocess"]) == "WorkStatus"
    assert symbols.enum_of("B", "WORKSTATUS", ["inProcess", "none"]) == "WorkStatus"
    assert symbols.enum_of("C", "WORKSTATUS", ["left", "right"]) == "CWorkStatus"
    assert symbols.enum_of("C", "TAKENNAME", ["left", "right"]) == "CTakenName"
    assert symbols.enum_of("D", "ISOPEN", ["Yes", "no"]) == "NoYes"
    assert symbols.enum_of("D", "LANGUAGEID", ["en-us", "de"]) == ""
    assert {one.name: one.members for one in symbols.all()}["WorkStatus"] == ["None", "Open", "InProcess"]


def test_a_map_makes_a_table_on_each_side(make: Callable[..., Any]) -> None:
    made = make(
        facts(
            "Parking lots",
            "msdyn_parkinglots",
            ["msdyn_name", "msdyn_company.cdm_companycode"],
            line("LOTNUMBER", "msdyn_name"),
            line("ISCOVERED", "msdyn_iscovered", values=YES_NO),
            line("PRICE", "msdyn_price"),
            line("SURFACE", "msdyn_surface", values={"none": "192350000", "asphaltConcrete": "192350001"}),
            line(
                None,
                "msdyn_ordertype",
                transforms=[{"type": "Default", "value": "192350000", "applies_to": "dataverse"}],
            ),
            dataverse_filter="msdyn_isready eq true",
            finops_filter='(IsOpen == 1) && (OwnerName != "")',
        )
    )
    left, right = finops(made), dataverse(made)
    assert (left.set, left.entity, left.label, left.key, left.company) == (
        "ParkingLots",
        "ParkingLot",
        "Parking lots",
        ["LOTNUMBER"],
        True,
    )
    assert [(one.name, str(one.type)) for one in left.columns] == [
        ("LOTNUMBER", "text"),
        ("ISCOVERED", "enum"),
        ("PRICE", "decimal"),
        ("SURFACE", "enum"),
        ("ISOPEN", "enum"),
        ("OWNERNAME", "text"),
    ]
    assert column(left, "LOTNUMBER").required
    assert made[Kind.FINOPS].enums[0].members == ["None", "AsphaltConcrete"]
    assert (right.logical, right.primary_id, right.primary_name) == (
        "msdyn_parkinglot",
        "msdyn_parkinglotid",
        "msdyn_name",
    )
    assert right.keys[0].columns == ["msdyn_name", "msdyn_company"]
    assert column(right, "msdyn_company").target == "cdm_companies"
    assert column(right, "msdyn_iscovered").type is ColumnType.BOOLEAN
    assert column(right, "msdyn_price").is_money
    assert column(right, "msdyn_surface").choices == {"192350000": "None", "192350001": "Asphalt concrete"}
    assert column(right, "msdyn_ordertype").type is ColumnType.CHOICE
    assert column(right, "msdyn_isready").type is ColumnType.BOOLEAN


def test_look_ups_become_look_ups_and_references_of_the_whole_key(make: Callable[..., Any]) -> None:
    made = make(
        facts(
            "Lots",
            "msdyn_lots",
            ["msdyn_name", "msdyn_owner.msdyn_code"],
            line("LOTNUMBER", "msdyn_name"),
            lookup("OWNERCODE", "msdyn_owner.msdyn_code", "msdyn_owners"),
        ),
        facts("Owners", "msdyn_owners", ["msdyn_code"], line("CODE", "msdyn_code")),
        facts(
            "Places",
            "msdyn_places",
            ["msdyn_name"],
            line("PLACE", "msdyn_name"),
            lookup("LOTNUMBER", "msdyn_lot.msdyn_name", "msdyn_lots"),
            lookup("LOTOWNER", "msdyn_lot.msdyn_owner.msdyn_code", "msdyn_lots", "msdyn_owners"),
            lookup("OTHERLOT", "msdyn_other.msdyn_name", "msdyn_lots"),
            lookup("DOUBTED", "msdyn_doubted.msdyn_code", "msdyn_owners", confidence="low"),
        ),
    )
    places = finops(made, 2)
    assert [(one.name, one.columns, one.target, one.target_columns) for one in places.references] == [
        ("Lot", ["LOTNUMBER", "LOTOWNER"], "Lots", ["LOTNUMBER", "OWNERCODE"])
    ]
    assert dataverse(made).keys[0].columns == ["msdyn_name", "msdyn_owner"]
    assert {one.name: one.target for one in dataverse(made, 2).lookups()} == {
        "msdyn_lot": "msdyn_lots",
        "msdyn_other": "msdyn_lots",
        "msdyn_doubted": "msdyn_owners",
    }


def test_what_refers_to_a_table_made_by_hand_is_as_long_as_its_key(make: Callable[..., Any]) -> None:
    made = make(
        facts(
            "Lots",
            "msdyn_lots",
            ["msdyn_name"],
            line("LOTNUMBER", "msdyn_name"),
            lookup("UNIT", "msdyn_unit.msdyn_symbol", "uoms"),
            lookup("OTHERLOTNUMBER", "msdyn_parent.msdyn_name", "msdyn_lots"),
        ),
        facts("Units", "uoms", ["msdyn_symbol"], line("UNITSYMBOL", "msdyn_symbol")),
    )
    lots = finops(made)
    units = next(table for table in declarations.standard(Kind.FINOPS).tables if table.label == "Units")
    assert column(lots, "UNIT").length == next(one for one in units.columns if one.name == "UNITSYMBOL").length
    assert {one.name: one.target for one in lots.references} == {"Unit": "UnitsOfMeasure", "Parent": "Lots"}


def test_a_look_up_to_customers_has_two_targets(make: Callable[..., Any]) -> None:
    path = "customerid.Account(accountnumber).Contact(msdyn_contactpersonid)"
    either = {"path": ["customerid"], "polymorphic": True, "targets": []}
    made = make(
        facts(
            "Lots",
            "msdyn_lots",
            ["msdyn_name"],
            line("LOTNUMBER", "msdyn_name"),
            line("CUSTOMER", path, lookup=either),
        ),
    )
    assert column(dataverse(made), "customerid").targets == {
        "customerid_account": "accounts",
        "customerid_contact": "contacts",
    }


def test_tables_made_by_hand_are_only_extended(make: Callable[..., Any]) -> None:
    made = make(
        facts(
            "Units",
            "uoms",
            ["msdyn_symbol"],
            line("UNITSYMBOL", "msdyn_symbol"),
            line("NEWTHINGDATE", "msdyn_newthingdate"),
        )
    )
    assert made[Kind.DATAVERSE].tables == []
    (extension,) = made[Kind.DATAVERSE].extensions
    assert (extension.set, [one.name for one in extension.columns]) == ("uoms", ["msdyn_newthingdate"])
    assert [one.name for one in made[Kind.FINOPS].extensions[0].columns] == ["NEWTHINGDATE"]


def test_a_table_without_a_name_of_its_own_gets_one(make: Callable[..., Any]) -> None:
    made = make(
        facts(
            "Lots",
            "msdyn_lots",
            ["msdyn_unit.msdyn_symbol"],
            lookup("UNIT", "msdyn_unit.msdyn_symbol", "uoms"),
            line("LINENUMBER", "msdyn_linenumber"),
        )
    )
    assert dataverse(made).primary_name == "msdyn_name"


def test_a_document_is_written_with_a_line_for_each_column() -> None:
    document = declarations.read(Kind.DATAVERSE, text(declarations.standard(Kind.DATAVERSE)).encode())
    assert document == declarations.standard(Kind.DATAVERSE)
    lines = text(document).splitlines()
    assert sum(one.lstrip().startswith('{"name"') for one in lines) == sum(
        len(table.columns) + len(table.keys) for table in document.tables
    )

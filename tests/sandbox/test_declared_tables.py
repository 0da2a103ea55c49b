"""The tables that every sandbox has, against the published facts of all maps and the sample data."""

import csv
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Any

import pytest

from script.tables_from_maps.__main__ import files
from syncengine.catalog import ColumnType
from syncengine.sandbox import declaration_checks, declarations
from syncengine.sandbox.dataverse import shape as dataverse_shape
from syncengine.sandbox.declarations import (
    FOLDER,
    Column,
    DataverseDocument,
    DataverseTable,
    FinopsDocument,
    FinopsTable,
    Kind,
)
from syncengine.sandbox.inventory import Inventory
from tests.independent.expected import ADVENTUREWORKS, FILES
from tests.independent.facts import COMPANY, SETS, SHARED

MAPS = SHARED / "maps"
STEMS = sorted(path.stem for path in MAPS.glob("*__*.json")) or ["no maps"]
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="the shared folder with facts and sample data is absent")
CHANGES_SHOW = {"CustomersV3", "VendorsV2", "CustomerGroups", "VendorGroups", "PaymentTerms"}  # of those made by hand
IDENTIFIER = 63  # the longest name in PostgreSQL
COMPARED = {"finops": re.compile(r"(\w+)\s*(?:==|!=|=)"), "dataverse": re.compile(r"(\w+)\s+(?:eq|ne)\b")}


@cache
def declared(kind: Kind) -> Any:
    return declarations.standard(kind)


def finops() -> dict[str, FinopsTable]:
    document = declared(Kind.FINOPS)
    assert isinstance(document, FinopsDocument)
    return {table.set: table for table in document.tables}


def dataverse() -> dict[str, DataverseTable]:
    document = declared(Kind.DATAVERSE)
    assert isinstance(document, DataverseDocument)
    return {table.set: table for table in document.tables}


@cache
def members() -> dict[str, list[str]]:
    return {enum.name: enum.members for enum in declared(Kind.FINOPS).enums}


def columns(table: FinopsTable | DataverseTable) -> dict[str, Column]:
    return {column.name: column for column in table.columns}


def readable(table: DataverseTable) -> set[str]:
    """The columns by their logical names, those that every table has among them."""
    given = (*dataverse_shape.COMMON, dataverse_shape.VERSION)
    return {table.primary_id, *columns(table), *(column.name for column in given)}


def lists(stem: str) -> Iterator[dict[str, Any]]:
    """A map's lists of fields: today's, and that of 2020 where there is one."""
    for path in (MAPS / f"{stem}.json", MAPS / "variants_2020" / f"{stem}.json"):
        if path.exists():
            yield json.loads(path.read_text(encoding="utf-8"))


def lines(stem: str) -> Iterator[dict[str, Any]]:
    return (line for fields in lists(stem) for line in fields["fields"])


def value_maps(line: dict[str, Any]) -> Iterable[dict[str, str]]:
    return (part["map"] for part in line["transforms"] if part["type"] == "ValueMap")


def sides(stem: str) -> tuple[FinopsTable, DataverseTable]:
    """The tables of a map: the entity is found by its display name, which is the table's label."""
    facts = next(lists(stem))
    return next(one for one in finops().values() if one.label == facts["finops_entity"]), dataverse()[
        facts["dataverse_table"]
    ]


def missing(table: DataverseTable, path: Sequence[str]) -> list[str]:
    """What is not there of a path: look-ups, and a column of the table that the last one points to."""
    first, *rest = path
    if first not in readable(table):
        return [f"{table.set}.{first}"]
    if not rest:
        return []
    targets = [branch.target for branch in columns(table)[first].branches()]
    if re.fullmatch(r"Account\(\w+\)", rest[0]):  # to accounts or to contacts
        return [] if targets == ["accounts", "contacts"] else [f"{table.set}.{first}"]
    return [each for target in targets for each in missing(dataverse()[target], rest)]


@pytest.mark.parametrize("kind", Kind)
def test_declarations_name_only_what_is_there(kind: Kind) -> None:
    declaration_checks.check(declared(kind))
    assert declared(kind).tables


@pytest.mark.parametrize("kind", Kind)
def test_each_table_has_names_of_its_own(kind: Kind) -> None:
    assert len(Inventory(declared(kind)).names) == len(declared(kind).tables)
    named = Counter(table.table.lower() for table in finops().values())
    assert [name for name, count in named.items() if count > 1] == []


def test_dataverse_tables_keep_the_limits_of_the_service() -> None:
    for table in dataverse().values():
        own, name = columns(table), f"{table.set}:"
        assert table.primary_id not in own, name
        assert table.is_system or own[table.primary_name].type in (ColumnType.TEXT, ColumnType.LOOKUP), name
        assert len(table.keys) <= 10, name
        assert all(1 <= len(key.columns) <= 16 for key in table.keys), name
        indexes = [dataverse_shape.index_name(table, key) for key in table.keys]
        assert len(set(indexes)) == len(indexes), name
        assert all(len(set(key.columns)) == len(key.columns) for key in table.keys), name


def test_names_fit_into_the_database() -> None:
    names = [branch.name for table in dataverse().values() for branch in table.lookups()]
    names += [name for table in finops().values() for name in (table.set, *columns(table))]
    assert max(map(len, names)) <= IDENTIFIER


def test_only_some_finops_tables_show_when_a_row_changed() -> None:
    shown = {name for name, table in finops().items() if table.modified}
    by_hand = {SETS[stem] for stem in SETS}
    assert shown & by_hand == CHANGES_SHOW
    assert {"CDSSalesOrderHeaders", "PurchaseOrderHeadersV2"} <= shown
    assert not shown & {"DeliveryTerms", "OperationalSites", "Workers"}


def test_what_refers_to_a_key_is_as_long_as_the_key() -> None:
    tables = finops()
    for table in tables.values():
        for relation in table.references:
            target = columns(tables[relation.target])
            lengths = [columns(table)[name].length for name in relation.columns]
            assert lengths == [target[name].length for name in relation.target_columns], relation


def test_references_name_the_whole_key_of_their_target() -> None:
    for table in finops().values():
        for relation in table.references:
            assert sorted(relation.target_columns) == sorted(finops()[relation.target].key), relation
        names = [relation.name for relation in table.references]
        assert len(set(names)) == len(names), table.set


def test_rows_of_companies_lie_in_tables_with_companies() -> None:
    """A dataverse table whose key names a company is fed from an entity of companies, and the reverse."""
    assert finops()["Warehouses"].company
    assert {"msdyn_company", "msdyn_warehouseidentifier"} in [
        set(key.columns) for key in dataverse()["msdyn_warehouses"].keys
    ]
    assert not finops()["Workers"].company


@needs_shared
@pytest.mark.parametrize("stem", STEMS)
def test_finops_has_every_column_of_its_maps(stem: str) -> None:
    facts, (table, _) = next(lists(stem)), sides(stem)
    named = {line["finops"] for line in lines(stem) if line["finops"]} | set(facts["key"]["finops"])
    assert named - {COMPANY} - columns(table).keys() == set()
    compared = {name.upper() for name in COMPARED["finops"].findall(facts["finops_filter"] or "")}
    assert compared - {name.upper() for name in columns(table)} == set()


@needs_shared
@pytest.mark.parametrize("stem", STEMS)
def test_dataverse_has_every_column_and_look_up_of_its_maps(stem: str) -> None:
    facts, (_, table) = next(lists(stem)), sides(stem)
    paths = [line["dataverse"] for line in lines(stem) if line["dataverse"]] + facts["key"]["dataverse"]
    assert [each for path in paths for each in missing(table, path.split("."))] == []
    versions = [each["filter"] or "" for each in facts.get("dataverse_filter_by_version") or ()]
    compared = COMPARED["dataverse"].findall(" ".join([facts["dataverse_filter"] or "", *versions]))
    assert set(compared) - readable(table) == set()


@needs_shared
@pytest.mark.parametrize("stem", STEMS)
def test_keys_are_those_that_the_maps_pair_rows_by(stem: str) -> None:
    """But of entities with several maps: they have the key of the first."""
    published, (left, right) = next(lists(stem))["key"], sides(stem)
    pairs = {path.partition(".")[0] for path in published["dataverse"]}
    assert pairs == {right.primary_id} or pairs in [set(key.columns) for key in right.keys]
    if stem != "legal_entities__msdyn_internalorganizations":
        assert set(left.key) | ({COMPANY} if left.company else set()) == set(published["finops"])


@needs_shared
@pytest.mark.parametrize("stem", STEMS)
def test_mapped_values_are_members_and_choices(stem: str) -> None:
    left, right = map(columns, sides(stem))
    for line in lines(stem):
        for values in value_maps(line):
            assert [value for value in values if not takes(left[line["finops"]], value)] == [], line["finops"]
            target = right.get(line["dataverse"]) or dataverse_shape.STATE
            assert [value for value in values.values() if not takes(target, value)] == [], target.name


def takes(column: Column, value: str) -> bool:
    """Whether a value, as a value map prints it, is one of the column's."""
    match column.type:
        case ColumnType.ENUM:
            return value.casefold() in {member.casefold() for member in members()[column.enum]}
        case ColumnType.CHOICE:
            return value in column.choices
        case ColumnType.BOOLEAN:
            return value.lower() in ("true", "false")
        case ColumnType.DATE:
            return value in ("", "1/1/1900")
        case _:
            return column.type is ColumnType.TEXT and len(value) <= column.length


@needs_shared
@pytest.mark.parametrize("stem", SETS)
def test_finops_tables_are_labelled_as_the_maps_name_them(stem: str) -> None:
    labels = {fields["finops_entity"] for fields in lists(stem) if fields["finops_entity"].isascii()}
    assert finops()[SETS[stem]].label in labels


@needs_shared
def test_the_tables_from_maps_are_what_the_program_makes() -> None:
    """After a change of the program: `python -m script.tables_from_maps`."""
    there = {str(path.relative_to(FOLDER)): path for path in FOLDER.rglob("from_maps/*.json")}
    made = files(MAPS)
    assert there.keys() == made.keys()
    assert [name for name, text in made.items() if there[name].read_text(encoding="utf-8") != text] == []


@needs_shared
@pytest.mark.parametrize("name", FILES)
def test_every_cell_of_the_sample_data_fits(name: str) -> None:
    table = finops()[name]
    own = columns(table)
    for file in FILES[name]:
        for row in csv.DictReader((ADVENTUREWORKS / file).read_text(encoding="utf-8").splitlines()):
            for heading, cell in row.items():
                assert (heading == COMPANY and table.company) or fits(own[heading], cell), f"{heading}: {cell!r}"


def fits(column: Column, cell: str) -> bool:
    match column.type:
        case ColumnType.TEXT:
            return len(cell) <= column.length
        case ColumnType.ENUM:
            return cell in members()[column.enum]
        case ColumnType.DECIMAL:
            return len(cell.partition(".")[2]) <= column.scale
        case _:
            return cell.lstrip("-").isdigit()

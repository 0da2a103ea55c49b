"""The tables that every sandbox starts with, against the published facts of the twelve maps and the sample data."""

import csv
import json
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

import pytest

from syncengine.catalog import ColumnType
from syncengine.sandbox import declarations
from syncengine.sandbox.declarations import (
    Column,
    DataverseDocument,
    DataverseTable,
    FinopsDocument,
    FinopsTable,
    Kind,
)
from tests.independent.expected import ADVENTUREWORKS, FILES
from tests.independent.facts import COMPANY, SETS, SHARED

needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="the shared folder with facts and sample data is absent")
CHANGES_SHOW = {"CustomersV3", "VendorsV2", "CustomerGroups", "VendorGroups", "PaymentTerms"}


@cache
def declared(kind: Kind) -> Any:
    return declarations.merged(kind, declarations.standard(kind))


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


def lists(stem: str) -> Iterator[dict[str, Any]]:
    """A map's lists of fields: today's, and that of 2020 where there is one."""
    for path in (SHARED / "maps" / f"{stem}.json", SHARED / "maps" / "variants_2020" / f"{stem}.json"):
        if path.exists():
            yield json.loads(path.read_text(encoding="utf-8"))


def lines(stem: str) -> Iterator[dict[str, Any]]:
    return (line for fields in lists(stem) for line in fields["fields"])


def value_maps(line: dict[str, Any]) -> Iterable[dict[str, str]]:
    return (part["map"] for part in line["transforms"] if part["type"] == "ValueMap")


@pytest.mark.parametrize("kind", Kind)
def test_declarations_name_only_what_is_there(kind: Kind) -> None:
    declarations.check(declared(kind))
    assert declared(kind).tables


def test_only_some_finops_tables_show_when_a_row_changed() -> None:
    assert {name for name, table in finops().items() if table.modified} == CHANGES_SHOW


def test_what_refers_to_a_key_is_as_long_as_the_key() -> None:
    tables = finops()
    for table in tables.values():
        for relation in table.references:
            target = columns(tables[relation.target])
            lengths = [columns(table)[name].length for name in relation.columns]
            assert lengths == [target[name].length for name in relation.target_columns], relation


@needs_shared
@pytest.mark.parametrize("stem", SETS)
def test_finops_has_every_column_of_its_maps(stem: str) -> None:
    named = {line["finops"] for line in lines(stem) if line["finops"]}
    assert named - columns(finops()[SETS[stem]]).keys() == set()


@needs_shared
@pytest.mark.parametrize("stem", SETS)
def test_finops_tables_are_labelled_as_the_maps_name_them(stem: str) -> None:
    labels = {fields["finops_entity"] for fields in lists(stem) if fields["finops_entity"].isascii()}
    assert finops()[SETS[stem]].label in labels


@needs_shared
@pytest.mark.parametrize("stem", SETS)
def test_dataverse_has_every_column_and_look_up_of_its_maps(stem: str) -> None:
    tables = dataverse()
    own = columns(tables[stem.partition("__")[2]])
    for line in lines(stem):
        name, _, key = (line["dataverse"] or "").partition(".")
        assert not name or name in own, name
        assert not key or key in columns(tables[own[name].target]), line["dataverse"]


@needs_shared
@pytest.mark.parametrize("stem", SETS)
def test_keys_are_those_that_the_maps_pair_rows_by(stem: str) -> None:
    published = next(lists(stem))["key"]
    left, right = finops()[SETS[stem]], dataverse()[stem.partition("__")[2]]
    assert set(left.key) | ({COMPANY} if left.company else set()) == set(published["finops"])
    assert {path.partition(".")[0] for path in published["dataverse"]} in [set(key.columns) for key in right.keys]


@needs_shared
@pytest.mark.parametrize("stem", SETS)
def test_mapped_values_are_members_and_choices(stem: str) -> None:
    left, right = columns(finops()[SETS[stem]]), columns(dataverse()[stem.partition("__")[2]])
    for line in lines(stem):
        for values in value_maps(line):
            symbols = {member.casefold() for member in members()[left[line["finops"]].enum]}
            assert {value.casefold() for value in values} <= symbols, line["finops"]
            target = right[line["dataverse"]]
            assert target.type is ColumnType.BOOLEAN or set(values.values()) <= target.choices.keys(), target.name


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

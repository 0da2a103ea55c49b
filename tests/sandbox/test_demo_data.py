"""The demo data: it fits the declared tables, refers only to what is there, and is the same every time."""

import re
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from syncengine.catalog import ColumnType
from syncengine.sandbox import declarations
from syncengine.sandbox.declarations import COMPANY, Column, DataverseTable, FinopsTable, Kind
from syncengine.sandbox.demo import dataverse_rows, finops_rows
from tests.independent.expected import expected_rows
from tests.independent.facts import SHARED, SOLUTION, all_facts
from tests.independent.values import Value, agree

FINOPS, DATAVERSE = finops_rows(), dataverse_rows()
DOCUMENTS: dict[Kind, Any] = {kind: declarations.standard(kind) for kind in Kind}
ENTITIES: dict[str, FinopsTable] = {table.set: table for table in DOCUMENTS[Kind.FINOPS].tables}
TABLES: dict[str, DataverseTable] = {table.set: table for table in DOCUMENTS[Kind.DATAVERSE].tables}
MEMBERS = {enum.name: enum.members for enum in DOCUMENTS[Kind.FINOPS].enums}
BIND = "@odata.bind"
needs_facts = pytest.mark.skipif(not (SHARED.is_dir() or SOLUTION.is_dir()), reason="there are no maps to compare with")


def key(row: Mapping[str, Any], columns: list[str]) -> tuple[str, ...]:
    return tuple(str(row.get(column, "")).casefold() for column in columns)


def plain(row: Mapping[str, Any]) -> dict[str, Value]:
    return {name: Decimal(str(value)) if isinstance(value, float) else value for name, value in row.items()}


def test_every_call_gives_the_same_rows() -> None:
    assert finops_rows() == FINOPS
    assert dataverse_rows() == DATAVERSE


def test_a_call_gives_rows_of_its_own() -> None:
    finops_rows()["Currencies"][0]["NAME"] = "changed"
    assert finops_rows() == FINOPS


def test_there_are_about_two_thousand_rows_in_two_companies() -> None:
    assert 1_900 < sum(map(len, FINOPS.values())) < 2_200
    kinds = Counter((row[COMPANY], row["PARTYTYPE"]) for row in FINOPS["CustomersV3"])
    assert kinds == {
        ("usmf", "Organization"): 700,
        ("demf", "Organization"): 500,
        ("usmf", "Person"): 300,
        ("demf", "Person"): 200,
    }


@pytest.mark.parametrize("name", FINOPS)
def test_finops_cells_fit_their_columns(name: str) -> None:
    own = {column.name: column for column in ENTITIES[name].columns}
    for row in FINOPS[name]:
        assert ENTITIES[name].company == (COMPANY in row)
        for column, value in row.items():
            assert column == COMPANY or fits(own[column], value), f"{column}: {value!r}"


@pytest.mark.parametrize("name", FINOPS)
def test_finops_keys_occur_once(name: str) -> None:
    columns = [COMPANY, *ENTITIES[name].key]
    assert max(Counter(key(row, columns) for row in FINOPS[name]).values()) == 1


def test_finops_rows_refer_only_to_rows_before_them() -> None:
    seen: set[tuple[str, tuple[str, ...]]] = set()
    for name, rows in FINOPS.items():
        for row in rows:
            assert missing(ENTITIES[name], row, seen) == []
            seen.add((name, key(row, [COMPANY, *ENTITIES[name].key])))


def missing(table: FinopsTable, row: Mapping[str, Any], seen: set[tuple[str, tuple[str, ...]]]) -> list[str]:
    """The names of the references that lead nowhere."""
    broken = []
    for relation in table.references:
        company = row[COMPANY] if ENTITIES[relation.target].company else ""
        values = [row.get(column, "") for column in relation.columns]
        if any(values) and (relation.target, key({"": company, **row}, ["", *relation.columns])) not in seen:
            broken.append(relation.name)
    return broken


def test_some_customers_are_invoiced_to_others_of_their_company() -> None:
    invoiced = [row for row in FINOPS["CustomersV3"] if row.get("INVOICEACCOUNT")]
    assert len(invoiced) > 50
    assert all(row["INVOICEACCOUNT"] != row["CUSTOMERACCOUNT"] for row in invoiced)


@pytest.mark.parametrize("name", DATAVERSE)
def test_dataverse_bodies_fit_their_tables(name: str) -> None:
    own = {column.name: column for column in TABLES[name].columns}
    for row in DATAVERSE[name]:
        for column, value in row.items():
            bare = column.removesuffix(BIND)
            assert column == TABLES[name].primary_id or fits(own[bare], value), f"{column}: {value!r}"
            assert column.endswith(BIND) == (bare in own and own[bare].type is ColumnType.LOOKUP)


@pytest.mark.parametrize("name", DATAVERSE)
def test_dataverse_keys_occur_once(name: str) -> None:
    for one in TABLES[name].keys:
        found = Counter(key(row, one.columns) for row in map(bare, DATAVERSE[name]) if all(map(row.get, one.columns)))
        assert max(found.values()) == 1


def bare(row: Mapping[str, Any]) -> dict[str, Any]:
    return {column.removesuffix(BIND): value for column, value in row.items()}


def test_dataverse_look_ups_lead_to_rows_before_them() -> None:
    seen: set[str] = set()
    for name, rows in DATAVERSE.items():
        bound = {value for row in rows for column, value in row.items() if column.endswith(BIND)}
        assert bound - seen == set()
        seen |= {address for row in rows for address in addresses(name, row)}


def addresses(name: str, row: Mapping[str, Any]) -> list[str]:
    """How look-ups may name the row: by its own id, or by a key of one column."""
    keys = [one.columns[0] for one in TABLES[name].keys if len(one.columns) == 1]
    by_id = [f"/{name}({row[TABLES[name].primary_id]})"] if TABLES[name].primary_id in row else []
    return by_id + [f"/{name}({column}='{row[column]}')" for column in keys]


@needs_facts
@pytest.mark.parametrize(("table", "known", "own"), [("accounts", 20, 25), ("contacts", 20, 10)])
def test_half_of_the_customers_that_both_sides_know_are_alike(table: str, known: int, own: int) -> None:
    facts = next(one for one in all_facts() if one.right_set == table)
    expected = expected_rows(facts, map(plain, FINOPS["CustomersV3"]))
    customers = [row for row in DATAVERSE[table] if facts.right_key in row]
    both = [(row, expected[place]) for row in customers if (place := key_of(row, facts.right_key)) in expected]
    alike = [row for row, one in both if all(agree(one.values[c], plain(row).get(c)) for c in one.values)]
    assert (len(both), len(customers) - len(both), len(alike)) == (known, own, known // 2)


def key_of(row: Mapping[str, Any], name: str) -> tuple[str, str]:
    company = re.fullmatch(r"/cdm_companies\(cdm_companycode='(\w+)'\)", str(row["msdyn_company@odata.bind"]))
    assert company
    return str(row[name]).casefold(), company[1]


def fits(column: Column, value: Any) -> bool:
    match column.type:
        case ColumnType.TEXT:
            return isinstance(value, str) and len(value) <= column.length
        case ColumnType.ENUM:
            return value in MEMBERS[column.enum]
        case ColumnType.CHOICE:
            return str(value) in column.choices
        case ColumnType.BOOLEAN:
            return isinstance(value, bool)
        case ColumnType.DECIMAL:
            return -Decimal(str(value)).as_tuple().exponent <= column.scale
        case ColumnType.LOOKUP:
            return isinstance(value, str) and value.startswith(f"/{column.target}(")
        case _:
            return type(value) is int

"""The shipped solution, against itself and against the tables that the sandboxes declare."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from syncengine.builtin import FOLDER, SolutionMap, load
from syncengine.catalog import Choice, Column, ColumnType, Table
from syncengine.mapping.compile import compile_map
from syncengine.mapping.definition import Direction, from_json, to_json
from syncengine.mapping.graph import dependencies, order
from syncengine.mapping.validate import validate

MAPS = load().maps
NAMES = [found.definition.name for found in MAPS]
DECLARED = Path(__file__).resolve().parents[3] / "syncengine" / "sandbox" / "tables"


def documents(kind: str) -> list[dict[str, Any]]:
    return [json.loads(path.read_bytes()) for path in sorted((DECLARED / kind).glob("*.json"))]


def column(declared: dict[str, Any], members: dict[str, list[str]]) -> Column:
    labels = {symbol: symbol for symbol in members.get(declared.get("enum", ""), [])} or declared.get("choices", {})
    kind = ColumnType(declared["type"])
    return Column(
        name=declared["name"],
        type=kind,
        max_length=declared.get("length", 100) if kind is ColumnType.TEXT else None,
        scale=declared.get("scale", 2) if kind is ColumnType.DECIMAL else None,
        is_required=declared.get("required", False) and "number_sequence" not in declared,
        is_read_only=declared.get("read_only", False),
        choices=tuple(Choice(value=value, label=label) for value, label in labels.items()),
        targets=(declared["target"],) if "target" in declared else (),
    )


@cache
def left_tables() -> dict[str, Table]:
    declared = documents("finops")
    members = {enum["name"]: enum["members"] for document in declared for enum in document.get("enums", [])}
    company = Column(name="dataAreaId", type=ColumnType.TEXT, max_length=4)
    return {
        table["set"]: Table(
            name=table["set"],
            logical_name=table["entity"],
            label=table["label"],
            columns=(
                *(column(part, members) for part in table["columns"]),
                *((company,) if table.get("company") else ()),
            ),
            company_column="dataAreaId" if table.get("company") else "",
        )
        for document in declared
        for table in document["tables"]
    }


@cache
def right_tables() -> dict[str, Table]:
    tables = [table for document in documents("dataverse") for table in document["tables"]]
    return {
        table["set"]: Table(
            name=table["set"],
            logical_name=table["logical"],
            label=table["label"],
            columns=tuple(column(part, {}) for part in table["columns"]),
            id_column=table["primary_id"],
            company_column=next(
                (part["name"] for part in table["columns"] if part.get("target") == "cdm_companies"), ""
            ),
        )
        for table in tables
    }


def test_there_are_twelve_maps_and_all_say_what_they_do() -> None:
    assert len(NAMES) == len(set(NAMES)) == 12
    assert all(found.definition.group and found.definition.description.endswith(".") for found in MAPS)
    assert (load().name, load().publisher, load().version) == ("Twofold core maps", "Twofold", "1.0.0.0")


def test_no_file_is_left_out() -> None:
    listed = {entry["file"] for entry in json.loads((FOLDER / "solution.json").read_bytes())["maps"]}
    assert listed == {path.name for path in FOLDER.glob("*.json")} - {"solution.json"}


@pytest.mark.parametrize("found", MAPS, ids=NAMES)
def test_each_definition_survives_being_stored(found: SolutionMap) -> None:
    assert from_json(to_json(found.definition)) == found.definition


@pytest.mark.parametrize("found", MAPS, ids=NAMES)
def test_the_solution_names_every_plain_copy(found: SolutionMap) -> None:
    noted = [f"{line.left} – {line.right}" for line in found.definition.fields if line.note]
    assert list(found.plain_copies) == noted
    assert not any(line.note and line.value_map for line in found.definition.fields)


@pytest.mark.parametrize("found", MAPS, ids=NAMES)
def test_each_map_fits_the_tables_of_the_sandboxes(found: SolutionMap) -> None:
    definition = found.definition
    left, right = left_tables().get(definition.left_table), right_tables().get(definition.right_table)
    assert validate(definition, left, right, right_tables()) == []


def test_maps_of_company_rows_take_the_company_into_the_key() -> None:
    for found in MAPS:
        left = left_tables()[found.definition.left_table]
        assert bool(found.definition.company) == bool(left.company_column)
        assert len(found.definition.key) == (2 if found.definition.company else 1)


def test_customers_split_by_party_type() -> None:
    by_name = {found.definition.name: found.definition for found in MAPS}
    accounts, contacts = by_name["Customers V3 (accounts)"], by_name["Customers V3 (contacts)"]
    assert accounts.left_table == contacts.left_table == "CustomersV3"
    assert "Organization" in accounts.left_filter
    assert "Person" in contacts.left_filter


def test_both_ways_and_both_one_ways_occur() -> None:
    assert {line.direction for found in MAPS for line in found.definition.fields} == set(Direction)


def test_parents_run_first() -> None:
    definitions = {found.definition.name: found.definition for found in MAPS}
    graph = dependencies(definitions, right_tables())
    ordered = order(NAMES, graph)
    for name, parents in graph.items():
        assert all(ordered.index(parent) < ordered.index(name) for parent in parents)
    assert graph["Vendor groups (msdyn_vendorgroups)"] == {
        "Legal entities (cdm_companies)",
        "Terms of payment (msdyn_paymentterms)",
    }


def test_accounts_know_their_self_lookup() -> None:
    (accounts,) = (found.definition for found in MAPS if found.definition.right_table == "accounts")
    compiled = compile_map(
        accounts,
        left=left_tables()[accounts.left_table],
        right=right_tables()[accounts.right_table],
        right_tables=right_tables(),
    )
    assert [lookup.path for lookup in compiled.lookups if lookup.is_self] == ["msdyn_billingaccount.accountnumber"]

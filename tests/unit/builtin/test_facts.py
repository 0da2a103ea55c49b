"""The shipped maps against the published facts, field by field. Skipped where the facts are not at hand."""

import json
from pathlib import Path
from typing import Any

import pytest

from syncengine.builtin import SolutionMap, load
from syncengine.mapping.definition import Direction, FieldMapping

FACTS = Path(__file__).resolve().parents[3].parent / "shared" / "maps"
pytestmark = pytest.mark.skipif(not FACTS.is_dir(), reason="the published facts (../shared/maps) are not here")

MAPS = load().maps
NAMES = [found.definition.name for found in MAPS]
GLYPHS = {"=": "=", "><": "=", ">": ">", ">>": ">", "<": "<", "<<": "<"}
FLOWS = {Direction.BOTH: "=", Direction.TO_RIGHT: ">", Direction.TO_LEFT: "<"}

Facts = dict[str, Any]


def facts_of(found: SolutionMap) -> tuple[Facts, Facts]:
    """The current facts of a map, and those whose field list it takes: of 2020 where there is one."""
    for path in FACTS.glob("*__*.json"):
        current = json.loads(path.read_bytes())
        if current["name"] == found.definition.name:
            older = FACTS / "variants_2020" / path.name
            return current, json.loads(older.read_bytes()) if older.exists() else current
    raise AssertionError(f"no facts for {found.definition.name}")


def values_of(field: Facts, current: Facts) -> dict[str, str]:
    """The value map that is printed for the pair, in its own list or in the current one."""
    pair = (field["finops"], field["dataverse"])
    same = [field, *(other for other in current["fields"] if (other["finops"], other["dataverse"]) == pair)]
    printed = [step["map"] for other in same for step in other["transforms"] if step["type"] == "ValueMap"]
    return printed[0] if printed else {}


def published(field: Facts, current: Facts) -> tuple[Any, ...]:
    values = tuple(values_of(field, current).items())
    return field["finops"], field["dataverse"], GLYPHS[field["direction"]], values, field.get("default")


def shipped(line: FieldMapping) -> tuple[Any, ...]:
    return line.left, line.right, FLOWS[line.direction], tuple((p.left, p.right) for p in line.value_map), line.default


@pytest.mark.parametrize("found", MAPS, ids=NAMES)
def test_each_field_is_as_published(found: SolutionMap) -> None:
    current, listed = facts_of(found)
    assert [shipped(line) for line in found.definition.fields] == [
        published(field, current) for field in listed["fields"]
    ]


@pytest.mark.parametrize("found", MAPS, ids=NAMES)
def test_the_field_list_of_2020_is_used_where_there_is_one(found: SolutionMap) -> None:
    current, listed = facts_of(found)
    assert found.field_list == ("current" if listed is current else "2020")


@pytest.mark.parametrize("found", MAPS, ids=NAMES)
def test_fields_with_an_unprinted_transform_are_noted_as_plain_copies(found: SolutionMap) -> None:
    _, listed = facts_of(found)
    for line, field in zip(found.definition.fields, listed["fields"], strict=True):
        is_transformed = field["direction"] in {"><", ">>", "<<"}
        assert bool(line.note) == (is_transformed and not line.value_map and line.default is None)


@pytest.mark.parametrize("found", MAPS, ids=NAMES)
def test_key_and_company_are_as_published(found: SolutionMap) -> None:
    key = facts_of(found)[0]["key"]
    assert {part.left for part in found.definition.key} == set(key["finops"])
    assert {part.right for part in found.definition.key} == set(key["dataverse"])
    company = found.definition.company
    assert (company.right if company else None) == key["company_column"]


@pytest.mark.parametrize("found", MAPS, ids=NAMES)
def test_filters_and_tables_are_as_published(found: SolutionMap) -> None:
    current, listed = facts_of(found)
    definition = found.definition
    assert definition.left_filter == (listed["finops_filter"] or current["finops_filter"] or "")
    assert definition.right_filter == (listed["dataverse_filter"] or current["dataverse_filter"] or "")
    assert definition.right_table == current["dataverse_table"]

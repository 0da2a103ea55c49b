"""The facts themselves: the shipped maps say what was published, and the sample data has what the issue counts."""

import pytest

from tests.independent.expected import ADVENTUREWORKS, COUNTS, expected_rows, rows_of_files
from tests.independent.facts import SHARED, SOLUTION, MapFacts, all_facts, from_shared, from_solution
from tests.independent.values import passes

needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="the shared folder with facts and sample data is absent")


def test_there_are_twelve_maps_and_parents_come_first() -> None:
    names = [one.name for one in all_facts()]
    assert names[0] == "Legal entities (cdm_companies)"
    assert set(names) == set(COUNTS)


@needs_shared
@pytest.mark.skipif(not SOLUTION.is_dir(), reason="the shipped solution is absent")
def test_shipped_maps_say_what_was_published() -> None:
    published, shipped = from_shared(), from_solution()
    assert [lines(one) for one in shipped] == [lines(one) for one in published]


def lines(one: MapFacts) -> tuple[object, ...]:
    """What decides values, without regard to order; filters are spelled in more than one way."""
    fields = sorted(
        (field.left or "", field.right or "", field.to_right, field.to_left, sorted(field.values), field.default or "")
        for field in one.fields
        if field.right != one.company
    )
    return one.name, one.left_set, one.right_set, one.left_key, one.right_key, one.company, fields


@needs_shared
@pytest.mark.parametrize("name", COUNTS)
def test_sample_data_makes_as_many_rows_as_the_issue_says(name: str) -> None:
    facts = next(one for one in from_shared() if one.name == name)
    assert len(expected_rows(facts, rows_of_files(ADVENTUREWORKS)[facts.left_set])) == COUNTS[name]


@pytest.mark.parametrize(
    ("text", "row", "is_in"),
    [
        ('((PartyType == "Person"))', {"PARTYTYPE": "Person"}, True),
        ('((PartyType == "Person"))', {"PARTYTYPE": "Organization"}, False),
        ('((CURRENCYCODE != "999"))', {"CURRENCYCODE": "999"}, False),
        ("customertypecode eq 3", {"customertypecode": 3}, True),
        ("a eq true and b ne ''", {"a": True, "b": None}, False),
        ("a eq true  and b ne null", {"a": True, "b": "C1"}, True),
        ('((T == "A") || (T == "B"))', {"T": "b"}, True),
        ("", {}, True),
    ],
)
def test_filters_are_read_as_both_services_mean_them(text: str, row: dict[str, str | bool | int], is_in: bool) -> None:
    assert passes(text, row) is is_in

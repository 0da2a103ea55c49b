from datetime import UTC, date, datetime
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given, settings

from syncengine.catalog import ColumnType
from syncengine.mapping.filters import odata, range_expression
from syncengine.mapping.filters.ast import Filter, FilterError
from syncengine.mapping.filters.parse import check_filter, parse_filter
from syncengine.mapping.filters.polars import to_expression
from syncengine.states import Side
from tests.unit.mapping.make import make_rows
from tests.unit.mapping.test_to_odata import FILTERS, GUID, TABLE

T = ColumnType
FULL = {
    "name": "Bob's bikes",
    "Amount": Decimal("1.50"),
    "count": 5,
    "flag": True,
    "day": date(2021, 6, 23),
    "at": datetime(2021, 6, 23, 10, tzinfo=UTC),
    "rank": 3,
    "id": GUID,
    "co": GUID,
    "party": "Person",
    "kind": "One",
}
ROWS = make_rows(TABLE, [FULL, dict.fromkeys(FULL)])


def found(where: Filter) -> tuple[bool, bool]:
    """Whether the full row and the empty row pass."""
    full, empty = ROWS.select(passes=to_expression(where, TABLE))["passes"].to_list()
    return full, empty


@pytest.mark.parametrize(
    ("text", "full", "empty"),
    [
        ("name eq 'BOB''S BIKES'", True, False),
        ("name ne 'x'", True, True),
        ("name eq ''", False, True),
        ("name ne null", True, False),
        ("name lt 'C'", True, False),
        ("contains(NAME,'BIKE')", True, False),
        ("startswith(name,'bob')", True, False),
        ("endswith(name,'s')", True, False),
        ("not contains(name,'x')", True, True),
        ("contains(count,'5')", True, False),
        ("name in ('x',null)", False, True),
        ("count gt 4.5", True, False),
        ("count ge 6", False, False),
        ("count in (5,6)", True, False),
        ("count lt null", False, False),
        ("amount eq 1.5", True, False),
        ("amount lt 1.505", True, False),
        ("amount gt 1", True, False),
        ("flag eq true", True, False),
        ("flag ne true", False, True),
        ("day eq 2021-06-23", True, False),
        ("day lt 2021-06-23T12:00:00Z", True, False),
        ("at gt 2021-06-23", True, False),
        ("rank eq '3'", True, False),
        (f"id eq {GUID}", True, False),
        (f"_co_value eq {GUID.upper()}", True, False),
        ("party eq 'PERSON'", True, False),
        ("party eq 1", True, False),
        ("party ne X.DirPartyType'Organization'", True, True),
        ("name eq 'x' or count eq 5", True, False),
        ("name eq 'x' and count eq 5", False, False),
    ],
)
def test_rows_pass_as_in_odata(text: str, full: bool, empty: bool) -> None:
    assert found(odata.parse(text)) == (full, empty)


@pytest.mark.parametrize(
    ("pattern", "full", "empty"),
    [("bob*", True, False), ("*bike*", True, False), ("b*s*s", True, False), ("bike", False, False), ("*", True, True)],
)
def test_like_takes_stars(pattern: str, full: bool, empty: bool) -> None:
    assert found(range_expression.parse(f'(Name like "{pattern}")')) == (full, empty)


def test_like_takes_all_else_literally() -> None:
    assert found(range_expression.parse('(Name like "b.*")')) == (False, False)


@settings(max_examples=150)
@given(FILTERS)
def test_no_row_is_ever_undecided(where: Filter) -> None:
    assert ROWS.select(passes=to_expression(where, TABLE))["passes"].null_count() == 0


def test_an_expression_of_one_value_covers_all_rows() -> None:
    assert ROWS.filter(to_expression(odata.parse("count lt null"), TABLE)).is_empty()
    assert ROWS.with_columns(passes=pl.lit(True)).height == 2


def test_the_left_filter_is_read_in_either_language() -> None:
    assert parse_filter("(count == 5)", Side.LEFT) == parse_filter("count eq 5", Side.LEFT)
    assert parse_filter("  ", Side.LEFT) is None
    with pytest.raises(FilterError):
        parse_filter("(count == 5)", Side.RIGHT)


@pytest.mark.parametrize(("text", "position"), [("(count == 5 && )", 15), ("count eq 5 and", 14)])
def test_the_error_is_of_the_language_that_got_further(text: str, position: int) -> None:
    with pytest.raises(FilterError) as caught:
        parse_filter(text, Side.LEFT)
    assert caught.value.position == position


@pytest.mark.parametrize(("text", "position"), [("count eq 5 or nope eq 1", 14), ("flag eq true and count eq 'x'", 17)])
def test_a_filter_that_does_not_fit_its_table_says_where(text: str, position: int) -> None:
    with pytest.raises(FilterError) as caught:
        check_filter(odata.parse(text), TABLE, text)
    assert (caught.value.position, caught.value.text) == (position, text)

"""What becomes of a value on its way to the other side, one column at a time."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncengine.catalog import Column, ColumnType
from syncengine.errors import ErrorClass
from syncengine.mapping.compile import backward, forward
from syncengine.states import Side
from tests.unit.mapping.make import (
    YES_NO,
    left_rows,
    make_choices,
    make_column,
    make_line,
    make_map,
    make_pair,
    right_rows,
)

T = ColumnType
NOON = datetime(2021, 6, 23, 12, 30, 15, tzinfo=UTC)
RANKS = make_choices(Gold="806380000", Silver="806380001")
RANK_ENUM = make_choices(Gold="Gold", Silver="Silver", Bronze="Bronze")
COLUMNS: dict[str, Column] = {
    "text": make_column("right"),
    "short": make_column("right", max_length=5),
    "integer": make_column("right", T.INTEGER),
    "money": make_column("right", T.DECIMAL, scale=2),
    "exact": make_column("right", T.DECIMAL, scale=4),
    "boolean": make_column("right", T.BOOLEAN),
    "date": make_column("right", T.DATE),
    "datetime": make_column("right", T.DATETIME),
    "uuid": make_column("right", T.UUID),
    "choice": make_column("right", T.CHOICE, choices=RANKS),
    "number": make_column("right", T.CHOICE),
    "enum": make_column("right", T.ENUM, choices=RANK_ENUM),
    "yes_no": make_column("right", T.ENUM, choices=YES_NO),
}


def source(kind: str) -> Column:
    column = COLUMNS[kind]
    return make_column("Left", column.type, scale=column.scale, choices=column.choices)


def image(kind: str, value: Any, target: str, **line: Any) -> tuple[Any, list[str]]:
    """What the value becomes, and the messages about it."""
    compiled = make_pair(source(kind), COLUMNS[target], direction=">", **line)
    mapped = forward(compiled, left_rows(compiled, [{"Left": value}]))
    return mapped.rows["right"].item(), mapped.problems["message"].to_list()


@pytest.mark.parametrize(
    ("kind", "value", "target", "expected"),
    [
        ("text", "Bob", "text", "Bob"),
        ("enum", "Gold", "text", "Gold"),
        ("boolean", True, "text", "true"),
        ("money", Decimal("1.50"), "text", "1.50"),
        ("datetime", NOON, "text", "2021-06-23T12:30:15.000000Z"),
        ("exact", Decimal("1.0050"), "money", Decimal("1.01")),
        ("exact", Decimal("-1.0050"), "money", Decimal("-1.01")),
        ("exact", Decimal("1.0149"), "money", Decimal("1.01")),
        ("money", Decimal("1.50"), "exact", Decimal("1.5000")),
        ("money", Decimal("2.50"), "integer", 3),
        ("integer", 7, "money", Decimal("7.00")),
        ("text", "1.005", "money", Decimal("1.01")),
        ("text", " 7 ", "integer", 7),
        ("yes_no", "Yes", "boolean", True),
        ("text", "FALSE", "boolean", False),
        ("integer", 1, "boolean", True),
        ("boolean", True, "yes_no", "Yes"),
        ("boolean", False, "integer", 0),
        ("text", "gold", "enum", "Gold"),
        ("enum", "Gold", "choice", 806380000),
        ("text", "806380001", "choice", 806380001),
        ("text", "7", "number", 7),
        ("choice", 806380001, "enum", "Silver"),
        ("choice", 806380001, "text", "806380001"),
        ("number", 806380000, "choice", 806380000),
        ("date", date(2021, 6, 23), "datetime", datetime(2021, 6, 23, tzinfo=UTC)),
        ("datetime", NOON, "date", date(2021, 6, 23)),
        ("text", "2021-06-23", "date", date(2021, 6, 23)),
        ("text", "2021-06-23T12:30:15Z", "datetime", NOON),
        ("text", "0F8FAD5B-D9CB-469F-A165-70867728950E", "uuid", "0f8fad5b-d9cb-469f-a165-70867728950e"),
    ],
)
def test_values_take_the_target_type(kind: str, value: Any, target: str, expected: Any) -> None:
    assert image(kind, value, target) == (expected, [])


@pytest.mark.parametrize(
    ("kind", "target"),
    [("text", "money"), ("enum", "choice"), ("boolean", "yes_no"), ("exact", "money"), ("text", "date")],
)
def test_no_value_stays_no_value(kind: str, target: str) -> None:
    assert image(kind, None, target) == (None, [])


@pytest.mark.parametrize(
    ("kind", "value", "target", "message"),
    [
        ("text", "many", "integer", 'Left has the value "many", which right (integer) cannot hold.'),
        ("text", "maybe", "boolean", 'Left has the value "maybe", which right (boolean) cannot hold.'),
        (
            "text",
            "31/12/2021",
            "date",
            'Left has the value "31/12/2021", which right (date) cannot hold.',
        ),
        ("enum", "Bronze", "choice", 'Left has the value "Bronze", which is not one of the choices of right.'),
        ("number", 5, "choice", 'Left has the value "5", which is not one of the choices of right.'),
        ("text", "Lead", "enum", 'Left has the value "Lead", which is not one of the choices of right.'),
        ("integer", 5, "boolean", 'Left has the value "5", which right (boolean) cannot hold.'),
        (
            "text",
            "9" * 39,
            "money",
            f'Left has the value "{"9" * 39}", which right (decimal) cannot hold.',
        ),
    ],
)
def test_what_the_target_cannot_hold_is_a_problem(kind: str, value: Any, target: str, message: str) -> None:
    assert image(kind, value, target) == (None, [message])


def test_text_that_is_too_long_is_a_problem_and_stays() -> None:
    assert image("text", "Robert", "short") == ("Robert", ["Left has 6 characters; right takes 5."])
    assert image("text", "Röbér", "short") == ("Röbér", [])


def test_each_problem_names_row_column_and_class() -> None:
    compiled = make_pair(source("text"), COLUMNS["integer"], direction=">")
    rows = left_rows(compiled, [{"Left": "1"}, {"Left": "x"}, {"Left": None}, {"Left": "y"}])
    mapped = forward(compiled, rows)
    assert mapped.rows["right"].to_list() == [1, None, None, None]
    assert mapped.problems.select("_row_id", "column", "error_class").rows() == [
        ("1", "right", ErrorClass.DATA),
        ("3", "right", ErrorClass.DATA),
    ]


# --- value maps


@pytest.mark.parametrize(
    ("kind", "value", "target", "values", "expected"),
    [
        ("yes_no", "Yes", "boolean", "yes:True,no:False", True),
        ("text", "YES", "boolean", "yes:true,no:false", True),
        ("enum", "Gold", "choice", "gold:806380001", 806380001),
        ("boolean", False, "text", "true:on,false:off", "off"),
        ("choice", 806380000, "enum", "806380000:BRONZE", "Bronze"),
        ("integer", 1, "text", "1:one,2:two", "one"),
        ("text", "blank", "text", "blank:", None),
        ("text", None, "text", ":none,a:b", "none"),
        ("text", "a", "money", "a:1.005", Decimal("1.01")),
    ],
)
def test_value_maps_pair_values(kind: str, value: Any, target: str, values: str, expected: Any) -> None:
    assert image(kind, value, target, values=values) == (expected, [])


def test_a_value_that_its_map_lacks_is_a_problem_of_the_map() -> None:
    compiled = make_pair(source("text"), COLUMNS["text"], direction=">", values="a:b,c:")
    mapped = forward(compiled, left_rows(compiled, [{"Left": "a"}, {"Left": "c"}, {"Left": "z"}, {"Left": None}]))
    assert mapped.rows["right"].to_list() == ["b", None, None, None]
    assert mapped.problems.select("_row_id", "message", "error_class").rows() == [
        ("2", 'Left has the value "z", which the value map of Left and right lacks.', ErrorClass.MAPPING)
    ]


def test_otherwise_takes_what_the_map_lacks_but_not_no_value() -> None:
    assert image("text", "z", "text", values="a:b", otherwise_right="other") == ("other", [])
    assert image("text", None, "text", values="a:b", otherwise_right="other") == (None, [])
    assert image("text", "z", "text", values="a:b", otherwise_right="") == (None, [])


def test_the_first_pair_wins_in_either_direction() -> None:
    compiled = make_pair(source("text"), COLUMNS["integer"], values="small:1,tiny:1,SMALL:2")
    there = forward(compiled, left_rows(compiled, [{"Left": "Small"}, {"Left": "tiny"}]))
    back = backward(compiled, right_rows(compiled, [{"right": 1}]))
    assert there.rows["right"].to_list() == [1, 1]
    assert back.rows["Left"].to_list() == ["small"]


def test_each_direction_has_its_own_otherwise() -> None:
    compiled = make_pair(source("text"), COLUMNS["integer"], values="a:1", otherwise_left="?", otherwise_right="0")
    assert forward(compiled, left_rows(compiled, [{"Left": "z"}])).rows["right"].item() == 0
    assert backward(compiled, right_rows(compiled, [{"right": 9}])).rows["Left"].item() == "?"


# --- defaults


def test_a_default_with_a_source_stands_in_for_no_value_only() -> None:
    assert image("integer", None, "integer", default="0") == (0, [])
    assert image("integer", 5, "integer", default="0") == (5, [])
    assert image("text", "many", "integer", default="0")[1] != []


def test_a_default_stands_in_before_the_value_map_is_asked() -> None:
    assert image("text", None, "choice", values="a:806380000", default="806380001") == (806380001, [])


def test_defaults_without_a_source_are_typed_and_kept_apart() -> None:
    compiled = make_map(
        make_line(None, "rate", ">", default="1.0000000000"),
        make_line(None, "sellable", ">", default="True", default_always=True),
        make_line("Party", None, "<", default="person"),
        left=(make_column("Party", T.ENUM, choices=make_choices(One="Person")),),
        right=(make_column("rate", T.DECIMAL, scale=10), make_column("sellable", T.BOOLEAN)),
    )
    assert "rate" not in forward(compiled, left_rows(compiled, [{}])).rows.columns
    assert set(compiled.create_defaults(Side.RIGHT)) == {"rate", "sellable"}
    assert set(compiled.update_defaults(Side.RIGHT)) == {"sellable"}
    assert set(compiled.create_defaults(Side.LEFT)) == {"Party"}


# --- there and back

BIJECTIVE = "a:1,b:2,c:3"
TEXTS = st.none() | st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=9).map(str.rstrip).filter(
    bool
)


@settings(max_examples=80)
@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "Mapped": st.sampled_from(["a", "b", "c", None]),
                "Flag": st.sampled_from(["Yes", "No", None]),
                "Name": TEXTS,
                "Amount": st.none() | st.decimals(-(10**9), 10**9, places=2),
                "Day": st.none() | st.dates(),
            }
        ),
        min_size=1,
        max_size=8,
    )
)
def test_a_bijective_map_leads_there_and_back(rows: list[dict[str, Any]]) -> None:
    compiled = make_map(
        make_line("Mapped", "mapped", values=BIJECTIVE),
        make_line("Flag", "flag"),
        make_line("Name", "name"),
        make_line("Amount", "amount"),
        make_line("Day", "day"),
        left=(
            make_column("Mapped"),
            make_column("Flag", T.ENUM, choices=YES_NO),
            make_column("Name"),
            make_column("Amount", T.DECIMAL, scale=2),
            make_column("Day", T.DATE),
        ),
        right=(
            make_column("mapped", T.INTEGER),
            make_column("flag", T.BOOLEAN),
            make_column("name"),
            make_column("amount", T.DECIMAL, scale=4),
            make_column("day", T.DATETIME),
        ),
    )
    left = left_rows(compiled, rows)
    there = forward(compiled, left)
    back = backward(compiled, there.rows.with_columns(co=pl.lit("a company's row")))
    again = forward(compiled, back.rows)
    assert back.rows.equals(left.select(back.rows.columns))
    assert again.rows.equals(there.rows)
    assert there.problems.is_empty()

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncengine.mapping.filters.ast import (
    MAX_DEPTH,
    MAX_TERMS,
    And,
    Comparison,
    FilterError,
    Match,
    Not,
    Operator,
    Or,
    TextMatch,
)
from syncengine.mapping.filters.range_expression import parse


def equal(column: str, value: object, **more: str) -> Comparison:
    return Comparison(column=column, operator=Operator.EQ, value=value, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('"Organization"', "Organization"),
        ("'Note'", "Note"),
        (r'"say \"B\""', 'say "B"'),
        ('""', ""),
        ("1", 1),
        ("-1.50", Decimal("-1.50")),
        (r"23\06\2021", date(2021, 6, 23)),
        ("true", True),
        ("NULL", None),
    ],
)
def test_values_are_typed(text: str, value: object) -> None:
    assert parse(f"(PartyType == {text})") == equal("PartyType", value)


def test_one_and_two_equal_signs_are_the_same() -> None:
    assert parse("(A = 1)") == parse("((A == 1))") == equal("A", 1)


@pytest.mark.parametrize(
    ("sign", "operator"),
    [("!=", Operator.NE), ("<", Operator.LT), ("<=", Operator.LE), (">", Operator.GT), (">=", Operator.GE)],
)
def test_signs_are_operators(sign: str, operator: Operator) -> None:
    assert parse(f"(N{sign}10)") == Comparison(column="N", operator=operator, value=10)


def test_enum_type_is_kept() -> None:
    assert parse("(PartyType == PartyType::Organization)") == equal("PartyType", "Organization", enum_type="PartyType")


def test_like_is_a_match() -> None:
    pattern = Match(column="Name", how=TextMatch.LIKE, text="*B*")
    assert parse('(Name LIKE "*B*")') == pattern
    assert parse('(!(Name like "*B*"))') == parse('!Name like "*B*"') == Not(term=pattern)


def test_and_binds_stronger_than_or_and_brackets_are_flattened() -> None:
    where = parse("A==1 || (B==2 && (C==3 && D==4))")
    assert where == Or(terms=(equal("A", 1), And(terms=(equal("B", 2), equal("C", 3), equal("D", 4)))))


@pytest.mark.parametrize(
    ("text", "position", "message"),
    [
        ("", 0, "empty"),
        ("(A == 1", 7, "too early"),
        ("(A == 1))", 8, "not expected"),
        ('(A == "x)', 6, "quotation"),
        ("(A == B)", 6, "quotation marks"),
        ("(A # 1)", 3, "#"),
        (r"(A == 31\02\2021)", 6, "day"),
        ("(A == " + "9" * 40 + ")", 6, "digits"),
        ("A == 1 and B == 2", 7, "and"),
        ("A like 5", 7, "5"),
    ],
)
def test_errors_say_what_and_where(text: str, position: int, message: str) -> None:
    with pytest.raises(FilterError, match=message) as caught:
        parse(text)
    assert (caught.value.position, caught.value.text) == (position, text)


def test_width_and_depth_are_limited() -> None:
    assert parse("&&".join(["A==1"] * MAX_TERMS))
    with pytest.raises(FilterError, match="conditions"):
        parse("&&".join(["A==1"] * (MAX_TERMS + 1)))
    with pytest.raises(FilterError, match="deep"):
        parse("(" * (MAX_DEPTH + 1) + "A==1" + ")" * (MAX_DEPTH + 1))


WORDS = [
    *("A", "==", "=", "!=", "<", "like", "!", "(", ")", "&&", "||", "'x'", '"y*"', "1", "-1.5", r"1\1\2020"),
    *(r"41\1\2020", "T::V", "::", "\\", "true", '"', "'"),
]
GARBAGE = st.one_of(
    st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join),
    st.lists(st.sampled_from(WORDS), max_size=12).map("".join),
    st.text(max_size=30),
)


def refusal(text: str) -> FilterError | None:
    try:
        parse(text)
    except FilterError as error:
        return error
    return None


@settings(max_examples=400)
@given(GARBAGE)
def test_garbage_is_a_filter_error_with_a_position(text: str) -> None:
    error = refusal(text)
    assert error is None or (0 <= error.position <= len(text) and error.text == text)

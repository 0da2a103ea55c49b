from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncengine.mapping.filters.ast import (
    MAX_DEPTH,
    MAX_TERMS,
    And,
    Comparison,
    FilterError,
    In,
    Match,
    Not,
    Operator,
    Or,
    TextMatch,
)
from syncengine.mapping.filters.odata import parse, parse_query

GUID = "0f8fad5b-d9cb-469f-a165-70867728950e"


def equal(column: str, value: object, **more: str) -> Comparison:
    return Comparison(column=column, operator=Operator.EQ, value=value, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("literal", "value"),
    [
        ("null", None),
        ("''", ""),
        ("'it''s'", "it's"),
        ("'*retail*'", "*retail*"),
        ("true", True),
        ("FALSE", False),
        ("-7", -7),
        ("1.50", Decimal("1.50")),
        ("1e3", Decimal(1000)),
        (GUID.upper(), UUID(GUID)),
        ("2021-06-23", date(2021, 6, 23)),
        ("0001-01-01", date(1, 1, 1)),
        ("1900-01-01T12:00:00Z", datetime(1900, 1, 1, 12, tzinfo=UTC)),
        ("2021-06-23T12:00:00.5+02:00", datetime(2021, 6, 23, 10, 0, 0, 500_000, tzinfo=UTC)),
        ("2021-06-23T12:00", datetime(2021, 6, 23, 12, tzinfo=UTC)),
    ],
)
def test_literals_are_typed(literal: str, value: object) -> None:
    assert parse(f"a eq {literal}") == equal("a", value)


@pytest.mark.parametrize("operator", list(Operator))
def test_every_comparison_is_known(operator: Operator) -> None:
    assert parse(f"a {operator} 1") == Comparison(column="a", operator=operator, value=1)


def test_enum_literals_keep_type_and_symbol() -> None:
    where = parse("OnHold eq Microsoft.Dynamics.DataEntities.NoYes'No'")
    assert where == equal("OnHold", "No", enum_type="NoYes")


@pytest.mark.parametrize(
    "text",
    [
        "x in ('a','b')",
        "x in ( 'a' , 'b' )",
        "Microsoft.Dynamics.CRM.In(PropertyName='x',PropertyValues=['a','b'])",
        "Microsoft.Dynamics.CRM.In( PropertyName='x', PropertyValues=[ 'a', 'b' ] )",
    ],
)
def test_lists_are_read_in_both_spellings(text: str) -> None:
    assert parse(text) == In(column="x", values=("a", "b"))


def test_lists_of_one_value_are_lists() -> None:
    assert parse("x in ('a')") == In(column="x", values=("a",))
    assert parse("Microsoft.Dynamics.CRM.In(PropertyName='x',PropertyValues=['a'])") == In(column="x", values=("a",))


def test_lists_take_texts_as_json_writes_them() -> None:
    where = parse("""Microsoft.Dynamics.CRM.In(PropertyName='x',PropertyValues=["O'Brian",'a',"say \\"b\\""])""")
    assert where == In(column="x", values=("O'Brian", "a", 'say "b"'))


@pytest.mark.parametrize("how", [TextMatch.CONTAINS, TextMatch.STARTS_WITH, TextMatch.ENDS_WITH])
def test_text_functions_are_matches(how: TextMatch) -> None:
    assert parse(f"{how}(name,'B')") == Match(column="name", how=how, text="B")


def test_lookup_columns_are_kept_as_written() -> None:
    assert parse(f"_co_value eq {GUID}") == equal("_co_value", UUID(GUID))


def test_and_binds_stronger_than_or_and_brackets_are_flattened() -> None:
    where = parse("a eq 1 or (b eq 2 and (c eq 3 and d eq 4)) or e eq 5")
    both = And(terms=(equal("b", 2), equal("c", 3), equal("d", 4)))
    assert where == Or(terms=(equal("a", 1), both, equal("e", 5)))


def test_not_takes_brackets_or_a_function() -> None:
    assert parse("not(a eq 1)") == Not(term=equal("a", 1))
    assert parse("not contains(n,'B')") == Not(term=Match(column="n", how=TextMatch.CONTAINS, text="B"))


@pytest.mark.parametrize("name", ["allowEdit", "anything", "nullable", "trueName", "notes", "in_stock", "order"])
def test_columns_may_begin_like_keywords(name: str) -> None:
    assert parse(f"{name} eq 1 and b ne null") == And(
        terms=(equal(name, 1), Comparison(column="b", operator=Operator.NE, value=None))
    )


def test_a_value_may_stand_before_its_column() -> None:
    assert parse("5 lt a") == Comparison(column="a", operator=Operator.GT, value=5)
    assert parse("5 eq a") == equal("a", 5)


@pytest.mark.parametrize(
    ("text", "position", "message"),
    [
        ("", 0, "empty"),
        ("a eq", 4, "too early"),
        ("(a eq 1", 7, "too early"),
        ("a eq 1)", 6, '")"'),
        ("a eq 'x", 5, "quotation"),
        ("a ~ 1", 2, "~"),
        ("a eq b", 5, "value"),
        ("a", 0, "Compare"),
        ("a eq 1 and b", 11, "Compare"),
        ("a eq 2021-02-31", 5, "range"),
        ("a eq 1e999", 5, "range"),
        ("a eq " + "9" * 50, 5, "range"),
        ("b eq 1 or x/any(o:o/a eq 1)", 11, "paths"),
        ("b eq 1 or tolower(a) eq 'x'", 10, "tolower"),
        ("a add 1 eq 2", 1, "Arithmetic"),
        ("a eq 12:30:00", 5, "type"),
        ("not a eq 1", 0, "brackets"),
        ("not not (a eq 1)", 0, "brackets"),
        ("a.b eq 1", 0, "column"),
        ("contains(a)", 10, "values"),
        ("contains('a',b)", 0, "column and a text"),
        ('a eq "x"', 5, "single"),
        (r"""Microsoft.Dynamics.CRM.In(PropertyName='x',PropertyValues=["\q"])""", 59, "JSON"),
        (r"""Microsoft.Dynamics.CRM.In(PropertyName='x',PropertyValues=["\ud800"])""", 59, "JSON"),
        ("x in ()", 6, '")"'),
        ("x in (a)", 6, "value"),
        ("Microsoft.Dynamics.CRM.In(PropertyName='x')", 0, "PropertyValues"),
    ],
)
def test_errors_say_what_and_where(text: str, position: int, message: str) -> None:
    with pytest.raises(FilterError, match=message.replace("(", r"\(").replace(")", r"\)")) as caught:
        parse(text)
    assert (caught.value.position, caught.value.text) == (position, text)


def test_width_and_depth_are_limited() -> None:
    assert parse(" and ".join(["a eq 1"] * MAX_TERMS))
    assert parse("(" * MAX_DEPTH + "a eq 1" + ")" * MAX_DEPTH) == equal("a", 1)
    with pytest.raises(FilterError, match="conditions"):
        parse(" and ".join(["a eq 1"] * (MAX_TERMS + 1)))
    with pytest.raises(FilterError, match="deep"):
        parse("(" * (MAX_DEPTH + 1) + "a eq 1" + ")" * (MAX_DEPTH + 1))


def test_long_lists_are_one_condition() -> None:
    values = ",".join(f"'{number}'" for number in range(5_000))
    where = parse(f"Microsoft.Dynamics.CRM.In(PropertyName='x',PropertyValues=[{values}])")
    assert isinstance(where, In)
    assert len(where.values) == 5_000


def test_endless_lists_are_refused() -> None:
    with pytest.raises(FilterError, match="too long"):
        parse("x in (" + ",".join(["1"] * 20_000) + ")")


def test_a_deep_tree_of_different_words_is_read() -> None:
    text = "a eq 1"
    for word in ["and", "or"] * (MAX_DEPTH // 4):
        text = f"not (b eq 2 {word} ({text}))"
    assert isinstance(parse(text), Not)


WORDS = [
    *(
        "a",
        "eq",
        "ne",
        "lt",
        "and",
        "or",
        "not",
        "in",
        "(",
        ")",
        "[",
        "]",
        ",",
        "=",
        "'x'",
        "''",
        "'",
        "1",
        "-1.5",
        '"y"',
        '"',
    ),
    *("null", "true", "any", "all", "contains", "startswith", "Microsoft.Dynamics.CRM.In", "PropertyName", "x/y"),
    *("PropertyValues", ":", "2021-01-01", "0000-00-00", "N.T'S'", "add", "-", "/", "duration'P1D'", "12:00", GUID),
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


@pytest.mark.parametrize(
    "text",
    [
        "primarycontactid/name eq 'x'",
        "accounts/any(a:a/name eq 'x')",
        "accounts/all(a:a/name eq 'x')",
        "accounts/any()",
        "Microsoft.Dynamics.CRM.LastXHours(PropertyName='createdon',PropertyValue=1)",
    ],
)
def test_only_what_a_service_takes_has_paths_collections_and_functions(text: str) -> None:
    with pytest.raises(FilterError):
        parse(text)
    assert parse_query(text) == parse_query(f"({text})")


@given(st.text(max_size=60))
def test_garbage_for_a_service_is_a_filter_error_too(text: str) -> None:
    problem = None
    try:
        parse_query(text)
    except FilterError as error:
        problem = error
    assert problem is None or 0 <= problem.position <= len(text)

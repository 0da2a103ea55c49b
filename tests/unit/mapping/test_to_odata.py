from datetime import UTC, date
from decimal import Decimal
from typing import get_args
from uuid import UUID

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from syncengine.catalog import ColumnType
from syncengine.mapping.filters import odata, range_expression
from syncengine.mapping.filters.ast import And, Comparison, Filter, FilterError, In, Match, Not, Operator, Or, TextMatch
from syncengine.mapping.filters.columns import columns_of
from syncengine.mapping.filters.to_odata import Dialect, to_odata
from tests.unit.mapping.make import make_choices, make_column, make_table

T = ColumnType
GUID = "0f8fad5b-d9cb-469f-a165-70867728950e"
PARTY_TYPE = make_choices(Unknown="None", Person="Person", Organization="Organization")
TABLE = make_table(
    "things",
    make_column("name"),
    make_column("Amount", T.DECIMAL, scale=2),
    make_column("count", T.INTEGER),
    make_column("flag", T.BOOLEAN),
    make_column("day", T.DATE),
    make_column("at", T.DATETIME),
    make_column("rank", T.CHOICE),
    make_column("id", T.UUID),
    make_column("co", T.LOOKUP),
    make_column("party", T.ENUM, choices=PARTY_TYPE, enum_type="DirPartyType"),
    make_column("kind", T.ENUM),
)


def written(text: str, dialect: Dialect = "dataverse") -> str:
    return to_odata(odata.parse(text), TABLE, dialect=dialect)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("NAME eq 'it''s'", "name eq 'it''s'"),
        ("name eq ''", "name eq null"),
        ("name ne null", "name ne null"),
        ("amount gt 1.50", "Amount gt 1.50"),
        ("rank eq '3'", "rank eq 3"),
        ("flag eq 'True'", "flag eq true"),
        ("day le 2021-06-23", "day le 2021-06-23"),
        ("at le 2021-06-23", "at le 2021-06-23T00:00:00Z"),
        ("at eq 2021-06-23T10:00:00.25Z", "at eq 2021-06-23T10:00:00.25Z"),
        (f"id eq {GUID}", f"id eq {GUID}"),
        (f"co eq '{GUID.upper()}'", f"_co_value eq {GUID}"),
        (f"_co_value eq {GUID}", f"_co_value eq {GUID}"),
        ("_co_value ne null", "_co_value ne null"),
        ("startswith(name,'B')", "startswith(name,'B')"),
        ("count in (1,2)", "Microsoft.Dynamics.CRM.In(PropertyName='count',PropertyValues=['1','2'])"),
        (
            "name in ('a',null)",
            "(Microsoft.Dynamics.CRM.In(PropertyName='name',PropertyValues=['a']) or name eq null)",
        ),
        (
            "name in ('a','O''Brian')",
            "Microsoft.Dynamics.CRM.In(PropertyName='name',PropertyValues=['a',\"O'Brian\"])",
        ),
        (f"_co_value in ({GUID},null)", f"(_co_value eq {GUID} or _co_value eq null)"),
        ("not (count eq 1 or count eq 2)", "not (count eq 1 or count eq 2)"),
        ("count eq 1 and (count eq 2 or count eq 3)", "count eq 1 and (count eq 2 or count eq 3)"),
    ],
)
def test_dataverse_text(text: str, expected: str) -> None:
    assert written(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name eq null", "name eq ''"),
        ("count eq null", "count eq 0"),
        ("day eq null", "day lt 1900-01-02T00:00:00Z"),
        ("at ne null", "at ge 1900-01-02T00:00:00Z"),
        ("day eq 2021-06-23", "day eq 2021-06-23T00:00:00Z"),
        ("party eq 'organization'", "party eq Microsoft.Dynamics.DataEntities.DirPartyType'Organization'"),
        ("party ne 1", "party ne Microsoft.Dynamics.DataEntities.DirPartyType'Person'"),
        ("kind eq X.Kind'One'", "kind eq Microsoft.Dynamics.DataEntities.Kind'One'"),
        ("kind eq 'One'", "kind eq 'One'"),
        ("contains(name,'B')", "name eq '*B*'"),
        ("startswith(name,'B')", "name eq 'B*'"),
        ("endswith(name,'B')", "name eq '*B'"),
        ("name in ('a','b')", "(name eq 'a' or name eq 'b')"),
    ],
)
def test_finops_text(text: str, expected: str) -> None:
    assert written(text, "finops") == expected


@pytest.mark.parametrize(
    ("pattern", "dataverse"),
    [
        ("B*", "startswith(name,'B')"),
        ("*B", "endswith(name,'B')"),
        ("*B*", "contains(name,'B')"),
        ("B", "name eq 'B'"),
        ("", "name eq null"),
    ],
)
def test_like_is_said_in_both_dialects(pattern: str, dataverse: str) -> None:
    where = range_expression.parse(f'(Name like "{pattern}")')
    assert to_odata(where, TABLE, dialect="dataverse") == dataverse
    assert to_odata(where, TABLE, dialect="finops") == f"name eq '{pattern}'"


@pytest.mark.parametrize(
    ("text", "dialect", "message"),
    [
        ("nowhere eq 1", "dataverse", 'things has no column "nowhere"'),
        ("count eq 'many'", "dataverse", '"count" is a column of type integer'),
        ("party eq 'Nobody'", "finops", '"party"'),
        ("party eq 9", "finops", '"party"'),
        ("party gt 'Person'", "finops", "only equal and not equal"),
        ("count lt null", "finops", "no value"),
        ("co eq 'x'", "dataverse", "GUID"),
    ],
)
def test_what_cannot_be_said_is_refused(text: str, dialect: Dialect, message: str) -> None:
    with pytest.raises(FilterError, match=message):
        written(text, dialect)


def test_a_star_inside_is_beyond_dataverse() -> None:
    with pytest.raises(FilterError, match="star"):
        to_odata(Match(column="name", how=TextMatch.LIKE, text="a*b"), TABLE, dialect="dataverse")


def test_lists_without_values_find_nothing() -> None:
    where = In(column="name", values=())
    for dialect in get_args(Dialect):
        assert to_odata(where, TABLE, dialect=dialect) == "(name eq null and name ne null)"


def test_columns_are_collected_from_every_depth() -> None:
    where = odata.parse("not (a eq 1 and (b eq 2 or contains(c,'x'))) and d in (1,2)")
    assert columns_of(where) == {"a", "b", "c", "d"}


TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8)
DECIMALS = st.decimals(-(10**9), 10**9, places=2)
MOMENTS = st.datetimes(timezones=st.just(UTC))
VALUES: dict[str, st.SearchStrategy[object]] = {
    "name": st.none() | TEXTS,
    "Amount": DECIMALS,
    "count": st.integers(-(2**63), 2**63 - 1),
    "flag": st.booleans(),
    "day": st.dates(date(1, 1, 1)),
    "at": MOMENTS,
    "rank": st.integers(0, 10**9),
    "id": st.uuids(),
    "_co_value": st.none() | st.uuids(),
}


def comparisons() -> st.SearchStrategy[Filter]:
    return st.sampled_from(sorted(VALUES)).flatmap(
        lambda name: st.builds(Comparison, column=st.just(name), operator=st.sampled_from(Operator), value=VALUES[name])
    )


MATCHES = st.builds(
    Match,
    column=st.just("name"),
    how=st.sampled_from([TextMatch.CONTAINS, TextMatch.STARTS_WITH, TextMatch.ENDS_WITH]),
    text=TEXTS,
)
LISTS = st.builds(In, column=st.just("name"), values=st.lists(TEXTS, min_size=1, max_size=4).map(tuple))


def joined(terms: st.SearchStrategy[Filter]) -> st.SearchStrategy[Filter]:
    def make(kind: type[And] | type[Or], found: list[Filter]) -> Filter:
        return kind(terms=(*(term for term in found if not isinstance(term, kind)), MARK, MARK))

    several = st.lists(terms, min_size=1, max_size=3)
    return st.one_of(
        several.map(lambda found: make(And, found)),
        several.map(lambda found: make(Or, found)),
        terms.map(lambda term: Not(term=term)),
    )


MARK = Comparison(column="count", operator=Operator.EQ, value=1)
FILTERS = st.recursive(comparisons() | MATCHES | LISTS, joined, max_leaves=8)


@settings(max_examples=300)
@given(FILTERS)
@example(Comparison(column="count", operator=Operator.EQ, value=-(2**63)))
def test_what_is_written_is_read_back(where: Filter) -> None:
    assert odata.parse(to_odata(where, TABLE, dialect="dataverse")) == where


def test_values_are_exact() -> None:
    where = Comparison(column="Amount", operator=Operator.EQ, value=Decimal("12345678901234567890.12"))
    assert to_odata(where, TABLE, dialect="dataverse") == "Amount eq 12345678901234567890.12"
    where = Comparison(column="id", operator=Operator.EQ, value=UUID(GUID))
    assert to_odata(where, TABLE, dialect="finops") == f"id eq {GUID}"

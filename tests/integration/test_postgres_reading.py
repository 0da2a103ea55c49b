"""Rows of PostgreSQL: pages by key, filters that agree with those over frames, values found whatever their case."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from syncengine.connectors.postgres import read
from syncengine.connectors.postgres.errors import TOO_BIG
from syncengine.errors import PermanentError
from syncengine.frames import ROW_ID
from syncengine.mapping.filters.ast import Comparison, Filter, In, Match, Not, Operator, Or, TextMatch
from syncengine.mapping.filters.polars import to_expression
from tests.integration.databases import Side

MIXED = """
CREATE TABLE t (a text, b int, name text, size numeric(6, 2), day date, moment timestamptz, flag boolean, ref uuid,
                PRIMARY KEY (a, b));
INSERT INTO t SELECT chr(65 + n % 5), n, CASE n % 4 WHEN 0 THEN NULL ELSE 'Name ' || n || '%_\\x' END, n / 4.0,
    date '2026-01-01' + n, timestamptz '2026-01-01 00:00+00' + n * interval '1 h', CASE n % 3 WHEN 0 THEN NULL
    WHEN 1 THEN true ELSE false END, ('00000000-0000-0000-0000-0000000000' || lpad(n::text, 2, '0'))::uuid
FROM generate_series(10, 59) n
"""
FILTERS: list[Filter] = [
    *(Comparison(column="size", operator=operator, value=Decimal("5.25")) for operator in Operator),
    *(Comparison(column="name", operator=operator, value="NAME 13%_\\x") for operator in Operator),
    *(Comparison(column="name", operator=operator, value=None) for operator in Operator),
    *(Comparison(column="day", operator=operator, value=date(2026, 1, 20)) for operator in Operator),
    *(
        Comparison(column="moment", operator=operator, value=datetime(2026, 1, 2, 6, tzinfo=UTC))
        for operator in Operator
    ),
    Comparison(column="flag", operator=Operator.NE, value=True),
    Comparison(column="ref", operator=Operator.EQ, value="00000000-0000-0000-0000-000000000017"),
    In(column="b", values=(10, 11, 99)),
    In(column="name", values=("name 13%_\\x", None)),
    In(column="flag", values=()),
    Not(term=Or(terms=(In(column="b", values=(10,)), Match(column="name", how=TextMatch.CONTAINS, text="1")))),
    *(Match(column="name", how=how, text="%_") for how in TextMatch),
    Match(column="name", how=TextMatch.LIKE, text="nAme*\\X"),
    Match(column="name", how=TextMatch.LIKE, text="*"),
    Match(column="b", how=TextMatch.STARTS_WITH, text="1"),
]


@pytest.fixture(scope="module")
def mixed(shared_side: Side) -> Side:
    shared_side.run(MIXED)
    return shared_side


@pytest.mark.parametrize("where", FILTERS, ids=str)
def test_filter_finds_the_rows_that_the_engines_own_finds(mixed: Side, where: Filter) -> None:
    table = mixed.table("public.t")
    names = [column.name for column in table.columns]
    every = pl.concat([chunk.rows for chunk in mixed.connector.chunks(table, columns=names, where=None)])
    found = pl.concat([chunk.rows for chunk in mixed.connector.chunks(table, columns=names, where=where)])
    assert found[ROW_ID].to_list() == every.filter(to_expression(where, table))[ROW_ID].to_list()
    assert mixed.connector.count(table, where) == found.height


def test_pages_of_a_composite_key_bring_every_row_once(mixed: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read, "FIRST_ROWS", 7)
    monkeypatch.setattr(read, "MOST_ROWS", 7)
    table = mixed.table("public.t")
    chunks = list(mixed.connector.chunks(table, columns=["b"], where=None))
    assert [chunk.rows.height for chunk in chunks] == [7] * 7 + [1]
    assert sorted(pl.concat([chunk.rows for chunk in chunks])["b"]) == list(range(10, 60))
    rest = mixed.connector.chunks(table, columns=["b"], where=None, after=chunks[2].cursor)
    assert sum(chunk.rows.height for chunk in rest) == 29


def test_wide_rows_come_in_smaller_chunks(make_side: Callable[..., Side], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read, "FIRST_ROWS", 10)
    monkeypatch.setattr(read, "CHUNK_BYTES", 100_000)
    side = make_side(
        "CREATE TABLE t (id int PRIMARY KEY, x text);"
        "INSERT INTO t SELECT n, repeat('x', 20000) FROM generate_series(1, 29) n"
    )
    chunks = list(side.connector.chunks(side.table("public.t"), columns=["x"], where=None))
    assert [chunk.rows.height for chunk in chunks] == [10, 4, 4, 4, 4, 3]


@pytest.mark.parametrize("cursor", ["", "x", "[]", "{}", '["a"]', '["a", "b"]', "[null, 1, 2]"])
def test_place_that_is_none_is_a_named_problem(mixed: Side, cursor: str) -> None:
    with pytest.raises(PermanentError):
        next(mixed.connector.chunks(mixed.table("public.t"), columns=["b"], where=None, after=cursor))


def test_values_are_found_whatever_their_case_and_type(mixed: Side) -> None:
    table = mixed.table("public.t")
    for keys, wanted in [
        ({"name": ["NAME 13%_\\X", "nothing"]}, [13]),
        ({"b": [10, 11, 99]}, [10, 11]),
        ({"ref": ["00000000-0000-0000-0000-000000000017".upper()]}, [17]),
        ({"a": ["a", "b"], "b": [10, 11]}, [10, 11]),
        ({"name": [None], "b": [12]}, [12]),
        ({"day": [date(2026, 1, 20)]}, [19]),
        ({"size": [Decimal("5.25")]}, [21]),
    ]:
        found = mixed.connector.find(table, columns=["b"], keys=pl.DataFrame(keys))
        assert sorted(found["b"]) == wanted


def test_texts_that_are_no_row_ids_are_not_found(mixed: Side, make_side: Callable[..., Side]) -> None:
    for name, kind in (("u", "uuid"), ("i", "int"), ("s", "text")):
        mixed.run(f"CREATE TABLE {name} (id {kind} PRIMARY KEY)")
        found = mixed.connector.fetch(mixed.table(f"public.{name}"), columns=[], row_ids=["", "x|y", "zz", "1e5"])
        assert found.is_empty()


def test_rows_too_wide_for_one_value_come_in_smaller_chunks(mixed: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server refuses to join more than a gigabyte; here it has no more than three rows of patience."""
    page = read._page

    def impatient(*arguments: Any, limit: int, **named: Any) -> Any:
        if limit > 3:
            raise PermanentError("string buffer exceeds maximum allowed length", code=TOO_BIG)
        return page(*arguments, limit=limit, **named)

    monkeypatch.setattr(read, "_page", impatient)
    chunks = mixed.connector.chunks(mixed.table("public.t"), columns=["b"], where=None)
    assert sorted(pl.concat([chunk.rows for chunk in chunks])["b"]) == list(range(10, 60))


def test_letters_beyond_ascii_are_folded(shared_side: Side) -> None:
    shared_side.run(
        "CREATE TABLE umlauts (id int PRIMARY KEY, name text); INSERT INTO umlauts VALUES (1, 'ÄÖÜ Straße')"
    )
    table = shared_side.table("public.umlauts")
    where = Comparison(column="name", operator=Operator.EQ, value="äöü STRAßE")
    assert shared_side.connector.count(table, where) == 1
    assert shared_side.connector.find(table, columns=[], keys=pl.DataFrame({"name": ["äöü straße"]})).height == 1

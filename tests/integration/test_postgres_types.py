"""Every type of PostgreSQL comes back as it was: read on one side, written to another table, compared by the server."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from syncengine.catalog import ColumnType, Table
from syncengine.connectors.base import WriteBatch
from syncengine.frames import CHANGED, RECORD, ROW_ID, VERSION, canonical
from tests.integration.databases import EMPTY, Side

KINDS = """
CREATE TYPE kind AS ENUM ('a', 'it''s', 'ü "x"');
CREATE DOMAIN money_amount AS numeric(12, 2) CHECK (VALUE > -1);
"""
VALUES: dict[str, list[str]] = {
    "smallint": ["-32768", "0", "32767"],
    "integer": ["-2147483648", "2147483647"],
    "bigint": ["-9223372036854775808", "9223372036854775807"],
    "numeric": ["NaN", "Infinity", "-Infinity", "0", "1.50", "1.500", "1e-40", "9" * 60 + ".1"],
    "numeric(10, 2)": ["NaN", "0", "0.01", "-99999999.99"],
    "numeric(37, 10)": ["NaN", "9" * 27 + ".9999999999", "-0.0000000001"],
    "numeric(38, 5)": ["9" * 33 + ".99999", "-" + "9" * 33 + ".99999"],
    "numeric(5, -2)": ["12300", "-9999900"],
    "numeric(3, 6)": ["0.000999"],
    "real": ["NaN", "Infinity", "1.1754944e-38", "3.4028235e+38", "0.1"],
    "double precision": ["NaN", "-Infinity", "5e-324", "1.7976931348623157e+308", "0.1", "-0"],
    "boolean": ["true", "false"],
    "text": [
        "",
        " ",
        "x ",
        "  x",
        "NULL",
        "null",
        "\\N",
        "\\.",
        '"',
        '""',
        "a,b",
        "(a)",
        "a\nb",
        "a\r\nb",
        "\t",
        "\\",
        "\\\\",
        "ä😀",
        "{x}",
    ],
    "varchar(5)": ["", "abcde", "é  "],
    "char(5)": ["abc"],
    '"char"': ["x"],
    "bytea": ["\\x", "\\x00ff5c22"],
    "date": [
        "infinity",
        "-infinity",
        "0001-01-01",
        "9999-12-31",
        "10000-01-01",
        "4713-01-01 BC",
        "0044-03-15 BC",
        "2024-02-29",
    ],
    "timestamp": [
        "infinity",
        "-infinity",
        "0001-01-01 00:00:00",
        "9999-12-31 23:59:59.999999",
        "0044-03-15 12:00:00 BC",
        "2024-02-29 01:02:03.000004",
    ],
    "timestamptz": [
        "infinity",
        "-infinity",
        "2024-02-29 01:02:03.4+00",
        "12024-01-01 00:00:00+00",
        "0044-03-15 12:00:00+00 BC",
    ],
    "time": ["00:00:00", "24:00:00", "23:59:59.999999"],
    "timetz": ["12:00:00+05:30", "00:00:00-15:59:59"],
    "interval": ["1 year 2 mons -3 days +04:05:06.7", "-178000000 years", "00:00:00"],
    "uuid": ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"],
    "json": ['{"a": 1.0, "a": 2}', "null", '"x\\u0041"'],
    "jsonb": ['{"a": [1, "\\"\\n"]}', "null", "12345678901234567890.10"],
    "integer[]": ["{}", "{1,NULL,3}", "[2:3]={1,2}", "{{1,2},{3,4}}"],
    "text[]": ['{NULL,"NULL","","a,b","\\"","\\\\"}'],
    "kind": ["a", "it's", 'ü "x"'],
    "kind[]": ['{a,"it\'s"}'],
    "money_amount": ["0.01", "9999999999.99"],
    "inet": ["10.0.0.1/8", "::1"],
    "cidr": ["10.0.0.0/8"],
    "macaddr": ["08:00:2b:01:02:03"],
    "int4range": ["[1,5)", "empty", "(,)"],
    "tstzrange": ['["2024-01-01 00:00:00+00",)'],
    "point": ["(1.5,-2)"],
    "bit(5)": ["10101"],
    "bit varying": ["", "1"],
    "tsvector": ["'a':1 'b':2"],
    "oid": ["4294967295"],
}


@pytest.fixture(scope="module")
def kinds(shared_side: Side) -> Side:
    shared_side.run(KINDS)
    return shared_side


@pytest.fixture(params=list(VALUES))
def typed(request: pytest.FixtureRequest, kinds: Side) -> Side:
    """A side whose table `source` holds the values of one type, and an empty table `target` like it."""
    kinds.run("DROP TABLE IF EXISTS source, target")
    kinds.run(f"CREATE TABLE source (id int PRIMARY KEY, value {request.param})")
    kinds.run("CREATE TABLE target (LIKE source INCLUDING ALL)")
    for place, value in enumerate([*VALUES[request.param], None]):
        kinds.run(f"INSERT INTO source VALUES (%s, %s::text::{request.param})", place, value)
    kinds.connector.close()
    return kinds


def both(side: Side) -> tuple[list[tuple[int, str]], list[tuple[int, str]]]:
    """What the server says about the two tables."""
    source, target = (side.run(f"SELECT id, value::text FROM {name} ORDER BY id") for name in ("source", "target"))
    return source, target


@pytest.mark.parametrize("is_load", [False, True])
def test_values_at_the_rims_come_back_as_they_were(typed: Side, is_load: bool) -> None:
    copy(typed, is_load=is_load)
    source, target = both(typed)
    assert target == source


def copy(side: Side, *, is_load: bool) -> None:
    source, target = side.table("public.source"), side.table("public.target")
    rows = pl.concat([chunk.rows for chunk in side.connector.chunks(source, columns=["id", "value"], where=None)])
    outcome = side.connector.write(creates_of(target, rows, is_load=is_load))
    assert outcome.refused.rows() == []
    stored = outcome.written.sort(RECORD).select("id", "value")
    assert stored.equals(rows.select("id", "value"))
    texts = stored.select(canonical(name, dtype) for name, dtype in stored.schema.items())
    assert texts.null_count().equals(rows.select("id", "value").null_count())


def creates_of(table: Table, rows: pl.DataFrame, *, is_load: bool = False) -> WriteBatch:
    data = rows.drop(ROW_ID, VERSION, "_changed_at")
    numbers = pl.int_range(rows.height, dtype=pl.UInt32, eager=True).alias(RECORD)
    creates = data.with_columns(numbers, pl.lit(None, dtype=pl.String).alias(ROW_ID))
    nothing = pl.DataFrame(schema=EMPTY)
    return WriteBatch(
        table=table, creates=creates, updates=nothing, deletes=nothing, stored=tuple(data.columns), is_load=is_load
    )


def test_values_at_the_rims_are_written_by_updates_too(typed: Side) -> None:
    typed.run("INSERT INTO target SELECT id FROM source")
    source, target = typed.table("public.source"), typed.table("public.target")
    ids = [str(row[0]) for row in typed.run("SELECT id FROM source")]
    rows = typed.connector.fetch(source, columns=["value"], row_ids=ids)
    updates = (
        rows.drop("_changed_at")
        .with_row_index(RECORD)
        .with_columns(
            pl.lit(["value"], dtype=pl.List(pl.String)).alias(CHANGED), pl.lit(None, dtype=pl.String).alias(VERSION)
        )
    )
    nothing = pl.DataFrame(schema=EMPTY)
    batch = WriteBatch(table=target, creates=nothing, updates=updates, deletes=nothing, stored=("value",))
    assert typed.connector.write(batch).refused.rows() == []
    before, after = both(typed)
    assert after == before


def test_types_of_the_engine_carry_what_it_computes_with(make_side: Callable[..., Side]) -> None:
    side = make_side(
        KINDS + "CREATE TABLE t (id int PRIMARY KEY, a numeric(10,2), d date, m timestamptz, p timestamp, b bool,"
        " u uuid, k kind, n money_amount, w numeric, f float8, j jsonb);"
        "INSERT INTO t VALUES (1, 1.5, '2026-02-28', '2026-02-28 01:00+01', '2026-02-28 00:30', true,"
        " 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', 'a', 2, 1.50, 0.5, '{\"a\":1}')"
    )
    columns = ["a", "d", "m", "p", "b", "u", "k", "n", "w", "f", "j"]
    (row,) = side.rows("public.t", *columns)
    assert [row[name] for name in columns] == [
        Decimal("1.50"),
        date(2026, 2, 28),
        datetime(2026, 2, 28, tzinfo=UTC),
        datetime(2026, 2, 28, 0, 30, tzinfo=UTC),
        True,
        "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
        "a",
        Decimal("2.00"),
        "1.50",
        "0.5",
        '{"a": 1}',
    ]
    types = [column.type for column in side.table("public.t").columns]
    assert types[0] is ColumnType.INTEGER
    assert types[7:] == [ColumnType.ENUM, ColumnType.DECIMAL, ColumnType.TEXT, ColumnType.TEXT, ColumnType.TEXT]


TEXTS = st.lists(
    st.none() | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40), max_size=20
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=TEXTS, is_load=st.booleans())
def test_any_text_comes_back_as_it_was(side: Side, values: list[str | None], is_load: bool) -> None:
    side.run("DROP TABLE IF EXISTS source, target")
    side.run("CREATE TABLE source (id int PRIMARY KEY, value text); CREATE TABLE target (LIKE source INCLUDING ALL)")
    with side.other.cursor() as cursor:
        cursor.executemany("INSERT INTO source VALUES (%s, %s)", list(enumerate(values)))
    side.connector.close()
    copy(side, is_load=is_load)
    assert side.run("SELECT * FROM target ORDER BY id") == list(enumerate(values))

"""Frames in and out of SQL."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
from psycopg import Connection
from psycopg.sql import SQL, Composed

Database = Connection[Any]


def query(
    conn: Database, statement: SQL | Composed, parameters: Sequence[Any], schema: Mapping[str, pl.DataType]
) -> pl.DataFrame:
    """The result as a frame of that schema, columns by position."""
    with conn.cursor() as cursor:
        cursor.execute(statement, parameters)
        return pl.DataFrame(cursor.fetchall(), schema=dict(schema), orient="row")


def execute(conn: Database, statement: SQL | Composed, parameters: Sequence[Any] = ()) -> int:
    """Number of rows that the statement touched."""
    with conn.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.rowcount


def lists(frame: pl.DataFrame, *columns: str) -> list[str]:
    """The columns as arrays, as `unnest` takes them; the statement casts each to its type."""
    return [array(frame[column]) for column in columns]


def array(values: pl.Series | Sequence[str] | Sequence[int]) -> str:
    """The values as the text of a PostgreSQL array: made column-wise, as adapting thousands one by one takes longer
    than the statement does."""
    texts = pl.Series(values).cast(pl.String)
    escaped = texts.str.replace_all("\\", "\\\\", literal=True).str.replace_all('"', '\\"', literal=True)
    items = pl.select(pl.concat_str(pl.lit('"'), escaped, pl.lit('"')).fill_null("NULL").str.join(","))
    return "{" + str(items.item()) + "}"

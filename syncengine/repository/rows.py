"""Frames in and out of SQL."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
from psycopg import Connection
from psycopg.sql import SQL, Composed

from syncengine.frames import array

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

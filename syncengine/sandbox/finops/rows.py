"""One stored row by columns, which nobody else can change until the transaction ends."""

from collections.abc import Sequence
from typing import Any

from psycopg import Connection, sql

from syncengine.sandbox import query
from syncengine.sandbox.finops.etags import etag
from syncengine.sandbox.shape import Shape


def locked(connection: Connection[Any], shape: Shape, conditions: Sequence[sql.Composable]) -> dict[str, Any] | None:
    """Its values by column, with `_recid` and `etag`; None when no row passes the conditions."""
    fields = [one.column for one in shape.fields.values()]
    row = connection.execute(
        sql.SQL("SELECT {}, _recid, {} FROM {} WHERE {} FOR UPDATE").format(
            sql.SQL(", ").join(map(sql.Identifier, fields)), etag(shape), shape.relation, query.all_of(conditions)
        )
    ).fetchone()
    return dict(zip([*fields, "_recid", "etag"], row, strict=True)) if row else None


def with_record(record: int) -> sql.Composable:
    """The condition that a row has this record id."""
    return sql.SQL("_recid = {}").format(sql.Literal(record))

"""Rows named by a key in an address: the primary id, or a declared alternate key with all its columns."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from psycopg import Connection, sql

from syncengine.catalog import ColumnType
from syncengine.sandbox.addresses import KeyValue, Segment
from syncengine.sandbox.calls import ServiceError
from syncengine.sandbox.dataverse import errors
from syncengine.sandbox.dataverse.payload import value_of
from syncengine.sandbox.shape import Field, Shape
from syncengine.sandbox.shape import folded as folded_column
from syncengine.sandbox.site import Site

Key = Sequence[tuple[Field, Any]]


def read_key(shape: Shape, segment: Segment) -> Key:
    """The key's fields and values as stored. Raises: ServiceError for what is no key of the table."""
    parts = segment.key or ()
    if len(parts) == 1 and parts[0][0] in ("", shape.row_id.name):
        if not isinstance(parts[0][1], UUID):
            raise errors.bad_key(shape)
        return [(shape.row_id, parts[0][1])]
    named = dict(parts)
    fields = [shape.fields.get(name) for name in named]
    columns = {one.column for one in fields if one is not None}
    known = [set(key.columns) for key in errors.table_of(shape).keys]
    if len(named) != len(parts) or columns not in known or None in fields:
        raise errors.bad_key(shape)
    return [(one, _stored(shape, one, named[one.name])) for one in fields if one is not None]


def _stored(shape: Shape, one: Field, value: KeyValue) -> Any:
    if one.type in (ColumnType.LOOKUP, ColumnType.UUID):
        if value is not None and not isinstance(value, UUID):
            raise errors.bad_key(shape)
        return value
    return value_of(shape, one, value)


def is_primary(shape: Shape, key: Key) -> bool:
    return len(key) == 1 and key[0][0] is shape.row_id


def missing(shape: Shape, key: Key) -> ServiceError:
    """What the service says where no row has the key."""
    return errors.no_row(shape, key[0][1]) if is_primary(shape, key) else errors.no_key_row()


def condition(key: Key) -> sql.Composable:
    """The condition that a row has this key."""
    return sql.SQL(" AND ").join(_equal(one, value) for one, value in key)


def _equal(one: Field, value: Any) -> sql.Composable:
    template = "{} = lower({})" if one.type is ColumnType.TEXT else "{} = {}"
    return sql.SQL(template).format(folded_column(one), sql.Literal(value))


def row_id_of(connection: Connection[Any], shape: Shape, key: Key, *, lock: bool = False) -> UUID | None:
    """The id of the row with this key; None where there is none. With `lock` nobody else can change it."""
    found = connection.execute(
        sql.SQL("SELECT {} FROM {} WHERE {}{}").format(
            shape.row_id.identifier,
            shape.relation,
            condition(key),
            sql.SQL(" FOR NO KEY UPDATE") if lock else sql.SQL(""),
        )
    ).fetchone()
    return found[0] if found else None


def find(site: Site, connection: Connection[Any], segment: Segment) -> UUID:
    """The id of the row that a bound address names. Raises: ServiceError."""
    shape = site.shape(segment.name)
    if shape is None:
        raise errors.no_segment(segment.name)
    key = read_key(shape, segment)
    row_id = row_id_of(connection, shape, key) if site.is_made(shape.name) else None
    if row_id is None:
        raise errors.no_key_row()
    return row_id

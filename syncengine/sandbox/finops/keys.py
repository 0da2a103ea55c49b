"""Rows named by their natural key in an address: all key fields, in any order."""

from collections.abc import Sequence
from typing import Any

from psycopg import sql

from syncengine.catalog import ColumnType
from syncengine.sandbox.addresses import KeyValue, Segment
from syncengine.sandbox.finops import errors
from syncengine.sandbox.finops.payload import value_of
from syncengine.sandbox.shape import Field, Shape, folded
from syncengine.sandbox.store import Stock

Key = Sequence[tuple[Field, Any]]


def read_key(stock: Stock, shape: Shape, segment: Segment) -> Key:
    """Raises: ServiceError for a key that is not the entity's."""
    parts = segment.key or ()
    if len(parts) == 1 and parts[0][0] == "" and len(shape.key) == 1:
        parts = ((shape.key[0].name, parts[0][1]),)
    named = dict(parts)
    if len(named) != len(parts) or named.keys() != {one.name for one in shape.key}:
        names = ", ".join(one.name for one in shape.key)
        raise errors.bad_request(f"The key of '{shape.name}' must name exactly these properties: {names}.")
    return [(one, _stored(stock, shape, one, named[one.name])) for one in shape.key]


def _stored(stock: Stock, shape: Shape, one: Field, value: KeyValue) -> Any:
    return value_of(stock, shape, one, value)


def condition(key: Key) -> sql.Composable:
    """The condition that a row has this key."""
    return sql.SQL(" AND ").join(_equal(one, value) for one, value in key)


def _equal(one: Field, value: Any) -> sql.Composable:
    template = "{} = lower({})" if one.type in (ColumnType.TEXT, ColumnType.ENUM) else "{} = {}"
    return sql.SQL(template).format(folded(one), sql.Literal(value))

"""Rows named by their natural key in an address: all key fields, in any order."""

from collections.abc import Sequence
from typing import Any

from psycopg import sql

from syncengine.catalog import ColumnType
from syncengine.sandbox.addresses import Segment
from syncengine.sandbox.finops import errors
from syncengine.sandbox.finops.payload import value_of
from syncengine.sandbox.shape import Field, Shape, array_of, folded
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
    return [(one, value_of(stock, shape, one, named[one.name])) for one in shape.key]


def condition(key: Key) -> sql.Composable:
    """The condition that a row has this key."""
    return sql.SQL(" AND ").join(equal(one, value) for one, value in key)


def equal(one: Field, value: Any) -> sql.Composable:
    """The condition that a column has this value, as keys are compared."""
    template = "{} = lower({})" if one.type in (ColumnType.TEXT, ColumnType.ENUM) else "{} = {}"
    return sql.SQL(template).format(folded(one), sql.Literal(value))


def taken(shape: Shape, fields: Sequence[Field]) -> sql.Composable:
    """Which of many keys rows have: takes an array for each field, gives the keys as they are compared."""
    own = sql.SQL(", ").join(one.identifier for one in fields)
    return sql.SQL(
        "SELECT {names} FROM {table} WHERE ({names}) IN (SELECT {own} FROM unnest({arrays}) v ({own}))"
    ).format(
        names=sql.SQL(", ").join(map(folded, fields)),
        table=shape.relation,
        own=own,
        arrays=sql.SQL(", ").join(map(array_of, fields)),
    )

"""Code of the environment that changes rows when they are written, as the faults say.

What runs before is part of the write. What runs after writes once more, one deeper, and only where the row is not yet
as it should be, so that none goes on by itself; two that undo each other are stopped like any endless chain.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from psycopg import Connection, sql

from syncengine.catalog import ColumnType
from syncengine.sandbox.dataverse.payload import value_of
from syncengine.sandbox.faults import PlugIn
from syncengine.sandbox.shape import Field, Shape
from syncengine.sandbox.site import Site

CREATE, UPDATE = "create", "update"
Row = tuple[UUID, Mapping[str, Any]]


def changed(site: Site, shape: Shape, operation: str, values: dict[str, Any]) -> dict[str, Any]:
    """The values with what those change that run before. Raises: ServiceError."""
    for one, field in _applying(site, shape, operation, is_after=False):
        if not one.suffix or operation == CREATE or field.column in values:
            values = {**values, field.column: _made(shape, one, field, values.get(field.column))}
    return values


def following(
    site: Site, connection: Connection[Any], shape: Shape, operation: str, written: Sequence[Row]
) -> list[Row]:
    """The writes of those that run after: ids and values. Raises: ServiceError."""
    applying = list(_applying(site, shape, operation, is_after=True))
    if not applying or not written:
        return []
    stored = _stored(connection, shape, [field for _, field in applying], [row_id for row_id, _ in written])
    made = [(row_id, _missing(shape, operation, applying, values, stored[row_id])) for row_id, values in written]
    return [(row_id, values) for row_id, values in made if values]


def _missing(
    shape: Shape,
    operation: str,
    applying: Sequence[tuple[PlugIn, Field]],
    written: Mapping[str, Any],
    stored: Mapping[str, Any],
) -> dict[str, Any]:
    """What is still to be written into one row."""
    values: dict[str, Any] = {}
    for one, field in applying:
        if not one.suffix or operation == CREATE or field.column in written:
            made = _made(shape, one, field, values.get(field.column, stored[field.column]))
            if made != stored[field.column]:
                values[field.column] = made
    return values


def _stored(
    connection: Connection[Any], shape: Shape, fields: Sequence[Field], ids: Sequence[UUID]
) -> dict[UUID, dict[str, Any]]:
    names = sql.SQL(", ").join(field.identifier for field in fields)
    rows = connection.execute(
        sql.SQL("SELECT {}, {} FROM {} WHERE {} = ANY(%s)").format(
            shape.row_id.identifier, names, shape.relation, shape.row_id.identifier
        ),
        (list(ids),),
    )
    return {row[0]: {field.column: value for field, value in zip(fields, row[1:], strict=True)} for row in rows}


def _applying(site: Site, shape: Shape, operation: str, *, is_after: bool) -> Iterator[tuple[PlugIn, Field]]:
    for one in site.faults.switches.plug_ins:
        field = shape.by_column.get(one.column)
        if one.is_after is is_after and one.applies(shape.name, operation) and field and field is not shape.row_id:
            yield one, field


def _made(shape: Shape, one: PlugIn, field: Field, value: Any) -> Any:
    made = one.made_of(value)
    if field.type is ColumnType.LOOKUP:
        return None if made is None else UUID(str(made))
    return value_of(shape, field, Decimal(str(made)) if isinstance(made, float) else made)

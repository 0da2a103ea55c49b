"""Code of the environment that changes rows when they are written, as the faults say.

Each runs once a write and never on what another wrote, so that none loops.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from psycopg import Connection, sql

from syncengine.sandbox.faults import PlugIn
from syncengine.sandbox.finops.etags import etag, touch
from syncengine.sandbox.finops.events.event import Event
from syncengine.sandbox.finops.payload import value_of
from syncengine.sandbox.finops.rows import locked, with_record
from syncengine.sandbox.shape import Field, Shape
from syncengine.sandbox.site import Site


def change(site: Site, shape: Shape, operation: str, values: dict[str, Any]) -> None:
    """What they make of the values before these are stored. Raises: ServiceError."""
    for one, field in _applying(site, shape, operation, is_after=False):
        is_left_out = operation == "update" and field.column not in values
        if not (one.suffix and is_left_out):
            values[field.column] = _made(site, shape, one, field, values.get(field.column, ""))


def follow(
    site: Site, connection: Connection[Any], shape: Shape, operation: str, records: Sequence[int]
) -> list[Event]:
    """What they write after a write to these records, each a write of its own. Raises: ServiceError."""
    return [
        event
        for one, field in _applying(site, shape, operation, is_after=True)
        for record in records
        for event in _written(site, connection, shape, one, field, record)
    ]


def _applying(site: Site, shape: Shape, operation: str, *, is_after: bool) -> Iterator[tuple[PlugIn, Field]]:
    for one in site.faults.switches.plug_ins:
        field = shape.fields.get(one.column)
        if one.is_after is is_after and one.applies(shape.name, operation) and field and field not in shape.key:
            yield one, field


def _made(site: Site, shape: Shape, one: PlugIn, field: Field, value: Any) -> Any:
    made = one.made_of(value)
    return value_of(site.stock, shape, field, Decimal(str(made)) if isinstance(made, float) else made)


def _written(
    site: Site, connection: Connection[Any], shape: Shape, one: PlugIn, field: Field, record: int
) -> Iterator[Event]:
    """The event of the write, unless the row is already as it should be."""
    before = locked(connection, shape, [with_record(record)])
    if before is None:
        return
    value = _made(site, shape, one, field, before[field.column])
    if value == before[field.column]:
        return
    row = connection.execute(
        sql.SQL("UPDATE {} SET {} = %s, {} WHERE {} RETURNING {}").format(
            shape.relation, field.identifier, touch(shape, [field.column]), with_record(record), etag(shape)
        ),
        (value,),
    ).fetchone()
    assert row is not None
    yield Event(
        shape=shape,
        operation="Updated",
        key={each.name: before[each.column] for each in shape.key},
        etag=row[0],
        record=record,
        values={field.column: value},
        before=before,
    )

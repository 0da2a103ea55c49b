"""`…/$ref`: a look-up set or emptied by itself, from either of the two rows. Source: Dataverse Web API documentation,
associate and disassociate table rows.
"""

from typing import Any
from uuid import UUID

from psycopg import Connection, sql

from syncengine.sandbox.addresses import Segment
from syncengine.sandbox.calls import Call
from syncengine.sandbox.dataverse import errors, keys, payload, write
from syncengine.sandbox.dataverse.contexts import Change
from syncengine.sandbox.dataverse.keys import Key
from syncengine.sandbox.dataverse.navigation import Collection, collection_name
from syncengine.sandbox.dataverse.payload import emptied, read_body
from syncengine.sandbox.declarations import Column
from syncengine.sandbox.shape import Shape
from syncengine.sandbox.site import Site

ASSOCIATE, DISASSOCIATE = "Associate", "Disassociate"
_ID = "@odata.id"


def put(site: Site, connection: Connection[Any], call: Call, shape: Shape, key: Key, name: str) -> None:
    """Point the look-up to the row that the body names."""
    column = shape.bindings[name]
    target = _named(site, connection, call, site.stock.shapes[column.target], _body_id(call, shape))
    values = {**emptied(shape, column), column.name: target}
    row_id = write.set_values(site, connection, call, shape, key, values)
    _tell(site, connection, call, ASSOCIATE, (shape, row_id), (site.stock.shapes[column.target], target), shape, column)


def clear(site: Site, connection: Connection[Any], call: Call, shape: Shape, key: Key, name: str) -> None:
    """Empty the look-up."""
    column = shape.bindings[name]
    before = pointed_to(connection, shape, key, column)
    row_id = write.set_values(site, connection, call, shape, key, emptied(shape, column))
    if before is not None:
        target = site.stock.shapes[column.target]
        _tell(site, connection, call, DISASSOCIATE, (shape, row_id), (target, before), shape, column)


def add(site: Site, connection: Connection[Any], call: Call, shape: Shape, key: Key, collection: Collection) -> None:
    """Let the row that the body names point to this one."""
    row_id = _there(connection, shape, key)
    other, column = collection.shape, collection.column
    child = _named(site, connection, call, other, _body_id(call, shape))
    values = {**emptied(other, column), column.name: row_id}
    write.set_values(site, connection, call, other, [(other.row_id, child)], values)
    _tell(site, connection, call, ASSOCIATE, (shape, row_id), (other, child), other, column)


def remove(
    site: Site,
    connection: Connection[Any],
    call: Call,
    shape: Shape,
    key: Key,
    collection: Collection,
    segment: Segment,
) -> None:
    """Let a row no longer point to this one: the one of the key, or of the option `$id`."""
    row_id = _there(connection, shape, key)
    other, column = collection.shape, collection.column
    if segment.key is None:
        child = _named(site, connection, call, other, call.address.option("$id"))
    elif not site.is_made(other.name):
        raise errors.no_key_row()
    else:
        child = _there(connection, other, keys.read_key(other, Segment(name=other.name, key=segment.key)))
    pointed = pointed_to(connection, other, [(other.row_id, child)], column)
    if pointed != row_id:
        raise errors.no_row(other, child)
    write.set_values(site, connection, call, other, [(other.row_id, child)], emptied(other, column))
    _tell(site, connection, call, DISASSOCIATE, (shape, row_id), (other, child), other, column)


def _body_id(call: Call, shape: Shape) -> Any:
    return read_body(call, shape).get(_ID)


def _named(site: Site, connection: Connection[Any], call: Call, shape: Shape, address: Any) -> UUID:
    """The id of the row of this table that an address names. Raises: ServiceError."""
    value = payload.referred(address, call.references)
    segment = payload.segment_of(shape, value)
    if segment.name != shape.name:
        raise errors.bad_payload(shape, f"'{str(value)[:100]}' is no record of '{shape.name}'.")
    return keys.find(site, connection, segment)


def _there(connection: Connection[Any], shape: Shape, key: Key) -> UUID:
    row_id = keys.row_id_of(connection, shape, key)
    if row_id is None:
        raise keys.missing(shape, key)
    return row_id


def within(connection: Connection[Any], shape: Shape, key: Key, collection: Collection) -> sql.Composable:
    """The condition that a row points to the row of this key. Raises: ServiceError where there is none."""
    return sql.SQL("{} = {}").format(
        sql.Identifier(collection.column.name), sql.Literal(_there(connection, shape, key))
    )


def pointed_to(connection: Connection[Any], shape: Shape, key: Key, column: Column) -> UUID | None:
    """The id of the row that the look-up leads to. Raises: ServiceError where there is no row of this key."""
    row = connection.execute(
        sql.SQL("SELECT {} FROM {} WHERE {}").format(sql.Identifier(column.name), shape.relation, keys.condition(key))
    ).fetchone()
    if row is None:
        raise keys.missing(shape, key)
    found: UUID | None = row[0]
    return found


def _tell(
    site: Site,
    connection: Connection[Any],
    call: Call,
    message: str,
    row: tuple[Shape, UUID],
    related: tuple[Shape, UUID],
    owner: Shape,
    column: Column,
) -> None:
    """The update of the look-up has been told already; this tells of the two rows."""
    shape, row_id = row
    relationship = collection_name(errors.table_of(owner), column)
    change = Change(message=message, shape=shape, row_id=row_id, related=related, relationship=relationship)
    write.tell(site, connection, call, [change])

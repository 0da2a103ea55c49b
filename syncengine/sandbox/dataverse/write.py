"""Single writes: create, the upsert matrix of PATCH, delete. Source: Dataverse Web API documentation.

Every write raises the row's version, notes its transaction for the delta feed and queues the messages of subscribers,
all in one transaction. The version that a caller expects stands in the WHERE of the write itself.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from psycopg import Connection, sql

from syncengine.sandbox.calls import Call, ServiceError
from syncengine.sandbox.counts import Work
from syncengine.sandbox.dataverse import errors, keys, webhooks
from syncengine.sandbox.dataverse.keys import Key
from syncengine.sandbox.dataverse.payload import Payload, read_body, read_payload
from syncengine.sandbox.dataverse.shape import MODIFIED, VERSION, XACT
from syncengine.sandbox.dataverse.webhooks import Change
from syncengine.sandbox.declarations import DataverseTable
from syncengine.sandbox.shape import Shape
from syncengine.sandbox.site import Site

_ETAG = re.compile(r'(?:W/)?"(\d{1,18})"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    row_id: UUID
    is_new: bool


def create(site: Site, connection: Connection[Any], call: Call, shape: Shape) -> Written:
    values = resolved(site, connection, read_payload(shape, read_body(call, shape), call.references))
    return _create(site, connection, call, shape, values)


def patch(site: Site, connection: Connection[Any], call: Call, shape: Shape, key: Key) -> Written:
    """Update, create or both, as the conditions of the call say."""
    values = resolved(site, connection, read_payload(shape, read_body(call, shape), call.references))
    values.pop(shape.row_id.column, None)
    expected = _expected_version(call)
    row_id = keys.row_id_of(connection, shape, key, lock=True)
    if row_id is not None:
        if call.header("if-none-match") == "*":
            raise errors.row_exists()
        update(site, connection, call, shape, row_id, values, expected)
        return Written(row_id=row_id, is_new=False)
    if call.header("if-match"):
        raise errors.no_row(shape, key[0][1]) if keys.is_primary(shape, key) else errors.no_key_row()
    return _create(site, connection, call, shape, {**values, **{one.column: value for one, value in key}})


def put_property(site: Site, connection: Connection[Any], call: Call, shape: Shape, key: Key, name: str) -> None:
    """One property of a row that must be there."""
    body = read_body(call, shape)
    if "value" not in body:
        raise errors.bad_payload(shape, "An object with 'value' was expected.")
    payload = read_payload(shape, {name: body["value"]})
    set_values(site, connection, call, shape, key, payload.values)


def set_values(
    site: Site, connection: Connection[Any], call: Call, shape: Shape, key: Key, values: Mapping[str, Any]
) -> None:
    row_id = keys.row_id_of(connection, shape, key, lock=True)
    if row_id is None:
        raise errors.no_row(shape, key[0][1])
    update(site, connection, call, shape, row_id, values, _expected_version(call))


def delete(site: Site, connection: Connection[Any], call: Call, shape: Shape, key: Key) -> None:
    expected = _expected_version(call)
    row_id = keys.row_id_of(connection, shape, key, lock=True)
    if row_id is None:
        raise errors.no_row(shape, key[0][1]) if keys.is_primary(shape, key) else errors.no_key_row()
    site.check_rules(shape.name, "delete", {})
    clear_lookups(site, connection, shape, row_id)
    done = connection.execute(
        sql.SQL("DELETE FROM {} WHERE {} = %s AND (%s::bigint IS NULL OR versionnumber = %s)").format(
            shape.relation, shape.row_id.identifier
        ),
        (row_id, expected, expected),
    )
    if not done.rowcount:
        raise errors.version_differs()
    bury(connection, shape, row_id)
    site.count(Work.DELETES, call)
    tell(site, connection, call, [Change(message="Delete", shape=shape, row_id=row_id, values={})])


def resolved(site: Site, connection: Connection[Any], payload: Payload) -> dict[str, Any]:
    """The values with all look-ups bound. Raises: ServiceError for one that names no row."""
    for reference in payload.references:
        payload.values[reference.column.name] = keys.find(site, connection, reference.segment)
    return payload.values


def update(
    site: Site,
    connection: Connection[Any],
    call: Call,
    shape: Shape,
    row_id: UUID,
    values: Mapping[str, Any],
    expected: int | None = None,
) -> None:
    """Change a row that is there. Raises: ServiceError when its version is not the expected one."""
    site.check_rules(shape.name, "update", values)
    done = connection.execute(
        shape.composed(("update", *values), lambda: _update(shape, values)),
        (*values.values(), row_id, expected, expected),
    )
    if not done.rowcount:
        raise errors.version_differs()
    site.count(Work.UPDATES, call)
    tell(site, connection, call, [Change(message="Update", shape=shape, row_id=row_id, values=values)])


def _update(shape: Shape, names: Iterable[str]) -> sql.Composable:
    sets = [sql.SQL("{} = %s").format(sql.Identifier(name)) for name in names]
    return sql.SQL("UPDATE {} SET {} WHERE {} = %s AND (%s::bigint IS NULL OR versionnumber = %s)").format(
        shape.relation, sql.SQL(", ").join([*sets, *touch(shape)]), shape.row_id.identifier
    )


def touch(shape: Shape) -> list[sql.Composable]:
    """What every update sets beside the values."""
    version = sql.Literal(sql.Identifier(shape.schema, "_version").as_string())
    return [
        sql.SQL("{} = nextval({})").format(sql.Identifier(VERSION.name), version),
        sql.SQL("{} = date_trunc('second', clock_timestamp())").format(sql.Identifier(MODIFIED.name)),
        sql.SQL("{} = pg_current_xact_id()").format(XACT),
    ]


def clear_lookups(site: Site, connection: Connection[Any], shape: Shape, row_id: UUID) -> None:
    """Empty the look-ups that let their target go."""
    for name, column in site.stock.inventory.lookups_to.get(shape.name, ()):
        if column.clears_on_delete and site.is_made(name):
            other, lookup = site.stock.shapes[name], sql.Identifier(column.name)
            connection.execute(
                sql.SQL("UPDATE {} SET {} = NULL, {} WHERE {} = %s").format(
                    other.relation, lookup, sql.SQL(", ").join(touch(other)), lookup
                ),
                (row_id,),
            )


def bury(connection: Connection[Any], shape: Shape, row_id: UUID) -> None:
    """Note the delete for the delta feed."""
    if errors.table_of(shape).tracks_changes:
        connection.execute(
            sql.SQL(
                "INSERT INTO {}._tombstone (table_name, id) VALUES (%s, %s) ON CONFLICT (table_name, id)"
                " DO UPDATE SET xact = pg_current_xact_id(), deleted_at = clock_timestamp()"
            ).format(sql.Identifier(shape.schema)),
            (shape.name, row_id),
        )


def check_required(table: DataverseTable, values: Mapping[str, Any]) -> None:
    for column in table.columns:
        if column.required and values.get(column.name) is None:
            raise ServiceError(400, f"Required field '{column.name}' is missing", code=errors.REQUIRED)


def tell(site: Site, connection: Connection[Any], call: Call, changes: list[Change]) -> None:
    if not errors.table_of(changes[0].shape).is_system:
        webhooks.tell(site, connection, call, changes)


def _create(site: Site, connection: Connection[Any], call: Call, shape: Shape, values: dict[str, Any]) -> Written:
    check_required(errors.table_of(shape), values)
    site.check_rules(shape.name, "create", values)
    row_id = values.pop(shape.row_id.column, None) or uuid4()
    columns = [shape.row_id.column, *values]
    connection.execute(
        shape.composed(("insert", *columns), lambda: _insert(shape, columns)), (row_id, *values.values())
    )
    site.count(Work.CREATES, call)
    tell(site, connection, call, [Change(message="Create", shape=shape, row_id=row_id, values=values)])
    return Written(row_id=row_id, is_new=True)


def _insert(shape: Shape, names: Sequence[str]) -> sql.Composable:
    return sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
        shape.relation,
        sql.SQL(", ").join(map(sql.Identifier, names)),
        sql.SQL(", ").join([sql.SQL("%s")] * len(names)),
    )


def _expected_version(call: Call) -> int | None:
    """The version in If-Match; None without one or for `*`. Raises: ServiceError when it is no version at all."""
    text = call.header("if-match").strip()
    if text in ("", "*"):
        return None
    found = _ETAG.fullmatch(text)
    if found is None:
        raise errors.bad_uri(f"The etag value '{text[:60]}' specified in one of the request headers is not valid.")
    return int(found[1])

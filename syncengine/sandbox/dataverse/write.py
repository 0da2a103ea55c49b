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
from syncengine.sandbox.dataverse import duplicates, errors, keys, plug_ins, privileges, solutions, steps, webhooks
from syncengine.sandbox.dataverse.contexts import Change
from syncengine.sandbox.dataverse.keys import Key
from syncengine.sandbox.dataverse.logic import logic_of
from syncengine.sandbox.dataverse.payload import Payload, read_body, read_payload
from syncengine.sandbox.dataverse.shape import MODIFIED, VERSION, XACT
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
        named = {one.column for one, _ in key}  # what the address says wins
        values = {name: value for name, value in values.items() if name not in named}
        update(site, connection, call, shape, row_id, values, expected)
        return Written(row_id=row_id, is_new=False)
    if call.header("if-match"):
        raise keys.missing(shape, key)
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
) -> UUID:
    """The id of the row that has these values now. Raises: ServiceError where there is none."""
    row_id = keys.row_id_of(connection, shape, key, lock=True)
    if row_id is None:
        raise keys.missing(shape, key)
    update(site, connection, call, shape, row_id, dict(values), _expected_version(call))
    return row_id


def delete(site: Site, connection: Connection[Any], call: Call, shape: Shape, key: Key) -> None:
    expected = _expected_version(call)
    row_id = keys.row_id_of(connection, shape, key, lock=True)
    if row_id is None:
        raise keys.missing(shape, key)
    privileges.check(site, call, privileges.DELETE, shape)
    if logic_of(site, call).is_synchronous_run:
        site.check_rules(shape.name, "delete", {})
    before = _before(site, connection, shape, "Delete", row_id)
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
    tell(site, connection, call, [Change(message="Delete", shape=shape, row_id=row_id, before=before)])


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
    values: dict[str, Any],
    expected: int | None = None,
) -> None:
    """Change a row that is there. Raises: ServiceError when its version is not the expected one."""
    privileges.check(site, call, privileges.WRITE, shape)
    duplicates.check(site, connection, call, shape, values, row_id)
    if logic_of(site, call).is_synchronous_run:
        values = plug_ins.changed(site, shape, plug_ins.UPDATE, values)
        site.check_rules(shape.name, "update", values)
    site.count(Work.UPDATES, call)
    _write(site, connection, call, shape, row_id, values, expected, depth=1)


def _write(
    site: Site,
    connection: Connection[Any],
    call: Call,
    shape: Shape,
    row_id: UUID,
    values: Mapping[str, Any],
    expected: int | None = None,
    *,
    depth: int,
) -> None:
    """The update itself and what it causes, of which each write is one deeper."""
    before = _before(site, connection, shape, "Update", row_id)
    done = connection.execute(
        shape.composed(("update", *values), lambda: _update(shape, values)),
        (*values.values(), row_id, expected, expected),
    )
    if not done.rowcount:
        raise errors.version_differs()
    change = Change(message="Update", shape=shape, row_id=row_id, values=values, before=before, depth=depth)
    tell(site, connection, call, [change])
    follow(site, connection, call, shape, plug_ins.UPDATE, [(row_id, values)], depth)


def follow(
    site: Site,
    connection: Connection[Any],
    call: Call,
    shape: Shape,
    operation: str,
    written: Sequence[plug_ins.Row],
    depth: int = 1,
) -> None:
    """What plug-ins write after these rows were. Raises: ServiceError, also for writes without end."""
    if not site.faults.switches.plug_ins or not logic_of(site, call).is_synchronous_run:
        return
    more = plug_ins.following(site, connection, shape, operation, written)
    if more and depth >= webhooks.MAX_DEPTH:
        raise errors.endless()
    for row_id, values in more:
        _write(site, connection, call, shape, row_id, values, depth=depth + 1)


def _before(site: Site, connection: Connection[Any], shape: Shape, message: str, row_id: UUID) -> Mapping[str, Any]:
    """The row as it is, where somebody wants to know."""
    if errors.table_of(shape).is_system:
        return {}
    return steps.rows_before(site, connection, shape, message, [row_id]).get(row_id, {})


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
    privileges.check(site, call, privileges.CREATE, shape)
    check_required(errors.table_of(shape), values)
    solutions.check(site, connection, call, shape)
    duplicates.check(site, connection, call, shape, values)
    if logic_of(site, call).is_synchronous_run:
        values = plug_ins.changed(site, shape, plug_ins.CREATE, values)
        site.check_rules(shape.name, "create", values)
    row_id = values.pop(shape.row_id.column, None) or uuid4()
    columns = [shape.row_id.column, *values]
    connection.execute(
        shape.composed(("insert", *columns), lambda: _insert(shape, columns)), (row_id, *values.values())
    )
    site.count(Work.CREATES, call)
    tell(site, connection, call, [Change(message="Create", shape=shape, row_id=row_id, values=values)])
    follow(site, connection, call, shape, plug_ins.CREATE, [(row_id, values)])
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

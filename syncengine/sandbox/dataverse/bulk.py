"""CreateMultiple, UpdateMultiple, UpsertMultiple, DeleteMultiple: many rows in one call.

Standard tables take all or none; of elastic tables each row stands alone (`elastic`). Source: Web API documentation.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any
from uuid import UUID, uuid4

from psycopg import Connection, sql

from syncengine.sandbox import addresses
from syncengine.sandbox.addresses import BadAddress, Segment
from syncengine.sandbox.calls import Answer, Call, ServiceError, encode, json_answer
from syncengine.sandbox.counts import Work
from syncengine.sandbox.dataverse import duplicates, elastic, errors, keys, plug_ins, privileges, steps, write
from syncengine.sandbox.dataverse.contexts import Change
from syncengine.sandbox.dataverse.logic import logic_of
from syncengine.sandbox.dataverse.payload import Payload, read_body, read_payload
from syncengine.sandbox.dataverse.shape import first_status
from syncengine.sandbox.dataverse.write import check_required, follow, tell, touch
from syncengine.sandbox.shape import Field, Shape, folded
from syncengine.sandbox.site import Site


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    row_id: UUID
    values: dict[str, Any]


@dataclass(slots=True)
class Bindings:
    """Rows that look-ups of this message named by key, each looked up once."""

    known: dict[tuple[Any, ...], UUID] = field(default_factory=dict)

    def find(self, site: Site, connection: Connection[Any], segment: Segment) -> UUID:
        question = (segment.name, segment.key)
        if question not in self.known:
            self.known[question] = keys.find(site, connection, segment)
        return self.known[question]


def answer(site: Site, connection: Connection[Any], call: Call, shape: Shape, message: str) -> Answer:
    handlers: Mapping[str, Callable[..., Answer]] = {
        "CreateMultiple": _create_multiple,
        "UpdateMultiple": _update_multiple,
        "UpsertMultiple": _upsert_multiple,
        "DeleteMultiple": _delete_multiple,
    }
    table = errors.table_of(shape)
    if message == "DeleteMultiple" and not table.is_elastic:
        raise ServiceError(400, "DeleteMultiple has not yet been implemented.", code=errors.NOT_YET)
    if message not in handlers or table.is_system:
        raise errors.no_segment(message)
    targets = _targets(call, shape)
    if table.is_elastic:
        handler = handlers[message]
        return elastic.answer(
            site.stock, connection, call, shape, targets, lambda some: handler(site, connection, call, shape, some)
        )
    return handlers[message](site, connection, call, shape, targets)


def create_rows(
    site: Site,
    connection: Connection[Any],
    call: Call,
    shape: Shape,
    rows: Sequence[Row],
    *,
    is_silent: bool = False,
) -> None:
    """Insert all rows in one statement; subscribers are told unless `is_silent`."""
    if not is_silent:
        privileges.check(site, call, privileges.CREATE, shape)
        rows = [_prepared(site, connection, call, shape, plug_ins.CREATE, row) for row in rows]
    table = errors.table_of(shape)
    for row in rows:
        check_required(table, row.values)
    names = list(dict.fromkeys(name for row in rows for name in row.values if name != shape.row_id.column))
    defaults = _defaults(shape)
    fields = [shape.row_id, *(shape.by_column[name] for name in names)]
    connection.execute(
        sql.SQL("INSERT INTO {} ({}) {}").format(shape.relation, _identifiers(fields), _sent(fields)),
        [_packed([row.row_id, *(row.values.get(name, defaults.get(name)) for name in names)] for row in rows)],
    )
    if not is_silent:
        site.count(Work.CREATES, call, len(rows))
        tell_all(site, connection, call, shape, "Create", rows)
        follow(site, connection, call, shape, plug_ins.CREATE, [(row.row_id, row.values) for row in rows])


def _prepared(site: Site, connection: Connection[Any], call: Call, shape: Shape, operation: str, row: Row) -> Row:
    """The row as custom logic lets it be written. Raises: ServiceError."""
    is_there = operation == plug_ins.UPDATE
    duplicates.check(site, connection, call, shape, row.values, row.row_id if is_there else None)
    if not logic_of(site, call).is_synchronous_run:
        return row
    values = plug_ins.changed(site, shape, operation, row.values)
    site.check_rules(shape.name, operation, values)
    return row if values is row.values else Row(row_id=row.row_id, values=values)


def _create_multiple(
    site: Site, connection: Connection[Any], call: Call, shape: Shape, targets: list[dict[str, Any]]
) -> Answer:
    bindings, rows = Bindings(), []
    for target in targets:
        values = values_of(site, connection, shape, target, bindings)
        rows.append(Row(row_id=values.pop(shape.row_id.column, None) or uuid4(), values=values))
    if rows:
        create_rows(site, connection, call, shape, rows)
    context = f"{call.base}/$metadata#Microsoft.Dynamics.CRM.CreateMultipleResponse"
    return json_answer(200, {"@odata.context": context, "Ids": [str(row.row_id) for row in rows]})


def _update_multiple(
    site: Site, connection: Connection[Any], call: Call, shape: Shape, targets: list[dict[str, Any]]
) -> Answer:
    bindings, rows = Bindings(), []
    for target in targets:
        values = values_of(site, connection, shape, target, bindings)
        row_id = values.pop(shape.row_id.column, None)
        if row_id is None:
            raise errors.bad_payload(shape, f"Each target must hold '{shape.row_id.name}'.")
        rows.append(Row(row_id=row_id, values=values))
    _update_rows(site, connection, call, shape, rows)
    return Answer(status=204)


def _upsert_multiple(
    site: Site, connection: Connection[Any], call: Call, shape: Shape, targets: list[dict[str, Any]]
) -> Answer:
    bindings = Bindings()
    addressed = [
        (keys.read_key(shape, _address(shape, target)), values_of(site, connection, shape, target, bindings))
        for target in targets
    ]
    found = _existing(connection, shape, [key for key, _ in addressed])
    creates: dict[Any, Row] = {}
    updates = []
    for key, values in addressed:
        row_id = found.get(_folded_key(key))
        own = {one.column: value for one, value in key}
        values = {name: value for name, value in values.items() if name not in own and name != shape.row_id.column}
        if row_id is not None:
            updates.append(Row(row_id=row_id, values=values))
            continue
        if _folded_key(key) in creates:
            raise ServiceError(412, "Two targets name the same record.", code=errors.KEY_TAKEN)
        made_id = own.pop(shape.row_id.column, None) or uuid4()
        creates[_folded_key(key)] = Row(row_id=made_id, values={**values, **own})
    if creates:
        create_rows(site, connection, call, shape, list(creates.values()))
    _update_rows(site, connection, call, shape, updates)
    return Answer(status=204)


def _update_rows(site: Site, connection: Connection[Any], call: Call, shape: Shape, rows: Sequence[Row]) -> None:
    """Rows that give the same columns are updated by one statement."""
    if not rows:
        return
    privileges.check(site, call, privileges.WRITE, shape)
    rows = [_prepared(site, connection, call, shape, plug_ins.UPDATE, row) for row in rows]
    before = steps.rows_before(site, connection, shape, "Update", [row.row_id for row in rows])
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row.values), []).append(row)
    for names, group in groups.items():
        _update_group(connection, shape, [shape.by_column[name] for name in names], group)
    site.count(Work.UPDATES, call, len(rows))
    tell_all(site, connection, call, shape, "Update", rows, before)
    follow(site, connection, call, shape, plug_ins.UPDATE, [(row.row_id, row.values) for row in rows])


def _delete_multiple(
    site: Site, connection: Connection[Any], call: Call, shape: Shape, targets: list[dict[str, Any]]
) -> Answer:
    for target in targets:
        write.delete(site, connection, call, shape, keys.read_key(shape, _address(shape, target)))
    return Answer(status=204)


def _update_group(connection: Connection[Any], shape: Shape, fields: list[Field], rows: Sequence[Row]) -> None:
    by_id = {row.row_id: row for row in rows}
    if len(by_id) < len(rows):
        raise ServiceError(400, "Two targets name the same record.", code=errors.PAYLOAD)
    sets = [sql.SQL("{} = v.{}").format(one.identifier, one.identifier) for one in fields]
    done = connection.execute(
        sql.SQL("UPDATE {} t SET {} FROM ({}) v ({}) WHERE t.{} = v.{} RETURNING t.{}").format(
            shape.relation,
            sql.SQL(", ").join([*sets, *touch(shape)]),
            _sent([shape.row_id, *fields]),
            _identifiers([shape.row_id, *fields]),
            shape.row_id.identifier,
            shape.row_id.identifier,
            shape.row_id.identifier,
        ),
        [_packed([row_id, *(row.values[one.column] for one in fields)] for row_id, row in by_id.items())],
    )
    missing = by_id.keys() - {row_id for (row_id,) in done}
    if missing:
        raise errors.no_row(shape, min(missing))


def _existing(connection: Connection[Any], shape: Shape, named: Sequence[keys.Key]) -> dict[Any, UUID]:
    """The ids of those rows that are there, by key; nobody else can change them until the end."""
    groups: dict[tuple[str, ...], list[keys.Key]] = {}
    for key in named:
        groups.setdefault(tuple(one.column for one, _ in key), []).append(key)
    found: dict[Any, UUID] = {}
    for group in groups.values():
        found.update(_existing_group(connection, shape, group))
    return found


def _existing_group(connection: Connection[Any], shape: Shape, group: list[keys.Key]) -> Iterable[tuple[Any, UUID]]:
    fields = [one for one, _ in group[0]]
    names = sql.SQL(", ").join(map(folded, fields))
    rows = connection.execute(
        sql.SQL("SELECT {}, {} FROM {} WHERE ({}) IN (SELECT {} FROM ({}) v ({})) FOR NO KEY UPDATE").format(
            shape.row_id.identifier, names, shape.relation, names, names, _sent(fields), _identifiers(fields)
        ),
        [_packed([value for _, value in key] for key in group)],
    ).fetchall()
    columns = tuple(one.column for one in fields)
    return [((columns, tuple(row[1:])), row[0]) for row in rows]


def _folded_key(key: keys.Key) -> Any:
    """The key as the database compares it."""
    values = tuple(value.lower() if isinstance(value, str) else value for _, value in key)
    return tuple(one.column for one, _ in key), values


def tell_all(
    site: Site,
    connection: Connection[Any],
    call: Call,
    shape: Shape,
    message: str,
    rows: Sequence[Row],
    before: Mapping[UUID, Mapping[str, Any]] = MappingProxyType({}),
) -> None:
    if steps.registered(site, connection) is None:
        return
    changes = [
        Change(message=message, shape=shape, row_id=row.row_id, values=row.values, before=before.get(row.row_id, {}))
        for row in rows
    ]
    tell(site, connection, call, changes)


def _targets(call: Call, shape: Shape) -> list[dict[str, Any]]:
    targets = read_body(call, shape).get("Targets")
    if not isinstance(targets, list) or not all(isinstance(target, dict) for target in targets):
        raise errors.bad_payload(shape, "The property 'Targets' must be a list of records.")
    if any(str(target.get("@odata.type")).removeprefix("#") != errors.type_name(shape) for target in targets):
        raise errors.bad_payload(shape, f"Each target must have the '@odata.type' '{errors.type_name(shape)}'.")
    return targets


def values_of(
    site: Site, connection: Connection[Any], shape: Shape, target: Mapping[str, Any], bindings: Bindings
) -> dict[str, Any]:
    """The target's values by column, look-ups bound. Raises: ServiceError."""
    payload: Payload = read_payload(shape, target)
    for reference in payload.references:
        payload.values[reference.column.name] = bindings.find(site, connection, reference.segment)
    return payload.values


def _address(shape: Shape, target: dict[str, Any]) -> Segment:
    """What `@odata.id` names; the primary id among the values does as well."""
    text = target.get("@odata.id") or f"{shape.name}({target.get(shape.row_id.name)})"
    try:
        segment = addresses.parse(str(text).rpartition("/api/data/v9.")[2].lstrip("/")).segments[-1]
    except (BadAddress, IndexError) as error:
        raise errors.bad_payload(shape, "Each target must name its record by '@odata.id'.") from error
    if segment.name != shape.name or not segment.key:
        raise errors.bad_payload(shape, f"'@odata.id' must name a record of '{shape.name}'.")
    return segment


def _defaults(shape: Shape) -> dict[str, Any]:
    """What a column holds in a row that does not give it, where another row of the message does."""
    return {
        **{one.column: False for one in shape.fields.values() if one.sql_type == "boolean"},
        "statecode": 0,
        "statuscode": first_status(shape.fields["statuscode"]),
    }


def _identifiers(fields: Iterable[Field]) -> sql.Composable:
    return sql.SQL(", ").join(one.identifier for one in fields)


def _sent(fields: Iterable[Field]) -> sql.Composable:
    """The rows of one parameter, `_packed`, as columns of these fields."""
    columns = sql.SQL(", ").join(
        sql.SQL("(e->>{})::{}").format(sql.Literal(place), sql.SQL(one.sql_type)) for place, one in enumerate(fields)
    )
    return sql.SQL("SELECT {} FROM jsonb_array_elements(%s::jsonb) e").format(columns)


def _packed(rows: Iterable[list[Any]]) -> str:
    """Rows of values as one text, which PostgreSQL takes apart faster than the driver makes arrays of them."""
    return encode(list(rows)).decode()

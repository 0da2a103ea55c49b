"""CreateMultiple, UpdateMultiple, UpsertMultiple: many rows, all or none. Source: Dataverse Web API documentation."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from psycopg import Connection, sql

from syncengine.sandbox import addresses
from syncengine.sandbox.addresses import BadAddress, Segment
from syncengine.sandbox.calls import Answer, Call, ServiceError, json_answer
from syncengine.sandbox.counts import Work
from syncengine.sandbox.dataverse import errors, keys
from syncengine.sandbox.dataverse.payload import Payload, read_body, read_payload
from syncengine.sandbox.dataverse.webhooks import Change
from syncengine.sandbox.dataverse.write import check_required, tell, touch
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
    }
    if message == "DeleteMultiple":
        raise ServiceError(400, "DeleteMultiple has not yet been implemented.", code=errors.NOT_YET)
    if message not in handlers or errors.table_of(shape).is_system:
        raise errors.no_segment(message)
    return handlers[message](site, connection, call, shape, _targets(call, shape))


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
    for row in rows:
        check_required(errors.table_of(shape), row.values)
        site.check_rules(shape.name, "create", row.values)
    names = list(dict.fromkeys(name for row in rows for name in row.values if name != shape.row_id.column))
    defaults = _defaults(shape)
    columns = [[row.values.get(name, defaults.get(name)) for row in rows] for name in names]
    fields = [shape.row_id, *(shape.by_column[name] for name in names)]
    connection.execute(
        sql.SQL("INSERT INTO {} ({}) SELECT * FROM unnest({})").format(
            shape.relation, _identifiers(fields), _arrays(fields)
        ),
        [[row.row_id for row in rows], *columns],
    )
    if not is_silent:
        site.count(Work.CREATES, call, len(rows))
        tell_all(site, connection, call, shape, "Create", rows)


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
        values.pop(shape.row_id.column, None)
        if row_id is not None:
            updates.append(Row(row_id=row_id, values=values))
            continue
        if _folded_key(key) in creates:
            raise ServiceError(412, "Two targets name the same record.", code=errors.KEY_TAKEN)
        own = {one.column: value for one, value in key}
        made_id = own.pop(shape.row_id.column, None) or uuid4()
        creates[_folded_key(key)] = Row(row_id=made_id, values={**values, **own})
    if creates:
        create_rows(site, connection, call, shape, list(creates.values()))
    _update_rows(site, connection, call, shape, updates)
    return Answer(status=204)


def _update_rows(site: Site, connection: Connection[Any], call: Call, shape: Shape, rows: Sequence[Row]) -> None:
    """Rows that give the same columns are updated by one statement."""
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        site.check_rules(shape.name, "update", row.values)
        groups.setdefault(tuple(row.values), []).append(row)
    for names, group in groups.items():
        _update_group(connection, shape, [shape.by_column[name] for name in names], group)
    if rows:
        site.count(Work.UPDATES, call, len(rows))
        tell_all(site, connection, call, shape, "Update", rows)


def _update_group(connection: Connection[Any], shape: Shape, fields: list[Field], rows: Sequence[Row]) -> None:
    by_id = {row.row_id: row for row in rows}
    if len(by_id) < len(rows):
        raise ServiceError(400, "Two targets name the same record.", code=errors.PAYLOAD)
    sets = [sql.SQL("{} = v.{}").format(one.identifier, one.identifier) for one in fields]
    done = connection.execute(
        sql.SQL("UPDATE {} t SET {} FROM unnest({}) v ({}) WHERE t.{} = v.{} RETURNING t.{}").format(
            shape.relation,
            sql.SQL(", ").join([*sets, *touch(shape)]),
            _arrays([shape.row_id, *fields]),
            _identifiers([shape.row_id, *fields]),
            shape.row_id.identifier,
            shape.row_id.identifier,
            shape.row_id.identifier,
        ),
        [list(by_id), *([row.values[one.column] for row in by_id.values()] for one in fields)],
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
        sql.SQL("SELECT {}, {} FROM {} WHERE ({}) IN (SELECT {} FROM unnest({}) v ({})) FOR NO KEY UPDATE").format(
            shape.row_id.identifier, names, shape.relation, names, names, _arrays(fields), _identifiers(fields)
        ),
        [[key[place][1] for key in group] for place in range(len(fields))],
    ).fetchall()
    columns = tuple(one.column for one in fields)
    return [((columns, tuple(row[1:])), row[0]) for row in rows]


def _folded_key(key: keys.Key) -> Any:
    """The key as the database compares it."""
    values = tuple(value.lower() if isinstance(value, str) else value for _, value in key)
    return tuple(one.column for one, _ in key), values


def tell_all(
    site: Site, connection: Connection[Any], call: Call, shape: Shape, message: str, rows: Sequence[Row]
) -> None:
    tell(
        site,
        connection,
        call,
        [Change(message=message, shape=shape, row_id=row.row_id, values=row.values) for row in rows],
    )


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
        "statuscode": 1,
    }


def _identifiers(fields: Iterable[Field]) -> sql.Composable:
    return sql.SQL(", ").join(one.identifier for one in fields)


def _arrays(fields: Iterable[Field]) -> sql.Composable:
    return sql.SQL(", ").join(sql.SQL("%s::{}").format(sql.SQL(f"{one.sql_type}[]")) for one in fields)

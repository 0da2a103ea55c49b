"""Creates, updates and deletes of entity rows. Source: Finance and Operations OData documentation.

Each is one transaction with the notifications that it queues. The version that a caller expects stands in the WHERE.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Connection, sql

from syncengine.sandbox import query
from syncengine.sandbox.calls import Call, ServiceError
from syncengine.sandbox.counts import Work
from syncengine.sandbox.finops import completion, errors, etags, keys, plug_ins, references, validation
from syncengine.sandbox.finops.events import notifications
from syncengine.sandbox.finops.events.event import Event
from syncengine.sandbox.finops.keys import Key
from syncengine.sandbox.finops.payload import read_body, read_values
from syncengine.sandbox.finops.read import in_company, to_json
from syncengine.sandbox.finops.rows import locked, with_record
from syncengine.sandbox.finops.shape import stand_in
from syncengine.sandbox.shape import Field, Shape, array_of
from syncengine.sandbox.site import Site

Values = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Created:
    """`text` is the stored row as JSON, `key` its key's values by name."""

    text: str
    key: dict[str, Any]


def create(site: Site, connection: Connection[Any], call: Call, shape: Shape) -> Created:
    values = read_values(site.stock, shape, read_body(call))
    made = create_rows(site, connection, shape, [values], by=call.client_id)[0]
    site.count(Work.CREATES, call)
    return made


def create_rows(
    site: Site,
    connection: Connection[Any],
    shape: Shape,
    rows: Sequence[Values],
    *,
    is_silent: bool = False,
    by: str = "",
) -> list[Created]:
    """Insert all rows in one statement, checked as a single one is. Raises: ServiceError.

    With `is_silent` nobody is told and no plug-in runs. `by` is the client that writes.
    """
    complete = _completed(site, connection, shape, rows, has_plug_ins=not is_silent)
    references.check(site, connection, shape, complete)
    fields = [one for one in shape.fields.values() if any(one.column in values for values in complete)]
    firsts = site.stock.firsts
    columns = [[values.get(one.column, stand_in(one, firsts)) for values in complete] for one in fields]
    key = ("insert", *(one.column for one in fields))
    found = connection.execute(shape.composed(key, lambda: _insert(shape, fields)), columns).fetchall()
    made = [
        Created(text=row[0], key={one.name: value for one, value in zip(shape.key, row[3:], strict=True)})
        for row in found
    ]
    if not is_silent:
        created = [
            Event(shape=shape, operation="Created", key=one.key, etag=row[1], record=row[2], values=values, by=by)
            for one, row, values in zip(made, found, complete, strict=True)
        ]
        followed = plug_ins.follow(site, connection, shape, "create", [row[2] for row in found])
        notifications.tell(site, connection, [*created, *followed])
    return made


def _completed(
    site: Site, connection: Connection[Any], shape: Shape, rows: Sequence[Values], *, has_plug_ins: bool
) -> list[Values]:
    """The rows with what the service assigns, each checked by itself. Raises: ServiceError."""
    known, rules = completion.defaults(site, shape), validation.of_table(site, shape)
    made = []
    for values in rows:
        complete = completion.complete(site, connection, shape, values, known)
        if has_plug_ins:
            plug_ins.change(site, shape, "create", complete)
        validation.check_required(shape, complete, is_new=True)
        check_rules(site, shape, "create", complete)
        if rules:
            validation.check(site, shape, rules, complete)
        made.append(complete)
    return made


def _insert(shape: Shape, fields: Sequence[Field]) -> sql.Composable:
    etag = etags.etag(shape)
    return sql.SQL("INSERT INTO {} ({}) SELECT * FROM unnest({}) RETURNING {}, {}, _recid, {}").format(
        shape.relation,
        sql.SQL(", ").join(one.identifier for one in fields),
        sql.SQL(", ").join(map(array_of, fields)),
        query.row_json(shape, shape.fields.values(), to_json, etag),
        etag,
        sql.SQL(", ").join(one.identifier for one in shape.key),
    )


def update(site: Site, connection: Connection[Any], call: Call, shape: Shape, key: Key, *, is_whole: bool) -> None:
    """Change a row that is there. With `is_whole` what the body leaves out becomes its default."""
    values = read_values(site.stock, shape, read_body(call))
    if is_whole:
        values = {**_emptied(site, shape), **values}
    conditions = in_company(site, connection, call, shape)
    versions = etags.expected(call)
    change(site, connection, shape, key, values, conditions=conditions, versions=versions, by=call.client_id)
    site.count(Work.UPDATES, call)


def change(
    site: Site,
    connection: Connection[Any],
    shape: Shape,
    key: Key,
    values: Values,
    *,
    conditions: Sequence[sql.Composable] = (),
    versions: etags.Versions | None = None,
    by: str = "",
) -> None:
    """Store these values in the row with this key, if it passes the conditions and has these versions.

    `by` is the client that writes. Raises: ServiceError.
    """
    _check_key_unchanged(shape, key, values)
    plug_ins.change(site, shape, "update", values)
    _check_change(site, connection, shape, key, values)
    conditions = [keys.condition(key), *conditions]
    before = locked(connection, shape, conditions) if notifications.wants_before(site, connection, shape) else None
    sets = [sql.SQL("{} = %s").format(sql.Identifier(name)) for name in values]
    row = connection.execute(
        sql.SQL("UPDATE {} SET {} WHERE {} RETURNING {}, _recid, {}").format(
            shape.relation,
            sql.SQL(", ").join([*sets, etags.touch(shape, values.keys())]),
            query.beside_parameters(query.all_of([*conditions, *etags.conditions(shape, versions)])),
            etags.etag(shape),
            sql.SQL(", ").join(one.identifier for one in shape.key),
        ),
        list(values.values()),
    ).fetchone()
    if row is None:
        raise _why_not(connection, shape, conditions)
    stored = {one.name: value for one, value in zip(shape.key, row[2:], strict=True)}
    updated = Event(
        shape=shape, operation="Updated", key=stored, etag=row[0], record=row[1], values=values, before=before, by=by
    )
    followed = plug_ins.follow(site, connection, shape, "update", [row[1]])
    notifications.tell(site, connection, [updated, *followed])


def delete(site: Site, connection: Connection[Any], call: Call, shape: Shape, key: Key) -> None:
    versions = etags.expected(call)
    conditions = [keys.condition(key), *in_company(site, connection, call, shape)]
    row = locked(connection, shape, [*conditions, *etags.conditions(shape, versions)])
    if row is None:
        raise _why_not(connection, shape, conditions)
    check_rules(site, shape, "delete", row)
    references.check_delete(site, connection, shape, row)
    connection.execute(sql.SQL("DELETE FROM {} WHERE {}").format(shape.relation, with_record(row["_recid"])))
    site.count(Work.DELETES, call)
    stored = {one.name: row[one.column] for one in shape.key}
    deleted = Event(
        shape=shape,
        operation="Deleted",
        key=stored,
        etag=row["etag"],
        record=row["_recid"],
        values={},
        before=row,
        by=call.client_id,
    )
    notifications.tell(site, connection, [deleted])


def _check_change(site: Site, connection: Connection[Any], shape: Shape, key: Key, values: Values) -> None:
    """The row as it will be, as far as these values touch it. Raises: ServiceError."""
    validation.check_required(shape, values, is_new=False)
    check_rules(site, shape, "update", values)
    rules = validation.touching(validation.of_table(site, shape), values.keys())
    if rules:
        stored = locked(connection, shape, [keys.condition(key)]) or {}
        validation.check(site, shape, rules, {**stored, **values})
    _check_references(site, connection, shape, key, values)


def check_rules(site: Site, shape: Shape, operation: str, values: Mapping[str, Any]) -> None:
    """Raises: ServiceError when a business rule of the faults refuses the row."""
    try:
        site.check_rules(shape.name, operation, values)
    except ServiceError as error:
        raise errors.rule(shape, error) from error


def _check_key_unchanged(shape: Shape, key: Key, values: Values) -> None:
    """The key may be repeated in the body, not changed. Raises: ServiceError."""
    for one, value in key:
        if one.column not in values:
            continue
        if str(values.pop(one.column)).lower() != str(value).lower():
            label = (one.declared.label if one.declared else "") or one.name
            text = f"Error: Field '{label}' is part of the key, changing it is not allowed"
            raise errors.infolog(shape, [text])


def _check_references(
    site: Site, connection: Connection[Any], shape: Shape, key: Key, values: Mapping[str, Any]
) -> None:
    """Only what is written is asked for; a relation of several columns needs the stored rest."""
    relations = errors.table_of(shape).references
    if not any(set(one.columns) & values.keys() for one in relations):
        return
    row: Mapping[str, Any] = {**{one.column: value for one, value in key}, **values}
    if any(set(one.columns) & values.keys() and set(one.columns) - row.keys() for one in relations):
        row = {**(locked(connection, shape, [keys.condition(key)]) or {}), **row}
    references.check(site, connection, shape, [row])


def _emptied(site: Site, shape: Shape) -> Values:
    firsts, known = site.stock.firsts, completion.defaults(site, shape)
    return {
        one.column: known.get(one.column, stand_in(one, firsts))
        for one in shape.fields.values()
        if one not in shape.key and one.declared and not one.declared.read_only
    }


def _why_not(connection: Connection[Any], shape: Shape, conditions: Sequence[sql.Composable]) -> ServiceError:
    """Nothing was written: the row is not there, or not in the expected version."""
    return errors.version_differs() if query.count(connection, shape, conditions) else errors.not_found()

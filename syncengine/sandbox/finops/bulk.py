"""Many changes of rows in one statement, where nothing about them depends on what is stored."""

from collections.abc import Sequence
from typing import Any

from psycopg import Connection, sql

from syncengine.sandbox.finops import errors, etags, references, validation
from syncengine.sandbox.finops.events import notifications
from syncengine.sandbox.finops.events.event import Event
from syncengine.sandbox.finops.write import Values, check_rules
from syncengine.sandbox.shape import Field, Shape, array_of, folded
from syncengine.sandbox.site import Site


def can_change(site: Site, connection: Connection[Any], shape: Shape, rows: Sequence[Values]) -> bool:
    """Whether these rows, each with its key, can be changed at once; else they are to be changed one by one."""
    columns = rows[0].keys()
    are_alike = all(row.keys() == columns for row in rows)
    is_partial = any(
        set(one.columns) & columns and set(one.columns) - columns for one in errors.table_of(shape).references
    )
    return (
        are_alike
        and not is_partial
        and not validation.touching(validation.of_table(site, shape), columns)
        and not site.faults.switches.plug_ins
        and not notifications.wants_before(site, connection, shape)
    )


def change(site: Site, connection: Connection[Any], shape: Shape, rows: Sequence[Values]) -> None:
    """Store the values in the rows with these keys, which are all different. Raises: ServiceError."""
    for values in rows:
        validation.check_required(shape, values, is_new=False)
        check_rules(site, shape, "update", values)
    references.check(site, connection, shape, rows)
    fields = [shape.by_column[name] for name in rows[0]]
    found = connection.execute(
        shape.composed(("change", *rows[0]), lambda: _update(shape, fields)),
        [[values[one.column] for values in rows] for one in fields],
    ).fetchall()
    if len(found) < len(rows):
        raise errors.not_found()
    events = [
        Event(
            shape=shape,
            operation="Updated",
            key={one.name: value for one, value in zip(shape.key, row[2:], strict=True)},
            etag=row[0],
            record=row[1],
            values={},
        )
        for row in found
    ]
    notifications.tell(site, connection, events)


def _update(shape: Shape, fields: Sequence[Field]) -> sql.Composable:
    keys = {one.column for one in shape.key}
    changed = [one for one in fields if one.column not in keys]
    sets = [sql.SQL("{} = v.{}").format(one.identifier, one.identifier) for one in changed]
    arrays, names = map(array_of, fields), (one.identifier for one in fields)
    return sql.SQL("UPDATE {} AS t SET {} FROM unnest({}) AS v ({}) WHERE {} RETURNING {}, _recid, {}").format(
        shape.relation,
        sql.SQL(", ").join([*sets, etags.touch(shape, [one.column for one in changed])]),
        sql.SQL(", ").join(arrays),
        sql.SQL(", ").join(names),
        sql.SQL(" AND ").join(map(_equal, shape.key)),
        etags.etag(shape),
        sql.SQL(", ").join(sql.SQL("t.{}").format(one.identifier) for one in shape.key),
    )


def _equal(one: Field) -> sql.Composable:
    folds = folded(one) != one.identifier
    return sql.SQL("lower(t.{}) = lower(v.{})" if folds else "t.{} = v.{}").format(one.identifier, one.identifier)

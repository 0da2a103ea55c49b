"""Creates, updates and deletes of entity rows. Source: Finance and Operations OData documentation.

Each is one transaction with the notifications that it queues. The version that a caller expects stands in the WHERE.
"""

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Connection, sql

from syncengine.catalog import ColumnType
from syncengine.sandbox import query
from syncengine.sandbox.calls import Call, ServiceError
from syncengine.sandbox.counts import Work
from syncengine.sandbox.declarations import COMPANY, FinopsTable
from syncengine.sandbox.finops import errors, keys, notifications, references
from syncengine.sandbox.finops.keys import Key
from syncengine.sandbox.finops.notifications import Event
from syncengine.sandbox.finops.payload import read_body, read_values
from syncengine.sandbox.finops.read import ETAG, default_company, has_company, in_company, to_json
from syncengine.sandbox.finops.shape import stand_in
from syncengine.sandbox.shape import Field, Shape
from syncengine.sandbox.site import Site

_ETAG = re.compile(r'(?:W/)?"([A-Za-z0-9+/=]{1,80})"')
_VERSIONS = re.compile(r"'(\d{1,18}),(\d{1,18})'")
TOUCH = sql.SQL("_recversion = _recversion + 1, _touched = date_trunc('second', clock_timestamp())")


@dataclass(frozen=True, slots=True, kw_only=True)
class Created:
    """`text` is the stored row as JSON, `key` its key's values by name."""

    text: str
    key: dict[str, Any]


def create(site: Site, connection: Connection[Any], call: Call, shape: Shape) -> Created:
    values = read_values(site.stock, shape, read_body(call))
    made = create_rows(site, connection, shape, [values])[0]
    site.count(Work.CREATES, call)
    return made


def create_rows(
    site: Site, connection: Connection[Any], shape: Shape, rows: Sequence[dict[str, Any]], *, is_silent: bool = False
) -> list[Created]:
    """Insert all rows in one statement, checked as a single one is. Raises: ServiceError."""
    for values in rows:
        _complete(site, connection, shape, values)
    references.check(site, connection, shape, rows)
    fields = [one for one in shape.fields.values() if any(one.column in values for values in rows)]
    firsts = site.stock.firsts
    columns = [[values.get(one.column, stand_in(one, firsts)) for values in rows] for one in fields]
    key = ("insert", *(one.column for one in fields))
    found = connection.execute(shape.composed(key, lambda: _insert(shape, fields)), columns).fetchall()
    made = [
        Created(text=row[0], key={one.name: value for one, value in zip(shape.key, row[2:], strict=True)})
        for row in found
    ]
    if not is_silent:
        events = [
            Event(shape=shape, operation="Created", key=one.key, etag=row[1])
            for one, row in zip(made, found, strict=True)
        ]
        notifications.tell(site, connection, events)
    return made


def _insert(shape: Shape, fields: Sequence[Field]) -> sql.Composable:
    return sql.SQL("INSERT INTO {} ({}) SELECT * FROM unnest({}) RETURNING {}, {}, {}").format(
        shape.relation,
        sql.SQL(", ").join(one.identifier for one in fields),
        sql.SQL(", ").join(map(_array, fields)),
        query.row_json(shape, shape.fields.values(), to_json, ETAG),
        ETAG,
        sql.SQL(", ").join(one.identifier for one in shape.key),
    )


def update(site: Site, connection: Connection[Any], call: Call, shape: Shape, key: Key, *, is_whole: bool) -> None:
    """Change a row that is there. With `is_whole` what the body leaves out is emptied."""
    values = read_values(site.stock, shape, read_body(call))
    _check_key_unchanged(shape, key, values)
    if is_whole:
        values = {**_emptied(site, shape), **values}
    _check_required(errors.table_of(shape), values, is_new=False)
    _check_rules(site, shape, "update", values)
    _check_references(site, connection, shape, key, values)
    expected = _expected_version(call)
    conditions = [keys.condition(key), *in_company(site, connection, call, shape)]
    sets = [sql.SQL("{} = %s").format(sql.Identifier(name)) for name in values]
    row = connection.execute(
        sql.SQL("UPDATE {} SET {} WHERE {} RETURNING {}, {}").format(
            shape.relation,
            sql.SQL(", ").join([*sets, TOUCH]),
            query.all_of([*conditions, *_same_version(expected)]),
            ETAG,
            sql.SQL(", ").join(one.identifier for one in shape.key),
        ),
        list(values.values()),
    ).fetchone()
    if row is None:
        raise _why_not(connection, shape, conditions)
    site.count(Work.UPDATES, call)
    stored = {one.name: value for one, value in zip(shape.key, row[1:], strict=True)}
    notifications.tell(site, connection, [Event(shape=shape, operation="Updated", key=stored, etag=row[0])])


def delete(site: Site, connection: Connection[Any], call: Call, shape: Shape, key: Key) -> None:
    expected = _expected_version(call)
    conditions = [keys.condition(key), *in_company(site, connection, call, shape)]
    row = _locked(connection, shape, [*conditions, *_same_version(expected)])
    if row is None:
        raise _why_not(connection, shape, conditions)
    _check_rules(site, shape, "delete", row)
    references.check_delete(site, connection, shape, row)
    connection.execute(sql.SQL("DELETE FROM {} WHERE _recid = %s").format(shape.relation), (row["_recid"],))
    site.count(Work.DELETES, call)
    stored = {one.name: row[one.column] for one in shape.key}
    notifications.tell(site, connection, [Event(shape=shape, operation="Deleted", key=stored, etag=row["etag"])])


def _complete(site: Site, connection: Connection[Any], shape: Shape, values: dict[str, Any]) -> None:
    """Fill in what the service assigns, and check the row by itself. Raises: ServiceError."""
    table = errors.table_of(shape)
    if table.company:
        values[COMPANY] = values.get(COMPANY) or default_company(site, connection)
        if not has_company(site, connection, values[COMPANY]):
            text = (
                f"The value '{values[COMPANY]}' in field 'Company' is not found in the related table 'Legal entities'."
            )
            raise errors.field_failed(shape, COMPANY, text)
    for column in table.columns:
        if column.number_sequence and not values.get(column.name):
            values[column.name] = _next_number(connection, shape, column.name, column.number_sequence, values)
    _check_required(table, values, is_new=True)
    _check_rules(site, shape, "create", values)


def _next_number(
    connection: Connection[Any], shape: Shape, column: str, pattern: str, values: Mapping[str, Any]
) -> str:
    """The next number of the sequence that no row of the company has."""
    one, zeros = shape.by_column[column], pattern.count("0")
    while True:
        row = connection.execute(
            sql.SQL("SELECT nextval({})").format(sql.Literal(sql.Identifier(shape.schema, "_number").as_string()))
        ).fetchone()
        assert row is not None
        text = pattern.replace("0" * zeros, str(row[0]).zfill(zeros))
        key = [(field, text if field is one else values.get(field.column, "")) for field in shape.key]
        if _locked(connection, shape, [keys.condition(key)]) is None:
            return text


def _check_required(table: FinopsTable, values: Mapping[str, Any], *, is_new: bool) -> None:
    for column in table.columns:
        if not column.required or (not is_new and column.name not in values):
            continue
        if values.get(column.name) in (None, ""):
            text = f"Error: Field '{column.label or column.name}' must be filled in"
            raise ServiceError(
                400, f"Write failed for table row of type '{table.table}'. Infolog: {text}.", kind=errors.WRITE
            )


def _check_rules(site: Site, shape: Shape, operation: str, values: Mapping[str, Any]) -> None:
    try:
        site.check_rules(shape.name, operation, values)
    except ServiceError as error:
        raise references.refused(shape, error) from error


def _check_key_unchanged(shape: Shape, key: Key, values: dict[str, Any]) -> None:
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
        row = {**(_locked(connection, shape, [keys.condition(key)]) or {}), **row}
    references.check(site, connection, shape, [row])


def _emptied(site: Site, shape: Shape) -> dict[str, Any]:
    firsts = site.stock.firsts
    return {
        one.column: stand_in(one, firsts)
        for one in shape.fields.values()
        if one not in shape.key and one.declared and not one.declared.read_only
    }


def _locked(connection: Connection[Any], shape: Shape, conditions: Sequence[sql.Composable]) -> dict[str, Any] | None:
    """The row by columns, with its etag; nobody else can change it."""
    fields = [one.column for one in shape.fields.values()]
    row = connection.execute(
        sql.SQL("SELECT {}, _recid, {} FROM {} WHERE {} FOR UPDATE").format(
            sql.SQL(", ").join(map(sql.Identifier, fields)), ETAG, shape.relation, query.all_of(conditions)
        )
    ).fetchone()
    return dict(zip([*fields, "_recid", "etag"], row, strict=True)) if row else None


def _why_not(connection: Connection[Any], shape: Shape, conditions: Sequence[sql.Composable]) -> ServiceError:
    """Nothing was written: the row is not there, or not in the expected version."""
    return errors.version_differs() if query.count(connection, shape, conditions) else errors.not_found()


def _same_version(expected: tuple[int, int] | None) -> list[sql.Composable]:
    if expected is None:
        return []
    return [sql.SQL("_recversion = {} AND _recid = {}").format(*map(sql.Literal, expected))]


def _expected_version(call: Call) -> tuple[int, int] | None:
    """Version and id of the record in If-Match; None without one. Raises: ServiceError when it is none of ours."""
    text = call.header("if-match").strip()
    if text in ("", "*"):
        return None
    outer = _ETAG.fullmatch(text)
    try:
        inner = _VERSIONS.fullmatch(base64.b64decode(outer[1], validate=True).decode("ascii")) if outer else None
    except ValueError:
        inner = None
    if inner is None:
        raise errors.version_differs()
    return int(inner[1]), int(inner[2])


def _array(one: Field) -> sql.Composable:
    kind = "text" if one.type is ColumnType.ENUM else one.sql_type
    return sql.SQL("%s::{}").format(sql.SQL(f"{kind}[]"))

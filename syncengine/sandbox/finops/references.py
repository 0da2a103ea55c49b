"""References by natural key: what a row names must be there, and what is named cannot go.

Source: Finance and Operations OData documentation.

The rows named are locked against deletion until the writing transaction ends.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from psycopg import Connection, sql

from syncengine.sandbox.declarations import COMPANY, Relation
from syncengine.sandbox.finops import errors, keys
from syncengine.sandbox.shape import Field, Shape
from syncengine.sandbox.site import Site

Row = Mapping[str, Any]


def check(site: Site, connection: Connection[Any], shape: Shape, rows: Sequence[Row]) -> None:
    """Raises: ServiceError for the first value that names nothing. `rows` hold all columns of each relation."""
    lines: list[str] = []
    for relation in errors.table_of(shape).references:
        lines += _missing(site, connection, shape, relation, rows)
    if lines:
        raise errors.infolog(shape, lines)


def check_delete(site: Site, connection: Connection[Any], shape: Shape, row: Row) -> None:
    """Raises: ServiceError when another row names this one."""
    for name, relation in site.stock.inventory.relations_to.get(shape.name, ()):
        if site.is_made(name) and _is_named(connection, shape, site.stock.shapes[name], relation, row):
            label = errors.table_of(site.stock.shapes[name]).label
            text = f"Error: Record cannot be deleted while dependent {label} exist. Delete dependent {label} and"
            raise errors.infolog(shape, [f"{text} try again"], verb="Delete")


def _missing(
    site: Site, connection: Connection[Any], shape: Shape, relation: Relation, rows: Sequence[Row]
) -> list[str]:
    """Infolog lines for the first row that names nothing."""
    target = site.stock.shapes[relation.target]
    fields = [target.by_column[name] for name in relation.target_columns]
    asked = {key: row for row in rows if (key := _key(shape, target, relation, row)) is not None}
    if target is shape:  # rows of one statement may name each other
        own = {_key_of_target(target, fields, row) for row in rows}
        asked = {key: row for key, row in asked.items() if key not in own}
    if not asked:
        return []
    named = _with_company(shape, target, fields)
    there = _there(connection, target, named, list(asked)) if site.is_made(target.name) else set()
    for key, row in asked.items():
        if key not in there:
            return _line(shape, relation, target, row)
    return []


def _line(shape: Shape, relation: Relation, target: Shape, row: Row) -> list[str]:
    column = relation.columns[-1]
    one, name = shape.by_column[column], errors.table_of(shape).table
    label = (one.declared.label if one.declared else "") or column
    text = f"Warning: The value '{row[column]}' in field '{label}' is not found in the related table"
    return [
        f"{text} '{errors.table_of(target).label}'.",
        f"Warning: validateField failed on field '{name}.{column}'",
    ]


def _key(shape: Shape, target: Shape, relation: Relation, row: Row) -> tuple[Any, ...] | None:
    """What the row names, folded; None when it names nothing."""
    values = [row.get(name) for name in relation.columns]
    if any(value in ("", None) for value in values):
        return None
    company = [row[COMPANY]] if shape.has_companies and target.has_companies else []
    return tuple(value.lower() if isinstance(value, str) else value for value in [*company, *values])


def _key_of_target(target: Shape, fields: Sequence[Field], row: Row) -> tuple[Any, ...]:
    company = [row.get(COMPANY, "")] if target.has_companies else []
    values = [*company, *(row.get(one.column, "") for one in fields)]
    return tuple(value.lower() if isinstance(value, str) else value for value in values)


def _with_company(shape: Shape, target: Shape, fields: Sequence[Field]) -> list[Field]:
    company = [target.fields[COMPANY]] if shape.has_companies and target.has_companies else []
    return [*company, *fields]


def _there(
    connection: Connection[Any], target: Shape, fields: Sequence[Field], asked: Sequence[tuple[Any, ...]]
) -> set[tuple[Any, ...]]:
    """Which of these keys rows have."""
    found = connection.execute(
        target.composed(("there", *(one.column for one in fields)), lambda: _named_rows(target, fields)),
        [[key[place] for key in asked] for place in range(len(fields))],
    )
    return set(found.fetchall())


def _named_rows(target: Shape, fields: Sequence[Field]) -> sql.Composable:
    return sql.SQL("{} FOR KEY SHARE").format(keys.taken(target, fields))


def naming(shape: Shape, other: Shape, relation: Relation, row: Row) -> list[sql.Composable]:
    """The conditions that a row of the other table names this one."""
    pairs = [
        (other.by_column[column], row[target])
        for column, target in zip(relation.columns, relation.target_columns, strict=True)
    ]
    if shape.has_companies and other.has_companies:
        pairs.append((other.fields[COMPANY], row[COMPANY]))
    return [keys.equal(one, value) for one, value in pairs]


def _is_named(connection: Connection[Any], shape: Shape, other: Shape, relation: Relation, row: Row) -> bool:
    conditions = naming(shape, other, relation, row)
    if other is shape:
        conditions.append(sql.SQL("_recid <> {}").format(sql.Literal(row["_recid"])))
    found = connection.execute(
        sql.SQL("SELECT 1 FROM {} WHERE {} LIMIT 1").format(other.relation, sql.SQL(" AND ").join(conditions))
    )
    return found.fetchone() is not None

"""Schemas and tables in PostgreSQL: one schema a sandbox, one table a declaration, and a few of its own.

Every function takes an open connection and leaves the transaction to its caller.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection, sql

from syncengine.sandbox.dataverse import shape as dataverse
from syncengine.sandbox.declarations import DataverseTable, Document, Enumeration, FinopsDocument, FinopsTable
from syncengine.sandbox.finops import shape as finops
from syncengine.sandbox.shape import Shape

_OWN_TABLES = """
-- Deleted rows, for the delta feed.
CREATE TABLE {s}._tombstone (
    table_name text NOT NULL,
    id uuid NOT NULL,
    xact xid8 NOT NULL DEFAULT pg_current_xact_id(),
    deleted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (table_name, id)
);
CREATE INDEX ON {s}._tombstone (table_name, xact);

-- What subscribers are still to be told. `taken_at` is set while a sender has it; a new process forgets that.
CREATE TABLE {s}._delivery (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    target text NOT NULL,
    url text NOT NULL,
    headers jsonb NOT NULL,
    body text NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    due_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    taken_at timestamptz
);
CREATE INDEX ON {s}._delivery (due_at) WHERE taken_at IS NULL;

-- Where finops sends business events; `sets` empty means all entity sets.
CREATE TABLE {s}._endpoint (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    url text NOT NULL,
    secret_header text NOT NULL,
    secret text NOT NULL,
    sets text[] NOT NULL
);

CREATE SEQUENCE {s}._version START 1000001; -- row versions of dataverse, one counter for all tables
CREATE SEQUENCE {s}._record START 5637144576; -- record ids of finops, one counter for all tables
CREATE SEQUENCE {s}._control START 5637144576; -- order of business events
CREATE SEQUENCE {s}._number; -- what number sequences give
"""
_SEQUENCES = ("_version", "_record", "_control", "_number")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stock:
    """The shapes of a sandbox by set name, and its enumerations by name."""

    shapes: dict[str, Shape]
    enums: dict[str, Enumeration]

    @property
    def firsts(self) -> dict[str, str]:
        return finops.first_members(self.enums.values())


def stock(document: Document, *, schema: str, changed_at: Callable[[str], datetime]) -> Stock:
    """The shapes of these tables. `changed_at` tells when the table of a set took its form."""
    enums = {enum.name: enum for enum in document.enums} if isinstance(document, FinopsDocument) else {}
    shapes = {table.set: _shape(table, schema, changed_at(table.set)) for table in document.tables}
    return Stock(shapes=shapes, enums=enums)


def _shape(table: DataverseTable | FinopsTable, schema: str, changed_at: datetime) -> Shape:
    if isinstance(table, DataverseTable):
        return dataverse.shape(table, schema=schema, changed_at=changed_at)
    return finops.shape(table, schema=schema, changed_at=changed_at)


def make_schema(connection: Connection[Any], schema: str, stock: Stock) -> None:
    connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
    connection.execute(sql.SQL(_OWN_TABLES).format(s=sql.Identifier(schema)))
    make_tables(connection, stock.shapes.values(), stock)


def make_tables(connection: Connection[Any], shapes: Iterable[Shape], stock: Stock) -> None:
    """Makes these tables; those that they refer to must be among them or be there."""
    made = list(shapes)
    for shape in made:
        connection.execute(
            sql.SQL("CREATE TABLE {} ({}) WITH (fillfactor = 80)").format(shape.relation, _definitions(shape, stock))
        )
    finish_tables(connection, made)


def make_bare_tables(connection: Connection[Any], shapes: Iterable[Shape], stock: Stock) -> None:
    """Tables without keys and references, to be filled at once and then finished."""
    for shape in shapes:
        connection.execute(sql.SQL("CREATE TABLE {} ({})").format(shape.relation, _definitions(shape, stock)))


def finish_tables(connection: Connection[Any], shapes: Sequence[Shape]) -> None:
    for shape in shapes:
        for statement in _indexes(shape):
            connection.execute(statement)
    for shape in shapes:
        if isinstance(shape.declared, DataverseTable):
            for statement in dataverse.references(shape, shape.declared):
                connection.execute(statement)


def _definitions(shape: Shape, stock: Stock) -> sql.Composable:
    if isinstance(shape.declared, DataverseTable):
        return dataverse.definitions(shape)
    return finops.definitions(shape, stock.firsts)


def _indexes(shape: Shape) -> list[sql.Composed]:
    if isinstance(shape.declared, DataverseTable):
        return dataverse.indexes(shape, shape.declared)
    return finops.indexes(shape, shape.declared)


def drop_schema(connection: Connection[Any], schema: str) -> None:
    connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(schema)))


def copy_schema(connection: Connection[Any], *, source: Stock, target: Stock, target_schema: str) -> None:
    """All rows of the source in a new schema, with ids and versions; nothing of its queue and endpoints."""
    connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(target_schema)))
    connection.execute(sql.SQL(_OWN_TABLES).format(s=sql.Identifier(target_schema)))
    make_bare_tables(connection, target.shapes.values(), target)
    for name, shape in target.shapes.items():
        _copy_rows(connection, source.shapes[name], shape)
    finish_tables(connection, list(target.shapes.values()))
    for sequence in _SEQUENCES:
        _copy_sequence(connection, sequence, next(iter(source.shapes.values())).schema, target_schema)


def _copy_rows(connection: Connection[Any], source: Shape, target: Shape) -> None:
    columns = [one.identifier for one in source.fields.values() if not (one.declared and one.declared.joined_from)]
    if isinstance(source.declared, FinopsTable):
        hidden = (sql.Identifier("_recid"), finops.RECVERSION, finops.TOUCHED)
        columns = [*(one for one in columns if one not in hidden), *hidden]
    names = sql.SQL(", ").join(columns)
    connection.execute(
        sql.SQL("INSERT INTO {} ({}) SELECT {} FROM {}").format(target.relation, names, names, source.relation)
    )


def _copy_sequence(connection: Connection[Any], name: str, source: str, target: str) -> None:
    connection.execute(
        sql.SQL("SELECT setval({}, last_value, is_called) FROM {}").format(
            sql.Literal(sql.Identifier(target, name).as_string()), sql.Identifier(source, name)
        )
    )

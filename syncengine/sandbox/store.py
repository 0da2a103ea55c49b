"""Schemas and tables in PostgreSQL: one schema a sandbox, one table a declaration, and a few of its own.

A sandbox has more tables than anybody uses, so each is made when it is first asked for; until then it is empty.
Every function takes an open connection and leaves the transaction to its caller.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

import msgspec
from psycopg import Connection, sql

from syncengine.sandbox import change_log
from syncengine.sandbox.dataverse import shape as dataverse
from syncengine.sandbox.declarations import DataverseTable, Enumeration, FinopsTable, Table
from syncengine.sandbox.finops import own_tables
from syncengine.sandbox.finops import shape as finops
from syncengine.sandbox.inventory import Inventory
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

-- Which columns of a table a person wants to see.
CREATE TABLE {s}._chosen_columns (
    table_name text PRIMARY KEY,
    columns text[] NOT NULL
);

CREATE SEQUENCE {s}._version START 1000001; -- row versions of dataverse, one counter for all tables
CREATE SEQUENCE {s}._record START 5637144576; -- record ids of finops, one counter for all tables
CREATE SEQUENCE {s}._control START 5637144576 INCREMENT 3; -- order of business events: with gaps
CREATE SEQUENCE {s}._number; -- what number sequences give
"""
_SEQUENCES = ("_version", "_record", "_control", "_number")


class Shapes(Mapping[str, Shape]):
    """The shapes of a sandbox by set name, each worked out when it is first asked for."""

    def __init__(self, tables: Mapping[str, Table], make: Callable[[Table], Shape]) -> None:
        self._tables = tables
        self._make = make
        self._made: dict[str, Shape] = {}

    def __getitem__(self, name: str) -> Shape:
        found = self._made.get(name)
        if found is None:
            found = self._made[name] = self._make(self._tables[name])
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._tables)

    def __len__(self) -> int:
        return len(self._tables)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stock:
    """The tables of a sandbox, and where their rows lie."""

    inventory: Inventory
    shapes: Shapes

    @property
    def enums(self) -> Mapping[str, Enumeration]:
        return self.inventory.enums

    @property
    def firsts(self) -> dict[str, str]:
        found: dict[str, str] = self.inventory.remember("firsts", lambda: finops.first_members(self.enums.values()))
        return found


def stock(
    inventory: Inventory,
    *,
    schema: str,
    changed_at: Callable[[str], datetime],
    tracking: Mapping[str, bool] = MappingProxyType({}),
) -> Stock:
    """`changed_at` tells when the table of a set took its form, `tracking` whether changes are tracked, where set."""

    def make(table: Table) -> Shape:
        if isinstance(table, DataverseTable):
            if table.set in tracking:
                table = msgspec.structs.replace(table, tracks_changes=tracking[table.set])
            return dataverse.shape(table, schema=schema, changed_at=changed_at(table.set))
        return finops.shape(table, schema=schema, changed_at=changed_at(table.set))

    return Stock(inventory=inventory, shapes=Shapes(inventory.tables, make))


def make_schema(connection: Connection[Any], schema: str, stock: Stock) -> None:
    """The schema with its own tables, and those of the platform, which every sandbox uses."""
    _make_own_tables(connection, schema)
    made: set[str] = set()
    for table in stock.inventory.tables.values():
        if table.is_system:
            make_table(connection, stock, table.set, made)
            made.add(table.set)


def made_tables(connection: Connection[Any], schema: str) -> set[str]:
    """The set names of the tables that are there."""
    found = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", (schema,))
    return {name for (name,) in found if not name.startswith("_")}


def make_table(connection: Connection[Any], stock: Stock, name: str, made: Collection[str]) -> None:
    """Makes the table. `made` are those that are there already."""
    shape = stock.shapes[name]
    table = sql.SQL("CREATE TABLE {} ({}) WITH (fillfactor = 80)").format(shape.relation, _definitions(shape, stock))
    opened = [
        statement
        for other, column in stock.inventory.lookups_to.get(name, ())
        if other in made
        for statement in dataverse.opened(stock.shapes[other], column)
    ]
    noting = change_log.statements(shape)
    _run(connection, [table, *_indexes(shape), *_constraints(shape, {*made, name}), *opened, *noting])


def drop_schema(connection: Connection[Any], schema: str) -> None:
    connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(schema)))


def copy_schema(
    connection: Connection[Any], *, source: Stock, target: Stock, names: Collection[str], schema: str, into: str
) -> None:
    """All rows of the source's tables in a new schema, with ids and versions; nothing of its queue and endpoints."""
    _make_own_tables(connection, into)
    shapes = [target.shapes[name] for name in names]
    for shape in shapes:  # bare ones, to be filled at once
        connection.execute(sql.SQL("CREATE TABLE {} ({})").format(shape.relation, _definitions(shape, target)))
        _copy_rows(connection, source.shapes[shape.name], shape)
    for shape in shapes:
        _run(connection, _indexes(shape))
    for shape in shapes:
        _run(connection, [*_constraints(shape, names), *change_log.statements(shape)])
    for sequence in _SEQUENCES:
        _copy_sequence(connection, sequence, schema, into)


def _make_own_tables(connection: Connection[Any], schema: str) -> None:
    connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
    connection.execute(sql.SQL(_OWN_TABLES + own_tables.TABLES).format(s=sql.Identifier(schema)))
    connection.execute(change_log.own_table(schema))


def _run(connection: Connection[Any], statements: Sequence[sql.Composed]) -> None:
    """All in one round trip."""
    if statements:
        connection.execute(sql.SQL("; ").join(statements))


def _definitions(shape: Shape, stock: Stock) -> sql.Composable:
    if isinstance(shape.declared, DataverseTable):
        return dataverse.definitions(shape)
    return finops.definitions(shape, shape.declared, stock.firsts)


def _indexes(shape: Shape) -> list[sql.Composed]:
    if isinstance(shape.declared, DataverseTable):
        return dataverse.indexes(shape, shape.declared)
    return finops.indexes(shape, shape.declared)


def _constraints(shape: Shape, made: Collection[str]) -> list[sql.Composed]:
    if not isinstance(shape.declared, DataverseTable):
        return []
    return [dataverse.constraint(shape, column, is_there=column.target in made) for column in shape.declared.lookups()]


def _copy_rows(connection: Connection[Any], source: Shape, target: Shape) -> None:
    columns = [one.identifier for one in source.stored()]
    if isinstance(source.declared, FinopsTable):
        hidden = finops.hidden(source.declared)
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

"""Where look-ups lead: the row that a row points to, and the collections of rows that point to it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from psycopg import sql

from syncengine.sandbox.declarations import Column, DataverseTable
from syncengine.sandbox.shape import Field, Shape
from syncengine.sandbox.site import Site


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """The rows of `shape` whose look-up `column` points to a row."""

    shape: Shape
    column: Column


def collection_name(table: DataverseTable, branch: Column) -> str:
    """The property of the target that leads back to the rows of this table."""
    return f"{table.logical}_{branch.name}"


def target_of(site: Site, shape: Shape, name: str) -> Shape | None:
    """The table that the property leads to one row of; None where it is no such property."""
    column = shape.bindings.get(name)
    return None if column is None else site.stock.shapes[column.target]


def collection_of(site: Site, shape: Shape, name: str) -> Collection | None:
    """None where the property is no collection of the table."""
    found = collections(site, shape).get(name)
    return None if found is None else Collection(shape=site.stock.shapes[found[0]], column=found[1])


def collections(site: Site, shape: Shape) -> Mapping[str, tuple[str, Column]]:
    """The collections of the table by property: the table that has the look-up, and the look-up."""
    inventory = site.stock.inventory

    def find() -> dict[str, tuple[str, Column]]:
        pairs = inventory.lookups_to.get(shape.name, ())
        tables = inventory.tables
        return {
            collection_name(table, column): (name, column)
            for name, column in pairs
            if isinstance(table := tables[name], DataverseTable)
        }

    made: dict[str, tuple[str, Column]] = inventory.remember(f"{shape.name}/collections", find)
    return made


@dataclass(frozen=True, slots=True, kw_only=True)
class PathField(Field):
    """A column of a row that look-ups lead to; nothing where one of them is empty."""

    expression: sql.Composable

    @property
    def identifier(self) -> sql.Composable:
        return self.expression


class Scope(Mapping[str, Field]):
    """The columns that a filter may name, paths through look-ups among them. `row` is what the table is called by."""

    def __init__(self, site: Site, shape: Shape, row: sql.Composable | None = None, depth: int = 0) -> None:
        self.site = site
        self.shape = shape
        self.row = row or shape.relation
        self.depth = depth

    def __getitem__(self, name: str) -> Field:
        first, slash, rest = name.partition("/")
        if not slash:
            return self.shape.fields[name]
        column = self.shape.bindings[first]
        return self._through(self.site.stock.shapes[column.target], self.column(column.name), rest)

    def __iter__(self) -> Iterator[str]:
        return iter(self.shape.fields)

    def __len__(self) -> int:
        return len(self.shape.fields)

    def column(self, name: str) -> sql.Composable:
        return sql.SQL("{}.{}").format(self.row, sql.Identifier(name))

    def inner(self, shape: Shape) -> "Scope":
        """The scope of rows of another table within this one's."""
        return Scope(self.site, shape, sql.Identifier(f"n{self.depth + 1}"), self.depth + 1)

    def _through(self, target: Shape, key: sql.Composable, rest: str) -> Field:
        first, slash, more = rest.partition("/")
        if not slash:
            one = target.fields[first]
            return PathField(
                name=rest,
                column=one.column,
                type=one.type,
                sql_type=one.sql_type,
                declared=one.declared,
                expression=self._reached(target, key, one.column, one.sql_type),
            )
        column = target.bindings[first]
        next_key = self._reached(target, key, column.name, "uuid")
        return self._through(self.site.stock.shapes[column.target], next_key, more)

    def _reached(self, target: Shape, key: sql.Composable, column: str, kind: str) -> sql.Composable:
        if not self.site.is_made(target.name):
            return sql.SQL("NULL::{}").format(sql.SQL(kind))
        return sql.SQL("(SELECT p.{} FROM {} p WHERE p.{} = {})").format(
            sql.Identifier(column), target.relation, target.row_id.identifier, key
        )

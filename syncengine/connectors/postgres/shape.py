"""A table as PostgreSQL has it: what reading, writing and capture need beside its catalog entry."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import polars as pl
from psycopg import sql

from syncengine.catalog import Column, Table
from syncengine.errors import CatalogError
from syncengine.mapping.keys import ESCAPE, SEPARATOR, join_key, split_key


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A column. `type` is the SQL name of its base type, without length, for casts.

    `default` is the expression of its default, "" where there is none; `sequence` the name of the sequence that fills
    it. `folds` says that equality in the database leaves out letter case, `collation` by which
    text is put into lower case, `is_exact` that values are
    stored just as they were sent.
    """

    column: Column
    type: str
    base: str
    default: str = ""
    sequence: str = ""
    is_generated: bool = False
    folds: bool = False
    collation: str = ""
    is_exact: bool = False

    @property
    def name(self) -> str:
        return self.column.name

    @property
    def identifier(self) -> sql.Identifier:
        return sql.Identifier(self.name)

    def cast(self, text: sql.Composable) -> sql.Composed:
        return sql.SQL("{}::{}").format(text, sql.SQL(self.type))

    def lowered(self, text: sql.Composable) -> sql.Composed:
        collation = sql.SQL(f" COLLATE {self.collation}" if self.collation else "")
        return sql.SQL("lower({}::text{})").format(text, collation)

    def key_text(self, of: str) -> sql.Composed:
        """The value as part of a row id, one spelling a value."""
        value = sql.Identifier(of, self.name)
        return sql.SQL("trim_scale({})::text" if self.base == "numeric" else "{}::text").format(value)

    def read(self, of: str) -> sql.Composed:
        """The value for reading: its text form is what the frame is made of."""
        return sql.SQL("{}::text" if self.base == "bpchar" else "{}").format(sql.Identifier(of, self.name))


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """`key` holds the columns of the row id, in their order."""

    oid: int
    schema: str
    relation: str
    table: Table
    fields: tuple[Field, ...]
    key: tuple[Field, ...]
    is_partitioned: bool = False

    @property
    def identifier(self) -> sql.Identifier:
        return sql.Identifier(self.schema, self.relation)

    def field(self, name: str) -> Field:
        """Raises: CatalogError for a column that the table does not have."""
        for field in self.fields:
            if field.name.lower() == name.lower():
                return field
        raise CatalogError(f"Table {self.table.name} has no column {name}.")

    def lacks(self, table: Table) -> bool:
        """Whether the catalog's entry has columns that this one has not: it is older then."""
        return not self.table.by_name.keys() >= table.by_name.keys()

    def named(self, names: Iterable[str]) -> list[Field]:
        return [self.field(name) for name in names]


def key_names(shape: Shape) -> list[str]:
    """The names under which queries give the parts of the row id."""
    return [f"k{place}" for place in range(len(shape.key))]


def row_id(shape: Shape) -> pl.Expr:
    """The row id over a frame that holds its parts by `key_names`."""
    return join_key([pl.col(name) for name in key_names(shape)])


def key_parts(shape: Shape, row_ids: pl.Series) -> pl.DataFrame:
    """The parts of row ids by `key_names`, in their order; null for a text that is no row id of this table."""
    names = key_names(shape)
    if len(names) == 1:
        plain = row_ids.cast(pl.String).alias(names[0]).to_frame()
        escaped = pl.col(names[0]).str.replace_all(r"\\(.)", "$1")
        return plain.select(
            pl.when(pl.col(names[0]).str.contains(ESCAPE, literal=True)).then(escaped).otherwise(names[0])
        )
    parts = [_parts(text, len(names)) for text in row_ids]
    return pl.DataFrame(parts, schema=dict.fromkeys(names, pl.String()), orient="row")


def _parts(text: str | None, count: int) -> Sequence[str | None]:
    parts = split_key(text) if text is not None and (SEPARATOR in text or count == 1) else []
    return parts if len(parts) == count else [None] * count

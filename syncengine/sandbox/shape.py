"""A table of a running sandbox: its declaration, and where its rows lie in PostgreSQL.

The kinds build these (`dataverse.shape`, `finops.shape`); what both share reads them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from psycopg import sql

from syncengine.catalog import ColumnType
from syncengine.sandbox.declarations import COMPANY, Column, DataverseTable, Table

MAX_COMPOSED = 500  # statements kept for a table; clients choose the columns
SQL_TYPES = {
    ColumnType.TEXT: "text",
    ColumnType.INTEGER: "integer",
    ColumnType.BOOLEAN: "boolean",
    ColumnType.DATE: "date",
    ColumnType.DATETIME: "timestamptz",
    ColumnType.UUID: "uuid",
    ColumnType.CHOICE: "integer",
    ColumnType.ENUM: "text",
    ColumnType.LOOKUP: "uuid",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A property of the service: its name in JSON, its column in the database. `sql_type` is the column's type.

    `part_of` is set for columns that the service does not show: a branch of a look-up with several targets.
    `is_filled`: the column is never null, so that its index has the order of lists.
    """

    name: str
    column: str
    type: ColumnType
    sql_type: str
    declared: Column | None = None
    part_of: str = ""
    is_filled: bool = False

    @property
    def identifier(self) -> sql.Composable:
        return sql.Identifier(self.column)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """`row_id` is the column that rows are paged by; `changed_at` when the table's own form last changed.

    `bindings` are the look-ups by the property that binds them; `branches` the columns that the service does not show.
    """

    declared: Table
    schema: str
    fields: dict[str, Field]
    row_id: Field
    key: tuple[Field, ...]
    changed_at: datetime
    bindings: Mapping[str, Column] = field(default_factory=dict)
    branches: tuple[Field, ...] = ()
    by_column: dict[str, Field] = field(init=False, repr=False, compare=False)
    _composed: dict[tuple[object, ...], sql.SQL] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        every = (*self.fields.values(), *self.branches)
        object.__setattr__(self, "by_column", {one.column: one for one in every})

    def composed(self, key: tuple[object, ...], make: Callable[[], sql.Composable]) -> sql.SQL:
        """What `make` gave for this key, composed once: for a hundred columns that costs more than running it."""
        if len(self._composed) > MAX_COMPOSED:
            self._composed.clear()
        found = self._composed.get(key)
        if found is None:
            found = self._composed[key] = sql.SQL(make().as_string())
        return found

    def stored(self) -> Iterator[Field]:
        """The columns that hold values of their own."""
        return (one for one in self.by_column.values() if one.declared is None or not is_made_up(one.declared))

    @property
    def name(self) -> str:
        return self.declared.set

    @property
    def relation(self) -> sql.Identifier:
        return sql.Identifier(self.schema, self.declared.set)

    @property
    def has_companies(self) -> bool:
        return COMPANY in self.fields


def field_of(column: Column, *, name: str = "") -> Field:
    """The field of a declared column, named as declared unless `name` says otherwise."""
    kind = ColumnType.TEXT if column.is_multiple else column.type
    return Field(name=name or column.name, column=column.name, type=kind, sql_type=sql_type(column), declared=column)


def is_made_up(column: Column) -> bool:
    """Whether the database works the column out from others."""
    return bool(column.joined_from or column.targets)


def sql_type(column: Column) -> str:
    if column.is_multiple:
        return SQL_TYPES[ColumnType.TEXT]
    return f"numeric(38,{column.scale})" if column.type is ColumnType.DECIMAL else SQL_TYPES[column.type]


def by_name(fields: Iterable[Field]) -> dict[str, Field]:
    return {one.name: one for one in fields}


def folded(one: Field) -> sql.Composable:
    """The column as keys compare it: text without regard to letter case."""
    is_text = one.type in (ColumnType.TEXT, ColumnType.ENUM)
    return sql.SQL("lower({})").format(one.identifier) if is_text else one.identifier


def array_of(one: Field) -> sql.Composable:
    """A parameter with many values of the column."""
    return sql.SQL("%s::{}[]").format(sql.SQL(one.sql_type))


def called(shape: Shape) -> sql.Composable:
    """What a person knows a row by, as text: its name, or its key."""
    if isinstance(shape.declared, DataverseTable):
        return sql.SQL("coalesce(nullif({}::text, ''), {}::text)").format(
            sql.Identifier(shape.declared.primary_name), shape.row_id.identifier
        )
    return sql.SQL("concat_ws(' · ', {})").format(sql.SQL(", ").join(one.identifier for one in shape.key))

"""What an environment says that it has: tables, columns, keys, references, choices.

Connectors build a `Catalog` from an environment's metadata; everything else only reads it.
Names are the environment's own: on finops the entity set and property names, on dataverse the entity set and
logical column names (a look-up is named by its column, `msdyn_company`, never `_msdyn_company_value`).
"""

from dataclasses import dataclass, field
from enum import StrEnum


class ColumnType(StrEnum):
    TEXT = "text"
    INTEGER = "integer"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"
    DATE = "date"
    DATETIME = "datetime"
    UUID = "uuid"
    CHOICE = "choice"  # a whole number out of a list (dataverse option)
    ENUM = "enum"  # a symbol out of a list (finops enumeration)
    LOOKUP = "lookup"  # the row id of a row of another table


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One allowed value: `value` as stored (`806380000`, `Organization`), `label` as shown."""

    value: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    name: str
    type: ColumnType
    label: str = ""
    max_length: int | None = None  # text only, characters
    scale: int | None = None  # decimal only, digits after the point
    is_required: bool = False
    is_read_only: bool = False
    choices: tuple[Choice, ...] = ()
    null_value: str = ""  # what the service keeps instead of no value; "" where it keeps null
    enum_type: str = ""  # enum only: the name of its type, as filters write it
    targets: tuple[str, ...] = ()  # look-up only: the tables that it may point to
    bind_name: str = ""  # look-up only: the navigation property that a write binds


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A unique key. The first key of a finops table is its natural key, which is also its row id."""

    name: str
    columns: tuple[str, ...]
    is_active: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """Natural-key columns that must match a row of another table (finops relations)."""

    columns: tuple[str, ...]
    target_table: str
    target_columns: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    name: str
    logical_name: str
    label: str
    columns: tuple[Column, ...]
    keys: tuple[Key, ...] = ()
    references: tuple[Reference, ...] = ()
    id_column: str = ""  # the column that is the row id where one is (dataverse)
    company_column: str = ""  # where rows belong to a company
    modified_column: str = ""  # a modified time that the service can filter by, where there is one
    tracks_changes: bool = False  # a delta feed is to be had
    by_name: dict[str, Column] = field(init=False, repr=False, compare=False, hash=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {column.name.lower(): column for column in self.columns})

    def column(self, name: str) -> Column | None:
        """The column of that name, in any letter case; None where the table has none."""
        return self.by_name.get(name.lower())


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    tables: tuple[Table, ...]
    by_name: dict[str, Table] = field(init=False, repr=False, compare=False, hash=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {table.name.lower(): table for table in self.tables})

    def table(self, name: str) -> Table | None:
        """The table of that name, in any letter case; None where the environment has none."""
        return self.by_name.get(name.lower())

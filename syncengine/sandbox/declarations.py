"""Tables as data: what the files in `tables/` hold, and what the management API takes for a running sandbox.

A file holds a document: tables, columns that it adds to tables of other files, and for finops the enumerations that
they use. Adding a table is adding a file. `declaration_checks` tells whether a document makes tables.
"""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from syncengine.catalog import ColumnType

FOLDER = Path(__file__).parent / "tables"
COMPANY = "dataAreaId"


class DeclarationError(ValueError):
    """A declaration that makes no table; the message names table and column."""


class Kind(StrEnum):
    FINOPS = "finops"
    DATAVERSE = "dataverse"


class Column(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A column of either kind. `required` means that a row without it is refused.

    `target` and `navigation` belong to look-ups: the table pointed to, and the property that a write binds (the name
    itself where left out). A look-up that points to rows of several tables has `targets` instead: each property that
    binds it, with its table. `number_sequence` such as "C-000000" numbers the rows that come without a key.
    """

    name: str
    type: ColumnType
    label: str = ""
    length: int = 100
    scale: int = 2
    is_money: bool = False
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    required: bool = False
    read_only: bool = False
    choices: dict[str, str] = {}
    is_multiple: bool = False  # choices: several at once, "1,3"
    is_zone_independent: bool = False  # moments: the clock's time as it was written, whatever the zone
    enum: str = ""
    target: str = ""
    targets: dict[str, str] = {}
    navigation: str = ""
    number_sequence: str = ""
    clears_on_delete: bool = False  # look-ups: the target's delete empties it instead of being refused
    joined_from: list[str] = []  # text made of other columns, with a space between them
    default: str | int | float | bool | None = None  # finops: what a create that leaves the column out stores

    def branches(self) -> "list[Column]":
        """The look-up as it is stored, one for each target; the column itself where it has no several."""
        if not self.targets:
            return [self]
        return [
            Column(name=name, type=self.type, label=self.label, target=target, clears_on_delete=self.clears_on_delete)
            for name, target in self.targets.items()
        ]


class AlternateKey(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    columns: list[str]


class DataverseTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    set: str
    logical: str
    label: str
    primary_id: str
    primary_name: str
    columns: list[Column]
    keys: list[AlternateKey] = []
    tracks_changes: bool = True
    is_elastic: bool = False  # rows of a bulk message stand alone; small pages
    is_system: bool = False  # belongs to the platform: raises no events, has no bulk messages

    def key_columns(self) -> Iterator[str]:
        return (column for key in self.keys for column in key.columns)

    def lookups(self) -> Iterator[Column]:
        """The look-ups as they are stored, each with one target."""
        return (branch for column in self.columns if column.type is ColumnType.LOOKUP for branch in column.branches())


class Relation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Columns that must be empty or name a row of another table, in the same company where both have one."""

    name: str
    columns: list[str]
    target: str
    target_columns: list[str]


class Enumeration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Symbols in the order of their numbers, from 0; the first stands for "not set"."""

    name: str
    members: list[str]


class Validation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What validateField asks of a value that is filled in.

    The whole text fits `pattern` (a regular expression), a number lies within its bounds, and the columns that it
    `needs` are filled in too. `message` stands in the infolog in place of the usual words.
    """

    column: str
    pattern: str = ""
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    needs: list[str] = []
    message: str = ""


class DataSource(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A further table below an entity: it has a record with a version of its own, which these columns change."""

    name: str
    columns: list[str]


class FinopsTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """`entity` is the public name of one row, `table` the data source that error texts name.

    `sources` are data sources beside the first one. With `tracks_changes` an export can hold what changed alone.
    """

    set: str
    entity: str
    table: str
    label: str
    key: list[str]
    columns: list[Column]
    references: list[Relation] = []
    validations: list[Validation] = []
    sources: list[DataSource] = []
    company: bool = False
    modified: bool = False
    tracks_changes: bool = True
    is_system: bool = False

    def key_columns(self) -> Iterator[str]:
        return iter(self.key)


Table = DataverseTable | FinopsTable


class DataverseExtension(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is added to a table that another document declares."""

    set: str
    columns: list[Column] = []
    keys: list[AlternateKey] = []


class FinopsExtension(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is added to a table that another document declares."""

    set: str
    columns: list[Column] = []
    references: list[Relation] = []
    validations: list[Validation] = []


Extension = DataverseExtension | FinopsExtension
_FINOPS_PARTS = ("columns", "references", "validations")


class DataverseDocument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    tables: list[DataverseTable] = []
    extensions: list[DataverseExtension] = []


class FinopsDocument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    tables: list[FinopsTable] = []
    extensions: list[FinopsExtension] = []
    enums: list[Enumeration] = []


Document = DataverseDocument | FinopsDocument
_DOCUMENTS: dict[Kind, type[Any]] = {Kind.FINOPS: FinopsDocument, Kind.DATAVERSE: DataverseDocument}


def read(kind: Kind, content: bytes) -> Document:
    """The document in this JSON text. Raises: DeclarationError."""
    try:
        document: Document = msgspec.json.decode(content, type=_DOCUMENTS[kind])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DeclarationError(f"The declaration is not understood: {error}") from error
    return document


@cache
def standard(kind: Kind) -> Document:
    """What every new sandbox of this kind has."""
    return merged(kind, [read(kind, path.read_bytes()) for path in sorted((FOLDER / kind).rglob("*.json"))])


def merged(kind: Kind, documents: Iterable[Document]) -> Document:
    """One document without extensions; a table or enumeration takes the place of a namesake in an earlier document.

    Raises: DeclarationError for an extension of a table that is in none of them.
    """
    tables: dict[str, Any] = {}
    enums: dict[str, Enumeration] = {}
    extensions: list[Extension] = []
    for document in documents:
        tables.update((table.set, table) for table in document.tables)
        extensions += document.extensions
        if isinstance(document, FinopsDocument):
            enums.update((enum.name, enum) for enum in document.enums)
    for extension in extensions:
        if extension.set not in tables:
            raise DeclarationError(f"Table {extension.set} is extended and not declared.")
        tables[extension.set] = _extended(tables[extension.set], extension)
    if kind is Kind.FINOPS:
        return FinopsDocument(tables=list(tables.values()), enums=list(enums.values()))
    return DataverseDocument(tables=list(tables.values()))


def _extended(table: Table, extension: Extension) -> Table:
    parts = ("columns", "keys") if isinstance(extension, DataverseExtension) else _FINOPS_PARTS
    return msgspec.structs.replace(
        table, **{part: [*getattr(table, part), *getattr(extension, part)] for part in parts}
    )

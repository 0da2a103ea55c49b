"""Tables as data: what the files in `tables/` hold, and what the management API takes for a running sandbox.

A file holds a document: tables, and for finops the enumerations that they use. Adding a table is adding a file.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec

from syncengine.catalog import ColumnType

FOLDER = Path(__file__).parent / "tables"
MAX_NAME = 54  # a JSON name (`_x_value`) must fit into an identifier of PostgreSQL
COMPANY = "dataAreaId"
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


class DeclarationError(ValueError):
    """A declaration that makes no table; the message names table and column."""


class Kind(StrEnum):
    FINOPS = "finops"
    DATAVERSE = "dataverse"


class Column(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A column of either kind. `required` means that a row without it is refused.

    `target` and `navigation` belong to look-ups: the table pointed to, and the property that a write binds (the name
    itself where left out). `number_sequence` such as "C-000000" numbers the rows that come without a key.
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
    enum: str = ""
    target: str = ""
    navigation: str = ""
    number_sequence: str = ""
    clears_on_delete: bool = False  # look-ups: the target's delete empties it instead of being refused
    joined_from: list[str] = []  # text made of other columns, with a space between them


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
    is_system: bool = False  # belongs to the platform: raises no events, has no bulk messages

    def key_columns(self) -> Iterator[str]:
        return (column for key in self.keys for column in key.columns)


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


class FinopsTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """`entity` is the public name of one row, `table` the data source that error texts name."""

    set: str
    entity: str
    table: str
    label: str
    key: list[str]
    columns: list[Column]
    references: list[Relation] = []
    company: bool = False
    modified: bool = False
    is_system: bool = False

    def key_columns(self) -> Iterator[str]:
        return iter(self.key)


Table = DataverseTable | FinopsTable


class DataverseDocument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    tables: list[DataverseTable]


class FinopsDocument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    tables: list[FinopsTable]
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


def standard(kind: Kind) -> list[Document]:
    """What every new sandbox of this kind has."""
    return [read(kind, path.read_bytes()) for path in sorted((FOLDER / kind).glob("*.json"))]


def merged(kind: Kind, documents: Iterable[Document]) -> Document:
    """One document; a table or enumeration of a later document takes the place of its namesake."""
    tables: dict[str, Any] = {}
    enums: dict[str, Enumeration] = {}
    for document in documents:
        tables.update((table.set, table) for table in document.tables)
        if isinstance(document, FinopsDocument):
            enums.update((enum.name, enum) for enum in document.enums)
    if kind is Kind.FINOPS:
        return FinopsDocument(tables=list(tables.values()), enums=list(enums.values()))
    return DataverseDocument(tables=list(tables.values()))


def check(document: Document) -> None:
    """Raises: DeclarationError when names clash or something named is not there."""
    enums = {enum.name for enum in document.enums} if isinstance(document, FinopsDocument) else set()
    columns = {table.set: {column.name for column in table.columns} for table in document.tables}
    for table in document.tables:
        _check_names(table)
        for column in table.columns:
            _check_column(table, column, columns, enums)
        if isinstance(table, FinopsTable):
            _check_relations(table, columns)


def _check_names(table: Table) -> None:
    names = [column.name for column in table.columns]
    for name in (table.set, *names):
        if not _NAME.fullmatch(name) or len(name) > MAX_NAME:
            raise DeclarationError(f"Table {table.set}: {name!r} is no name of at most {MAX_NAME} letters and digits.")
    twice = [name for name, count in Counter(name.lower() for name in names).items() if count > 1]
    if twice:
        raise DeclarationError(f"Table {table.set}: column {twice[0]} is declared twice.")
    missing = set(table.key_columns()) - set(names)
    if missing:
        raise DeclarationError(f"Table {table.set}: key column {min(missing)} is not declared.")
    if isinstance(table, FinopsTable) and not table.key:
        raise DeclarationError(f"Table {table.set} has no key.")


def _check_column(table: Table, column: Column, columns: dict[str, set[str]], enums: set[str]) -> None:
    where = f"Table {table.set}, column {column.name}"
    if column.type is ColumnType.LOOKUP and column.target not in columns:
        raise DeclarationError(f"{where}: the look-up's target {column.target!r} is not declared.")
    if column.type is ColumnType.ENUM and column.enum not in enums:
        raise DeclarationError(f"{where}: the enumeration {column.enum!r} is not declared.")
    if column.type is ColumnType.CHOICE and not all(code.lstrip("-").isdigit() for code in column.choices):
        raise DeclarationError(f"{where}: the codes of a choice are whole numbers.")
    if column.type is ColumnType.TEXT and column.length < 1:
        raise DeclarationError(f"{where}: the length must be at least 1.")


def _check_relations(table: FinopsTable, columns: dict[str, set[str]]) -> None:
    own = columns[table.set]
    for relation in table.references:
        target = columns.get(relation.target, set())
        missing = (set(relation.columns) - own) | (set(relation.target_columns) - target)
        if missing or len(relation.columns) != len(relation.target_columns):
            raise DeclarationError(f"Table {table.set}: reference {relation.name} does not fit {relation.target}.")

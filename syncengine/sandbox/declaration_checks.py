"""Whether a document makes tables: no names clash, everything named is there."""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping

from syncengine.catalog import ColumnType
from syncengine.sandbox.declarations import (
    Column,
    DeclarationError,
    Document,
    Enumeration,
    FinopsDocument,
    FinopsTable,
    Table,
)

MAX_NAME = 56  # a JSON name (`_x_value`) must fit into an identifier of PostgreSQL
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_DEFAULTS: dict[ColumnType, tuple[type, ...]] = {
    ColumnType.TEXT: (str,),
    ColumnType.INTEGER: (int,),
    ColumnType.DECIMAL: (int, float),
    ColumnType.BOOLEAN: (bool,),
    ColumnType.ENUM: (str,),
}


def check(document: Document) -> None:
    """Of a document without extensions. Raises: DeclarationError, whose message names table and column."""
    enums = {enum.name: enum for enum in document.enums} if isinstance(document, FinopsDocument) else {}
    columns = {table.set: {column.name for column in table.columns} for table in document.tables}
    for table in document.tables:
        _check_names(table)
        for column in table.columns:
            _check_column(table, column, columns, enums)
        if isinstance(table, FinopsTable):
            _check_relations(table, columns)
            _check_named(table)
            for column in table.columns:
                _check_default(table, column, enums)


def _check_names(table: Table) -> None:
    names = [name for column in table.columns for name in _stored_names(column)]
    for name in (table.set, *names):
        if not _NAME.fullmatch(name) or len(name) > MAX_NAME:
            raise DeclarationError(f"Table {table.set}: {name!r} is no name of at most {MAX_NAME} letters and digits.")
    twice = [name for name, count in Counter(name.lower() for name in names).items() if count > 1]
    if twice:
        raise DeclarationError(f"Table {table.set}: column {twice[0]} is declared twice.")
    missing = set(table.key_columns()) - {column.name for column in table.columns}
    if missing:
        raise DeclarationError(f"Table {table.set}: key column {min(missing)} is not declared.")
    if isinstance(table, FinopsTable) and not table.key:
        raise DeclarationError(f"Table {table.set} has no key.")


def _stored_names(column: Column) -> Iterator[str]:
    yield column.name
    yield from column.targets


def _check_column(table: Table, column: Column, columns: dict[str, set[str]], enums: Collection[str]) -> None:
    where = f"Table {table.set}, column {column.name}"
    if column.type is ColumnType.LOOKUP:
        for branch in column.branches():
            if branch.target not in columns:
                raise DeclarationError(f"{where}: the look-up's target {branch.target!r} is not declared.")
    if column.targets and (column.required or column.target or column.navigation):
        raise DeclarationError(f"{where}: a look-up with several targets has no other, and is not required.")
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


def _check_named(table: FinopsTable) -> None:
    """Validations and data sources speak of columns that are there."""
    own = {column.name for column in table.columns}
    named = [name for one in table.validations for name in (one.column, *one.needs)]
    in_sources = [name for source in table.sources for name in source.columns]
    missing = {*named, *in_sources} - own
    if missing:
        raise DeclarationError(f"Table {table.set}: column {min(missing)} is named and not declared.")
    if len(set(in_sources)) < len(in_sources):
        raise DeclarationError(f"Table {table.set}: a column belongs to two data sources.")
    for one in table.validations:
        try:
            re.compile(one.pattern)
        except re.error as error:
            where = f"Table {table.set}, column {one.column}"
            raise DeclarationError(f"{where}: the pattern is no regular expression: {error}.") from error


def _check_default(table: FinopsTable, column: Column, enums: Mapping[str, Enumeration]) -> None:
    value = column.default
    if value is None:
        return
    is_fitting = isinstance(value, _DEFAULTS.get(column.type, ()))
    is_yes_or_no = isinstance(value, bool) and column.type is not ColumnType.BOOLEAN
    is_too_long = column.type is ColumnType.TEXT and len(str(value)) > column.length
    is_no_member = column.type is ColumnType.ENUM and value not in enums[column.enum].members
    if not is_fitting or is_yes_or_no or is_too_long or is_no_member:
        raise DeclarationError(f"Table {table.set}, column {column.name}: {value!r} is no default of its type.")

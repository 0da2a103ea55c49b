"""The rows of the in-memory connector and the rules by which it takes or refuses them."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Literal

from syncengine.catalog import Column, ColumnType, Table
from syncengine.errors import CatalogError, ErrorClass, RowError
from syncengine.frames import CHANGED, RECORD, ROW_ID, VERSION
from syncengine.mapping.keys import fold_text, join_parts
from syncengine.states import Operation

Likeness = Literal["dataverse", "finops"]


@dataclass(slots=True)
class Row:
    values: dict[str, Any]
    version: str
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class Rule:
    """Rows with this value in this column are refused; `value` None refuses every row of the table."""

    table: str
    column: str
    value: Any
    message: str
    error_class: ErrorClass


@dataclass(slots=True)
class Store:
    """The rows of one table by row id, and what happened to them in order."""

    table: Table
    rows: dict[str, Row] = field(default_factory=dict)
    log: list[tuple[int, str, Operation]] = field(default_factory=list)
    taken: dict[tuple[str, tuple[Any, ...]], str] = field(default_factory=dict)  # row id by key name and values


class Rows:
    """All tables; `sequence` numbers every change."""

    def __init__(self, tables: Sequence[Table], like: Likeness) -> None:
        self.stores = {table.name: Store(table) for table in tables}
        self.like = like
        self.rules: list[Rule] = []
        self.sequence = 0

    def store(self, table_name: str) -> Store:
        if table_name not in self.stores:
            raise CatalogError(f"There is no table {table_name}.")
        return self.stores[table_name]

    def met(self, store: Store, row: Mapping[str, Any]) -> None:
        """Raises: RowError where the row is not there or not in the version that was decided on."""
        known = store.rows.get(row[ROW_ID])
        if known is None:
            raise RowError("There is no such row.", error_class=ErrorClass.MISSING)
        if row[VERSION] is not None and row[VERSION] != known.version:
            raise RowError("The row has changed since.", error_class=ErrorClass.CONFLICT)

    def create(self, store: Store, row_id: str | None, given: Mapping[str, Any]) -> str:
        table = store.table
        nothing = {column.name: self._normal(column, None) for column in table.columns}
        values = nothing | self._normalised(table, given)
        if self.like == "finops":
            row_id = join_parts([_text(values[name]) for name in table.keys[0].columns])
        row_id = row_id or str(uuid.uuid4())
        if row_id in store.rows:
            raise RowError("The record already exists.", error_class=ErrorClass.DUPLICATE)
        self._judge(store, row_id, values, values)
        if table.id_column:
            values[table.id_column] = row_id
        self._save(store, row_id, values)
        return row_id

    def change(self, store: Store, row_id: str, given: Mapping[str, Any]) -> None:
        changes = self._normalised(store.table, given)
        if self.like == "finops":
            changes = {name: value for name, value in changes.items() if name not in store.table.keys[0].columns}
        values = store.rows[row_id].values | changes
        self._judge(store, row_id, values, changes)
        self._save(store, row_id, values)

    def _save(self, store: Store, row_id: str, values: dict[str, Any]) -> None:
        self.sequence += 1
        now = datetime.now(UTC)
        if store.table.modified_column:
            values[store.table.modified_column] = now
        self._forget_keys(store, row_id)
        store.taken |= dict.fromkeys(self._keys(store.table, values), row_id)
        store.rows[row_id] = Row(values, f"v{self.sequence}", now)
        store.log.append((self.sequence, row_id, Operation.UPSERT))

    def remove(self, store: Store, row_id: str) -> None:
        self.sequence += 1
        self._forget_keys(store, row_id)
        del store.rows[row_id]
        store.log.append((self.sequence, row_id, Operation.DELETE))

    def _forget_keys(self, store: Store, row_id: str) -> None:
        if row_id in store.rows:
            for key in self._keys(store.table, store.rows[row_id].values):
                store.taken.pop(key, None)

    def _normalised(self, table: Table, given: Mapping[str, Any]) -> dict[str, Any]:
        columns = {name: column_of(table, name) for name in given}
        return {columns[name].name: self._normal(columns[name], value) for name, value in given.items()}

    def _judge(self, store: Store, row_id: str, values: Mapping[str, Any], changes: Mapping[str, Any]) -> None:
        """Raises: RowError as the services refuse."""
        for rule in self.rules:
            if rule.table == store.table.name and rule.value in (None, values.get(rule.column)):
                raise RowError(rule.message, error_class=rule.error_class, code="rule")
        for name, value in changes.items():
            _fits(column_of(store.table, name), value)
        self._check_parents(store.table, values, changes)
        for name, mine in self._keys(store.table, values):
            if store.taken.get((name, mine), row_id) != row_id:
                raise RowError(f"The key {name} is taken.", error_class=ErrorClass.DUPLICATE)

    def _keys(self, table: Table, values: Mapping[str, Any]) -> Iterator[tuple[str, tuple[Any, ...]]]:
        """The complete unique keys of a row; the natural key of finops is its row id already."""
        for key in table.keys[1:] if self.like == "finops" else table.keys:
            mine = tuple(equal_form(values.get(name)) for name in key.columns)
            if None not in mine:
                yield key.name, mine

    def _check_parents(self, table: Table, values: Mapping[str, Any], changes: Mapping[str, Any]) -> None:
        for name in changes:
            column = column_of(table, name)
            stores = [self.stores[target] for target in column.targets if target in self.stores]
            if values[column.name] is not None and stores and not any(values[column.name] in s.rows for s in stores):
                raise RowError(f"Column {name} points to nothing.", error_class=ErrorClass.MISSING_PARENT)
        for reference in table.references:
            mine = tuple(equal_form(values.get(name)) for name in reference.columns)
            store = self.stores.get(reference.target_table)
            if store is None or None in mine or not set(reference.columns) & set(changes):
                continue
            rows = store.rows.values()
            if mine not in {tuple(equal_form(row.values.get(n)) for n in reference.target_columns) for row in rows}:
                message = f"The value is not found in the related table {reference.target_table}."
                raise RowError(message, error_class=ErrorClass.MISSING_PARENT)

    def _normal(self, column: Column, value: Any) -> Any:
        """The value in normal form; like finops, a number or enum always has a value."""
        if isinstance(value, str):
            value = value.rstrip(" ")
            value = (value.lower() if column.type in (ColumnType.UUID, ColumnType.LOOKUP) else value) or None
        if value is None and self.like == "finops":
            value = _stand_in(column)
        if column.type is ColumnType.DECIMAL and value is not None:
            scale = column.scale if column.scale is not None else 10
            return Decimal(value).quantize(Decimal(1).scaleb(-scale), rounding=ROUND_HALF_UP)
        return value


def column_of(table: Table, name: str) -> Column:
    column = table.column(name)
    if column is None:
        raise CatalogError(f"Table {table.name} has no column {name}.")
    return column


def data_of(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in (RECORD, ROW_ID, VERSION, CHANGED)}


def _stand_in(column: Column) -> Any:
    if column.type in (ColumnType.INTEGER, ColumnType.DECIMAL):
        return 0
    return column.choices[0].value if column.type is ColumnType.ENUM and column.choices else None


def _fits(column: Column, value: Any) -> None:
    """Raises: RowError for a value that the column cannot hold."""
    if column.max_length is not None and isinstance(value, str) and len(value) > column.max_length:
        raise RowError(f"The value of {column.name} is too long.", error_class=ErrorClass.DATA)
    if column.choices and value is not None and str(value).lower() not in {c.value.lower() for c in column.choices}:
        raise RowError(f"{column.name} has no such choice.", error_class=ErrorClass.DATA)


def equal_form(value: Any) -> Any:
    """The value as it is compared: text folded, no value as None."""
    return (fold_text(value) or None) if isinstance(value, str) else value


def _text(value: Any) -> str:
    return "" if value is None else fold_text(str(value))

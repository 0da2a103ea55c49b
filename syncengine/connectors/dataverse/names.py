"""How columns and rows of Dataverse are named in JSON, in addresses and in filters."""

from datetime import UTC, date, datetime
from decimal import Decimal

from syncengine.catalog import Column, ColumnType, Table

Scalar = str | int | Decimal | bool | date | datetime


def json_name(column: Column) -> str:
    """The name under which a column is read, selected and filtered: a look-up by `_name_value`."""
    return f"_{column.name}_value" if column.type is ColumnType.LOOKUP else column.name


def row_url(table: Table, row_id: str) -> str:
    return f"{table.name}({row_id})"


def literal(column: Column, value: Scalar) -> str:
    """The value as filters write it."""
    if column.type in (ColumnType.LOOKUP, ColumnType.UUID):
        return str(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    if isinstance(value, date):
        return value.isoformat()
    return quoted(value) if isinstance(value, str) else str(value)


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"

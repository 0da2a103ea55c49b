"""The columns that a filter names, and its values as those columns hold them."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from uuid import UUID

from syncengine.catalog import Column, ColumnType, Table
from syncengine.mapping.filters.ast import (
    And,
    Call,
    Comparison,
    Filter,
    FilterError,
    In,
    Match,
    Not,
    Or,
    Related,
    Value,
    refused,
)

MAX_SCALE = 18
_MAX_ADJUSTED = 27
_INTEGERS = range(-(2**63), 2**63)
_WORDS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def columns_of(where: Filter) -> set[str]:
    """The names as written, look-ups as `_x_value` where the filter says so."""
    return {term.column for term in leaves(where)}


def leaves(where: Filter) -> Iterator[Comparison | Match | In]:
    """The conditions, without what joins them. Raises: FilterError for what a map cannot filter by."""
    waiting: list[Filter] = [where]
    while waiting:
        term = waiting.pop()
        match term:
            case And() | Or():
                waiting += reversed(term.terms)
            case Not():
                waiting.append(term.term)
            case Call() | Related():
                raise refused(term)
            case _:
                yield term


def column_of(table: Table, name: str) -> Column:
    """The column of that name, in any letter case; a look-up also by its `_x_value`.

    Raises: FilterError for a column that the table does not have.
    """
    column = table.column(name)
    if column is None and name.startswith("_") and name.lower().endswith("_value"):
        behind = table.column(name[1 : -len("_value")])
        column = behind if behind is not None and behind.type is ColumnType.LOOKUP else None
    if column is None:
        raise FilterError(f'{table.label or table.name} has no column "{name}".', text="", position=0)
    return column


def typed(column: Column, value: Value) -> Value:
    """The value in the column's own type; None where it means "no value" (null, empty text).

    A finops enum value becomes its symbol: a number counts the members from 0.

    Raises: FilterError for a value that the column can never hold.
    """
    if value is None or value == "":
        return None
    try:
        return _convert(column, value)
    except (ValueError, TypeError, InvalidOperation, KeyError, IndexError, OverflowError) as exc:
        message = f'"{column.name}" is a column of type {column.type} and cannot be this value.'
        raise FilterError(message, text="", position=0) from exc


def _convert(column: Column, value: Value) -> Value:
    match column.type:
        case ColumnType.TEXT:
            return _text(value)
        case ColumnType.ENUM:
            return _symbol(column, value)
        case ColumnType.UUID:
            return value if isinstance(value, UUID) else UUID(str(value))
        case ColumnType.LOOKUP:
            return str(value).lower()
        case ColumnType.INTEGER | ColumnType.CHOICE | ColumnType.DECIMAL:
            return _number(column, value)
        case ColumnType.BOOLEAN:
            return _WORDS[str(value).lower()]
        case ColumnType.DATE:
            return _date(value)
        case ColumnType.DATETIME:
            return _moment(value)


def _text(value: Value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return value.isoformat() if isinstance(value, date) else str(value)


def _symbol(column: Column, value: Value) -> str:
    """The symbol as the catalog spells it; as written where the catalog lists none."""
    if isinstance(value, bool):
        value = "Yes" if value else "No"
    if isinstance(value, int):
        if value < 0:
            raise IndexError("enum values count from 0")
        return column.choices[value].value
    known = {choice.value.lower(): choice.value for choice in column.choices}
    return known[str(value).lower()] if known else str(value)


def _number(column: Column, value: Value) -> int | Decimal:
    if isinstance(value, bool | date | UUID):
        raise TypeError("no number")
    number = Decimal(str(value).strip())
    if not number.is_finite() or number.adjusted() > _MAX_ADJUSTED or digits_after_point(number) > MAX_SCALE:
        raise ValueError("out of range")
    if number != number.to_integral_value():
        return number
    if column.type is not ColumnType.DECIMAL and int(number) not in _INTEGERS:
        raise ValueError("out of range")
    return int(number)


def digits_after_point(number: Decimal) -> int:
    exponent = number.as_tuple().exponent
    return -exponent if isinstance(exponent, int) and exponent < 0 else 0


def _date(value: Value) -> date:
    return value if isinstance(value, date) else date.fromisoformat(str(value))


def _moment(value: Value) -> datetime:
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime.combine(value, time(), UTC)
    moment = datetime.fromisoformat(str(value))
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)

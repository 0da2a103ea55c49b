"""A filter as a condition in SQL, every value a parameter.

No condition is ever unknown: what compares with a null is true or false as the services answer it (`ne` includes
nulls, `lt` and the like leave them out). Text compares without regard to letter case.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from uuid import UUID

from psycopg import sql

from syncengine.catalog import ColumnType
from syncengine.mapping.filters.ast import (
    And,
    Call,
    Comparison,
    Filter,
    In,
    Match,
    Not,
    Operator,
    Or,
    Related,
    TextMatch,
    Value,
)
from syncengine.sandbox.shape import Field, folded

_SIGNS = {
    Operator.EQ: sql.SQL("="),
    Operator.LT: sql.SQL("<"),
    Operator.LE: sql.SQL("<="),
    Operator.GT: sql.SQL(">"),
    Operator.GE: sql.SQL(">="),
}
_EQUALITY = (Operator.EQ, Operator.NE)
_NUMBERS = (ColumnType.INTEGER, ColumnType.DECIMAL, ColumnType.CHOICE)
_IDS = (ColumnType.UUID, ColumnType.LOOKUP)
_TIMES = (ColumnType.DATE, ColumnType.DATETIME)


class FilterRefused(ValueError):
    """A filter that the service does not take: an unknown property, or a value of another type."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """What the services differ in. `has_nulls`: whether columns can be null; without, "" stands for no text.

    `has_wildcards`: `*` in a compared text stands for any run of characters. `more` makes the conditions that only one
    service knows.
    """

    has_nulls: bool
    has_wildcards: bool
    has_in: bool
    more: "Callable[[Call | Related, Mapping[str, Field], Dialect], sql.Composable] | None" = None


def condition(found: Filter, fields: Mapping[str, Field], dialect: Dialect) -> sql.Composable:
    """The filter over the columns of these fields. Raises: FilterRefused."""
    match found:
        case And(terms=terms):
            return _joined(" AND ", [condition(term, fields, dialect) for term in terms])
        case Or(terms=terms):
            return _joined(" OR ", [condition(term, fields, dialect) for term in terms])
        case Not(term=term):
            return sql.SQL("(NOT {})").format(condition(term, fields, dialect))
        case In(column=column, values=values):
            if not dialect.has_in:
                raise FilterRefused("The operator 'in' is not supported")
            return is_in(field_of(fields, column), values)
        case Match():
            return _match(field_of(fields, found.column), found.how, found.text)
        case Comparison():
            return _comparison(found, field_of(fields, found.column), dialect)
        case Call() | Related():
            if dialect.more is None:
                raise FilterRefused("The filter names a function or a collection that is not supported")
            return dialect.more(found, fields, dialect)


def _joined(word: str, terms: list[sql.Composable]) -> sql.Composable:
    return sql.SQL("({})").format(sql.SQL(word).join(terms))


def field_of(fields: Mapping[str, Field], name: str) -> Field:
    found = fields.get(name)
    if found is None:
        raise FilterRefused(f"Could not find a property named '{name}'")
    return found


def _comparison(found: Comparison, one: Field, dialect: Dialect) -> sql.Composable:
    if found.value is None or (found.value == "" and one.type is ColumnType.TEXT):
        return _empty(found.operator, one, dialect)
    if one.type is ColumnType.ENUM:
        return _enum(found, one)
    if found.enum_type:
        raise incompatible(one, found.enum_type)
    if dialect.has_wildcards and found.operator in _EQUALITY and isinstance(found.value, str) and "*" in found.value:
        is_like = _match(one, TextMatch.LIKE, found.value)
        return is_like if found.operator is Operator.EQ else sql.SQL("(NOT {})").format(is_like)
    return compared(found.operator, one, _typed(one, found.value))


def compared_text(operator: Operator, one: Field, value: Value) -> sql.Composable:
    """The comparison with a value that is given as text whatever the column's type. Raises: FilterRefused."""
    return compared(operator, one, _typed(one, _from_text(one, value)))


def compared(operator: Operator, one: Field, value: Value) -> sql.Composable:
    column, literal = folded(one), _folded_literal(one, value)
    if operator is Operator.NE:
        return sql.SQL("({} IS DISTINCT FROM {})").format(column, literal)
    return sql.SQL("({} {} {} AND {} IS NOT NULL)").format(column, _SIGNS[operator], literal, one.identifier)


def _empty(operator: Operator, one: Field, dialect: Dialect) -> sql.Composable:
    """Compared with nothing: only equal and not equal mean something."""
    if operator not in _EQUALITY:
        return sql.SQL("false")
    test = sql.SQL("{} IS NULL") if dialect.has_nulls or one.type is not ColumnType.TEXT else sql.SQL("{} = ''")
    is_empty = sql.SQL("({})").format(test.format(one.identifier))
    return is_empty if operator is Operator.EQ else sql.SQL("(NOT {})").format(is_empty)


def _enum(found: Comparison, one: Field) -> sql.Composable:
    declared = one.declared.enum if one.declared else ""
    if found.enum_type.rpartition(".")[2] != declared or found.operator not in _EQUALITY:
        raise incompatible(one, found.enum_type or "Edm.String")
    return compared(found.operator, one, found.value)


def is_in(one: Field, values: tuple[Value, ...]) -> sql.Composable:
    typed = [_typed(one, _from_text(one, value)) for value in values if value is not None]
    lowered = [value.lower() if isinstance(value, str) else value for value in typed]
    array = sql.SQL("{}::{}[]").format(sql.Literal(lowered), sql.SQL(_comparable_type(one)))
    return sql.SQL("({} = ANY({}) AND {} IS NOT NULL)").format(folded(one), array, one.identifier)


def _from_text(one: Field, value: Value) -> Value:
    """The value as its column has it: `In` names all values as text."""
    if not isinstance(value, str) or one.type is ColumnType.TEXT:
        return value
    try:
        if one.type in _IDS:
            return UUID(value)
        if one.type in _TIMES:
            return datetime.fromisoformat(value)
        if one.type is ColumnType.BOOLEAN:
            return {"true": True, "false": False, "1": True, "0": False}[value.lower()]
        return Decimal(value) if one.type in _NUMBERS else value
    except (ValueError, ArithmeticError, KeyError) as error:
        raise incompatible(one, "Edm.String") from error


def _match(one: Field, how: TextMatch, text: str) -> sql.Composable:
    if one.type is not ColumnType.TEXT:
        raise incompatible(one, "Edm.String")
    literally = escaped(text)
    pattern = {
        TextMatch.CONTAINS: f"%{literally}%",
        TextMatch.STARTS_WITH: f"{literally}%",
        TextMatch.ENDS_WITH: f"%{literally}",
        TextMatch.LIKE: literally.replace("*", "%"),
    }[how]
    return sql.SQL("({} LIKE lower({}) AND {} IS NOT NULL)").format(
        folded(one), sql.Literal(_storable(pattern)), one.identifier
    )


def escaped(text: str) -> str:
    """The text as a pattern of LIKE that stands for nothing but itself."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _folded_literal(one: Field, value: Value) -> sql.Composable:
    if isinstance(value, str):
        return sql.SQL("lower({})").format(sql.Literal(_storable(value)))
    return sql.SQL("{}::{}").format(sql.Literal(value), sql.SQL(_comparable_type(one)))


def _comparable_type(one: Field) -> str:
    return "numeric" if one.type in _NUMBERS else one.sql_type


def _storable(text: str) -> str:
    if "\x00" in text:
        raise FilterRefused("The text holds a character that no row can hold")
    return text


def _typed(one: Field, value: Value) -> Value:
    """The value in the column's type. Raises: FilterRefused when it is of another."""
    if one.type in (ColumnType.TEXT, ColumnType.ENUM) and isinstance(value, str):
        return value
    if one.type in _NUMBERS and isinstance(value, int | Decimal) and not isinstance(value, bool):
        return value
    if one.type is ColumnType.BOOLEAN and isinstance(value, bool):
        return value
    if one.type in _IDS and isinstance(value, UUID):
        return value
    if one.type in _TIMES and isinstance(value, date):
        return _moment(value) if one.type is ColumnType.DATETIME else _day(value)
    raise incompatible(one, type(value).__name__)


def _moment(value: date) -> datetime:
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    return datetime.combine(value, time(), tzinfo=UTC)


def _day(value: date) -> date:
    return value.date() if isinstance(value, datetime) else value


def incompatible(one: Field, other: str) -> FilterRefused:
    return FilterRefused(
        f"A binary operator with incompatible types was detected. Found operand types '{one.type}' and '{other}' for"
        f" property '{one.name}'"
    )

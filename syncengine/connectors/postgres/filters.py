"""`Filter` → a condition in SQL, every value a parameter.

It finds the rows that `mapping.filters.polars` finds: a missing value equals only "no value", is unequal to everything
else, is neither less nor greater than anything and contains nothing; text compares without regard to letter case.
"""

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from psycopg import sql

from syncengine.catalog import ColumnType
from syncengine.connectors.postgres.shape import Field, Shape
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
    refused,
)
from syncengine.mapping.filters.columns import column_of, typed

OF = "t"  # the name of the table in every query
_SIGNS = {
    Operator.LT: sql.SQL("<"),
    Operator.LE: sql.SQL("<="),
    Operator.GT: sql.SQL(">"),
    Operator.GE: sql.SQL(">="),
}
_TEXTUAL = frozenset({ColumnType.TEXT, ColumnType.ENUM, ColumnType.UUID, ColumnType.LOOKUP})
_NOTHING = sql.SQL("false")


def condition(where: Filter | None, shape: Shape) -> sql.Composable:
    """True or false for every row, never null.

    Raises: FilterError for a column that is not there or a value that it cannot hold.
    """
    match where:
        case None:
            return sql.SQL("true")
        case And():
            return _joined(" AND ", where.terms, shape)
        case Or():
            return _joined(" OR ", where.terms, shape)
        case Not():
            return sql.SQL("(NOT {})").format(condition(where.term, shape))
        case Comparison():
            return _comparison(_field(shape, where.column), where)
        case Match():
            return _match(_field(shape, where.column), where)
        case In():
            return _is_in(_field(shape, where.column), where.values)
        case Call() | Related():
            raise refused(where)


def _joined(word: str, terms: tuple[Filter, ...], shape: Shape) -> sql.Composable:
    joined = sql.SQL(word).join([condition(term, shape) for term in terms])
    return sql.SQL("({})").format(joined)


def _field(shape: Shape, name: str) -> Field:
    return shape.field(column_of(shape.table, name).name)


def _comparison(field: Field, where: Comparison) -> sql.Composable:
    value = typed(field.column, where.value)
    if value is None:
        return _missing_compared(field, where.operator)
    left, right = _operands(field, value)
    match where.operator:
        case Operator.EQ:
            test = sql.SQL("coalesce({} = {}, false)")
        case Operator.NE:
            test = sql.SQL("coalesce({} <> {}, true)")
        case operator:
            return sql.SQL("coalesce({} {} {}, false)").format(left, _SIGNS[operator], right)
    return test.format(left, right)


def _missing_compared(field: Field, operator: Operator) -> sql.Composable:
    column = sql.Identifier(OF, field.name)
    if operator is Operator.EQ:
        return sql.SQL("({} IS NULL)").format(column)
    return sql.SQL("({} IS NOT NULL)").format(column) if operator is Operator.NE else _NOTHING


def _operands(field: Field, value: Value) -> tuple[sql.Composable, sql.Composable]:
    column = sql.Identifier(OF, field.name)
    if field.column.type in _TEXTUAL:
        return _folded(field), sql.Literal(_text(value))
    literal = sql.Literal(value)
    if field.column.type is ColumnType.DATETIME and isinstance(value, datetime):
        return column, field.cast(sql.Literal(value.isoformat()))
    if field.column.type is ColumnType.DATE and isinstance(value, datetime):
        return sql.SQL("({}::timestamp AT TIME ZONE 'UTC')").format(column), literal
    if isinstance(value, date):
        return column, sql.SQL("{}::date").format(literal)
    return column, literal


def _folded(field: Field) -> sql.Composed:
    """The text as it is compared, code point by code point."""
    return sql.SQL('{} COLLATE "C"').format(field.lowered(sql.Identifier(OF, field.name)))


def _text(value: Value) -> str:
    return str(value).lower().rstrip(" ")


def _is_in(field: Field, values: tuple[Value, ...]) -> sql.Composable:
    found = [typed(field.column, value) for value in values]
    tests: list[sql.Composable] = [_equal(field, value) for value in found if value is not None]
    if len(tests) < len(found):
        tests.append(_missing_compared(field, Operator.EQ))
    return sql.SQL("({})").format(sql.SQL(" OR ").join(tests)) if tests else _NOTHING


def _equal(field: Field, value: Value) -> sql.Composed:
    return sql.SQL("coalesce({} = {}, false)").format(*_operands(field, value))


def _match(field: Field, where: Match) -> sql.Composable:
    wanted = _escaped(where.text.lower())
    pattern, otherwise = _PATTERNS[where.how](wanted), where.how is TextMatch.LIKE and not where.text.strip("*")
    return sql.SQL("coalesce({} LIKE {}, {})").format(_folded(field), sql.Literal(pattern), sql.Literal(otherwise))


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


_PATTERNS: dict[TextMatch, Callable[[str], Any]] = {
    TextMatch.CONTAINS: lambda text: f"%{text}%",
    TextMatch.STARTS_WITH: lambda text: f"{text}%",
    TextMatch.ENDS_WITH: lambda text: f"%{text}",
    TextMatch.LIKE: lambda text: text.replace("*", "%"),
}

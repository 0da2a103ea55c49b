"""`Filter` → polars expression over row frames in normal form.

Two-valued as in OData: a missing value equals only "no value", is unequal to everything else, is neither less nor
greater than anything and contains nothing. Text is compared without regard to letter case. The stars of a finops
comparison (`Name eq '*retail*'`) are plain characters here; only `like` knows them.
"""

import re
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal

import polars as pl

from syncengine.catalog import Column, ColumnType, Table
from syncengine.frames import MAX_PRECISION, dtype_of
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
from syncengine.mapping.filters.columns import column_of, digits_after_point, typed

_TEXTUAL = frozenset({ColumnType.TEXT, ColumnType.ENUM, ColumnType.UUID, ColumnType.LOOKUP})


def to_expression(where: Filter, table: Table) -> pl.Expr:
    """True or false for every row, never null.

    Raises: FilterError for a column that is not there or a value that it cannot hold.
    """
    match where:
        case And():
            return pl.all_horizontal([to_expression(term, table) for term in where.terms])
        case Or():
            return pl.any_horizontal([to_expression(term, table) for term in where.terms])
        case Not():
            return ~to_expression(where.term, table)
        case Comparison():
            return _comparison(column_of(table, where.column), where)
        case Match():
            return _match(column_of(table, where.column), where)
        case In():
            column = column_of(table, where.column)
            return _is_in(column, [typed(column, value) for value in where.values])
        case Call() | Related():
            raise refused(where)


def _comparison(column: Column, where: Comparison) -> pl.Expr:
    value = typed(column, where.value)
    if value is None:
        return _missing_compared(column, where.operator)
    left, right = _operands(column, value)
    match where.operator:
        case Operator.EQ:
            return left.eq_missing(right)
        case Operator.NE:
            return left.ne_missing(right)
        case Operator.LT:
            result = left < right
        case Operator.LE:
            result = left <= right
        case Operator.GT:
            result = left > right
        case Operator.GE:
            result = left >= right
    return result.fill_null(False)


def _missing_compared(column: Column, operator: Operator) -> pl.Expr:
    if operator is Operator.EQ:
        return pl.col(column.name).is_null()
    found = pl.col(column.name).is_not_null()
    return found if operator is Operator.NE else found & pl.lit(False)


def _operands(column: Column, value: Value) -> tuple[pl.Expr, pl.Expr]:
    """The column and the value in one type."""
    name = pl.col(column.name)
    if column.type in _TEXTUAL:
        return name.str.to_lowercase(), pl.lit(_text(value))
    if isinstance(value, Decimal):
        exact = pl.Decimal(MAX_PRECISION, max(_scale(column), digits_after_point(value)))
        return name.cast(exact, strict=False), pl.lit(value, dtype=exact)
    if isinstance(value, datetime):
        return name.cast(pl.Datetime("us", "UTC")), pl.lit(value, dtype=pl.Datetime("us", "UTC"))
    if isinstance(value, bool | date):
        return name, pl.lit(value)
    return name, pl.lit(value, dtype=dtype_of(column))


def _scale(column: Column) -> int:
    dtype = dtype_of(column)
    return dtype.scale if isinstance(dtype, pl.Decimal) else 0


def _text(value: Value) -> str:
    return str(value).lower().rstrip(" ")


def _is_in(column: Column, values: Sequence[Value]) -> pl.Expr:
    present = [value for value in values if value is not None]
    if column.type in _TEXTUAL:
        found = pl.col(column.name).str.to_lowercase().is_in([_text(value) for value in present]).fill_null(False)
    else:
        pairs = [_operands(column, value) for value in present]
        found = pl.any_horizontal(pl.lit(False), *(left.eq_missing(right) for left, right in pairs))
    return found | pl.col(column.name).is_null() if len(present) < len(values) else found


def _match(column: Column, where: Match) -> pl.Expr:
    text = pl.col(column.name) if column.type in _TEXTUAL else pl.col(column.name).cast(pl.String)
    lowered, wanted = text.str.to_lowercase(), where.text.lower()
    match where.how:
        case TextMatch.CONTAINS:
            found = lowered.str.contains(wanted, literal=True)
        case TextMatch.STARTS_WITH:
            found = lowered.str.starts_with(wanted)
        case TextMatch.ENDS_WITH:
            found = lowered.str.ends_with(wanted)
        case TextMatch.LIKE:
            return _like(lowered, wanted)
    return found.fill_null(False)


def _like(lowered: pl.Expr, pattern: str) -> pl.Expr:
    """A missing value is empty text here, so that `*` finds every row as the service does."""
    body = ".*".join(re.escape(part) for part in pattern.split("*"))
    return lowered.fill_null("").str.contains(f"(?s)^{body}$")

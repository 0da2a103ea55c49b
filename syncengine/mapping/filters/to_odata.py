"""`Filter` → OData text, as one of the two services reads it.

dataverse: look-ups by `_x_value`, GUIDs without quotation marks, no text is null. Lists by `Microsoft.Dynamics.CRM.In`,
with double quotation marks where a text holds an apostrophe; look-ups have another name there and are joined by "or".
finops: enums as `Microsoft.Dynamics.DataEntities.<Type>'<Symbol>'`, stars for parts of text, no `in`; no value is
`''`, 0 or 1900-01-01, as the service stores it.
"""

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Literal
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
    Operator,
    Or,
    Related,
    TextMatch,
    Value,
    refused,
)
from syncengine.mapping.filters.columns import column_of, typed
from syncengine.mapping.filters.odata import IN_FUNCTION

Dialect = Literal["dataverse", "finops"]

ENUM_NAMESPACE = "Microsoft.Dynamics.DataEntities"
_NUMERIC = frozenset({ColumnType.INTEGER, ColumnType.DECIMAL, ColumnType.CHOICE})
_DATED = frozenset({ColumnType.DATE, ColumnType.DATETIME})
_AFTER_NO_DATE = "1900-01-02T00:00:00Z"  # finops stores "no date" as some time of 1900-01-01


def to_odata(where: Filter, table: Table, *, dialect: Dialect) -> str:
    """Text for `$filter`, not yet percent-encoded.

    Raises: FilterError for a column that is not there, a value that it cannot hold, or what the service cannot say.
    """
    match where:
        case And():
            return _joined(where.terms, " and ", table, dialect)
        case Or():
            return _joined(where.terms, " or ", table, dialect)
        case Not():
            return f"not ({to_odata(where.term, table, dialect=dialect)})"
        case Call() | Related():
            raise refused(where)
    column = column_of(table, where.column)
    match where:
        case Comparison():
            return _comparison(column, where, dialect)
        case Match():
            return _match(column, where, dialect)
        case In():
            return _in(column, where.values, dialect)


def _joined(terms: Sequence[Filter], word: str, table: Table, dialect: Dialect) -> str:
    texts = (to_odata(term, table, dialect=dialect) for term in terms)
    return word.join(
        f"({text})" if isinstance(term, And | Or) else text for term, text in zip(terms, texts, strict=True)
    )


def _name(column: Column, dialect: Dialect) -> str:
    is_lookup = dialect == "dataverse" and column.type is ColumnType.LOOKUP
    return f"_{column.name}_value" if is_lookup else column.name


def _comparison(column: Column, where: Comparison, dialect: Dialect) -> str:
    value = typed(column, where.value)
    if dialect == "dataverse":
        return f"{_name(column, dialect)} {where.operator} {_dataverse_literal(column, value)}"
    if column.type is ColumnType.ENUM and where.operator not in {Operator.EQ, Operator.NE}:
        raise _unsayable(column, "is an enum and knows only equal and not equal")
    if value is None and where.operator not in {Operator.EQ, Operator.NE}:
        raise _unsayable(column, "can only be equal or not equal to no value")
    if value is None and column.type in _DATED:
        return f"{column.name} {'lt' if where.operator is Operator.EQ else 'ge'} {_AFTER_NO_DATE}"
    return f"{column.name} {where.operator} {_finops_literal(column, value, where.enum_type)}"


def _match(column: Column, where: Match, dialect: Dialect) -> str:
    if dialect == "finops":
        return f"{column.name} eq {_quoted(_starred(where))}"
    if where.how is not TextMatch.LIKE:
        return f"{where.how}({_name(column, dialect)},{_quoted(where.text)})"
    return _like(column, where.text)


def _starred(where: Match) -> str:
    match where.how:
        case TextMatch.CONTAINS:
            return f"*{where.text}*"
        case TextMatch.STARTS_WITH:
            return f"{where.text}*"
        case TextMatch.ENDS_WITH:
            return f"*{where.text}"
        case TextMatch.LIKE:
            return where.text


def _like(column: Column, pattern: str) -> str:
    """Dataverse has no pattern with a star inside."""
    text = pattern.strip("*")
    if "*" in text:
        raise _unsayable(column, "can be searched with a star at the ends of the text only")
    starts, ends = pattern.endswith("*"), pattern.startswith("*")
    if not starts and not ends:
        return f"{column.name} eq {_dataverse_literal(column, pattern or None)}"
    how = TextMatch.CONTAINS if starts and ends else TextMatch.STARTS_WITH if starts else TextMatch.ENDS_WITH
    return f"{how}({column.name},{_quoted(text)})"


def _in(column: Column, values: Sequence[Value], dialect: Dialect) -> str:
    name = _name(column, dialect)
    if not values:
        return f"({name} eq null and {name} ne null)"
    if dialect == "finops" or column.type is ColumnType.LOOKUP:
        return f"({' or '.join(_comparison(column, _equal(column, value), dialect) for value in values)})"
    texts = [_listed(column, value) for value in (typed(column, value) for value in values) if value is not None]
    found = f"{IN_FUNCTION}(PropertyName='{column.name}',PropertyValues=[{','.join(texts)}])"
    if len(texts) == len(values):
        return found
    return f"({found} or {name} eq null)" if texts else f"{name} eq null"


def _equal(column: Column, value: Value) -> Comparison:
    return Comparison(column=column.name, operator=Operator.EQ, value=value)


def _listed(column: Column, value: Value) -> str:
    """A value of a list, which the service takes as text whatever the column's type."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False) if "'" in value else f"'{value}'"
    return f"'{_dataverse_literal(column, value)}'"


def _dataverse_literal(column: Column, value: Value) -> str:
    if column.type is ColumnType.LOOKUP and value is not None:
        try:
            return str(UUID(str(value)))
        except ValueError as exc:
            raise _unsayable(column, "is a look-up and takes a GUID") from exc
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case datetime():
            return _moment(value)
        case int() | date() | UUID():
            return str(value)
        case Decimal():
            return format(value, "f")
        case str():
            return _quoted(value)


def _finops_literal(column: Column, value: Value, enum_type: str = "") -> str:
    if value is None and column.type in _NUMERIC:
        return "0"
    if value is None:
        return "null" if column.type is ColumnType.BOOLEAN else "''"
    type_name = column.enum_type or enum_type
    if column.type is ColumnType.ENUM and type_name:
        return f"{ENUM_NAMESPACE}.{type_name}{_quoted(str(value))}"
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time(), UTC)
    return _dataverse_literal(column, value)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _moment(value: datetime) -> str:
    fraction = f".{value.microsecond:06}".rstrip("0") if value.microsecond else ""
    return f"{value.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat()}{fraction}Z"


def _unsayable(column: Column, message: str) -> FilterError:
    return FilterError(f'"{column.name}" {message}.', text="", position=0)

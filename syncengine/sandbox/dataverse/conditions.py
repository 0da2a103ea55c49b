"""What `$filter` may say beside comparing columns: paths, collections, functions. Source: Web API query functions.

Days begin at midnight UTC, weeks on Sunday.
"""

import re
from collections.abc import Callable, Mapping

from psycopg import sql

from syncengine.catalog import ColumnType
from syncengine.mapping.filters.ast import Call, Operator, Related, Value
from syncengine.mapping.filters.odata import parse_query
from syncengine.sandbox import query, sql_filter
from syncengine.sandbox.addresses import Address
from syncengine.sandbox.dataverse.navigation import Scope, collection_of
from syncengine.sandbox.shape import Field, Shape
from syncengine.sandbox.site import Site
from syncengine.sandbox.sql_filter import Dialect, FilterRefused, compared_text, condition, field_of, is_in

MAX_SPAN = 100_000
_DAY, _NOW = "date_trunc('day', clock_timestamp(), 'UTC')", "clock_timestamp()"
_WEEK = "(date_trunc('week', clock_timestamp() + interval '1 day', 'UTC') - interval '1 day')"
_MONTH, _YEAR = "date_trunc('month', clock_timestamp(), 'UTC')", "date_trunc('year', clock_timestamp(), 'UTC')"
_SPANS = {
    "Today": (_DAY, f"{_DAY} + interval '1 day'"),
    "Yesterday": (f"{_DAY} - interval '1 day'", _DAY),
    "Tomorrow": (f"{_DAY} + interval '1 day'", f"{_DAY} + interval '2 days'"),
    "Last7Days": (f"{_DAY} - interval '7 days'", _NOW),
    "Next7Days": (_NOW, f"{_DAY} + interval '8 days'"),
    "LastWeek": (f"{_WEEK} - interval '7 days'", _WEEK),
    "ThisWeek": (_WEEK, f"{_WEEK} + interval '7 days'"),
    "NextWeek": (f"{_WEEK} + interval '7 days'", f"{_WEEK} + interval '14 days'"),
    "LastMonth": (f"{_MONTH} - interval '1 month'", _MONTH),
    "ThisMonth": (_MONTH, f"{_MONTH} + interval '1 month'"),
    "NextMonth": (f"{_MONTH} + interval '1 month'", f"{_MONTH} + interval '2 months'"),
    "LastYear": (f"{_YEAR} - interval '1 year'", _YEAR),
    "ThisYear": (_YEAR, f"{_YEAR} + interval '1 year'"),
    "NextYear": (f"{_YEAR} + interval '1 year'", f"{_YEAR} + interval '2 years'"),
}
_DISTANCE = re.compile(r"(Last|Next|OlderThan)X(Minutes|Hours|Days|Weeks|Months|Years)")
_UNITS = {"Minutes": "mins"}


def where(
    site: Site, shape: Shape, address: Address, *, row: sql.Composable | None = None, depth: int = 0
) -> list[sql.Composable]:
    """What `$filter` says, as conditions. `row` is what the table is called by. Raises: QueryRefused."""
    return query.where(shape, address, DIALECT, fields=Scope(site, shape, row, depth), parser=parse_query)


def _more(found: Call | Related, fields: Mapping[str, Field], dialect: Dialect) -> sql.Composable:
    return _function(found, fields) if isinstance(found, Call) else _related(found, fields, dialect)


def _related(found: Related, fields: Mapping[str, Field], dialect: Dialect) -> sql.Composable:
    """Whether any or all of the rows that point here pass."""
    collection = collection_of(fields.site, fields.shape, found.path) if isinstance(fields, Scope) else None
    if collection is None or not isinstance(fields, Scope):
        raise FilterRefused(f"Could not find a property named '{found.path[:80]}'")
    if not fields.site.is_made(collection.shape.name):
        return sql.SQL("true" if found.is_all else "false")
    inner = fields.inner(collection.shape)
    points_here = sql.SQL("{} = {}").format(
        inner.column(collection.column.name), fields.column(fields.shape.row_id.column)
    )
    term = sql.SQL("true") if found.term is None else condition(found.term, inner, dialect)
    template = (
        "(NOT EXISTS (SELECT FROM {} {} WHERE {} AND NOT {}))"
        if found.is_all
        else "(EXISTS (SELECT FROM {} {} WHERE {} AND {}))"
    )
    return sql.SQL(template).format(collection.shape.relation, inner.row, points_here, term)


def _function(found: Call, fields: Mapping[str, Field]) -> sql.Composable:
    one = field_of(fields, found.column)
    known = _COMPARING.get(found.name)
    if known is not None:
        return known(one, found.values)
    made = _in_time(found)
    if made is None:
        raise FilterRefused(f"The function 'Microsoft.Dynamics.CRM.{found.name[:60]}' is not supported")
    if one.type not in (ColumnType.DATE, ColumnType.DATETIME):
        raise sql_filter.incompatible(one, "Edm.DateTimeOffset")
    return sql.SQL("({column} IS NOT NULL AND {test})").format(
        column=one.identifier, test=sql.SQL(made).format(column=one.identifier)
    )


def _in_time(found: Call) -> str | None:
    """A condition of a column `{column}` on the clock; None for a function that is none of these."""
    span = _SPANS.get(found.name)
    if span is not None:
        return f"{{column}} >= {span[0]} AND {{column}} < {span[1]}"
    distance = _DISTANCE.fullmatch(found.name)
    if distance is None:
        return None
    number = _whole(found.values)
    away = f"make_interval({_UNITS.get(distance[2], distance[2].lower())} => {number})"
    if distance[1] == "OlderThan":
        return f"{{column}} < {_NOW} - {away}"
    first, last = (f"{_NOW} - {away}", _NOW) if distance[1] == "Last" else (_NOW, f"{_NOW} + {away}")
    return f"{{column}} >= {first} AND {{column}} <= {last}"


def _whole(values: tuple[Value, ...]) -> int:
    text = str(values[0]) if len(values) == 1 else ""
    number = int(text) if text.isascii() and text.isdigit() else 0
    if not 0 < number <= MAX_SPAN:
        raise FilterRefused("The value of 'PropertyValue' must be a whole number greater than 0")
    return number


def _between(one: Field, values: tuple[Value, ...]) -> sql.Composable:
    if len(values) != 2:
        raise FilterRefused("'PropertyValues' must hold two values")
    return sql.SQL("({} AND {})").format(
        compared_text(Operator.GE, one, values[0]), compared_text(Operator.LE, one, values[1])
    )


def _on(sign: str) -> Callable[[Field, tuple[Value, ...]], sql.Composable]:
    """Compares the day of the column with a day."""

    def compare(one: Field, values: tuple[Value, ...]) -> sql.Composable:
        if len(values) != 1 or one.type not in (ColumnType.DATE, ColumnType.DATETIME):
            raise sql_filter.incompatible(one, "Edm.Date")
        compared_text(Operator.EQ, one, values[0])  # refuses what is no date
        return sql.SQL("({} IS NOT NULL AND {} {} {})").format(
            one.identifier, _day(one.identifier), sql.SQL(sign), _day(sql.Literal(str(values[0])))
        )

    return compare


def _day(moment: sql.Composable) -> sql.Composable:
    return sql.SQL("({}::timestamptz AT TIME ZONE 'UTC')::date").format(moment)


def _holds(one: Field, values: tuple[Value, ...]) -> sql.Composable:
    """Whether one of these is among the several choices of a column."""
    if one.declared is None or not one.declared.is_multiple:
        raise FilterRefused(f"'{one.name}' does not hold several choices")
    return sql.SQL("coalesce(string_to_array({}, ',') && {}::text[], false)").format(
        one.identifier, sql.Literal([str(value) for value in values])
    )


def _negated(
    make: Callable[[Field, tuple[Value, ...]], sql.Composable],
) -> Callable[[Field, tuple[Value, ...]], sql.Composable]:
    return lambda one, values: sql.SQL("(NOT {})").format(make(one, values))


_COMPARING: Mapping[str, Callable[[Field, tuple[Value, ...]], sql.Composable]] = {
    "Between": _between,
    "NotBetween": _negated(_between),
    "NotIn": _negated(is_in),
    "ContainValues": _holds,
    "DoesNotContainValues": _negated(_holds),
    "On": _on("="),
    "NotOn": _on("<>"),
    "OnOrAfter": _on(">="),
    "OnOrBefore": _on("<="),
}
DIALECT = Dialect(has_nulls=True, has_wildcards=False, has_in=True, more=_more)

"""Row ids of Finance and Operations: the natural key in normal form, its parts in the declared order.

The service compares keys without regard to letter case, so the folded values of a row id address the row. Parts may
be empty; they are told apart by their place.
"""

from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import itemgetter

import polars as pl

from syncengine.catalog import Column, ColumnType, Table
from syncengine.connectors.odata import columns_of
from syncengine.errors import CatalogError
from syncengine.frames import canonical, dtype_of
from syncengine.mapping.filters.to_odata import ENUM_NAMESPACE
from syncengine.mapping.keys import fold, join_key, split_key

KEYS_A_READ = 40  # conditions joined by "or" in one read


def key_columns(table: Table) -> tuple[Column, ...]:
    """Raises: CatalogError for a table without a key."""
    if not table.keys:
        raise CatalogError(f"Table {table.name} has no key, so its rows cannot be told apart.")
    return tuple(columns_of(table, table.keys[0].columns))


def row_id(table: Table) -> pl.Expr:
    """The row id, over a frame that holds the key columns in normal form."""
    parts = [fold(canonical(column.name, dtype_of(column))).fill_null("") for column in key_columns(table)]
    return join_key(parts)


def row_url(table: Table, row_id: str) -> str:
    """The address of a row, not yet percent-encoded."""
    parts = zip(key_columns(table), split_key(row_id), strict=True)
    return f"{table.name}({','.join(f'{column.name}={literal(column, part)}' for column, part in parts)})"


def filters_of(table: Table, row_ids: Iterable[str]) -> list[str]:
    """Filters that together name these rows, some a read, rows of a company together."""
    columns = key_columns(table)
    place = _company_place(table, columns)
    keys = [split_key(row_id) for row_id in dict.fromkeys(row_ids)]
    filters = []
    for company, group in _by(keys, place):
        terms = [_term(columns, parts, without=place) for parts in group]
        for start in range(0, len(terms), KEYS_A_READ):
            some = " or ".join(terms[start : start + KEYS_A_READ])
            filters.append(some if place is None else f"{table.company_column} eq {_quoted(company)} and ({some})")
    return filters


def literal(column: Column, text: str) -> str:
    """A part of a row id as filters and addresses write it."""
    match column.type:
        case ColumnType.INTEGER | ColumnType.DECIMAL | ColumnType.BOOLEAN | ColumnType.UUID:
            return text
        case ColumnType.DATE:
            return f"{text or '1900-01-01'}T12:00:00Z"
        case ColumnType.DATETIME:
            return text.upper() or "1900-01-01T00:00:00Z"
        case ColumnType.ENUM if column.enum_type:
            return f"{ENUM_NAMESPACE}.{column.enum_type}{_quoted(text)}"
        case _:
            return _quoted(text)


def _by(keys: list[list[str]], place: int | None) -> Iterable[tuple[str, Iterable[list[str]]]]:
    """The keys in groups of equal parts at this place; one group where there is no such place."""
    if place is None:
        return [("", keys)]
    return groupby(sorted(keys, key=itemgetter(place)), key=itemgetter(place))


def _company_place(table: Table, columns: Sequence[Column]) -> int | None:
    """Where the company stands among the key columns; None where it does not, or stands alone."""
    names = [column.name.lower() for column in columns]
    company = table.company_column.lower()
    return names.index(company) if company in names and len(names) > 1 else None


def _term(columns: Sequence[Column], parts: Sequence[str], *, without: int | None) -> str:
    pairs = [
        (column, part) for place, (column, part) in enumerate(zip(columns, parts, strict=True)) if place != without
    ]
    conditions = [f"{column.name} eq {literal(column, part)}" for column, part in pairs]
    return conditions[0] if len(conditions) == 1 else f"({' and '.join(conditions)})"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"

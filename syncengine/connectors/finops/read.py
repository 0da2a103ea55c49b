"""Rows of Finance and Operations: pages, rows by key, rows by values, counts."""

from collections.abc import Iterator, Sequence

import polars as pl

from syncengine.catalog import Column, Table
from syncengine.connectors.base import Chunk
from syncengine.connectors.finops import keys
from syncengine.connectors.finops.api import query
from syncengine.connectors.odata import RowShape, columns_of, fields_of
from syncengine.connectors.service import Service
from syncengine.errors import PermanentError
from syncengine.frames import ROW_ID, VERSION, canonical, dtype_of
from syncengine.mapping.filters.ast import And, Comparison, Filter, Operator, Or
from syncengine.mapping.filters.to_odata import to_odata
from syncengine.mapping.keys import fold


def shape_of(table: Table, columns: Sequence[str]) -> RowShape:
    """How rows with these columns are read."""
    key = [column.name for column in keys.key_columns(table)]
    needed = [*columns, *key, *filter(None, [table.modified_column])]
    return RowShape(
        table=table,
        columns=tuple(columns),
        fields=fields_of(table, needed, json_name=_json_name),
        row_id=keys.row_id(table),
        changed_at=table.modified_column,
        has_stand_ins=True,
    )


def key_order(table: Table) -> str:
    """Pages in the order of the key: an order of their own could skip rows when others are written meanwhile."""
    return ",".join(column.name for column in keys.key_columns(table))


def key_shape(table: Table) -> RowShape:
    """How the key alone is read."""
    key = [column.name for column in keys.key_columns(table)]
    return RowShape(
        table=table,
        columns=(),
        fields=fields_of(table, key, json_name=_json_name),
        row_id=keys.row_id(table),
        has_stand_ins=True,
    )


def filter_text(table: Table, where: Filter | None) -> str:
    return "" if where is None else to_odata(where, table, dialect="finops")


def chunks(
    service: Service, table: Table, *, columns: Sequence[str], where: Filter | None, after: str | None
) -> Iterator[Chunk]:
    """The pages of a table; the cursor is the service's own next link."""
    shape = shape_of(table, columns)
    first = after or query(table.name, select=shape.select, where=filter_text(table, where), order=key_order(table))
    for page in service.pages(first, shape):
        yield Chunk(rows=page.rows, cursor=page.next_link)


def count(service: Service, table: Table, where: Filter | None) -> int:
    answer = service.get(query(f"{table.name}/$count", where=filter_text(table, where)))
    text = answer.body.decode("utf-8-sig", "replace").strip()
    if not text.isdigit():
        raise PermanentError(f"{service.name} did not answer with the number of rows of {table.name}.")
    return int(text)


def fetch(service: Service, table: Table, *, columns: Sequence[str], row_ids: Sequence[str]) -> pl.DataFrame:
    """The rows of these ids that exist, by one batch of reads."""
    rows = _read_filters(service, table, columns, keys.filters_of(table, row_ids))
    # The service takes a star in a value for any text, so rows may come that nobody asked for.
    wanted = pl.DataFrame({ROW_ID: row_ids}, schema={ROW_ID: pl.String})
    return rows.join(wanted, on=ROW_ID, how="semi").unique(ROW_ID, maintain_order=True)


def find(service: Service, table: Table, *, columns: Sequence[str], values: pl.DataFrame) -> pl.DataFrame:
    """The rows whose values equal those of a row of `values`."""
    wanted = dict(zip(values.columns, columns_of(table, values.columns), strict=True))
    typed = values.cast({name: dtype_of(column) for name, column in wanted.items()}).unique(maintain_order=True)
    asked = list(dict.fromkeys([*columns, *wanted]))
    rows = _read_filters(service, table, asked, _filters(table, typed))
    folded = [_folded(name, column) for name, column in wanted.items()]
    found = rows.join(typed.select(folded), left_on=folded, right_on=list(wanted), how="semi", nulls_equal=True)
    return found.unique(ROW_ID, maintain_order=True).drop(set(wanted) - set(columns))


def listing(service: Service, table: Table) -> Iterator[pl.DataFrame]:
    shape = key_shape(table)
    for page in service.pages(query(table.name, select=shape.select, order=key_order(table)), shape):
        yield page.rows.select(ROW_ID, VERSION)


def _read_filters(service: Service, table: Table, columns: Sequence[str], filters: Sequence[str]) -> pl.DataFrame:
    shape = shape_of(table, columns)
    return service.rows([query(table.name, select=shape.select, where=text) for text in filters], shape)


def _filters(table: Table, values: pl.DataFrame) -> list[str]:
    """Filters that together name the rows with these values, some a read."""
    equals = [
        And(terms=tuple(Comparison(column=name, operator=Operator.EQ, value=value) for name, value in row.items()))
        for row in values.iter_rows(named=True)
    ]
    some = range(0, len(equals), keys.KEYS_A_READ)
    return [filter_text(table, Or(terms=tuple(equals[place : place + keys.KEYS_A_READ]))) for place in some]


def _folded(name: str, column: Column) -> pl.Expr:
    return fold(canonical(name, dtype_of(column)))


def _json_name(column: Column) -> str:
    return column.name

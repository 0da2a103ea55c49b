"""Rows of Dataverse: pages, rows by id, rows by values, counts."""

from collections.abc import Iterator, Sequence

import polars as pl

from syncengine.catalog import Column, ColumnType, Table
from syncengine.connectors.base import Chunk
from syncengine.connectors.dataverse.api import query
from syncengine.connectors.dataverse.names import Scalar, json_name, literal, quoted
from syncengine.connectors.odata import RowShape, columns_of, fields_of
from syncengine.connectors.service import Service
from syncengine.frames import ROW_ID, VERSION, dtype_of
from syncengine.mapping.filters.ast import Filter
from syncengine.mapping.filters.to_odata import to_odata

IDS_A_READ = 500  # about 20 kB of address; a part of a batch takes 64 kB
FILTER_CHARS = 24_000


def shape_of(table: Table, columns: Sequence[str]) -> RowShape:
    """How rows with these columns are read."""
    needed = [*columns, table.id_column, *filter(None, [table.modified_column])]
    return RowShape(
        table=table,
        columns=tuple(columns),
        fields=fields_of(table, needed, json_name=json_name),
        row_id=pl.col(next(columns_of(table, [table.id_column])).name),
        changed_at=table.modified_column,
    )


def filter_text(table: Table, where: Filter | None) -> str:
    return "" if where is None else to_odata(where, table, dialect="dataverse")


def chunks(
    service: Service, table: Table, *, columns: Sequence[str], where: Filter | None, after: str | None
) -> Iterator[Chunk]:
    """The pages of a table; the cursor is the service's own next link."""
    shape = shape_of(table, columns)
    first = after or query(table.name, select=shape.select, where=filter_text(table, where))
    for page in service.pages(first, shape):
        yield Chunk(rows=page.rows, cursor=page.next_link)


def count(service: Service, table: Table, where: Filter | None) -> int:
    """Rows that fit. The service counts no further than a page, so beyond that the ids are read and counted."""
    url = query(table.name, select=table.id_column, where=filter_text(table, where))
    return sum(page.rows.height for page in service.pages(url, shape_of(table, ())))


def fetch(service: Service, table: Table, *, columns: Sequence[str], row_ids: Sequence[str]) -> pl.DataFrame:
    """The rows of these ids that exist, by one batch of reads for each half million of them."""
    shape = shape_of(table, columns)
    ids = list(dict.fromkeys(row_ids))
    places = range(0, len(ids), IDS_A_READ)
    filters = [_is_in(table.id_column, ids[place : place + IDS_A_READ]) for place in places]
    return _read_filters(service, shape, filters)


def find(service: Service, table: Table, *, columns: Sequence[str], values: pl.DataFrame) -> pl.DataFrame:
    """The rows whose values equal those of a row of `values`."""
    shape = shape_of(table, columns)
    filters = list(_packed(_terms(table, values)))
    # Keys that differ only in letter case answer with the same row.
    return _read_filters(service, shape, filters).unique(subset=ROW_ID, maintain_order=True)


def listing(service: Service, table: Table) -> Iterator[pl.DataFrame]:
    for chunk in chunks(service, table, columns=(), where=None, after=None):
        yield chunk.rows.select(ROW_ID, VERSION)


def _read_filters(service: Service, shape: RowShape, filters: Sequence[str]) -> pl.DataFrame:
    urls = [query(shape.table.name, select=shape.select, where=text) for text in filters]
    return service.rows(urls, shape)


def _terms(table: Table, rows: pl.DataFrame) -> Iterator[str]:
    """Conditions that together name the rows of `rows`: one for each set of equal values in all columns but one."""
    columns = dict(zip(rows.columns, columns_of(table, rows.columns), strict=True))
    typed = rows.cast({name: dtype_of(column) for name, column in columns.items()}).unique(maintain_order=True)
    texts = [name for name in rows.columns if columns[name].type is ColumnType.TEXT]
    spread = max(texts, key=lambda name: typed[name].n_unique(), default="")
    others = [name for name in rows.columns if name != spread]
    for group in typed.partition_by(others, maintain_order=True) if others else [typed]:
        fixed = [_equals(columns[name], group[name][0]) for name in others]
        for values in _values(group, spread):
            yield "(" + " and ".join([*fixed, *values]) + ")"


def _values(group: pl.DataFrame, spread: str) -> Iterator[list[str]]:
    """The conditions on the column whose values differ within a group; one empty list where there is no such column."""
    if not spread:
        yield []
        return
    values = group[spread].drop_nulls().to_list()
    if len(values) < group.height:
        yield [f"{spread} eq null"]
    for place in range(0, len(values), IDS_A_READ):
        yield [_is_in(spread, values[place : place + IDS_A_READ])]


def _equals(column: Column, value: Scalar | None) -> str:
    return f"{json_name(column)} eq {'null' if value is None else literal(column, value)}"


def _is_in(name: str, values: Sequence[str]) -> str:
    texts = ",".join(map(quoted, values))
    return f"Microsoft.Dynamics.CRM.In(PropertyName='{name}',PropertyValues=[{texts}])"


def _packed(terms: Iterator[str]) -> Iterator[str]:
    """The terms joined by "or", as many as an address takes."""
    pack: list[str] = []
    for term in terms:
        if pack and sum(map(len, pack)) + len(term) > FILTER_CHARS:
            yield " or ".join(pack)
            pack = []
        pack.append(term)
    if pack:
        yield " or ".join(pack)

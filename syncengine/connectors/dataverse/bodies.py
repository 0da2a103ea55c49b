"""Calls that write rows to Dataverse, and their bodies."""

from collections.abc import Callable, Sequence
from urllib.parse import quote

import polars as pl

from syncengine.catalog import Column, ColumnType, Table
from syncengine.connectors.base import WriteBatch
from syncengine.connectors.batch import Part
from syncengine.connectors.bodies import NULL, Member, changed_columns, given_columns, member, objects, value_json
from syncengine.connectors.calls import Call, CallKind
from syncengine.connectors.dataverse.api import query
from syncengine.connectors.dataverse.names import row_url
from syncengine.connectors.dataverse.read import shape_of
from syncengine.connectors.odata import columns_of
from syncengine.frames import CHANGED, RECORD, ROW_ID, VERSION

FORMATS = {ColumnType.DATE: "%Y-%m-%d", ColumnType.DATETIME: "%Y-%m-%dT%H:%M:%SZ"}
_RETURNING = {"Content-Type": "application/json", "Prefer": "return=representation"}


def creates(root: str, batch: WriteBatch, rows: pl.DataFrame) -> list[Call]:
    """Create-only calls: PATCH on our own id that must not exist yet, POST where the service assigns the id."""
    bodies = objects(rows, members(batch.table, given_columns(rows), present=is_given))
    calls = []
    for record, row_id, body in zip(rows[RECORD], rows[ROW_ID], bodies, strict=True):
        if row_id is None:
            url = root + _returning(batch, batch.table.name)
            part = Part(method="POST", url=url, headers=_RETURNING, body=body)
        else:
            url = root + _returning(batch, row_url(batch.table, row_id))
            part = Part(method="PATCH", url=url, headers={**_RETURNING, "If-None-Match": "*"}, body=body)
        calls.append(Call(record=record, kind=CallKind.CREATE, row_id=row_id or "", part=part))
    return calls


def updates(root: str, batch: WriteBatch) -> list[Call]:
    """Changes of rows that must exist, in the version that was decided on."""
    rows = batch.updates
    bodies = objects(rows, members(batch.table, changed_columns(rows), present=pl.col(CHANGED).list.contains))
    calls = []
    for record, row_id, version, body in zip(rows[RECORD], rows[ROW_ID], rows[VERSION], bodies, strict=True):
        url = root + _returning(batch, row_url(batch.table, row_id))
        headers = {**_RETURNING, "If-Match": "*" if version is None else version}
        part = Part(method="PATCH", url=url, headers=headers, body=body)
        calls.append(Call(record=record, kind=CallKind.UPDATE, row_id=row_id, part=part))
    return calls


def deletes(root: str, batch: WriteBatch) -> list[Call]:
    rows = batch.deletes
    calls = []
    for record, row_id, version in zip(rows[RECORD], rows[ROW_ID], rows[VERSION], strict=True):
        url = root + marked(row_url(batch.table, row_id), batch.mark)
        headers = {} if version is None else {"If-Match": version}
        part = Part(method="DELETE", url=url, headers=headers)
        calls.append(Call(record=record, kind=CallKind.DELETE, row_id=row_id, part=part))
    return calls


def bulk_creates(batch: WriteBatch, rows: pl.DataFrame) -> bytes:
    """The body of CreateMultiple for these rows."""
    table = batch.table
    kind = Member(present=pl.lit(True), text=pl.lit(f'"@odata.type":"Microsoft.Dynamics.CRM.{table.logical_name}"'))
    own_id = Member(present=is_given(ROW_ID), text=pl.format('"{}":"{}"', pl.lit(table.id_column), pl.col(ROW_ID)))
    targets = objects(rows, [kind, own_id, *members(table, given_columns(rows), present=is_given)])
    return f'{{"Targets":[{",".join(targets)}]}}'.encode()


def members(table: Table, names: Sequence[str], *, present: Callable[[str], pl.Expr]) -> list[Member]:
    """A member for each of these columns that can be written; the id stands in the address."""
    columns = zip(names, columns_of(table, names), strict=True)
    writable = [(name, column) for name, column in columns if not column.is_read_only and name != table.id_column]
    return [_member(name, column, present(name)) for name, column in writable]


def is_given(name: str) -> pl.Expr:
    return pl.col(name).is_not_null()


def marked(url: str, mark: str) -> str:
    """The address with the origin mark, which the service hands on to webhooks as shared variable `tag`."""
    return f"{url}{'&' if '?' in url else '?'}tag={quote(mark, safe='')}" if mark else url


def _returning(batch: WriteBatch, resource: str) -> str:
    """The address of a write that answers with the stored columns."""
    return marked(query(resource, select=shape_of(batch.table, batch.stored).select), batch.mark)


def _member(name: str, column: Column, present: pl.Expr) -> Member:
    if column.type is not ColumnType.LOOKUP:
        return member(column.name, value_json(pl.col(name), column, absent=NULL, formats=FORMATS), present=present)
    bound = pl.format('"/{}({})"', pl.lit(column.targets[0]), pl.col(name)).fill_null(NULL)
    return member(f"{column.bind_name}@odata.bind", bound, present=present)

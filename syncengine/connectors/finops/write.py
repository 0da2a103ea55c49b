"""Writes to Finance and Operations: one `$batch` of calls, each in a change set of its own.

A create answers with the stored row; updates answer with nothing, so they are read back in one batch. A service that
assigns the key tells it in the answer to the create. Source: Finance and Operations OData documentation.
"""

from collections.abc import Sequence
from urllib.parse import quote

import polars as pl

from syncengine.catalog import Column, ColumnType, Table
from syncengine.connectors.base import Outcome, WriteBatch
from syncengine.connectors.batch import Part, PartAnswer
from syncengine.connectors.bodies import Member, changed_columns, given_columns, member, objects, value_json
from syncengine.connectors.calls import Call, CallKind, send_calls, store
from syncengine.connectors.finops import keys
from syncengine.connectors.finops.errors import refusal_of
from syncengine.connectors.finops.read import fetch, shape_of
from syncengine.connectors.odata import NO_GUID, columns_of
from syncengine.connectors.outcomes import Refusal, Results
from syncengine.connectors.service import Service
from syncengine.frames import CHANGED, RECORD, ROW_ID, VERSION

FORMATS = {ColumnType.DATE: "%Y-%m-%dT12:00:00Z", ColumnType.DATETIME: "%Y-%m-%dT%H:%M:%SZ"}
_JSON = {"Content-Type": "application/json"}


def write(service: Service, batch: WriteBatch) -> Outcome:
    results = Results(table=batch.table, stored=batch.stored)
    root = service.client.root
    calls = _creates(root, batch) + _updates(root, batch) + _deletes(root, batch)
    done = send_calls(calls, results, size=service.batch_calls, send=service.call_batch, judge=_judge)

    def stored(row_ids: Sequence[str]) -> pl.DataFrame:
        return fetch(service, batch.table, columns=batch.stored, row_ids=row_ids)

    store(done, results, shape=shape_of(batch.table, batch.stored), fetch=stored)
    return results.outcome()


def _creates(root: str, batch: WriteBatch) -> list[Call]:
    rows = batch.creates
    bodies = objects(rows, _members(batch.table, rows, creates=True))
    url = f"{root}{batch.table.name}?cross-company=true"
    parts = [Part(method="POST", url=url, headers=_JSON, body=body) for body in bodies]
    records = zip(rows[RECORD], parts, strict=True)
    return [Call(record=record, kind=CallKind.CREATE, row_id="", part=part) for record, part in records]


def _updates(root: str, batch: WriteBatch) -> list[Call]:
    rows = batch.updates
    bodies = objects(rows, _members(batch.table, rows, creates=False))
    calls = []
    for record, row_id, version, body in zip(rows[RECORD], rows[ROW_ID], rows[VERSION], bodies, strict=True):
        headers = {**_JSON, **_condition(version)}
        part = Part(method="PATCH", url=root + _url(batch.table, row_id), headers=headers, body=body)
        calls.append(Call(record=record, kind=CallKind.UPDATE, row_id=row_id, part=part))
    return calls


def _deletes(root: str, batch: WriteBatch) -> list[Call]:
    rows = batch.deletes
    calls = []
    for record, row_id, version in zip(rows[RECORD], rows[ROW_ID], rows[VERSION], strict=True):
        part = Part(method="DELETE", url=root + _url(batch.table, row_id), headers=_condition(version))
        calls.append(Call(record=record, kind=CallKind.DELETE, row_id=row_id, part=part))
    return calls


def _url(table: Table, row_id: str) -> str:
    return quote(keys.row_url(table, row_id), safe="()=',:") + "?cross-company=true"


def _condition(version: str | None) -> dict[str, str]:
    return {} if version is None else {"If-Match": version}


def _members(table: Table, rows: pl.DataFrame, *, creates: bool) -> list[Member]:
    """A member for each data column that can be written; the key only in creates, since it cannot be changed."""
    fixed = set() if creates else {column.name for column in keys.key_columns(table)}
    names = given_columns(rows) if creates else changed_columns(rows)
    members = []
    for name, column in zip(names, columns_of(table, names), strict=True):
        if column.is_read_only or column.name in fixed:
            continue
        present = pl.col(name).is_not_null() if creates else pl.col(CHANGED).list.contains(name)
        value = value_json(pl.col(name), column, absent=_absent(column), formats=FORMATS)
        members.append(member(column.name, value, present=present))
    return members


def _absent(column: Column) -> str:
    """How the service is told "no value": it knows no null."""
    match column.type:
        case ColumnType.INTEGER | ColumnType.DECIMAL | ColumnType.CHOICE:
            return "0"
        case ColumnType.BOOLEAN:
            return "false"
        case ColumnType.DATE:
            return '"1900-01-01T12:00:00Z"'
        case ColumnType.DATETIME:
            return '"1900-01-01T00:00:00Z"'
        case ColumnType.UUID:
            return f'"{NO_GUID}"'
        case ColumnType.ENUM if column.choices:
            return f'"{column.choices[0].value}"'  # its first symbol has the number 0
        case _:
            return '""'


def _judge(call: Call, answer: PartAnswer) -> Refusal:
    return refusal_of(answer.status, answer.body)

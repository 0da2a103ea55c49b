"""Writes to Dataverse.

Live: one `$batch` of conditional single calls that hand back what was stored. Load: CreateMultiple into rows proven
absent; when the service refuses the whole message, one `$batch` of the same rows as single create-only calls names
the guilty ones.
"""

import re
from dataclasses import replace

import msgspec
import polars as pl

from syncengine.connectors.base import Outcome, WriteBatch
from syncengine.connectors.batch import PartAnswer
from syncengine.connectors.calls import Call, CallKind, Fetch, read_back, send_calls, store
from syncengine.connectors.dataverse import bodies
from syncengine.connectors.dataverse.errors import refusal_of
from syncengine.connectors.dataverse.read import fetch, shape_of
from syncengine.connectors.http import Answer
from syncengine.connectors.outcomes import Refusal, Results
from syncengine.connectors.service import Service
from syncengine.errors import PermanentError, SyncError, TransientError
from syncengine.frames import RECORD, ROW_ID

LOAD_ROWS = 1_000  # Source: rows to begin with in a bulk message of a standard table


class _Created(msgspec.Struct):
    ids: list[str] = msgspec.field(name="Ids")


def write(service: Service, batch: WriteBatch) -> Outcome:
    results = Results(table=batch.table, stored=batch.stored)
    calls: list[Call] = []
    if batch.is_load:
        for place in range(0, batch.creates.height, LOAD_ROWS):
            calls += _load(service, batch, batch.creates.slice(place, LOAD_ROWS), results)
    else:
        calls += bodies.creates(service.client.root, batch, batch.creates)
    calls += bodies.updates(service.client.root, batch) + bodies.deletes(service.client.root, batch)
    done = send_calls(calls, results, size=service.batch_calls, send=service.call_batch, judge=_judge)
    named = [replace(made, row_id=made.row_id or _id_in(made.answer)) for made in done]
    store(named, results, shape=shape_of(batch.table, batch.stored), fetch=_fetch(service, batch))
    return results.outcome()


def _load(service: Service, batch: WriteBatch, rows: pl.DataFrame, results: Results) -> list[Call]:
    """Create these rows by one bulk message; the single calls to make instead, where the service refused it.

    Raises: SyncError that is not transient, as long as nothing was done.
    """
    records = rows[RECORD].to_list()
    url = bodies.marked(f"{batch.table.name}/Microsoft.Dynamics.CRM.CreateMultiple", batch.mark)
    try:
        content = bodies.bulk_creates(batch, rows)
        answer = service.client.send("POST", url, content=content, headers={"Content-Type": "application/json"})
    except SyncError as error:
        if not isinstance(error, TransientError) and results.is_empty():
            raise
        results.postpone(records, error)
        return []
    if answer.status >= 400:
        return bodies.creates(service.client.root, batch, rows)
    try:
        read_back(records, _created_ids(service, answer, rows), results, fetch=_fetch(service, batch))
    except SyncError as error:
        results.postpone(records, error)
    return []


def _created_ids(service: Service, answer: Answer, rows: pl.DataFrame) -> list[str]:
    """The ids of the created rows, in their order."""
    try:
        ids = msgspec.json.decode(answer.body, type=_Created).ids
    except msgspec.DecodeError as error:
        raise PermanentError(f"{service.name} did not tell the ids of the rows that it created.") from error
    return [own or given.lower() for own, given in zip(rows[ROW_ID], ids, strict=True)]


def _fetch(service: Service, batch: WriteBatch) -> Fetch:
    return lambda row_ids: fetch(service, batch.table, columns=batch.stored, row_ids=row_ids)


def _judge(call: Call, answer: PartAnswer) -> Refusal:
    return refusal_of(answer.status, answer.body, row_id=call.row_id, creates=call.kind is CallKind.CREATE)


def _id_in(answer: PartAnswer) -> str:
    """The id in the address of a created row; "" where none is told."""
    found = re.search(r"\(([0-9a-fA-F-]{36})\)\s*$", answer.headers.get("odata-entityid", ""))
    return found.group(1).lower() if found else ""

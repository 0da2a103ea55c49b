"""One record, one call: sent by the batch, sorted into written, refused and later.

Shared by the kinds whose `$batch` does or refuses each call by itself. A call whose answer is lost postpones its
record; nothing about it is guessed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import polars as pl

from syncengine.connectors.batch import Part, PartAnswer
from syncengine.connectors.http import retry_after_s
from syncengine.connectors.odata import RowShape, read_rows
from syncengine.connectors.outcomes import Refusal, Results
from syncengine.errors import ErrorClass, SyncError, ThrottledError, TransientError, UnreachableError
from syncengine.frames import RECORD, ROW_ID


class CallKind(StrEnum):
    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """`row_id` is "" where the service assigns it."""

    record: int
    kind: CallKind
    row_id: str
    part: Part


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A create or update that the service carried out; `row_id` "" where only the body of the answer tells it."""

    record: int
    row_id: str
    answer: PartAnswer


Send = Callable[[Sequence[Part]], list[PartAnswer | None]]
Judge = Callable[[Call, PartAnswer], Refusal]
Fetch = Callable[[Sequence[str]], pl.DataFrame]

GONE = Refusal(code="", message="The row was deleted right after it was written.", error_class=ErrorClass.MISSING)


def send_calls(calls: Sequence[Call], results: Results, *, size: int, send: Send, judge: Judge) -> list[Done]:
    """The creates and updates that were done; deletes, refusals and what is put off are entered in the results.

    Raises: SyncError that is not transient, as long as nothing was done.
    """
    done: list[Done] = []
    for place in range(0, len(calls), size):
        part = calls[place : place + size]
        try:
            answers = send([call.part for call in part])
        except SyncError as error:
            if not (isinstance(error, TransientError) or done or not results.is_empty()):
                raise
            results.postpone([call.record for call in calls[place:]], error)
            break
        for call, answer in zip(part, answers, strict=True):
            done += _sorted(call, answer, results, judge)
    return done


def store(done: Sequence[Done], results: Results, *, shape: RowShape, fetch: Fetch) -> None:
    """Enter what was done with the values stored now: as answered, or read back where no body came."""
    told = [made for made in done if made.answer.body.strip()]
    silent = [made for made in done if not made.answer.body.strip()]
    try:
        if told:
            results.write([made.record for made in told], read_rows([made.answer.body for made in told], shape))
        told = []
        read_back([made.record for made in silent], [made.row_id for made in silent], results, fetch=fetch)
    except SyncError as error:
        results.postpone([made.record for made in (*told, *silent)], error)


def read_back(records: Sequence[int], row_ids: Sequence[str], results: Results, *, fetch: Fetch) -> None:
    """Enter these written rows as they are stored now.

    Raises: SyncError when they cannot be read.
    """
    if not records:
        return
    written = pl.DataFrame({RECORD: records, ROW_ID: row_ids}, schema={RECORD: pl.UInt32, ROW_ID: pl.String})
    found = written.join(fetch(row_ids), on=ROW_ID)
    results.write(found[RECORD].to_list(), found)
    for record in written.join(found, on=RECORD, how="anti")[RECORD]:
        results.refuse(record, GONE)


def _sorted(call: Call, answer: PartAnswer | None, results: Results, judge: Judge) -> list[Done]:
    """The call if it was a create or update that was done; everything else goes into the results."""
    if answer is None:
        results.postpone([call.record], UnreachableError("The batch was answered without this record."))
        return []
    is_done = answer.status < 400 or (call.kind is CallKind.DELETE and answer.status in (404, 410))
    if is_done and call.kind is CallKind.DELETE:
        results.delete([call.record], [call.row_id])
    elif is_done:
        return [Done(record=call.record, row_id=call.row_id, answer=answer)]
    else:
        _refuse(call, answer, results, judge(call, answer))
    return []


def _refuse(call: Call, answer: PartAnswer, results: Results, refusal: Refusal) -> None:
    if refusal.error_class is ErrorClass.THROTTLE:
        due_at = datetime.now(UTC) + timedelta(seconds=retry_after_s(answer.headers))
        results.postpone([call.record], ThrottledError(refusal.message, due_at=due_at))
    elif refusal.error_class is ErrorClass.TRANSIENT:
        results.postpone([call.record], UnreachableError(refusal.message))
    else:
        results.refuse(call.record, refusal)

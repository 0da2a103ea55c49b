"""One take of a lane, start to end."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from syncengine.decide import Verdict
from syncengine.pipeline.comparing import decided
from syncengine.pipeline.holding import held
from syncengine.pipeline.pairing import Take, read_take
from syncengine.pipeline.results import results, verdict_in
from syncengine.pipeline.settling import note_conflicts, settle, sort_out
from syncengine.pipeline.take import records_of
from syncengine.pipeline.work import Work
from syncengine.pipeline.writing import write
from syncengine.repository import journal
from syncengine.repository.rows import Database

IS_DELETE = verdict_in(Verdict.DELETE_LEFT, Verdict.DELETE_RIGHT)

Fence = Callable[[], AbstractContextManager[None]]  # a transaction that commits only while the lease holds


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """What one take needs: the maps in dependency order, the fence for settling, and a clock."""

    lane_id: int
    order: Sequence[int]
    works: Callable[[int], Work]
    fence: Fence
    now: Callable[[], datetime]


def take_once(conn: Database, lane: Lane, *, limit: int) -> int:
    """Takes, writes and settles up to so many changes; gives how many were taken.

    Creates and updates go parents first, then deletes children first.
    """
    changes = journal.take(conn, lane.lane_id, limit)
    by_map = {int(map_id[0]): rows for map_id, rows in changes.group_by("map_id")}
    postponed: list[tuple[Work, Take, pl.DataFrame]] = []
    for map_id in _in_order(by_map, lane.order):
        work = lane.works(map_id)
        take = read_take(conn, work, records_of(conn, work, by_map[map_id]))
        records = held(work, take, decided(work, take))
        _finish(conn, lane, work, take, records.filter(~IS_DELETE))
        if records.select(IS_DELETE.any()).item():
            postponed.append((work, take, records.filter(IS_DELETE)))
    for work, take, records in reversed(postponed):
        _finish(conn, lane, work, take, records)
    return changes.height


def _in_order(by_map: Mapping[int, pl.DataFrame], order: Sequence[int]) -> list[int]:
    return [map_id for map_id in order if map_id in by_map] + [map_id for map_id in by_map if map_id not in order]


def _finish(conn: Database, lane: Lane, work: Work, take: Take, records: pl.DataFrame) -> None:
    if records.is_empty():
        return
    with lane.fence():  # no write starts on a lease that is lost, or about to end
        noted = note_conflicts(conn, work, records)
    written = write(work, take, records)
    now = lane.now()
    fates = sort_out(results(work, take, records, written), now)
    with lane.fence():
        settle(conn, work, fates, now=now, noted=noted)

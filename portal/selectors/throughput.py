"""Settled records over time, read from the counters that settle writes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.db import connection

from syncengine.states import Side


class Window(StrEnum):
    HOUR = "1h"  # a point a minute
    DAY = "24h"  # a point a quarter of an hour

    @property
    def step(self) -> timedelta:
        return timedelta(minutes=1 if self is Window.HOUR else 15)

    @property
    def points(self) -> int:
        return 60 if self is Window.HOUR else 96


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """Records that were written on each side within one step of the window, and those that were refused."""

    at: datetime
    to_left: int
    to_right: int
    refused: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Throughput:
    window: Window
    moments: list[Moment]
    to_left: int
    to_right: int
    refused: int

    @property
    def has_records(self) -> bool:
        return bool(self.to_left or self.to_right or self.refused)


LINK_SQL = """
SELECT date_bin(make_interval(secs => %(step)s), t.minute, '2000-01-01T00:00Z') AS at, t.side,
       sum(t.creates + t.updates + t.deletes), sum(t.refused)
FROM syncengine_throughput t JOIN syncengine_entitymap m ON m.id = t.map_id
WHERE m.link_id = %(link)s AND t.minute >= %(since)s
GROUP BY 1, 2
"""

MAPS_SQL = """
SELECT t.map_id, date_bin('5 minutes', t.minute, '2000-01-01T00:00Z') AS at, sum(t.creates + t.updates + t.deletes)
FROM syncengine_throughput t
WHERE t.map_id = ANY(%(maps)s) AND t.minute >= %(since)s
GROUP BY 1, 2
"""


def throughput_of_link(link_id: int, *, window: Window, now: datetime) -> Throughput:
    """The window that ends with the running step; steps without records are there, with zeros."""
    times = steps(now, step=window.step, points=window.points)
    with connection.cursor() as cursor:
        cursor.execute(LINK_SQL, {"step": window.step.total_seconds(), "link": link_id, "since": times[0]})
        found = {(at, side): (int(written), int(refused)) for at, side, written, refused in cursor.fetchall()}
    moments = [moment_of(at, found) for at in times]
    return Throughput(
        window=window,
        moments=moments,
        to_left=sum(moment.to_left for moment in moments),
        to_right=sum(moment.to_right for moment in moments),
        refused=sum(moment.refused for moment in moments),
    )


def moment_of(at: datetime, found: dict[tuple[datetime, str], tuple[int, int]]) -> Moment:
    left, left_refused = found.get((at, Side.LEFT), (0, 0))
    right, right_refused = found.get((at, Side.RIGHT), (0, 0))
    return Moment(at=at, to_left=left, to_right=right, refused=left_refused + right_refused)


def sparklines(map_ids: Sequence[int], *, now: datetime) -> dict[int, list[int]]:
    """Records written in each five minutes of the last hour, a list a map; maps without any are left out."""
    times = steps(now, step=timedelta(minutes=5), points=12)
    with connection.cursor() as cursor:
        cursor.execute(MAPS_SQL, {"maps": list(map_ids), "since": times[0]})
        found = {(map_id, at): int(written) for map_id, at, written in cursor.fetchall()}
    return {map_id: [found.get((map_id, at), 0) for at in times] for map_id in {map_id for map_id, _ in found}}


def steps(now: datetime, *, step: timedelta, points: int) -> list[datetime]:
    """The starts of the last steps, the running one last."""
    seconds = int(step.total_seconds())
    last = now - timedelta(seconds=now.timestamp() % seconds)
    return [last - step * (points - 1 - number) for number in range(points)]

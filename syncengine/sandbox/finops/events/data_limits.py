"""How many data events an environment sends: 5,000 within five minutes and 50,000 within an hour.

Source: data events overview ("Performance benchmarks"): events above that are still sent, later.
"""

from datetime import datetime, timedelta
from typing import Any

from psycopg import Connection, sql

from syncengine.sandbox.site import Site

WINDOWS = ((300.0, 5_000), (3600.0, 50_000))  # seconds, events


def delays(site: Site, connection: Connection[Any], count: int) -> list[float]:
    """How many seconds each of the next `count` events comes late, in the caller's transaction."""
    scale = site.settings.data_event_scale
    windows = [(timedelta(seconds=length_s / scale), max(int(most / scale), 1)) for length_s, most in WINDOWS]
    row = connection.execute("SELECT clock_timestamp()").fetchone()
    assert row is not None
    now: datetime = row[0]
    earlier = [_earlier(site, connection, most, count) for _, most in windows]
    planned: list[datetime] = []
    for place in range(count):
        due = now
        for (length, most), before in zip(windows, earlier, strict=True):
            blocker = before[place] if place < len(before) else planned[place - most] if place >= most else None
            due = max(due, blocker + length) if blocker else due
        planned.append(due)
    sent = [due for due in planned if due == now] if site.settings.drops_data_events else planned
    _remember(site, connection, sent, now - max(length for length, _ in windows))
    return [(due - now).total_seconds() for due in planned]


def _earlier(site: Site, connection: Connection[Any], most: int, count: int) -> list[datetime | None]:
    """For each of the next `count` events the one that is `most` places before it, of those sent before."""
    rows = connection.execute(
        sql.SQL("SELECT due_at FROM {}._data_event ORDER BY due_at DESC OFFSET {} LIMIT {}").format(
            sql.Identifier(site.schema), sql.Literal(max(most - count, 0)), sql.Literal(min(most, count))
        )
    ).fetchall()
    found: list[datetime | None] = [due_at for (due_at,) in reversed(rows)]
    return [*[None] * (min(most, count) - len(found)), *found]


def _remember(site: Site, connection: Connection[Any], planned: list[datetime], before: datetime) -> None:
    table = sql.Identifier(site.schema, "_data_event")
    connection.execute(sql.SQL("DELETE FROM {} WHERE due_at < %s").format(table), (before,))
    connection.execute(sql.SQL("INSERT INTO {} SELECT unnest(%s::timestamptz[])").format(table), (planned,))

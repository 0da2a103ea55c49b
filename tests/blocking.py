"""Two sessions that meet in the portal database: one holds what the other needs."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread

import psycopg
import pytest
from django.db import connection

from syncengine.services.database import atomic

LOOKS = 10_000


@contextmanager
def held_up(server: str, act: Callable[[], object]) -> Iterator[None]:
    """The body runs in a transaction; at its end another session's act waits for it, and then goes through."""
    other = Thread(target=_in_a_session_of_its_own, args=[act])
    with atomic() as conn:
        yield
        other.start()
        wait_until_blocked(server, conn.info.backend_pid)
    other.join(30)
    assert not other.is_alive()


def _in_a_session_of_its_own(act: Callable[[], object]) -> None:
    try:
        act()
    finally:
        connection.close()


def wait_until_blocked(server: str, by_pid: int) -> None:
    """Until another session waits for what that one holds."""
    statement = "SELECT count(*) FROM pg_stat_activity WHERE %s = ANY(pg_blocking_pids(pid))"
    with psycopg.connect(server, autocommit=True) as watch:
        for _ in range(LOOKS):
            row = watch.execute(statement, (by_pid,)).fetchone()
            if row and row[0]:
                return
    pytest.fail("no other session waits")

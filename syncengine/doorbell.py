"""Rings for work that lies in the database. A ring that is lost costs time, never work: a sweep finds what waits.

A worker that lingers on its lane hears the database's own notification and needs no task.
"""

from celery import current_app
from django.db import connection, transaction
from kombu.exceptions import OperationalError

LANE_CHANNEL = "twofold_lane"


def ring(lane_id: int) -> None:
    """Wakes a worker for a lane, after the caller's transaction."""
    transaction.on_commit(lambda: _ring_lane(lane_id))


def ring_run(run_id: int) -> None:
    """Wakes a worker for a run, after the caller's transaction."""
    transaction.on_commit(lambda: _send("syncengine.tasks.load_advance", run_id, "load"))


def _ring_lane(lane_id: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, %s)", [LANE_CHANNEL, str(lane_id)])
        cursor.execute("SELECT until < clock_timestamp() FROM syncengine_lane WHERE id = %s", [lane_id])
        row = cursor.fetchone()
    if row is not None and row[0]:
        _send("syncengine.tasks.live_take", lane_id, "live")


def _send(task: str, number: int, queue: str) -> None:
    try:
        current_app.send_task(task, [number], queue=queue, retry=False)
    except OperationalError:  # the broker is away; the sweep rings again
        return

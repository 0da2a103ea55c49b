"""What a sweep finds: work that nobody rang for, rings that were lost, memory that has served its time."""

from datetime import datetime

from syncengine import doorbell
from syncengine.repository import bindings, journal
from syncengine.services import runs
from syncengine.services.database import atomic

PARENT_PATIENCE_S = 300
DELETED_MEMORY_DAYS = 30


def sweep() -> int:
    """Rings for every lane and run that waits unheard; gives how many."""
    with atomic() as conn:
        woken = journal.wake_orphans(conn) + journal.expire_waiting(conn, after_s=PARENT_PATIENCE_S)
        lanes = set(journal.lanes_with_work(conn)) | set(woken)
        waiting_runs = runs.stale()
        for lane_id in lanes:
            doorbell.ring(lane_id)
        for run_id in waiting_runs:
            doorbell.ring_run(run_id)
    return len(lanes) + len(waiting_runs)


def tidy(_now: datetime) -> int:
    """Forgets deleted pairs that no late event can bring back any more."""
    with atomic() as conn:
        return bindings.forget_deleted(conn, older_than_days=DELETED_MEMORY_DAYS)

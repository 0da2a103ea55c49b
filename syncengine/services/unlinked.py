"""What belonged to unlinked links, taken away in the background, piece by piece.

    1  of one map after the other: changes, sync errors, conflicts, counters and notifications, a chunk at a time;
       then its lines of activity, which stay and now name it themselves; then its bindings and the map itself
    2  of the link: runs with what they left on the disk, alert rules, companies, and last its lanes

A piece is a transaction that holds the link, so any number of processes may come along and a crash costs one piece. A
link with a lane has something left; the link itself stays as the home of its activity.
"""

import shutil
import time

import structlog
from django.db.models import Exists, OuterRef
from psycopg.errors import LockNotAvailable

from syncengine.models import Activity, AlertRule, EntityMap, Lane, Link, LinkCompany, Run
from syncengine.repository import bindings, unlinked
from syncengine.repository.rows import Database
from syncengine.services import activity, runs
from syncengine.services.database import atomic
from syncengine.states import LinkState

log = structlog.get_logger()

SLICE_S = 2.0  # at a time: sweeps and alerts wait behind it


def take_away() -> int:
    """Takes pieces away for up to `SLICE_S`; gives how many."""
    deadline, pieces = time.monotonic() + SLICE_S, 0
    while time.monotonic() < deadline and _take_piece():
        pieces += 1
    return pieces


def _take_piece() -> bool:
    """Whether there was a piece to take; not so while somebody else is at it, or bindings are in use."""
    try:
        with atomic() as conn:
            link = _next()
            if link is None:
                return False
            map_ = EntityMap.objects.filter(link=link).order_by("pk").first()
            if map_ is None:
                _end(link)
            else:
                _take_of_map(conn, map_)
            return True
    except LockNotAvailable:
        log.info("bindings of an unlinked map are in use; tried again later")
        return False


def _next() -> Link | None:
    lanes = Lane.objects.filter(link=OuterRef("pk"))
    left = Link.objects.filter(Exists(lanes), state=LinkState.UNLINKED).order_by("pk")
    return left.select_for_update(no_key=True, skip_locked=True).first()


def _take_of_map(conn: Database, map_: EntityMap) -> None:
    if unlinked.remove_some(conn, map_.pk) or unlinked.part_some_activity(conn, map_.pk):
        return
    unlinked.wait_briefly(conn)
    bindings.drop_partition(conn, map_.pk)
    EntityMap.objects.filter(pk=map_.pk).update(version=None)
    map_.delete()


def _end(link: Link) -> None:
    for run in Run.objects.filter(link=link):
        shutil.rmtree(runs.run_folder(run.pk), ignore_errors=True)
    for model in (Run, AlertRule, LinkCompany, Lane):
        model.objects.filter(link=link).delete()
    text = f"What Twofold kept for the link {link} is deleted."
    activity.record(kind=Activity.Kind.LINK, link=link, text=text)

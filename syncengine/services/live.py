"""Live sync: a worker holds a lane's lease and takes until its journal is empty."""

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from django.db import transaction
from django.utils import timezone
from psycopg import sql

from syncengine import doorbell
from syncengine.errors import CredentialsError, LeaseLostError, PermanentError, TransientError
from syncengine.mapping.graph import order_of
from syncengine.models import EntityMap, Lane
from syncengine.pipeline.live import Lane as Taking
from syncengine.pipeline.live import take_once
from syncengine.pipeline.work import Work
from syncengine.repository import leases
from syncengine.services import environments, map_states
from syncengine.services.database import raw
from syncengine.services.works import work_of
from syncengine.states import MapState, Side

log = structlog.get_logger()

SLICE_S = 50  # no task runs longer; it rings again
LINGER_S = 1.0  # a lane that just worked waits so long for more before it gives its lease back
TAKE_LIMIT = 1_000


def owner() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"


def work_lane(lane_id: int) -> int:
    """Takes from the lane until nothing is left, or for `SLICE_S`; gives how many changes were taken.

    After the lease is given back it looks once more, so that a ring heard while it was held is not lost.
    """
    conn, deadline, taken = raw(), time.monotonic() + SLICE_S, 0
    while (token := leases.acquire_lane(conn, lane_id, owner())) is not None:
        try:
            got = _take_until_empty(lane_id, token, deadline)
        except LeaseLostError:  # it goes on where the lease is
            log.warning("lease lost", lane=lane_id)
            break
        finally:
            leases.release_lane(conn, lane_id, token)
        if got is None:
            break
        taken += got
        if time.monotonic() >= deadline:
            doorbell.ring(lane_id)
            break
        if not _has_work(lane_id):
            break
    return taken


def _take_until_empty(lane_id: int, token: int, deadline: float) -> int | None:
    """How many changes were taken; None when the lane cannot go on now and the sweep has to ring again."""
    conn, taken = raw(), 0
    conn.execute(sql.SQL("LISTEN {}").format(sql.Identifier(doorbell.LANE_CHANNEL)))
    try:
        while time.monotonic() < deadline:
            got = _take(lane_id, token)
            if got is None:
                return None
            taken += got
            if got == 0 and not _heard_more(lane_id):
                break
            leases.hold_lane(conn, lane_id, token)
    finally:
        conn.execute(sql.SQL("UNLISTEN {}").format(sql.Identifier(doorbell.LANE_CHANNEL)))
    return taken


def _heard_more(lane_id: int) -> bool:
    """Whether somebody rang for the lane within the time that it lingers."""
    return any(notice.payload == str(lane_id) for notice in raw().notifies(timeout=LINGER_S, stop_after=1))


def _has_work(lane_id: int) -> bool:
    maps = EntityMap.objects.filter(lane_id=lane_id, state__in=[MapState.RUNNING, MapState.RESUMING], problem="")
    return maps.filter(changes__state="ready", changes__due_at__lte=timezone.now()).exists()


def _take(lane_id: int, token: int) -> int | None:
    """One take; None when the lane has to wait for an environment, or is somebody else's by now."""
    lane = Lane.objects.select_related("link__left", "link__right").get(pk=lane_id)
    siblings = list(lane.link.maps.select_related("version"))
    maps = [map_ for map_ in siblings if map_.lane_id == lane_id]
    if not maps:
        return 0
    works = _Works(maps, siblings)
    taking = Taking(
        lane_id=lane_id,
        order=_order(lane, maps),
        works=works,
        fence=lambda: _fence(lane_id, token),
        now=timezone.now,
    )
    try:
        got = take_once(raw(), taking, limit=TAKE_LIMIT)
    except LeaseLostError:
        raise
    except (TransientError, CredentialsError) as error:
        _note_down(lane, error)
        return None
    except PermanentError as error:
        map_states.note_problem(works.current, str(error))
        return 0
    if got == 0:  # nobody was asked anything
        _finish_resuming(maps)
        return got
    for environment in (lane.link.left_id, lane.link.right_id):
        environments.note_answer(environment)
    return got


_orders: dict[int, tuple[object, list[int]]] = {}


def _order(lane: Lane, maps: list[EntityMap]) -> list[int]:
    """The lane's maps, parents first; worked out anew when a version or the right catalog changes."""
    state = (tuple(map_.version_id for map_ in maps), lane.link.right.catalog_read_at)
    kept = _orders.get(lane.pk)
    if kept is None or kept[0] != state:
        tables = {table.name: table for table in environments.catalog_of(lane.link.right).tables}
        kept = _orders[lane.pk] = (state, order_of({map_.pk: map_.definition for map_ in maps}, tables))
    return kept[1]


_working_on: dict[int, EntityMap | None] = {}


def fail_internal(lane_id: int, message: str) -> None:
    """A bug stopped the take: the map that was worked on is left out until a person pauses and resumes it."""
    map_ = _working_on.get(lane_id)
    if map_ is not None:
        map_states.note_problem(map_, f"Internal error, nothing was lost: {message}")


class _Works:
    """Builds a map's work when the take first asks for it, and remembers which map is being worked on."""

    def __init__(self, maps: list[EntityMap], siblings: list[EntityMap]) -> None:
        self._maps = {map_.pk: map_ for map_ in maps}
        self._siblings = siblings
        self.current = maps[0]
        _working_on[maps[0].lane_id] = None

    def __call__(self, map_id: int) -> Work:
        self.current = self._maps[map_id]
        _working_on[self.current.lane_id] = self.current
        return work_of(self.current, self._siblings)


@contextmanager
def _fence(lane_id: int, token: int) -> Iterator[None]:
    with transaction.atomic():
        leases.hold_lane(raw(), lane_id, token)
        yield


def _note_down(lane: Lane, error: Exception) -> None:
    """Keeps which environment did not answer; its changes stay and are tried again by the sweep."""
    for side in Side:
        environment = lane.link.environment(side)
        if environment.name in str(error):
            environments.note_problem(environment.pk, str(error))


def _finish_resuming(maps: list[EntityMap]) -> None:
    """Maps that have caught up are running again."""
    for map_ in maps:
        if map_.state == MapState.RESUMING and not map_.changes.filter(state="ready").exists():
            map_states.move_from(map_, [MapState.RESUMING], MapState.RUNNING, actor=None, why="It has caught up.")

"""Runs: the maps of an initial sync loaded one after the other, in slices that survive any crash."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path

import structlog
from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from syncengine import doorbell
from syncengine.errors import LeaseLostError, SyncError, TransientError
from syncengine.models import Activity, Link, Run, RunMap
from syncengine.pipeline.load import Checkpoint, Load, steps
from syncengine.pipeline.spool import is_disk_low
from syncengine.repository import journal, leases
from syncengine.services import activity, capture, environments, link_states, map_states
from syncengine.services.database import raw
from syncengine.services.errors import Refused
from syncengine.services.live import owner
from syncengine.services.permissions import Permission, require
from syncengine.services.works import work_of
from syncengine.states import RUN_ACTIVE, MapState, RunState, Side

log = structlog.get_logger()

SLICE_S = 45  # no task runs longer; it rings again


def advance(run_id: int) -> None:
    """Works on the run for up to `SLICE_S`, then rings for the rest."""
    token = leases.acquire_run(raw(), run_id, owner())
    if token is None:
        return
    deadline = time.monotonic() + SLICE_S
    try:
        while time.monotonic() < deadline and (run_map := _next(run_id)) is not None:
            if not _advance_map(run_map, token, deadline):
                break
        _finish(run_id, token)
    except LeaseLostError:
        log.warning("lease lost", run=run_id)
    finally:
        leases.release_run(raw(), run_id, token)
    if Run.objects.filter(pk=run_id, state=RunState.RUNNING).exists() and time.monotonic() >= deadline:
        doorbell.ring_run(run_id)


def _next(run_id: int) -> RunMap | None:
    maps = RunMap.objects.filter(run_id=run_id, state__in=RUN_ACTIVE).select_related(
        "map__link__left", "map__link__right", "map__version"
    )
    return maps.order_by("position").first()


def _advance_map(run_map: RunMap, token: int, deadline: float) -> bool:
    """Whether the run can go on at once; False when it has to wait for an environment."""
    try:
        is_done = _load(run_map, token, deadline)
    except LeaseLostError:
        if _is_over(run_map):  # the map was stopped, or the run cancelled
            return True
        raise
    except TransientError as error:
        _wait(run_map, str(error))
        return False
    except SyncError as error:
        _fail(run_map, str(error))
        return True
    if is_done:
        capture.begin_push(run_map.map.link, run_map.map)
        _complete(run_map)
    return True


def _load(run_map: RunMap, token: int, deadline: float) -> bool:
    """Whether the map is loaded; False when the slice of time is over first."""
    map_ = run_map.map
    if run_map.state == RunState.WAITING:
        capture.begin(map_.link, map_)
        waiting = RunMap.objects.filter(pk=run_map.pk, state=RunState.WAITING)
        if not waiting.update(state=RunState.RUNNING, started_at=timezone.now(), phase="prepare"):
            _end_captures(map_.link)
            return False
    siblings = list(map_.link.maps.select_related("version"))
    load = Load(
        run_map_id=run_map.pk,
        work=work_of(map_, siblings, companies=run_map.companies),
        folder=spool_folder(run_map),
        writes=run_map.writes,
        fence=partial(_fence, run_map.run_id, token),
        save=partial(_save, run_map.pk),
        now=timezone.now,
    )
    for checkpoint in steps(raw(), load, _checkpoint(run_map)):
        if checkpoint.phase == "done":
            return True
        if is_disk_low(load.folder):
            raise TransientError("Less than a tenth of the disk is free. Make room; the run then goes on by itself.")
        if time.monotonic() >= deadline or _is_over(run_map):
            return False
    return True


def spool_folder(run_map: RunMap) -> Path:
    return run_folder(run_map.run_id) / str(run_map.pk)


def run_folder(run_id: int) -> Path:
    """What the maps of a run keep on this machine's disk while they are loaded."""
    return Path(settings.SPOOL_FOLDER) / f"run-{run_id}"


@contextmanager
def _fence(run_id: int, token: int) -> Iterator[None]:
    with transaction.atomic():
        leases.hold_run(raw(), run_id, token)
        yield


def _checkpoint(run_map: RunMap) -> Checkpoint:
    checkpoint = Checkpoint(**run_map.checkpoint)
    is_spooled = checkpoint.phase == "prepare" or spool_folder(run_map).exists()
    return checkpoint if is_spooled else Checkpoint()  # another machine, or a cleared disk: read again


def _save(run_map_id: int, checkpoint: Checkpoint) -> None:
    """Raises: LeaseLostError when the map is not to be loaded any more; what its transaction settles is then undone."""
    active = RunMap.objects.filter(pk=run_map_id, state__in=RUN_ACTIVE)
    if not active.update(checkpoint=asdict(checkpoint), phase=checkpoint.phase, message=""):
        raise LeaseLostError("The map was stopped, or its run was cancelled. Nothing was settled here.")


def _is_over(run_map: RunMap) -> bool:
    return not RunMap.objects.filter(pk=run_map.pk, state__in=RUN_ACTIVE).exists()


def _wait(run_map: RunMap, message: str) -> None:
    """An environment does not answer: the run stays where it is and the sweep tries again."""
    RunMap.objects.filter(pk=run_map.pk, state__in=RUN_ACTIVE).update(message=message)
    link = run_map.map.link
    for environment in (link.left, link.right):
        if environment.name in message:
            environments.note_problem(environment.pk, message)


def _fail(run_map: RunMap, message: str) -> None:
    with transaction.atomic():
        if not _end(run_map, state=RunState.FAILED, message=message):
            return
        _give_up(run_map, actor=None, why=message)
    _end_captures(run_map.map.link)


def _end(run_map: RunMap, **values: str) -> bool:
    """Whether the map came to this end; False when somebody ended it before."""
    active = RunMap.objects.filter(pk=run_map.pk, state__in=RUN_ACTIVE)
    return active.update(ended_at=timezone.now(), **values) > 0


def _end_captures(link: Link) -> None:
    for side in Side:
        capture.end_unused(link.environment(side))


def _give_up(run_map: RunMap, *, actor: User | None, why: str) -> None:
    """The map is what it was before: at rest; or, where only companies were loaded, on with all that waits for it."""
    to = MapState(run_map.returns_to or MapState.NOT_RUNNING)
    if not map_states.move_from(run_map.map, [MapState.INITIALIZING], to, actor=actor, why=why):
        return
    if to == MapState.NOT_RUNNING:
        journal.clear(raw(), [run_map.map_id])
    else:
        doorbell.ring(run_map.map.lane_id)


def fail_internal(run_id: int, message: str) -> None:
    """A bug stopped the run: the map that was loaded fails, and the others go on."""
    run_map = _next(run_id)
    if run_map is not None:
        _fail(run_map, f"Internal error, nothing was lost: {message}")


def _complete(run_map: RunMap) -> None:
    """The map goes over to live sync; records that were refused stand as sync errors."""
    refused = run_map.sync_errors.filter(state="open").count()
    state = RunState.COMPLETED_WITH_ERRORS if refused else RunState.COMPLETED
    with transaction.atomic():
        if not _end(run_map, state=state, phase="done", message=""):
            return
        what = f"load of {', '.join(run_map.companies)}" if run_map.companies else "initial sync"
        why = f"Its {what} left {refused} sync errors." if refused else f"Its {what} is complete."
        to = MapState(run_map.returns_to or MapState.RUNNING)
        map_states.move_from(run_map.map, [MapState.INITIALIZING], to, actor=None, why=why)
        doorbell.ring(run_map.map.lane_id)


def _finish(run_id: int, token: int) -> None:
    states = set(RunMap.objects.filter(run_id=run_id).values_list("state", flat=True))
    if states & {str(state) for state in RUN_ACTIVE}:
        return
    worst = next(
        (state for state in (RunState.FAILED, RunState.CANCELLED, RunState.COMPLETED_WITH_ERRORS) if state in states),
        RunState.COMPLETED,
    )
    with transaction.atomic():
        leases.hold_run(raw(), run_id, token)
        Run.objects.filter(pk=run_id).update(state=worst, ended_at=timezone.now())
        run = Run.objects.get(pk=run_id)
        activity.record(kind=Activity.Kind.RUN, link=run.link, text=f"Run {run.pk} is {worst}.")


def cancel(actor: User | None, *, run: Run) -> None:
    """Ends a run; its maps that were not loaded yet are what they were before, what was written stays.

    Raises: Refused when it is over already.
    """
    require(actor, Permission.OPERATE)
    with transaction.atomic():
        link_states.hold([run.link_id])
        if not Run.objects.filter(pk=run.pk, state=RunState.RUNNING).update(
            state=RunState.CANCELLED, ended_at=timezone.now()
        ):
            raise Refused(f"Run {run.pk} is over already.")
        for run_map in unfinished(run):
            if _end(run_map, state=RunState.CANCELLED):  # a worker may be completing it at this moment
                _give_up(run_map, actor=actor, why="The run was cancelled.")
        activity.record(kind=Activity.Kind.RUN, link=run.link, actor=actor, text=f"Run {run.pk} was cancelled.")
        transaction.on_commit(partial(_end_captures, run.link))


def unfinished(run: Run) -> list[RunMap]:
    """The maps of the run that are not at their end, in the order of the run."""
    rows = RunMap.objects.filter(run=run, state__in=RUN_ACTIVE).select_related("map__link").order_by("position")
    return list(rows)


def stale() -> list[int]:
    """Runs that nobody works on although they are not over."""
    return list(Run.objects.filter(state=RunState.RUNNING, until__lt=timezone.now()).values_list("pk", flat=True))

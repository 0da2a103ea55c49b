"""Maps set going and brought to rest: Run, Pause, Resume, Stop, with the maps that belong along."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Count
from django.utils import timezone

from syncengine import doorbell
from syncengine.mapping.graph import dependencies, order
from syncengine.mapping.validate import validate
from syncengine.models import Activity, Change, EntityMap, Lane, Link, Run, RunMap, StoredSyncError
from syncengine.repository import journal
from syncengine.services import activity, capture, environments, link_states, map_states
from syncengine.services.database import raw
from syncengine.services.errors import Refused
from syncengine.services.permissions import Permission, require
from syncengine.states import ChangeState, MapState, RunState, Side


@dataclass(frozen=True, slots=True, kw_only=True)
class StartItem:
    """One map to start: with initial sync, or compared and bound only; whose values count at first contact."""

    map: EntityMap
    initial_sync: bool
    master: Side


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedMap:
    """A map as a dialog lists it. `problems` say why it cannot start."""

    map: EntityMap
    is_related: bool
    waits_for: list[str]
    waiting_changes: int  # without the parked ones: sync errors stand for those
    problems: list[str]


class Backlog(StrEnum):
    """What happens to the changes that wait when a map is resumed, or skips to live sync while it catches up."""

    CATCH_UP = "catch up"
    KEEP_AS_ERRORS = "keep as errors"
    DISCARD = "discard"


# --- Plans -------------------------------------------------------------------------------------------------------


def plan_start(maps: Sequence[EntityMap]) -> list[PlannedMap]:
    """The chosen maps and all that they look up rows of, in the order in which they start."""
    return _plan(maps, _graph(maps), only={MapState.NOT_RUNNING}, check=True)


def plan_pause(maps: Sequence[EntityMap]) -> list[PlannedMap]:
    """The chosen maps and the running ones that look up rows of them."""
    graph = _graph(maps)
    dependants: dict[str, set[str]] = {name: set() for name in graph}
    for name, parents in graph.items():
        for parent in parents:
            dependants[parent].add(name)
    return _plan(maps, dependants, only={MapState.RUNNING, MapState.RESUMING, MapState.PAUSED}, check=False)


def _graph(maps: Sequence[EntityMap]) -> dict[str, set[str]]:
    """Map name → names of the maps of its link that it looks up rows of."""
    if not maps:
        return {}
    link = maps[0].link
    siblings = link.maps.select_related("version")
    catalog = environments.catalog_of(link.right)
    definitions = {map_.name: map_.definition for map_ in siblings}
    return dependencies(definitions, {table.name: table for table in catalog.tables})


def _plan(
    maps: Sequence[EntityMap], graph: dict[str, set[str]], *, only: set[MapState], check: bool
) -> list[PlannedMap]:
    chosen = {map_.name for map_ in maps}
    wanted = _reach(chosen, graph)
    if not wanted:
        return []
    link = maps[0].link
    siblings = {map_.name: map_ for map_ in link.maps.select_related("version", "link__left", "link__right")}
    counts = dict(
        Change.objects.filter(map__link=link)
        .exclude(state=ChangeState.PARKED)
        .values_list("map_id")
        .annotate(number=Count("id"))
        .values_list("map_id", "number")
    )
    return [
        PlannedMap(
            map=siblings[name],
            is_related=name not in chosen,
            waits_for=sorted(graph.get(name, set()) & wanted - {name}),
            waiting_changes=counts.get(siblings[name].pk, 0),
            problems=problems_of(siblings[name]) if check else [],
        )
        for name in order(wanted, _graph(maps))
        if name in chosen or siblings[name].state in only
    ]


def _reach(names: Iterable[str], graph: dict[str, set[str]]) -> set[str]:
    reached: set[str] = set()
    todo = list(names)
    while todo:
        name = todo.pop()
        if name not in reached:
            reached.add(name)
            todo += graph.get(name, set())
    return reached


def problems_of(map_: EntityMap) -> list[str]:
    """Why the map cannot start, one sentence each."""
    link = map_.link
    left, right = environments.catalog_of(link.left), environments.catalog_of(link.right)
    left_table, right_table = left.table(map_.left_table), right.table(map_.right_table)
    if left_table is None:
        return [f"{link.left.name} has no table {map_.left_table}."]
    if right_table is None:
        return [f"{link.right.name} has no table {map_.right_table}."]
    findings = validate(map_.definition, left_table, right_table, {table.name: table for table in right.tables})
    return [finding.message for finding in findings if finding.is_error]


# --- Run ---------------------------------------------------------------------------------------------------------


def start_maps(actor: User | None, *, items: Sequence[StartItem]) -> Run:
    """A run that starts the maps one after the other, parents first.

    Raises: Refused when a map cannot start; nothing is started then.
    """
    require(actor, Permission.OPERATE)
    if not items:
        raise Refused("Choose at least one map to run.")
    link = items[0].map.link
    ordered = _in_order(items)
    _refuse_unfit(ordered)
    with transaction.atomic():
        link_states.hold([link.pk])
        run = Run.objects.create(link=link, started_by=actor)
        for position, item in enumerate(ordered):
            _enter(run, position, item, actor)
        names = ", ".join(item.map.name for item in ordered)
        activity.record(kind=Activity.Kind.RUN, link=link, actor=actor, text=f"Run {run.pk} was started: {names}.")
        doorbell.ring_run(run.pk)
    return run


def _in_order(items: Sequence[StartItem]) -> list[StartItem]:
    by_name = {item.map.name: item for item in items}
    return [by_name[name] for name in order(set(by_name), _graph([item.map for item in items]))]


def _refuse_unfit(items: Sequence[StartItem]) -> None:
    for item in items:
        problems = problems_of(item.map)
        if problems:
            raise Refused(f"{item.map.name} cannot start: {problems[0]}")


def _enter(run: Run, position: int, item: StartItem, actor: User | None) -> None:
    EntityMap.objects.filter(pk=item.map.pk).update(master=item.master)
    if not map_states.move_from(item.map, [MapState.NOT_RUNNING], MapState.INITIALIZING, actor=actor):
        raise Refused(f"{item.map.name} is not at rest: it is {_state(item.map)}. Stop it first, or leave it out.")
    RunMap.objects.create(
        run=run, map=item.map, position=position, writes=item.initial_sync, master=item.master, state=RunState.WAITING
    )


def _state(map_: EntityMap) -> str:
    return EntityMap.objects.values_list("state", flat=True).get(pk=map_.pk)


# --- Pause, Resume, Stop -----------------------------------------------------------------------------------------


def pause_maps(actor: User | None, *, maps: Sequence[EntityMap], why: str = "") -> None:
    """Running maps stop taking; their changes are recorded and wait. All or none.

    Raises: Refused when one of them is not running.
    """
    require(actor, Permission.OPERATE)
    _move_all(maps, [MapState.RUNNING, MapState.RESUMING], MapState.PAUSED, actor, why)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Way:
    """From which states a map goes on to which, what becomes of its waiting changes (map id → how many there were), and
    how its activity tells that."""

    sources: list[MapState]
    to: MapState
    apply: Callable[[int], int]
    told: str


_WAYS = {
    Backlog.CATCH_UP: _Way(
        sources=[MapState.PAUSED],
        to=MapState.RESUMING,
        apply=lambda map_id: Change.objects.filter(map=map_id).exclude(state=ChangeState.PARKED).count(),
        told="It catches up with",
    ),
    Backlog.KEEP_AS_ERRORS: _Way(
        sources=[MapState.PAUSED, MapState.RESUMING],
        to=MapState.RUNNING,
        apply=lambda map_id: journal.keep_as_errors(raw(), map_id),
        told="Kept as sync errors:",
    ),
    Backlog.DISCARD: _Way(
        sources=[MapState.PAUSED, MapState.RESUMING],
        to=MapState.RUNNING,
        apply=lambda map_id: journal.discard(raw(), map_id),
        told="Dropped:",
    ),
}


def resume_maps(
    actor: User | None, *, maps: Sequence[EntityMap], backlog: Backlog = Backlog.CATCH_UP, consent: bool = False
) -> int:
    """Paused maps go on, all or none; gives how many changes were waiting.

    They catch up with these (default), or skip to live sync: what waits is then kept as sync errors or, with the
    consent of the person who asks, dropped. Maps that are catching up can skip the rest in the same ways.

    Raises: Refused when one of them is in another state, and when changes would be dropped without consent.
    """
    require(actor, Permission.OPERATE)
    if backlog is Backlog.DISCARD and not consent:
        raise Refused("Agree that the waiting changes are dropped, or choose another way. Nothing was changed.")
    with transaction.atomic():
        link_states.hold(map_.link_id for map_ in maps)
        lanes = _between_settlings(maps)
        waited = sum(_resume(actor, map_, _WAYS[backlog]) for map_ in maps)
        for lane in lanes:
            doorbell.ring(lane.pk)
    return waited


def _resume(actor: User | None, map_: EntityMap, way: _Way) -> int:
    waited = way.apply(map_.pk)
    changes = "1 waiting change" if waited == 1 else f"{waited:,} waiting changes"
    _move(map_, way.sources, way.to, actor, f"{way.told} {changes}.")
    return waited


def _between_settlings(maps: Sequence[EntityMap]) -> list[Lane]:
    """The lanes of the maps. A take in flight settles before this, or after the end of the transaction."""
    lanes = Lane.objects.filter(pk__in={map_.lane_id for map_ in maps}).order_by("pk")
    return list(lanes.select_for_update(no_key=True))


def stop_maps(actor: User | None, *, maps: Sequence[EntityMap], why: str = "") -> None:
    """Maps come to rest: nothing is recorded any more, what waited is dropped, bindings stay.

    Raises: Refused when one of them is not running or paused.
    """
    require(actor, Permission.OPERATE)
    links: set[Link] = {map_.link for map_ in maps}
    with transaction.atomic():
        link_states.hold(map_.link_id for map_ in maps)
        _between_settlings(maps)
        active = RunMap.objects.filter(map__in=maps, state__in=[RunState.WAITING, RunState.RUNNING])
        active.update(state=RunState.CANCELLED, message="The map was stopped.", ended_at=timezone.now())
        sources = [MapState.RUNNING, MapState.RESUMING, MapState.PAUSED, MapState.INITIALIZING]
        _move_all(maps, sources, MapState.NOT_RUNNING, actor, why)
        journal.clear(raw(), [map_.pk for map_ in maps])
        StoredSyncError.objects.filter(map__in=maps, state="open").update(state="dismissed")
        for environment in {link.environment(side) for link in links for side in Side}:
            transaction.on_commit(partial(capture.end_unused, environment))


def _move_all(maps: Sequence[EntityMap], sources: list[MapState], to: MapState, actor: User | None, why: str) -> None:
    with transaction.atomic():
        link_states.hold(map_.link_id for map_ in maps)
        for map_ in maps:
            _move(map_, sources, to, actor, why)


def _move(map_: EntityMap, sources: list[MapState], to: MapState, actor: User | None, why: str) -> None:
    if not map_states.move_from(map_, sources, to, actor=actor, why=why):
        state = _state(map_)
        reason = f"{state} already" if state == to else f"{state}, so it cannot become {to}"
        raise Refused(f"{map_.name} is {reason}. Nothing was changed.")

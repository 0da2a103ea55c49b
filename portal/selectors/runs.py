"""Runs, newest first, and the maps of a run in their order, all with their progress."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Q, Sum

from portal.selectors.keyset import Page, page_of
from portal.selectors.progress import COUNTERS, Counters, Progress, progress_of, total
from syncengine.models import Link, Run, RunLeg, RunMap, StoredSyncError
from syncengine.states import RUN_ACTIVE, RUN_TERMINAL, ErrorState, RunState

ORDER = ("-id",)
DONE = (RunState.COMPLETED, RunState.COMPLETED_WITH_ERRORS)


@dataclass(frozen=True, slots=True, kw_only=True)
class MapCount:
    """Maps of a run: all, those at their end, those of them that are loaded, those whose turn has not come."""

    all: int = 0
    ended: int = 0
    done: int = 0
    waiting: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """`companies` are the codes that the run is for; none stands for all of the link."""

    run: Run
    maps: MapCount
    progress: Progress
    companies: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunMapRow:
    run_map: RunMap
    legs: list[RunLeg]
    progress: Progress
    open_errors: int


def run_page(link: Link, *, cursor: str, now: datetime) -> Page[RunRow]:
    page = page_of(Run.objects.filter(link=link).select_related("started_by"), order=ORDER, cursor=cursor)
    return Page(rows=run_rows(page.rows, now=now), previous=page.previous, next=page.next)


def active_run(link: Link, *, now: datetime) -> RunRow | None:
    """The newest run that is not at its end."""
    run = Run.objects.filter(link=link, state__in=RUN_ACTIVE).select_related("started_by").order_by("-id").first()
    return run_rows([run], now=now)[0] if run else None


def run_rows(runs: Sequence[Run], *, now: datetime) -> list[RunRow]:
    ids = [run.pk for run in runs]
    maps = maps_of_runs(ids)
    counters = counters_of_runs(ids)
    companies = companies_of_runs(ids)
    return [
        RunRow(
            run=run,
            maps=maps.get(run.pk, MapCount()),
            progress=progress_of(
                counters.get(run.pk, Counters()),
                started_at=run.started_at,
                ended_at=run.ended_at,
                now=now,
                is_all_known=not maps.get(run.pk, MapCount()).waiting,
            ),
            companies=companies.get(run.pk, []),
        )
        for run in runs
    ]


def maps_of_runs(run_ids: Sequence[int]) -> dict[int, MapCount]:
    rows = RunMap.objects.filter(run__in=run_ids).order_by().values("run")
    counted = rows.annotate(
        all=Count("id"),
        ended=Count("id", filter=Q(state__in=RUN_TERMINAL)),
        done=Count("id", filter=Q(state__in=DONE)),
        waiting=Count("id", filter=Q(state=RunState.WAITING)),
    )
    return {
        row["run"]: MapCount(all=row["all"], ended=row["ended"], done=row["done"], waiting=row["waiting"])
        for row in counted
    }


def companies_of_runs(run_ids: Sequence[int]) -> dict[int, list[str]]:
    """The companies of those runs that are not for all."""
    rows = RunMap.objects.filter(run__in=run_ids).exclude(companies=[]).order_by()
    return dict(rows.values_list("run", "companies").distinct())


def counters_of_runs(run_ids: Sequence[int]) -> dict[int, Counters]:
    legs = RunLeg.objects.filter(run_map__run__in=run_ids).order_by()
    summed = legs.values("run_map__run").annotate(**{f"sum_{name}": Sum(name) for name in COUNTERS})
    rows = summed.values_list("run_map__run", *[f"sum_{name}" for name in COUNTERS])
    return {run_id: Counters(**dict(zip(COUNTERS, sums, strict=True))) for run_id, *sums in rows}


def run_map_rows(run: Run, *, now: datetime) -> list[RunMapRow]:
    """The maps of a run in the order in which they are synced, each with its legs."""
    run_maps = list(run.run_maps.select_related("map").prefetch_related("legs").order_by("position"))
    errors = StoredSyncError.objects.filter(run_map__in=run_maps, state=ErrorState.OPEN).order_by()
    counts = dict(errors.values_list("run_map").annotate(count=Count("id")))
    return [run_map_row(run_map, open_errors=counts.get(run_map.pk, 0), now=now) for run_map in run_maps]


def run_map_row(run_map: RunMap, *, open_errors: int, now: datetime) -> RunMapRow:
    legs = list(run_map.legs.all())
    progress = progress_of(
        total(legs), started_at=run_map.started_at, ended_at=run_map.ended_at, now=now, phase=run_map.phase
    )
    return RunMapRow(run_map=run_map, legs=legs, progress=progress, open_errors=open_errors)

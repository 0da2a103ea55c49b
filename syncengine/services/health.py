"""How a link is doing, from what the portal's database already knows: no environment is asked."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Min
from django.utils import timezone

from syncengine.models import CaptureCursor, Change, EntityMap, Environment, Link, StoredSyncError
from syncengine.states import RECORDING, TAKING, ChangeState, ErrorState, LinkState, MapState, Side

CAPTURE_LATE_AFTER = timedelta(minutes=15)  # beyond the longest time between two listings
WORK_LATE_AFTER = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthLine:
    title: str
    ok: bool
    detail: str


def link_health(link: Link) -> list[HealthLine]:
    """What must hold for changes to arrive: environments answer, changes are captured, work goes on."""
    now = timezone.now()
    maps = list(EntityMap.objects.filter(link=link))
    return [
        _state(link),
        *(_answers(link.environment(side)) for side in Side),
        *(_captured(link, side, maps, now) for side in Side),
        _maps(maps),
        _work(maps, now),
        _errors(maps),
    ]


def _state(link: Link) -> HealthLine:
    return HealthLine(title="Link", ok=link.state == LinkState.LINKED, detail=link.halted_reason or f"{link.state}.")


def _answers(environment: Environment) -> HealthLine:
    return HealthLine(
        title=environment.name,
        ok=not environment.problem,
        detail=environment.problem or _last("Last answer", environment.answered_at),
    )


def _captured(link: Link, side: Side, maps: Iterable[EntityMap], now: datetime) -> HealthLine:
    environment = link.environment(side)
    title = f"Changes of {environment.name}"
    live = [each for each in maps if each.state in _LIVE]
    tables = {(each.left_table if side is Side.LEFT else each.right_table).lower() for each in live}
    if not tables:
        return HealthLine(title=title, ok=True, detail="Nothing to record: no map runs.")
    cursors = {cursor.table.lower(): cursor for cursor in CaptureCursor.objects.filter(environment=environment)}
    troubled = next((cursors[table] for table in sorted(tables & set(cursors)) if cursors[table].problem), None)
    if troubled is not None:
        return HealthLine(title=title, ok=False, detail=f"{troubled.table}: {troubled.problem}")
    looked = [_looked_at(cursors.get(table)) for table in tables]
    known = [at for at in looked if at is not None]
    if len(known) < len(looked):
        detail = f"{len(looked) - len(known)} of {len(looked)} tables were not looked at yet. Check that capture runs."
        return HealthLine(title=title, ok=False, detail=detail)
    is_late = now - min(known) > CAPTURE_LATE_AFTER
    detail = _last("Every table was looked at since", min(known)) + (" Check that capture runs." if is_late else "")
    return HealthLine(title=title, ok=not is_late, detail=detail)


_LIVE = RECORDING - {MapState.INITIALIZING}  # capture of an initializing map begins when its turn comes


def _looked_at(cursor: CaptureCursor | None) -> datetime | None:
    times = [cursor.polled_at, cursor.listed_at] if cursor is not None else []
    return max((at for at in times if at is not None), default=None)


def _maps(maps: Iterable[EntityMap]) -> HealthLine:
    troubled = [each for each in maps if each.problem]
    running = sum(each.state == MapState.RUNNING for each in maps)
    if troubled:
        names = ", ".join(each.name for each in troubled[:3]) + (" and others" if len(troubled) > 3 else "")
        return HealthLine(title="Maps", ok=False, detail=f"Held back: {names}. {troubled[0].problem}")
    return HealthLine(title="Maps", ok=True, detail=f"{running} running.")


def _work(maps: Iterable[EntityMap], now: datetime) -> HealthLine:
    """Work that could be done and is not: healthy but stuck must not exist."""
    taking = [each.pk for each in maps if each.state in TAKING and not each.problem]
    due = Change.objects.filter(map__in=taking, state=ChangeState.READY, due_at__lte=now - WORK_LATE_AFTER)
    oldest = due.aggregate(oldest=Min("due_at"))["oldest"]
    if oldest is None:
        return HealthLine(title="Work", ok=True, detail="No change waits longer than it should.")
    detail = _last("A change is due since", oldest) + " Check that workers run."
    return HealthLine(title="Work", ok=False, detail=detail)


def _errors(maps: Iterable[EntityMap]) -> HealthLine:
    ids = [each.pk for each in maps]
    found = StoredSyncError.objects.filter(map__in=ids, state=ErrorState.OPEN)[: _COUNT_TO + 1].count()
    shown = f"{_COUNT_TO:,}+" if found > _COUNT_TO else f"{found:,}"
    return HealthLine(title="Errors", ok=found == 0, detail=f"{shown} open." if found else "None open.")


_COUNT_TO = 10_000


def _last(what: str, at: datetime | None) -> str:
    return f"{what}: {at:%Y-%m-%d %H:%M:%S} UTC." if at else f"{what}: never."

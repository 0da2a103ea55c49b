"""The one place that writes a map's state: a conditional update with its activity row, in one transaction."""

from collections.abc import Iterable

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from syncengine.models import Activity, EntityMap
from syncengine.services import activity
from syncengine.states import MAP_MOVES, MapState


def move(map_: EntityMap, to: MapState, *, actor: User | None, why: str = "") -> bool:
    """Whether the map moved; False when it was in a state from which that move is not allowed."""
    return move_from(map_, _sources(to), to, actor=actor, why=why)


def move_from(map_: EntityMap, sources: Iterable[MapState], to: MapState, *, actor: User | None, why: str = "") -> bool:
    """As `move`, but only from these states."""
    allowed = [state for state in sources if to in MAP_MOVES[state]]
    with transaction.atomic():
        moved = EntityMap.objects.filter(pk=map_.pk, state__in=allowed).update(
            state=to, state_changed_at=timezone.now(), problem=""
        )
        if not moved:
            return False
        text = f"{map_.name} is now {to}." + (f" {why}" if why else "")
        activity.record(kind=Activity.Kind.MAP_STATE, map=map_, actor=actor, text=text)
    map_.state, map_.problem = to, ""
    return True


def _sources(to: MapState) -> list[MapState]:
    return [state for state, moves in MAP_MOVES.items() if to in moves]


def note_problem(map_: EntityMap, message: str) -> None:
    """Keeps why a map does not go on although its state says so; live sync leaves it out until a person acts."""
    with transaction.atomic():
        if EntityMap.objects.filter(pk=map_.pk).exclude(problem=message).update(problem=message):
            activity.record(kind=Activity.Kind.ERROR, map=map_, text=f"{map_.name} stopped working: {message}")

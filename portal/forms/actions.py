"""What a person asks of maps: run, pause, resume, skip to live sync, stop, and with which settings."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from django.http import QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from syncengine.models import EntityMap
from syncengine.services.maps import Backlog, PlannedMap, StartItem
from syncengine.states import MapState, Side


class Action(StrEnum):
    RUN = "run"
    PAUSE = "pause"
    RESUME = "resume"
    SKIP = "skip"
    STOP = "stop"


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionWords:
    """`applies_to`: the states in which a map can be asked."""

    verb: str | Promise
    promise: str | Promise
    applies_to: frozenset[MapState]


WORDS = {
    Action.RUN: ActionWords(
        verb=_("Run"),
        promise=_("Related maps run first, in this order. Untick what is not to run."),
        applies_to=frozenset({MapState.NOT_RUNNING}),
    ),
    Action.PAUSE: ActionWords(
        verb=_("Pause"),
        promise=_("Changes of paused maps are recorded and wait until the maps are resumed."),
        applies_to=frozenset({MapState.RUNNING, MapState.RESUMING}),
    ),
    Action.RESUME: ActionWords(
        verb=_("Resume"),
        promise=_("The maps run on."),
        applies_to=frozenset({MapState.PAUSED}),
    ),
    Action.SKIP: ActionWords(
        verb=_("Skip to live sync"),
        promise=_("The maps stop catching up and run at once."),
        applies_to=frozenset({MapState.RESUMING}),
    ),
    Action.STOP: ActionWords(
        verb=_("Stop"),
        promise=_(
            "Nothing is recorded while a map is stopped; the next run finds the differences. What waits is dropped, and"
            " open errors are dismissed."
        ),
        applies_to=frozenset({MapState.INITIALIZING, MapState.RUNNING, MapState.PAUSED, MapState.RESUMING}),
    ),
}


# What can be chosen for the changes that wait; the first one is, unless something else is ticked.
WAYS = {
    Action.RESUME: (Backlog.CATCH_UP, Backlog.KEEP_AS_ERRORS, Backlog.DISCARD),
    Action.SKIP: (Backlog.KEEP_AS_ERRORS, Backlog.DISCARD),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A line of the dialog: a map with what is ticked for it."""

    plan: PlannedMap
    is_included: bool
    initial_sync: bool
    master: Side


def first_choices(plan: Sequence[PlannedMap], *, skipped: Iterable[int] = ()) -> list[Choice]:
    """Everything ticked, with initial sync and each map's own master."""
    left_out = set(skipped)
    return [
        Choice(
            plan=planned,
            is_included=planned.map.pk not in left_out,
            initial_sync=True,
            master=Side(planned.map.master),
        )
        for planned in plan
    ]


def given_choices(plan: Sequence[PlannedMap], data: QueryDict) -> list[Choice]:
    """What was ticked in the dialog."""
    included, initial = set(data.getlist("include")), set(data.getlist("initial_sync"))
    return [
        Choice(
            plan=planned,
            is_included=str(planned.map.pk) in included,
            initial_sync=str(planned.map.pk) in initial,
            master=given_master(planned.map, data),
        )
        for planned in plan
    ]


def given_master(map_: EntityMap, data: QueryDict) -> Side:
    given = data.get(f"master-{map_.pk}", "")
    return Side(given) if given in set(Side) else Side(map_.master)


def start_items(choices: Iterable[Choice]) -> list[StartItem]:
    return [
        StartItem(map=choice.plan.map, initial_sync=choice.initial_sync, master=choice.master)
        for choice in choices
        if choice.is_included
    ]


def included_maps(choices: Iterable[Choice]) -> list[EntityMap]:
    return [choice.plan.map for choice in choices if choice.is_included]


def given_backlog(action: Action, data: QueryDict) -> Backlog:
    """The way that is ticked; the first one where the dialog offered none, as nothing was waiting."""
    given = data.get("backlog", "")
    return next((way for way in WAYS[action] if way == given), WAYS[action][0])


def given_consent(data: QueryDict) -> bool:
    """Whether the waiting changes may be dropped."""
    return "drop" in data


def chosen_ids(data: QueryDict) -> list[int]:
    """The numbers of the maps that are selected; what is no number is left out."""
    return [int(text) for text in data.getlist("map") if text.isascii() and text.isdigit() and len(text) < 19]

"""A state's word and colour, one table for all pages."""

from typing import Any

from django import template
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from syncengine.models import Link
from syncengine.models.activity import Activity
from syncengine.models.alerts import Notification
from syncengine.states import ChangeState, ErrorState, MapState, RunState, Side

register = template.Library()

# state: its word, the tone of its dot, the shape of its dot
CHIPS: dict[type, dict[str, tuple[Any, str, str]]] = {
    MapState: {
        MapState.NOT_RUNNING: (_("Not running"), "quiet", "hollow"),
        MapState.INITIALIZING: (_("Initializing"), "working", "line"),
        MapState.RUNNING: (_("Running"), "ok", "dot"),
        MapState.PAUSED: (_("Paused"), "attention", "bars"),
        MapState.RESUMING: (_("Resuming"), "working", "dot"),
    },
    RunState: {
        RunState.WAITING: (_("Waiting"), "quiet", "hollow"),
        RunState.RUNNING: (_("Running"), "working", "line"),
        RunState.COMPLETED: (_("Completed"), "ok", "dot"),
        RunState.COMPLETED_WITH_ERRORS: (_("Completed with errors"), "attention", "dot"),
        RunState.FAILED: (_("Failed"), "problem", "dot"),
        RunState.CANCELLED: (_("Cancelled"), "quiet", "dot"),
    },
    ErrorState: {
        ErrorState.OPEN: (_("Open"), "problem", "dot"),
        ErrorState.RESOLVED: (_("Resolved"), "ok", "dot"),
        ErrorState.DISMISSED: (_("Dismissed"), "quiet", "hollow"),
    },
    ChangeState: {
        ChangeState.READY: (_("Ready"), "working", "dot"),
        ChangeState.PARKED: (_("Parked"), "problem", "dot"),
        ChangeState.WAITING: (_("Waiting for parent"), "attention", "bars"),
    },
    Notification.State: {
        Notification.State.WAITING: (_("Waiting"), "working", "hollow"),
        Notification.State.SENT: (_("Sent"), "ok", "dot"),
        Notification.State.FAILED: (_("Failed"), "problem", "dot"),
    },
}
KINDS = {
    "map": MapState,
    "run": RunState,
    "error": ErrorState,
    "change": ChangeState,
    "notification": Notification.State,
}
ACTIVITY_ICONS = {
    Activity.Kind.LINK: "link",
    Activity.Kind.MAP_STATE: "maps",
    Activity.Kind.MAP_VERSION: "edit",
    Activity.Kind.RUN: "runs",
    Activity.Kind.ERROR: "errors",
    Activity.Kind.RETRY: "retry",
    Activity.Kind.ALERT: "alerts",
    Activity.Kind.CAPTURE: "activity",
    Activity.Kind.ENVIRONMENT: "environment",
}


@register.simple_tag
def chip(kind: str, state: str) -> SafeString:
    """Dot and word of a state; `kind` is one of KINDS."""
    word, tone, shape = CHIPS[KINDS[kind]][state]
    return format_html(
        '<span class="chip chip--{}" data-state="{}"><span class="mark mark--{}" aria-hidden="true"></span>{}</span>',
        tone,
        state,
        shape,
        word,
    )


@register.simple_tag
def side_name(link: Link, side: str) -> SafeString:
    """The name of a side in its colour."""
    return format_html('<span class="side side--{}">{}</span>', side, link.environment(Side(side)).name)


@register.simple_tag
def icon(name: str) -> SafeString:
    """A small picture that says nothing which the words beside it do not."""
    return format_html('<svg class="icon" aria-hidden="true"><use href="{}#{}"></use></svg>', static("icons.svg"), name)


@register.filter
def activity_icon(kind: str) -> str:
    return ACTIVITY_ICONS.get(Activity.Kind(kind), "activity")

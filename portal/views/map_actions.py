"""Run, Pause, Resume, Skip to live sync and Stop: the dialog that says what will happen, and the doing."""

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from portal.forms.actions import (
    WAYS,
    WORDS,
    Action,
    Choice,
    chosen_ids,
    first_choices,
    given_backlog,
    given_choices,
    given_consent,
    included_maps,
    start_items,
)
from portal.templatetags.text import grouped
from portal.views.access import PortalRequest, may_operate, with_link
from portal.views.answers import UNPROCESSABLE, go_to
from syncengine.models import EntityMap, Link
from syncengine.services import maps as service
from syncengine.services.errors import Refused
from syncengine.services.maps import Backlog
from syncengine.states import MapState


@require_http_methods(["GET", "POST"])
@may_operate
@with_link
def map_action(request: PortalRequest, link: Link, action: str) -> HttpResponse:
    """The dialog on GET; on POST the action, or the dialog again with the reason why not."""
    asked = known_action(action)
    selected = selected_maps(request, link)
    fitting = [each for each in selected if MapState(each.state) in WORDS[asked].applies_to]
    plan = plan_of(asked, fitting)
    if request.method != "POST":
        return dialog(request, asked, selected, first_choices(plan))
    choices = given_choices(plan, request.POST)
    try:
        return act(request, asked, choices)
    except Refused as refusal:
        return dialog(request, asked, selected, choices, problem=str(refusal))


def known_action(text: str) -> Action:
    try:
        return Action(text)
    except ValueError as exc:
        raise Http404(text) from exc


def selected_maps(request: PortalRequest, link: Link) -> list[EntityMap]:
    ids = chosen_ids(request.POST if request.method == "POST" else request.GET)
    return list(EntityMap.objects.filter(link=link, pk__in=ids).select_related("link", "version"))


def plan_of(action: Action, maps: Sequence[EntityMap]) -> list[service.PlannedMap]:
    """What the action is about: with related maps for Run and Pause, the selected ones alone otherwise."""
    if not maps:
        return []
    if action is Action.RUN:
        return service.plan_start(maps)
    plan = service.plan_pause(maps)
    return plan if action is Action.PAUSE else [planned for planned in plan if not planned.is_related]


def act(request: PortalRequest, action: Action, choices: Sequence[Choice]) -> HttpResponse:
    """Raises: Refused when nothing is ticked, and what the service refuses."""
    maps = included_maps(choices)
    if not maps:
        raise Refused(_("No map is ticked. Tick at least one."))
    if action is Action.RUN:
        run = service.start_maps(request.user, items=start_items(choices))
        messages.success(request, done_text(action, len(maps)))
        return go_to(request, "run-page", run.pk)
    text = done_text(action, len(maps))
    if action in WAYS:
        text += resume(request, action, maps)
    elif action is Action.PAUSE:
        service.pause_maps(request.user, maps=maps)
    else:
        service.stop_maps(request.user, maps=maps)
    messages.success(request, text)
    return go_to(request, "map-page", maps[0].pk) if request.POST.get("from") == "map" else go_to(request, "map-list")


def resume(request: PortalRequest, action: Action, maps: Sequence[EntityMap]) -> str:
    """What became of the changes that were waiting, to be said behind the rest; "" where there were none."""
    backlog = given_backlog(action, request.POST)
    waited = service.resume_maps(request.user, maps=maps, backlog=backlog, consent=given_consent(request.POST))
    return f" {backlog_text(backlog, waited)}" if waited else ""


def backlog_text(backlog: Backlog, count: int) -> str:
    texts = {
        Backlog.CATCH_UP: ngettext(
            "%(count)s waiting change is synced first.", "%(count)s waiting changes are synced first.", count
        ),
        Backlog.KEEP_AS_ERRORS: ngettext(
            "%(count)s waiting change was kept as a sync error.",
            "%(count)s waiting changes were kept as sync errors.",
            count,
        ),
        Backlog.DISCARD: ngettext(
            "%(count)s waiting change was dropped.", "%(count)s waiting changes were dropped.", count
        ),
    }
    return texts[backlog] % {"count": grouped(count)}


def done_text(action: Action, count: int) -> str:
    texts = {
        Action.RUN: ngettext("%(count)d map is started.", "%(count)d maps are started.", count),
        Action.PAUSE: ngettext("%(count)d map is paused.", "%(count)d maps are paused.", count),
        Action.RESUME: ngettext("%(count)d map is resumed.", "%(count)d maps are resumed.", count),
        Action.SKIP: ngettext("%(count)d map is in live sync.", "%(count)d maps are in live sync.", count),
        Action.STOP: ngettext("%(count)d map is stopped.", "%(count)d maps are stopped.", count),
    }
    return texts[action] % {"count": count}


def dialog(
    request: PortalRequest, action: Action, selected: Sequence[EntityMap], choices: Sequence[Choice], problem: str = ""
) -> HttpResponse:
    """The dialog's content for HTMX, a page of its own otherwise."""
    words = WORDS[action]
    context: dict[str, Any] = {
        "action": action.value,
        "words": words,
        "title": title_of(action, sum(not choice.plan.is_related for choice in choices)) if choices else words.verb,
        "choices": choices,
        "waiting": sum(choice.plan.waiting_changes for choice in choices if choice.is_included),
        "ways": WAYS.get(action, ()),
        "way": given_backlog(action, request.POST) if action in WAYS else None,
        "may_drop": given_consent(request.POST),
        "selected": selected,
        "left_out": [each for each in selected if MapState(each.state) not in words.applies_to],
        "from": request.POST.get("from") or request.GET.get("from") or "list",
        "problem": problem,
    }
    template = "maps/_action_dialog.html" if request.htmx else "maps/action_page.html"
    return render(request, template, context, status=UNPROCESSABLE if problem else 200)


def title_of(action: Action, count: int) -> str:
    texts = {
        Action.RUN: ngettext("Run %(count)d map", "Run %(count)d maps", count),
        Action.PAUSE: ngettext("Pause %(count)d map", "Pause %(count)d maps", count),
        Action.RESUME: ngettext("Resume %(count)d map", "Resume %(count)d maps", count),
        Action.SKIP: ngettext("Skip to live sync: %(count)d map", "Skip to live sync: %(count)d maps", count),
        Action.STOP: ngettext("Stop %(count)d map", "Stop %(count)d maps", count),
    }
    return texts[action] % {"count": count}

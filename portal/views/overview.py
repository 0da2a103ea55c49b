"""How the chosen link is doing, on one page."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from portal.selectors.capture import health_of
from portal.selectors.journal import pending_of
from portal.selectors.maps import maps_by_state
from portal.selectors.runs import active_run
from portal.selectors.sync_errors import classes_of_open, newest_open
from portal.selectors.throughput import Window, throughput_of_link
from portal.views.access import PortalRequest, with_link
from portal.views.answers import live_part
from syncengine.models import Link

LAST_ERRORS = 5


@require_safe
@with_link
def overview(request: PortalRequest, link: Link) -> HttpResponse:
    return render(request, "overview/page.html", overview_context(link) | picture_context(request, link))


@require_safe
@with_link
def overview_now(request: PortalRequest, link: Link) -> HttpResponse:
    """The moving part of the page."""
    return live_part(request, part="overview/_overview_now.html", context=overview_context(link))


@require_safe
@with_link
def overview_throughput(request: PortalRequest, link: Link) -> HttpResponse:
    """The picture alone."""
    return live_part(request, part="overview/_overview_throughput.html", context=picture_context(request, link))


def overview_context(link: Link) -> dict[str, Any]:
    now = timezone.now()
    return {
        "link": link,
        "health": health_of(link),
        "states": maps_by_state(link),
        "pending": pending_of(link),
        "classes": classes_of_open(link),
        "last_errors": newest_open(link, LAST_ERRORS),
        "active": active_run(link, now=now),
    }


def picture_context(request: PortalRequest, link: Link) -> dict[str, Any]:
    """A picture of a day adds up a thousand times the rows of an hour's minute, so it is asked for less often."""
    window = window_of(request)
    return {
        "link": link,
        "throughput": throughput_of_link(link.pk, window=window, now=timezone.now()),
        "refresh_s": 2 if window is Window.HOUR else 60,
    }


def window_of(request: PortalRequest) -> Window:
    return Window.DAY if request.GET.get("window") == Window.DAY else Window.HOUR

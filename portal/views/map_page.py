"""One map: its fields, filters, queue, activity and errors, a tab each."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from portal.forms.actions import WORDS, Action
from portal.forms.lists import QueueFilter
from portal.selectors.activity import ORDER as ACTIVITY_ORDER
from portal.selectors.activity import activity_of_map
from portal.selectors.capture import capture_of_map
from portal.selectors.journal import ORDER as JOURNAL_ORDER
from portal.selectors.journal import changes_of
from portal.selectors.maps import counts_of
from portal.selectors.sync_errors import ORDER as ERROR_ORDER
from portal.selectors.sync_errors import for_list
from portal.views.access import PortalRequest, with_link
from portal.views.answers import live_part, page_or_part
from portal.views.field_lines import field_lines
from portal.views.lists import listed
from syncengine.models import EntityMap, Link, StoredSyncError
from syncengine.services import drift, environments, maps
from syncengine.states import ErrorState, LinkState, MapState


def with_map(view: Callable[[PortalRequest, EntityMap], HttpResponse]) -> Callable[..., HttpResponse]:
    """A page about one map, by its number; the frame then shows the map's link."""

    @with_link
    @wraps(view)
    def mapped(request: PortalRequest, link: Link, /, pk: int) -> HttpResponse:
        maps = EntityMap.objects.select_related("link__left", "link__right", "version")
        map_ = get_object_or_404(maps.exclude(link__state=LinkState.UNLINKED), pk=pk)
        if map_.link_id != link.pk:
            request.frame = request.frame.showing(map_.link)
        return view(request, map_)

    return mapped


def map_context(map_: EntityMap, tab: str) -> dict[str, Any]:
    """What the head of every tab shows."""
    return {
        "link": map_.link,
        "map": map_,
        "tab": tab,
        "definition": map_.definition,
        "counts": counts_of([map_.pk])[map_.pk],
        "actions": [
            (action.value, WORDS[action]) for action in Action if MapState(map_.state) in WORDS[action].applies_to
        ],
        "capture": capture_of_map(map_),
        **drift_context(map_),
    }


def drift_context(map_: EntityMap) -> dict[str, Any]:
    """What changed in the map's tables, and what that breaks."""
    found = drift.of_map(map_)
    return {"drift": found, "breaks": maps.problems_of(map_) if found else []}


@require_safe
@with_map
def map_page(request: PortalRequest, map_: EntityMap) -> HttpResponse:
    """The field mappings, read-only."""
    context = map_context(map_, "fields")
    left = environments.catalog_of(map_.link.left).table(map_.left_table)
    right = environments.catalog_of(map_.link.right).table(map_.right_table)
    lines = field_lines(context["definition"], left=left, right=right)
    return render(request, "map/fields.html", context | {"lines": lines})


@require_safe
@with_map
def map_now(request: PortalRequest, map_: EntityMap) -> HttpResponse:
    """State and facts, as the head polls them."""
    return live_part(request, part="map/_map_now.html", context=map_context(map_, ""))


@require_safe
@with_map
def map_queue(request: PortalRequest, map_: EntityMap) -> HttpResponse:
    """The changes that wait, oldest first."""
    filter_form = QueueFilter(request.GET, link=map_.link)
    rows = changes_of(map_, **filter_form.given)
    context = map_context(map_, "queue") | listed(request, rows, order=JOURNAL_ORDER)
    context["filter"] = filter_form
    return page_or_part(request, page="map/queue.html", part="map/_queue_table.html", context=context)


@require_safe
@with_map
def map_activity(request: PortalRequest, map_: EntityMap) -> HttpResponse:
    rows = activity_of_map(map_)
    context = map_context(map_, "activity") | listed(request, rows, order=ACTIVITY_ORDER)
    return page_or_part(request, page="map/activity.html", part="activity/_activity_table.html", context=context)


@require_safe
@with_map
def map_errors(request: PortalRequest, map_: EntityMap) -> HttpResponse:
    """The open errors of the map."""
    rows = StoredSyncError.objects.filter(map=map_, state=ErrorState.OPEN)
    context = map_context(map_, "errors") | listed(request, for_list(rows), order=ERROR_ORDER)
    return page_or_part(request, page="map/errors.html", part="errors/_error_table.html", context=context)

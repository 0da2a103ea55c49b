"""The filters of a map: shown, tried, and saved as a new version."""

from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from portal.forms.filters import FiltersForm
from portal.views.access import PortalRequest, may_change
from portal.views.answers import UNPROCESSABLE, go_to
from portal.views.map_page import map_context, with_map
from syncengine.models import EntityMap
from syncengine.services import filters as service
from syncengine.services.errors import Refused
from syncengine.states import MapState, Side


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What a filter does now. `line` and `caret` show where it cannot be understood."""

    side: Side
    preview: service.FilterPreview
    line: str
    caret: str


@require_http_methods(["GET", "POST"])
@with_map
def map_filters(request: PortalRequest, map_: EntityMap) -> HttpResponse:
    """Both filters; POST saves them."""
    if request.method == "POST":
        return save_filters(request, map_)
    definition = map_.definition
    filters = {"left_filter": definition.left_filter, "right_filter": definition.right_filter}
    return filters_page(request, map_, FiltersForm(initial=filters, map_=map_))


@may_change
def save_filters(request: PortalRequest, map_: EntityMap) -> HttpResponse:
    form = FiltersForm(request.POST, map_=map_)
    if not form.is_valid():
        return filters_page(request, map_, form, status=UNPROCESSABLE)
    try:
        version = service.save_filters(request.user, map=map_, **form.cleaned_data)
    except Refused as refusal:
        form.add_error(None, str(refusal))
        return filters_page(request, map_, form, tried=try_both(map_, form), status=UNPROCESSABLE)
    messages.success(request, _("Saved as version %(number)s.") % {"number": version.number})
    return go_to(request, "map-filters", map_.pk)


@require_POST
@may_change
@with_map
def filters_preview(request: PortalRequest, map_: EntityMap) -> HttpResponse:
    """How many rows the filters as typed let through; nothing is saved."""
    form = FiltersForm(request.POST, map_=map_)
    tried = try_both(map_, form) if form.is_valid() else []
    if request.htmx:
        return render(request, "map/_filters_preview.html", {"link": map_.link, "tried": tried})
    return filters_page(request, map_, form, tried=tried)


def try_both(map_: EntityMap, form: FiltersForm) -> list[Tried]:
    return [try_filter(map_, side, form.cleaned_data[f"{side}_filter"]) for side in Side]


def try_filter(map_: EntityMap, side: Side, text: str) -> Tried:
    preview = service.preview_filter(map_, side=side, text=text)
    if preview.position is None:
        return Tried(side=side, preview=preview, line="", caret="")
    line, column = line_at(text, preview.position)
    return Tried(side=side, preview=preview, line=line, caret=" " * column + "^")


def line_at(text: str, position: int) -> tuple[str, int]:
    """The line of a text in which a position lies, and where in it."""
    start = text.rfind("\n", 0, position) + 1
    end = text.find("\n", position)
    return text[start : end if end >= 0 else len(text)].rstrip("\r"), position - start


def filters_page(
    request: PortalRequest, map_: EntityMap, form: FiltersForm, *, tried: list[Tried] | None = None, status: int = 200
) -> HttpResponse:
    context = map_context(map_, "filters") | {
        "form": form,
        "tried": tried or [],
        "is_editable": map_.state == MapState.NOT_RUNNING,
    }
    return render(request, "map/filters.html", context, status=status)

"""The list of maps."""

from typing import Any

from django.http import HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from portal.forms.lists import MapFilter
from portal.selectors.counts import count_of_list
from portal.selectors.maps import map_page, maps_of
from portal.views.access import PortalRequest, with_link
from portal.views.answers import live_part, page_or_part
from syncengine.models import EntityMap, Link


@require_safe
@with_link
def map_list(request: PortalRequest, link: Link) -> HttpResponse:
    context = list_context(request, link)
    return page_or_part(request, page="maps/page.html", part="maps/_map_table.html", context=context)


@require_safe
@with_link
def map_rows(request: PortalRequest, link: Link) -> HttpResponse:
    """The rows alone, as the list polls them."""
    return live_part(request, part="maps/_map_rows.html", context=list_context(request, link))


def list_context(request: PortalRequest, link: Link) -> dict[str, Any]:
    filter_form = MapFilter(request.GET, link=link)
    given = filter_form.given
    sort = given.pop("sort")
    rows = maps_of(link, **given)
    page = map_page(rows, sort=sort, cursor=request.GET.get("cursor", ""), now=timezone.now())
    return {
        "link": link,
        "filter": filter_form,
        "sort": sort or "name",
        "page": page,
        "count": count_of_list(rows, page),
        "has_maps": bool(page.rows) or EntityMap.objects.filter(link=link).exists(),
    }

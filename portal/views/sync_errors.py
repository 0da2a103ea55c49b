"""The error log: the list, one error with both sides' values, and trying again."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from portal.forms.lists import ErrorFilter
from portal.selectors.sync_errors import ORDER, RETRY_LIMIT, classes_of_open, errors_of, for_list
from portal.views.access import PortalRequest, may_operate, with_link
from portal.views.answers import live_part, page_or_part
from portal.views.lists import listed
from portal.views.returning import back
from syncengine.models import Link, StoredSyncError
from syncengine.services import sync_errors as service
from syncengine.services.errors import Refused
from syncengine.states import ErrorState, LinkState


@require_safe
@with_link
def error_list(request: PortalRequest, link: Link) -> HttpResponse:
    context = list_context(request, link)
    if not request.htmx:
        context["classes"] = classes_of_open(link)
    return page_or_part(request, page="errors/page.html", part="errors/_error_table.html", context=context)


@require_safe
@with_link
def error_rows(request: PortalRequest, link: Link) -> HttpResponse:
    """The rows alone, as the list polls them."""
    return live_part(request, part="errors/_error_rows.html", context=list_context(request, link))


def list_context(request: PortalRequest, link: Link) -> dict[str, Any]:
    filter_form = ErrorFilter(request.GET, link=link)
    rows = errors_of(link, **filter_form.given)
    return {
        "link": link,
        "filter": filter_form,
        **listed(request, for_list(rows), order=ORDER),
        "retry_limit": RETRY_LIMIT,
        "can_retry": filter_form.given["state"] in ("", ErrorState.OPEN),
    }


@require_safe
@with_link
def error_page(request: PortalRequest, link: Link, pk: int) -> HttpResponse:
    """One error: what happened and what to do; the values follow, as the services may be slow."""
    error = error_of(pk)
    if error.map.link_id != link.pk:
        request.frame = request.frame.showing(error.map.link)
    return render(request, "errors/detail.html", {"link": error.map.link, "error": error})


@require_safe
@with_link
def error_values(request: PortalRequest, link: Link, pk: int) -> HttpResponse:
    """The record's values on both sides, read now."""
    error = error_of(pk)
    context = {"link": error.map.link, "error": error, "detail": service.detail(error)}
    return page_or_part(request, page="errors/values_page.html", part="errors/_error_values.html", context=context)


@require_POST
@may_operate
@with_link
def retry_errors(request: PortalRequest, link: Link) -> HttpResponse:
    """Tries the selected errors again, or all that match the filter."""
    ids = matching_ids(link, request.POST) if "matching" in request.POST else selected_ids(link, request.POST)
    try:
        count = service.retry(request.user, error_ids=ids) if ids else 0
    except Refused as refusal:
        messages.error(request, str(refusal))
        return back(request, "error-list")
    messages.success(request, retried_text(count)) if count else messages.warning(request, nothing_text())
    return back(request, "error-list")


def error_of(pk: int) -> StoredSyncError:
    rows = StoredSyncError.objects.select_related("map__link__left", "map__link__right", "run_map", "ended_by")
    return get_object_or_404(rows.exclude(map__link__state=LinkState.UNLINKED), pk=pk)


def selected_ids(link: Link, data: QueryDict) -> list[int]:
    """The open errors that are ticked."""
    ids = [int(text) for text in data.getlist("error") if text.isascii() and text.isdigit() and len(text) < 19]
    rows = StoredSyncError.objects.filter(pk__in=ids, state=ErrorState.OPEN)
    return list(rows.exclude(map__link__state=LinkState.UNLINKED).values_list("pk", flat=True))


def matching_ids(link: Link, data: QueryDict) -> list[int]:
    """The newest open errors that match the filter of the page, up to RETRY_LIMIT."""
    given = ErrorFilter(data, link=link).given | {"state": ErrorState.OPEN}
    return list(errors_of(link, **given).order_by(*ORDER).values_list("pk", flat=True)[:RETRY_LIMIT])


def retried_text(count: int) -> str:
    text = ngettext("%(count)d record is tried again.", "%(count)d records are tried again.", count)
    return text % {"count": count}


def nothing_text() -> str:
    return _("Nothing to retry: none of these errors is open any more.")

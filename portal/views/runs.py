"""Initial syncs: the list, and one run with its progress."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from portal.selectors import runs as selector
from portal.views.access import PortalRequest, may_operate, with_link
from portal.views.answers import go_to, live_part, page_or_part
from syncengine.models import Link, Run
from syncengine.services import runs as service
from syncengine.services.errors import Refused
from syncengine.states import LinkState


@require_safe
@with_link
def run_list(request: PortalRequest, link: Link) -> HttpResponse:
    return render(request, "runs/list.html", list_context(request, link))


@require_safe
@with_link
def run_rows(request: PortalRequest, link: Link) -> HttpResponse:
    """The rows alone, as the list polls them."""
    return live_part(request, part="runs/_run_rows.html", context=list_context(request, link))


@require_safe
@with_link
def run_page(request: PortalRequest, link: Link, pk: int) -> HttpResponse:
    run = run_of(pk)
    if run.link_id != link.pk:
        request.frame = request.frame.showing(run.link)
    return render(request, "runs/page.html", run_context(run))


@require_safe
@with_link
def run_now(request: PortalRequest, link: Link, pk: int) -> HttpResponse:
    """The moving part of a run's page."""
    return live_part(request, part="runs/_run_now.html", context=run_context(run_of(pk)))


@require_http_methods(["GET", "POST"])
@may_operate
@with_link
def run_cancel(request: PortalRequest, link: Link, pk: int) -> HttpResponse:
    """Asks on GET, naming the maps; cancels on POST."""
    run = run_of(pk)
    if run.link_id != link.pk:
        request.frame = request.frame.showing(run.link)
    if request.method != "POST":
        context = {"run": run, "unfinished": service.unfinished(run)}
        return page_or_part(request, page="runs/cancel.html", part="runs/_cancel_dialog.html", context=context)
    try:
        service.cancel(request.user, run=run)
        messages.success(request, _("Run %(number)d is cancelled. What it wrote stays.") % {"number": run.pk})
    except Refused as refusal:
        messages.error(request, str(refusal))
    return go_to(request, "run-page", run.pk)


def list_context(request: PortalRequest, link: Link) -> dict[str, Any]:
    page = selector.run_page(link, cursor=request.GET.get("cursor", ""), now=timezone.now())
    return {"link": link, "page": page}


def run_of(pk: int) -> Run:
    runs = Run.objects.select_related("link__left", "link__right", "started_by")
    return get_object_or_404(runs.exclude(link__state=LinkState.UNLINKED), pk=pk)


def run_context(run: Run) -> dict[str, Any]:
    now = timezone.now()
    rows = selector.run_map_rows(run, now=now)
    return {
        "link": run.link,
        "run": run,
        "whole": selector.run_rows([run], now=now)[0],
        "rows": rows,
        "open_errors": sum(row.open_errors for row in rows),
    }

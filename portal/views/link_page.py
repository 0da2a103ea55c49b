"""The chosen link by itself: environments and companies, and the end of it."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from portal.selectors.capture import health_of
from portal.selectors.link_page import belongings_of, companies_of
from portal.views.access import LINK_KEY, PortalRequest, may_change, with_link
from portal.views.answers import UNPROCESSABLE, go_to, live_part
from portal.views.links import posted_link
from syncengine.models import Link
from syncengine.services import links as service
from syncengine.services.errors import Refused


@require_safe
@with_link
def link_page(request: PortalRequest, link: Link) -> HttpResponse:
    return render(request, "link/page.html", page_context(link))


@require_safe
@with_link
def link_now(request: PortalRequest, link: Link) -> HttpResponse:
    """The moving part of the page."""
    return live_part(request, part="link/_link_now.html", context=page_context(link))


def page_context(link: Link) -> dict[str, Any]:
    return {"link": link, "health": health_of(link), "companies": companies_of(link)}


@require_http_methods(["GET", "POST"])
@may_change
@with_link
def link_unlink(request: PortalRequest, link: Link) -> HttpResponse:
    """Says what goes and what stays; POST unlinks, or says why not."""
    if request.method != "POST":
        return unlink_dialog(request, link)
    asked = posted_link(request)
    understood, force = "understood" in request.POST, "force" in request.POST
    try:
        service.unlink(request.user, link=asked, understood=understood, force=force)
    except Refused as refusal:
        return unlink_dialog(request, asked, problem=str(refusal))
    request.session.pop(LINK_KEY, None)
    text = _("%(name)s is unlinked. The rows of both environments stay as they are.")
    messages.success(request, text % {"name": asked.name})
    return go_to(request, "overview")


def unlink_dialog(request: PortalRequest, link: Link, problem: str = "") -> HttpResponse:
    """The dialog's content for HTMX, a page of its own otherwise."""
    context = {
        "link": link,
        "belongings": belongings_of(link),
        "at_work": service.maps_at_work(link),
        "runs": service.active_runs(link),
        "problem": problem,
    }
    template = "link/_unlink_dialog.html" if request.htmx else "link/unlink.html"
    return render(request, template, context, status=UNPROCESSABLE if problem else 200)

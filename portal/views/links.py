"""Which link the pages are about."""

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from portal.views.access import LINK_KEY, PortalRequest, with_frame
from syncengine.models import Link


@require_POST
@with_frame
def choose_link(request: PortalRequest) -> HttpResponse:
    """Remembers the chosen link for this session."""
    number = request.POST.get("link", "")
    link = get_object_or_404(Link, pk=number if number.isascii() and number.isdigit() else 0)
    request.session[LINK_KEY] = link.pk
    return redirect("overview")

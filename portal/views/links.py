"""Which link the pages are about, and which one a form was made for."""

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from portal.views.access import LINK_KEY, PortalRequest, with_frame
from syncengine.models import Link
from syncengine.states import LinkState


@require_POST
@with_frame
def choose_link(request: PortalRequest) -> HttpResponse:
    """Remembers the chosen link for this session."""
    request.session[LINK_KEY] = posted_link(request).pk
    return redirect("overview")


def posted_link(request: PortalRequest) -> Link:
    """The link that the form names, also in the frame: another one may be chosen by now, in another window."""
    number = request.POST.get("link", "")
    links = Link.objects.exclude(state=LinkState.UNLINKED).select_related("left", "right")
    link = get_object_or_404(links, pk=number if number.isascii() and number.isdigit() and len(number) < 19 else 0)
    request.frame = request.frame.showing(link)
    return link

"""What the search field in the top bar finds."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from portal.selectors.search import search as find
from portal.views.access import PortalRequest, with_link
from syncengine.models import Link


@require_safe
@with_link
def search(request: PortalRequest, link: Link) -> HttpResponse:
    text = request.GET.get("q", "").strip()[:200]
    return render(request, "search/page.html", {"link": link, "q": text, "found": find(link, text)})

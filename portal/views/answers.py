"""How pages answer: whole, in part, or not at all where nothing changed."""

import hashlib
from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.utils.cache import get_conditional_response, patch_vary_headers
from django_htmx.http import HttpResponseClientRedirect

from portal.views.access import PortalRequest

UNPROCESSABLE = 422


def page_or_part(request: PortalRequest, *, page: str, part: str, context: dict[str, Any]) -> HttpResponse:
    """The whole page, or the fragment alone where HTMX asks for it."""
    is_part = bool(request.htmx) and not request.htmx.history_restore_request
    response = render(request, part if is_part else page, context)
    patch_vary_headers(response, ["HX-Request"])
    response.headers["Cache-Control"] = "no-store"
    return response


def live_part(request: PortalRequest, *, part: str, context: dict[str, Any]) -> HttpResponse:
    """A polled fragment, with the count beside the menu; 304 where both are what the page shows already."""
    badge = render_to_string("_error_badge.html", {"is_update": True}, request)
    response = HttpResponse(f"{render_to_string(part, context, request)}<template>{badge}</template>")
    etag = f'"{hashlib.blake2b(response.content, digest_size=12).hexdigest()}"'
    response.headers["ETag"] = etag
    response.headers["Cache-Control"] = "no-store"
    unchanged = get_conditional_response(request, etag=etag, response=response)
    assert isinstance(unchanged, HttpResponse)
    return unchanged


def go_to(request: PortalRequest, to: str, *args: Any) -> HttpResponse:
    """On to another page, from a form or from HTMX."""
    answer = redirect(to, *args)
    return HttpResponseClientRedirect(answer.url) if request.htmx else answer

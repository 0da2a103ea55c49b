"""Who may see and do what, and which link a page is about.

Signing in is asked for by middleware. The two rights are Django permissions of the app syncengine; services ask for
them again.
"""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, cast

from django.contrib.auth.decorators import permission_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django_htmx.middleware import HtmxDetails

from portal.selectors.frame import Frame, frame_of
from syncengine.models import Link

LINK_KEY = "link"
P = ParamSpec("P")

may_operate = permission_required("syncengine.operate_link", raise_exception=True)
may_change = permission_required("syncengine.change_link", raise_exception=True)


class PortalRequest(HttpRequest):
    """A request of a person who is signed in, with the frame of its page."""

    user: User
    htmx: HtmxDetails
    frame: Frame


def with_frame(
    view: Callable[Concatenate[PortalRequest, P], HttpResponse],
) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    """A page that also works in a portal without a link."""

    @wraps(view)
    def framed(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        portal_request = cast(PortalRequest, request)
        portal_request.frame = frame_of(request.session.get(LINK_KEY))
        return view(portal_request, *args, **kwargs)

    return framed


def with_link(
    view: Callable[Concatenate[PortalRequest, Link, P], HttpResponse],
) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    """A page about the chosen link; a portal without one sends to Set-up."""

    @with_frame
    @wraps(view)
    def linked(request: PortalRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if request.frame.link is None:
            return redirect("set-up")
        return view(request, request.frame.link, *args, **kwargs)

    return linked

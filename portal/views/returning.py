"""Back to the page from which a form was sent."""

from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.utils.http import url_has_allowed_host_and_scheme
from django_htmx.http import HttpResponseClientRedirect

from portal.views.access import PortalRequest


def back(request: PortalRequest, otherwise: str) -> HttpResponse:
    """To the address in the form's field `next` where it is one of ours, else to the named page."""
    to = request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(to, allowed_hosts={request.get_host()}, require_https=request.is_secure()):
        to = resolve_url(otherwise)
    return HttpResponseClientRedirect(to) if request.htmx else HttpResponseRedirect(to)

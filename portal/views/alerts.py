"""Alert rules, and the notifications that they sent."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from portal.forms.alerts import AlertForm
from portal.selectors.alerts import ORDER, notifications_of, rules_of
from portal.views.access import PortalRequest, may_change, with_link
from portal.views.answers import UNPROCESSABLE, page_or_part
from portal.views.lists import listed
from syncengine.models import AlertRule, Link
from syncengine.services import alerts as service
from syncengine.services.errors import Refused


@require_safe
@with_link
def alert_list(request: PortalRequest, link: Link) -> HttpResponse:
    return render(request, "alerts/list.html", {"link": link, "rows": rules_of(link)})


@require_http_methods(["GET", "POST"])
@may_change
@with_link
def alert_add(request: PortalRequest, link: Link) -> HttpResponse:
    if request.method == "POST":
        return save(request, link, None)
    return form_page(request, link, AlertForm(link=link), None)


@require_http_methods(["GET", "POST"])
@may_change
@with_link
def alert_edit(request: PortalRequest, link: Link, pk: int) -> HttpResponse:
    rule = get_object_or_404(AlertRule, pk=pk, link=link)
    if request.method == "POST":
        return save(request, link, rule)
    return form_page(request, link, AlertForm(link=link, rule=rule), rule)


@require_http_methods(["GET", "POST"])
@may_change
@with_link
def alert_delete(request: PortalRequest, link: Link, pk: int) -> HttpResponse:
    """Asks on GET, deletes on POST."""
    rule = get_object_or_404(AlertRule, pk=pk, link=link)
    if request.method != "POST":
        return render(request, "alerts/delete.html", {"link": link, "rule": rule})
    name = rule.name
    service.delete_rule(request.user, rule=rule)
    messages.success(request, _("The rule %(name)s is deleted.") % {"name": name})
    return redirect("alert-list")


def save(request: PortalRequest, link: Link, rule: AlertRule | None) -> HttpResponse:
    form = AlertForm(request.POST, link=link, rule=rule)
    if not form.is_valid():
        return form_page(request, link, form, rule, status=UNPROCESSABLE)
    try:
        saved = service.save_rule(request.user, link=link, draft=form.draft(), rule=rule)
    except Refused as refusal:
        form.add_error(None, str(refusal))
        return form_page(request, link, form, rule, status=UNPROCESSABLE)
    messages.success(request, _("The rule %(name)s is saved.") % {"name": saved.name})
    return redirect("alert-list")


def form_page(
    request: PortalRequest, link: Link, form: AlertForm, rule: AlertRule | None, status: int = 200
) -> HttpResponse:
    return render(request, "alerts/edit.html", {"link": link, "form": form, "rule": rule}, status=status)


@require_safe
@with_link
def notifications(request: PortalRequest, link: Link) -> HttpResponse:
    rows = notifications_of(link)
    context = {"link": link, **listed(request, rows, order=ORDER)}
    part = "alerts/_notification_table.html"
    return page_or_part(request, page="alerts/notifications.html", part=part, context=context)

"""The environments that are known: tested, edited, taken out of use and back, deleted."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from portal.forms.environments import EditForm
from portal.forms.set_up import EnvironmentForm
from portal.selectors.environments import environment_rows
from portal.views.access import PortalRequest, may_change, with_frame
from portal.views.answers import UNPROCESSABLE
from syncengine.models import Environment
from syncengine.services import drift, environments
from syncengine.services import environment_admin as service
from syncengine.services.environment_admin import Tested
from syncengine.services.errors import Refused


@require_safe
@may_change
@with_frame
def environment_list(request: PortalRequest) -> HttpResponse:
    return render(request, "environments/list.html", {"rows": environment_rows()})


@require_http_methods(["GET", "POST"])
@may_change
@with_frame
def environment_add(request: PortalRequest) -> HttpResponse:
    """A new environment, tested at once."""
    form = EnvironmentForm(request.POST) if request.method == "POST" else EnvironmentForm()
    if request.method == "POST" and form.is_valid():
        try:
            added = environments.add_environment(request.user, draft=form.draft())
        except Refused as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, _("%(name)s answers and is added.") % {"name": added.name})
            return redirect("environment-page", added.pk)
    return render(request, "environments/edit.html", {"form": form}, status=UNPROCESSABLE if form.errors else 200)


@require_safe
@may_change
@with_frame
def environment_page(request: PortalRequest, pk: int) -> HttpResponse:
    return page(request, get_object_or_404(Environment.objects, pk=pk))


@require_POST
@may_change
@with_frame
def environment_test(request: PortalRequest, pk: int) -> HttpResponse:
    """What a test finds, on the page."""
    environment = get_object_or_404(Environment.objects, pk=pk)
    result = service.test(request.user, environment)
    environment.refresh_from_db()
    if request.htmx:
        return render(request, "environments/_test.html", tested(result))
    return page(request, environment, **tested(result))


@require_http_methods(["GET", "POST"])
@may_change
@with_frame
def environment_edit(request: PortalRequest, pk: int) -> HttpResponse:
    environment = get_object_or_404(Environment.objects, pk=pk)
    form = EditForm(request.POST) if request.method == "POST" else EditForm.of(environment)
    if request.method == "POST" and form.is_valid():
        try:
            service.edit(request.user, environment, draft=form.draft())
        except Refused as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, _("%(name)s answers and is saved.") % {"name": form.cleaned_data["name"]})
            return redirect("environment-page", pk)
    context = {"environment": environment, "form": form}
    return render(request, "environments/edit.html", context, status=UNPROCESSABLE if form.errors else 200)


@require_POST
@may_change
@with_frame
def environment_refresh(request: PortalRequest, pk: int) -> HttpResponse:
    def refresh(environment: Environment) -> str:
        tables = service.refresh(request.user, environment)
        return ngettext("%(tables)d table is read.", "%(tables)d tables are read.", tables) % {"tables": tables}

    return done(request, pk, refresh)


@require_POST
@may_change
@with_frame
def environment_acknowledge(request: PortalRequest, pk: int) -> HttpResponse:
    """What changed in its tables has been seen."""

    def acknowledge(environment: Environment) -> str:
        drift.acknowledge(request.user, environment)
        return _("The changes are acknowledged.")

    return done(request, pk, acknowledge)


@require_POST
@may_change
@with_frame
def environment_disable(request: PortalRequest, pk: int) -> HttpResponse:
    def disable(environment: Environment) -> str:
        service.disable(request.user, environment)
        return _("%(name)s is disabled. What changes elsewhere waits.") % {"name": environment.name}

    return done(request, pk, disable)


@require_POST
@may_change
@with_frame
def environment_enable(request: PortalRequest, pk: int) -> HttpResponse:
    def enable(environment: Environment) -> str:
        service.enable(request.user, environment)
        return _("%(name)s is enabled. What waited goes on.") % {"name": environment.name}

    return done(request, pk, enable)


@require_http_methods(["GET", "POST"])
@may_change
@with_frame
def environment_delete(request: PortalRequest, pk: int) -> HttpResponse:
    """Asks, and deletes it."""
    environment, problem = get_object_or_404(Environment.objects, pk=pk), ""
    if request.method == "POST":
        try:
            service.delete(request.user, environment)
        except Refused as refusal:
            problem = str(refusal)
        else:
            messages.success(request, _("%(name)s is deleted.") % {"name": environment.name})
            return redirect("environment-list")
    context = {"environment": environment, "links": service.links_of(environment), "problem": problem}
    return render(request, "environments/delete.html", context, status=UNPROCESSABLE if problem else 200)


def done(request: PortalRequest, pk: int, work: Callable[[Environment], str]) -> HttpResponse:
    """Back on the page, with what was done or why not."""
    environment = get_object_or_404(Environment.objects, pk=pk)
    try:
        messages.success(request, work(environment))
    except Refused as refusal:
        messages.error(request, str(refusal))
    return redirect("environment-page", pk)


def tested(result: Tested) -> dict[str, Any]:
    return {"result": result, "latency_ms": round(result.latency_s * 1000)}


def page(request: PortalRequest, environment: Environment, **more: Any) -> HttpResponse:
    context = {"links": service.links_of(environment), "environment": environment, **more}
    return render(request, "environments/page.html", context)

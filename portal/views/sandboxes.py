"""The sandboxes that Twofold runs itself: made, filled, copied, emptied, deleted. One plays in their own pages."""

from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_safe

from portal.forms.sandboxes import AboutForm, CopyForm, CreateForm, LoadForm
from portal.views.access import PortalRequest, may_change, with_frame
from portal.views.answers import UNPROCESSABLE
from syncengine.services import sandbox_admin as service
from syncengine.services.errors import Refused
from syncengine.services.sandboxes import Sandbox

P = ParamSpec("P")


def with_sandbox(
    view: Callable[Concatenate[PortalRequest, Sandbox, P], HttpResponse],
) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    """A page about one sandbox. Raises: Http404 when it is gone."""

    def found(request: PortalRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        name = str(kwargs.pop("name"))
        try:
            sandbox = service.get(request.user, name)
        except Refused as refusal:
            raise Http404(str(refusal)) from refusal
        return view(request, sandbox, *args, **kwargs)

    return may_change(with_frame(found))


@require_safe
@may_change
@with_frame
def sandbox_list(request: PortalRequest) -> HttpResponse:
    try:
        context: dict[str, Any] = {"sandboxes": service.listed(request.user)}
    except Refused as refusal:
        context = {"problem": str(refusal)}
    return render(request, "sandboxes/list.html", context)


@require_http_methods(["GET", "POST"])
@may_change
@with_frame
def sandbox_add(request: PortalRequest) -> HttpResponse:
    form = CreateForm(request.POST or None)
    if request.method != "POST" or not form.is_valid():
        return form_page(request, "sandboxes/add.html", form)
    name, kind = form.cleaned_data["name"], form.cleaned_data["kind"]
    try:
        service.create(request.user, name=name, kind=kind, has_demo=form.cleaned_data["rows"] == "demo")
    except Refused as refusal:
        form.add_error(None, str(refusal))
        return form_page(request, "sandboxes/add.html", form)
    messages.success(request, _("%(name)s is ready.") % {"name": name})
    return redirect("sandbox-page", name)


@require_http_methods(["GET", "POST"])
@with_sandbox
def sandbox_page(request: PortalRequest, sandbox: Sandbox) -> HttpResponse:
    """How to reach it, and what it tells of itself; POST changes that."""
    form = AboutForm(request.POST) if request.method == "POST" else AboutForm.of(sandbox.about)
    if request.method == "POST" and form.is_valid():
        try:
            service.change(request.user, sandbox.name, form.about())
        except Refused as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, _("The settings of %(name)s are saved.") % {"name": sandbox.name})
            return redirect("sandbox-page", sandbox.name)
    links = service.links_of(sandbox.name)
    return form_page(request, "sandboxes/page.html", form, {"sandbox": sandbox, "links": links})


@require_http_methods(["GET", "POST"])
@with_sandbox
def sandbox_load(request: PortalRequest, sandbox: Sandbox) -> HttpResponse:
    """Rows from a CSV file."""
    sets = service.sets(request.user, sandbox.name)
    form = LoadForm(request.POST, request.FILES, sets=sets) if request.method == "POST" else LoadForm(sets=sets)
    if request.method != "POST" or not form.is_valid():
        return form_page(request, "sandboxes/load.html", form, {"sandbox": sandbox})
    table, content = form.cleaned_data["table"], form.cleaned_data["file"].read()
    try:
        rows = service.load(request.user, sandbox.name, table=table, content=content)
    except Refused as refusal:
        form.add_error("file", str(refusal))
        return form_page(request, "sandboxes/load.html", form, {"sandbox": sandbox})
    text = ngettext("%(rows)d row is loaded into %(table)s.", "%(rows)d rows are loaded into %(table)s.", rows)
    messages.success(request, text % {"rows": rows, "table": table})
    return redirect("sandbox-page", sandbox.name)


@require_http_methods(["GET", "POST"])
@with_sandbox
def sandbox_copy(request: PortalRequest, sandbox: Sandbox) -> HttpResponse:
    form = CopyForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        name = form.cleaned_data["new_name"]
        try:
            service.copy(request.user, sandbox.name, new_name=name)
        except Refused as refusal:
            form.add_error("new_name", str(refusal))
        else:
            messages.success(request, _("%(name)s is ready.") % {"name": name})
            return redirect("sandbox-page", name)
    return form_page(request, "sandboxes/copy.html", form, {"sandbox": sandbox})


@require_http_methods(["GET", "POST"])
@with_sandbox
def sandbox_reset(request: PortalRequest, sandbox: Sandbox) -> HttpResponse:
    """Asks, and empties it."""
    done, problem = tried(request, sandbox, service.reset, _("%(name)s is empty."))
    if done:
        return redirect("sandbox-page", sandbox.name)
    return asking_page(request, "sandboxes/reset.html", sandbox, problem)


@require_http_methods(["GET", "POST"])
@with_sandbox
def sandbox_delete(request: PortalRequest, sandbox: Sandbox) -> HttpResponse:
    """Asks, and deletes it."""
    done, problem = tried(request, sandbox, service.delete, _("%(name)s is deleted."))
    return redirect("sandbox-list") if done else asking_page(request, "sandboxes/delete.html", sandbox, problem)


def tried(request: PortalRequest, sandbox: Sandbox, work: Callable[[User, str], None], said: str) -> tuple[bool, str]:
    """Whether the answer to the question was yes and the work is done, and else why it is not."""
    if request.method != "POST":
        return False, ""
    try:
        work(request.user, sandbox.name)
    except Refused as refusal:
        return False, str(refusal)
    messages.success(request, said % {"name": sandbox.name})
    return True, ""


def form_page(request: PortalRequest, template: str, form: Any, context: dict[str, Any] | None = None) -> HttpResponse:
    status = UNPROCESSABLE if form.errors else 200
    return render(request, template, {"form": form, **(context or {})}, status=status)


def asking_page(request: PortalRequest, template: str, sandbox: Sandbox, problem: str) -> HttpResponse:
    context = {"sandbox": sandbox, "links": service.links_of(sandbox.name), "problem": problem}
    return render(request, template, context, status=UNPROCESSABLE if problem else 200)

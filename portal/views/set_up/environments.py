"""Step 1: the two environments, known ones or new ones."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from portal.forms.set_up import KIND_OF_SIDE, EnvironmentForm, EnvironmentsForm
from portal.views.access import PortalRequest
from portal.views.answers import UNPROCESSABLE
from portal.views.set_up.draft import Draft, Step, keep
from portal.views.set_up.steps import step_page, wizard_step
from syncengine.models import Environment, Link
from syncengine.services import environments as service
from syncengine.services.errors import Refused
from syncengine.states import LinkState, Side


@require_http_methods(["GET", "POST"])
@wizard_step(Step.ENVIRONMENTS)
def environments(request: PortalRequest, draft: Draft) -> HttpResponse:
    """Which two environments are to be linked."""
    if request.method != "POST":
        return environments_page(request, draft, EnvironmentsForm(initial={"left": draft.left, "right": draft.right}))
    form = EnvironmentsForm(request.POST)
    is_whole = form.is_valid()
    chosen = [form.cleaned_data.get(side) for side in Side]
    draft = draft.with_environments(*[environment.pk if environment else None for environment in chosen])
    keep(request.session, draft)
    if "add" in request.POST:
        return redirect("set-up-environment-add")
    return redirect("set-up-companies") if is_whole else environments_page(request, draft, form, UNPROCESSABLE)


def environments_page(request: PortalRequest, draft: Draft, form: EnvironmentsForm, status: int = 200) -> HttpResponse:
    links = list(Link.objects.exclude(state=LinkState.UNLINKED).values_list("left_id", "right_id", "name"))
    linked = {number: name for left, right, name in links for number in (left, right)}
    sides = [
        {
            "side": side,
            "choices": [(known, linked.get(known.pk, "")) for known in Environment.objects.filter(kind=kind)],
            "chosen": draft.left if side is Side.LEFT else draft.right,
            "errors": form.errors.get(side, []),
            "kind": kind.label,
        }
        for side, kind in KIND_OF_SIDE.items()
    ]
    return step_page(request, draft, Step.ENVIRONMENTS, {"form": form, "sides": sides}, status=status)


@require_http_methods(["GET", "POST"])
@wizard_step(Step.ENVIRONMENTS)
def environment_add(request: PortalRequest, draft: Draft) -> HttpResponse:
    """A new environment, tested at once; it is then chosen for its side."""
    if request.method != "POST":
        kind = KIND_OF_SIDE[Side.RIGHT if draft.left and not draft.right else Side.LEFT]
        return add_page(request, draft, EnvironmentForm(initial={"kind": kind}))
    form = EnvironmentForm(request.POST)
    if not form.is_valid():
        return add_page(request, draft, form, UNPROCESSABLE)
    try:
        added = service.add_environment(request.user, draft=form.draft())
    except Refused as refusal:
        form.add_error(None, str(refusal))
        return add_page(request, draft, form, UNPROCESSABLE)
    keep(request.session, chosen_for_its_side(draft, added))
    messages.success(request, _("%(name)s answers and is added.") % {"name": added.name})
    return redirect("set-up-environments")


def add_page(request: PortalRequest, draft: Draft, form: EnvironmentForm, status: int = 200) -> HttpResponse:
    return step_page(request, draft, Step.ENVIRONMENTS, {"form": form, "is_adding": True}, status=status)


def chosen_for_its_side(draft: Draft, added: Environment) -> Draft:
    if added.kind == KIND_OF_SIDE[Side.LEFT]:
        return draft.with_environments(added.pk, draft.right)
    return draft.with_environments(draft.left, added.pk)

"""Step 4: what will be created, and the person's consent."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from portal.forms.set_up import SummaryForm
from portal.views.access import LINK_KEY, PortalRequest
from portal.views.answers import UNPROCESSABLE
from portal.views.set_up.draft import Draft, Step, keep
from portal.views.set_up.steps import pair_of, step_page, wizard_step
from syncengine.services import links as service
from syncengine.services.errors import Refused


@require_http_methods(["GET", "POST"])
@wizard_step(Step.SUMMARY)
def summary(request: PortalRequest, draft: Draft) -> HttpResponse:
    """Everything that was answered, with the way back to each; POST creates the link."""
    pair = pair_of(draft)
    if draft.link is not None:
        return redirect("set-up-solution")
    if request.method != "POST":
        form = SummaryForm(initial={"name": draft.name or f"{pair.left} ⇄ {pair.right}"})
        return step_page(request, draft, Step.SUMMARY, {"form": form, "pair": pair, "companies": draft.choices})
    form = SummaryForm(request.POST)
    draft = draft.with_name(request.POST.get("name", "")[:250])
    keep(request.session, draft)
    if "back" in request.POST:
        return redirect("set-up-checks")
    if form.is_valid() and create(request, draft, form):
        return redirect("set-up-solution")
    context = {"form": form, "pair": pair, "companies": draft.choices}
    return step_page(request, draft, Step.SUMMARY, context, status=UNPROCESSABLE)


def create(request: PortalRequest, draft: Draft, form: SummaryForm) -> bool:
    """Whether the link is made; what was refused stands at the form."""
    pair = pair_of(draft)
    try:
        link = service.create_link(
            request.user,
            name=form.cleaned_data["name"],
            left=pair.left,
            right=pair.right,
            companies=draft.choices,
            consent=form.cleaned_data["consent"],
        )
    except Refused as refusal:
        form.add_error(None, str(refusal))
        return False
    request.session[LINK_KEY] = link.pk
    keep(request.session, draft.with_link(link.pk))
    messages.success(request, _("The link %(name)s is created.") % {"name": link.name})
    return True

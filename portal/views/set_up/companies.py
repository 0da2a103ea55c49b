"""Step 2: the companies whose rows are kept equal."""

from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from portal.forms.set_up import CompaniesForm
from portal.views.access import PortalRequest
from portal.views.answers import UNPROCESSABLE
from portal.views.set_up.draft import Draft, Step, keep
from portal.views.set_up.steps import pair_of, step_page, wizard_step
from syncengine.services import environments as service
from syncengine.services.errors import Refused


@require_http_methods(["GET", "POST"])
@wizard_step(Step.COMPANIES)
def companies(request: PortalRequest, draft: Draft) -> HttpResponse:
    """Which companies of the left environment."""
    left = pair_of(draft).left
    try:
        offered = service.company_choices(left)
    except Refused as refusal:
        return step_page(request, draft, Step.COMPANIES, {"left": left, "problem": str(refusal)}, status=UNPROCESSABLE)
    if request.method != "POST":
        form = CompaniesForm(initial={"companies": [code for code, _ in draft.companies]}, offered=offered)
        return step_page(request, draft, Step.COMPANIES, {"left": left, "form": form})
    form = CompaniesForm(request.POST, offered=offered)
    is_whole = form.is_valid()
    draft = draft.with_companies(form.chosen() if is_whole else [])
    keep(request.session, draft)
    if "back" in request.POST:
        return redirect("set-up-environments")
    if is_whole:
        return redirect("set-up-checks")
    return step_page(request, draft, Step.COMPANIES, {"left": left, "form": form}, status=UNPROCESSABLE)

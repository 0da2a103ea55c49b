"""Companies of the chosen link: added while its maps work, and loaded again."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from portal.forms.link import AddCompaniesForm
from portal.views.access import PortalRequest, may_change, with_link
from portal.views.answers import UNPROCESSABLE, go_to
from portal.views.links import posted_link
from syncengine.models import Link, LinkCompany
from syncengine.services import link_companies as service
from syncengine.services.errors import Refused


@require_http_methods(["GET", "POST"])
@may_change
@with_link
def link_companies(request: PortalRequest, link: Link) -> HttpResponse:
    """Which companies are to be added, and what that sets going; POST adds them."""
    asked = posted_link(request) if request.method == "POST" else link
    try:
        offered = service.offered(asked)
    except Refused as refusal:
        return companies_page(request, asked, {"problem": str(refusal)}, UNPROCESSABLE)
    if request.method != "POST":
        return companies_page(request, asked, {"form": AddCompaniesForm(offered=offered)})
    form = AddCompaniesForm(request.POST, offered=offered)
    if not form.is_valid():
        return companies_page(request, asked, {"form": form}, UNPROCESSABLE)
    return add(request, asked, form)


def add(request: PortalRequest, link: Link, form: AddCompaniesForm) -> HttpResponse:
    chosen = form.chosen()
    try:
        run = service.add_companies(request.user, link=link, companies=chosen, consent=form.cleaned_data["consent"])
    except Refused as refusal:
        form.add_error(None, str(refusal))
        return companies_page(request, link, {"form": form}, UNPROCESSABLE)
    text = ngettext("%(count)d company is added.", "%(count)d companies are added.", len(chosen))
    messages.success(request, text % {"count": len(chosen)})
    return redirect("run-page", run.pk) if run is not None else redirect("link-page")


def companies_page(request: PortalRequest, link: Link, context: dict[str, Any], status: int = 200) -> HttpResponse:
    context = {"link": link, "plan": service.plan_load(link), **context}
    return render(request, "link/companies.html", context, status=status)


@require_http_methods(["GET", "POST"])
@may_change
@with_link
def link_load(request: PortalRequest, link: Link, code: str) -> HttpResponse:
    """Says which maps load the company again; POST does it, or says why not."""
    asked = posted_link(request) if request.method == "POST" else link
    company = get_object_or_404(LinkCompany, link=asked, code=code)
    if request.method != "POST":
        return load_dialog(request, company)
    try:
        run = service.load_again(request.user, link=asked, codes=[company.code])
    except Refused as refusal:
        return load_dialog(request, company, problem=str(refusal))
    messages.success(request, _("%(code)s is loaded again.") % {"code": company.code})
    return go_to(request, "run-page", run.pk)


def load_dialog(request: PortalRequest, company: LinkCompany, problem: str = "") -> HttpResponse:
    """The dialog's content for HTMX, a page of its own otherwise."""
    plan = service.plan_load(company.link)
    context = {"link": company.link, "company": company, "plan": plan, "problem": problem}
    template = "link/_load_dialog.html" if request.htmx else "link/load.html"
    return render(request, template, context, status=UNPROCESSABLE if problem else 200)

"""Step 5: the maps, out of a solution. It also stands alone, for a link without maps."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from portal.forms.set_up import SolutionForm
from portal.views.access import PortalRequest, may_change, with_frame
from portal.views.answers import UNPROCESSABLE
from portal.views.set_up.draft import Draft, Step, draft_of, keep
from portal.views.set_up.steps import step_page, without_gone
from syncengine.models import EntityMap, Link
from syncengine.services import solutions as service
from syncengine.services.errors import Refused


@require_http_methods(["GET", "POST"])
@may_change
@with_frame
def solution(request: PortalRequest) -> HttpResponse:
    """Which solution gives the link its maps."""
    draft = without_gone(draft_of(request.session))
    link = Link.objects.get(pk=draft.link) if draft.link is not None else request.frame.link
    if link is None:
        return redirect("set-up")
    infos = service.available()
    form = SolutionForm(request.POST if request.method == "POST" else None, names=[info.name for info in infos])
    if request.method == "POST" and form.is_valid() and apply(request, link, form):
        keep(request.session, Draft())
        return redirect("map-list")
    context = {
        "form": form,
        "to": link,
        "solutions": infos,
        "has_maps": EntityMap.objects.filter(link=link).exists(),
    }
    status = UNPROCESSABLE if request.method == "POST" else 200
    return step_page(request, draft, Step.SOLUTION, context, status=status)


def apply(request: PortalRequest, link: Link, form: SolutionForm) -> bool:
    """Whether the maps are made; what was refused stands at the form."""
    try:
        maps = service.apply_solution(request.user, link=link, name=form.cleaned_data["solution"])
    except Refused as refusal:
        form.add_error(None, str(refusal))
        return False
    count = len(maps)
    text = ngettext("%(count)d map is added.", "%(count)d maps are added.", count)
    messages.success(request, text % {"count": count})
    return True

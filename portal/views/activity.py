"""The activity log of the chosen link; of the last one where none is left."""

from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_safe

from portal.forms.lists import ActivityFilter
from portal.selectors.activity import ORDER, activity_of, unlinked
from portal.views.access import PortalRequest, with_frame
from portal.views.answers import page_or_part
from portal.views.lists import listed


@require_safe
@with_frame
def activity(request: PortalRequest) -> HttpResponse:
    link = request.frame.link or unlinked().select_related("left", "right").first()
    if link is None:
        return redirect("set-up")
    filter_form = ActivityFilter(request.GET, link=link)
    rows = activity_of(link, **filter_form.given)
    context = {"link": link, "filter": filter_form, **listed(request, rows, order=ORDER)}
    return page_or_part(request, page="activity/page.html", part="activity/_activity_table.html", context=context)

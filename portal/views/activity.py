"""The activity log of the chosen link."""

from django.http import HttpResponse
from django.views.decorators.http import require_safe

from portal.forms.lists import ActivityFilter
from portal.selectors.activity import ORDER, activity_of
from portal.views.access import PortalRequest, with_link
from portal.views.answers import page_or_part
from portal.views.lists import listed
from syncengine.models import Link


@require_safe
@with_link
def activity(request: PortalRequest, link: Link) -> HttpResponse:
    filter_form = ActivityFilter(request.GET, link=link)
    rows = activity_of(link, **filter_form.given)
    context = {"link": link, "filter": filter_form, **listed(request, rows, order=ORDER)}
    return page_or_part(request, page="activity/page.html", part="activity/_activity_table.html", context=context)

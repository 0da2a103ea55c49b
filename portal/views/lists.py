"""What every long list gives its template: a page of rows and how many there are."""

from typing import Any

from django.db import models

from portal.selectors.counts import Row, count_of_list
from portal.selectors.keyset import page_of
from portal.views.access import PortalRequest


def listed(request: PortalRequest, rows: "models.QuerySet[Row]", *, order: tuple[str, ...]) -> dict[str, Any]:
    """The page that the address asks for, and the count."""
    page = page_of(rows, order=order, cursor=request.GET.get("cursor", ""))
    return {"page": page, "count": count_of_list(rows, page)}

"""The errors that people look at: newest first, narrowed, counted by class."""

from dataclasses import dataclass

from django.db import connection, models
from django.db.models import Q

from portal.selectors.counts import LIMIT
from syncengine.errors import ErrorClass
from syncengine.models import EntityMap, Link, StoredSyncError
from syncengine.states import ErrorState

ORDER = ("-last_at", "-id")
RETRY_LIMIT = 10_000  # records that one press of a button tries again

CLASSES_SQL = """
SELECT newest.error_class, count(*) FROM (
  SELECT e.error_class FROM syncengine_syncerror e JOIN syncengine_entitymap m ON m.id = e.map_id
  WHERE m.link_id = %(link)s AND e.state = 'open' LIMIT %(limit)s) newest
GROUP BY 1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassCount:
    """Open errors of a class; at least that many where there are more than were looked at."""

    error_class: ErrorClass
    count: int
    percent: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassCounts:
    rows: list[ClassCount]
    is_exact: bool


def errors_of(
    link: Link,
    *,
    q: str = "",
    map_id: str = "",
    kind: str = "",
    state: str = "",
    side: str = "",
    company: str = "",
) -> "models.QuerySet[StoredSyncError]":
    """Errors of the link; open ones where no state is asked for. `kind` is an ErrorClass."""
    exact = {"map": map_id, "error_class": kind, "side": side, "company": company}
    rows = StoredSyncError.objects.filter(
        map__in=maps_of(link), state=state or ErrorState.OPEN, **{name: value for name, value in exact.items() if value}
    )
    return rows.filter(matching(q)) if q else rows


def maps_of(link: Link) -> list[int]:
    return list(EntityMap.objects.filter(link=link).values_list("pk", flat=True))


def matching(text: str) -> Q:
    """Errors whose key or message holds the text, or whose number it is."""
    found = Q(key__icontains=text) | Q(message__icontains=text) | Q(left_id=text) | Q(right_id=text)
    number = text.removeprefix("#")
    return found | Q(pk=int(number)) if number.isascii() and number.isdigit() and len(number) < 19 else found


def for_list(rows: "models.QuerySet[StoredSyncError]") -> "models.QuerySet[StoredSyncError]":
    """With what a line of the list needs, and without the long answers."""
    return rows.select_related("map").defer("raw", "remedy")


def classes_of_open(link: Link) -> ClassCounts:
    """Open errors by class, most first."""
    with connection.cursor() as cursor:
        cursor.execute(CLASSES_SQL, {"link": link.pk, "limit": LIMIT + 1})
        found = sorted(cursor.fetchall(), key=lambda row: (-row[1], row[0]))
    most = max((count for _, count in found), default=1)
    rows = [
        ClassCount(error_class=ErrorClass(name), count=count, percent=round(count / most * 100, 1))
        for name, count in found
    ]
    return ClassCounts(rows=rows, is_exact=sum(row.count for row in rows) <= LIMIT)


def newest_open(link: Link, count: int) -> list[StoredSyncError]:
    rows = StoredSyncError.objects.filter(map__link=link, state=ErrorState.OPEN)
    return list(for_list(rows).order_by(*ORDER)[:count])

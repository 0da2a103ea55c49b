"""The list of maps: each with its open errors, waiting changes, last record and recent records."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, models
from django.db.models import Count, Q

from portal.selectors.counts import RowCount, capped
from portal.selectors.keyset import Page, page_of
from portal.selectors.throughput import sparklines
from syncengine.models import EntityMap, Link
from syncengine.states import MapState

LIMIT = 1_000  # errors and changes of one map are counted up to here
ORDERS: dict[str, tuple[str, ...]] = {
    "name": ("name", "id"),
    "state": ("state", "name", "id"),
    "group": ("group", "name", "id"),
    "changed": ("-state_changed_at", "-id"),
}

# The orders are those of indexes; without them the few rows of one map are looked for among millions of others.
COUNTS_SQL = """
SELECT m.id,
  (SELECT count(*) FROM (
     SELECT 1 FROM syncengine_syncerror e WHERE e.map_id = m.id AND e.state = 'open'
     ORDER BY e.map_id, e.state, e.last_at DESC LIMIT %(limit)s) open),
  (SELECT count(*) FROM (
     SELECT 1 FROM syncengine_change c WHERE c.map_id = m.id AND c.state <> 'parked'
     ORDER BY c.map_id, c.row_id, c.side LIMIT %(limit)s) waiting),
  (SELECT max(t.minute) FROM syncengine_throughput t WHERE t.map_id = m.id AND t.side = 'left'),
  (SELECT max(t.minute) FROM syncengine_throughput t WHERE t.map_id = m.id AND t.side = 'right')
FROM unnest(%(maps)s::bigint[]) AS m (id)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class MapCounts:
    """`settled_at` is the minute of the last settled record, None before the first."""

    errors: RowCount
    waiting: RowCount
    settled_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MapRow:
    map: EntityMap
    counts: MapCounts
    recent: list[int]  # records written in each five minutes of the last hour; empty for none


def maps_of(link: Link, *, q: str = "", state: str = "", group: str = "") -> "models.QuerySet[EntityMap]":
    rows = EntityMap.objects.filter(link=link).select_related("version")
    if q:
        rows = rows.filter(Q(name__icontains=q) | Q(left_table__icontains=q) | Q(right_table__icontains=q))
    if state:
        rows = rows.filter(state=state)
    return rows.filter(group=group) if group else rows


def map_page(rows: "models.QuerySet[EntityMap]", *, sort: str, cursor: str, now: datetime) -> Page[MapRow]:
    """A page of maps in one of ORDERS."""
    page = page_of(rows, order=ORDERS.get(sort, ORDERS["name"]), cursor=cursor)
    return Page(rows=map_rows(page.rows, now=now), previous=page.previous, next=page.next)


def map_rows(maps: Sequence[EntityMap], *, now: datetime) -> list[MapRow]:
    ids = [each.pk for each in maps]
    counts = counts_of(ids)
    recent = sparklines(ids, now=now)
    return [MapRow(map=each, counts=counts[each.pk], recent=recent.get(each.pk, [])) for each in maps]


def counts_of(map_ids: Iterable[int]) -> dict[int, MapCounts]:
    with connection.cursor() as cursor:
        cursor.execute(COUNTS_SQL, {"maps": list(map_ids), "limit": LIMIT + 1})
        return {
            map_id: MapCounts(
                errors=capped(errors, LIMIT),
                waiting=capped(waiting, LIMIT),
                settled_at=max(filter(None, (left_at, right_at)), default=None),
            )
            for map_id, errors, waiting, left_at, right_at in cursor.fetchall()
        }


def maps_by_state(link: Link) -> dict[MapState, int]:
    """How many maps are in each state, all states named."""
    counted = EntityMap.objects.filter(link=link).order_by().values_list("state").annotate(count=Count("id"))
    found = dict(counted)
    return {state: found.get(state, 0) for state in MapState}

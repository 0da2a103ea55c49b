"""The changes that wait in the journal."""

from dataclasses import dataclass

from django.db import connection, models

from portal.selectors.counts import LIMIT
from syncengine.models import Change, EntityMap, Link
from syncengine.states import ChangeState

ORDER = ("id",)

STATES_SQL = """
SELECT pending.state, count(*) FROM (
  SELECT c.state FROM syncengine_change c
  WHERE c.map_id IN (SELECT m.id FROM syncengine_entitymap m WHERE m.link_id = %(link)s) LIMIT %(limit)s) pending
GROUP BY 1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """Changes of a link by state; at least that many where there are more than were looked at."""

    by_state: dict[ChangeState, int]
    is_exact: bool

    @property
    def total(self) -> int:
        return sum(self.by_state.values())


def pending_of(link: Link) -> Pending:
    with connection.cursor() as cursor:
        cursor.execute(STATES_SQL, {"link": link.pk, "limit": LIMIT + 1})
        found = dict(cursor.fetchall())
    by_state = {state: found.get(state.value, 0) for state in ChangeState}
    return Pending(by_state=by_state, is_exact=sum(by_state.values()) <= LIMIT)


def changes_of(map_: EntityMap, *, q: str = "", side: str = "", state: str = "") -> "models.QuerySet[Change]":
    """Changes of a map in the order in which they were seen."""
    exact = {"row_id": q, "side": side, "state": state}
    return Change.objects.filter(map=map_, **{name: value for name, value in exact.items() if value})

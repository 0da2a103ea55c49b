"""Sync errors: what the record looks like on both sides, and trying it again."""

from collections.abc import Sequence

from django.contrib.auth.models import User
from psycopg.sql import SQL

from syncengine import doorbell
from syncengine.models import Activity, EntityMap
from syncengine.services import activity
from syncengine.services.database import atomic
from syncengine.services.error_values import ErrorCell, ErrorDetail, detail
from syncengine.services.errors import Refused
from syncengine.services.permissions import Permission, require
from syncengine.states import MapState

__all__ = ["ErrorCell", "ErrorDetail", "detail", "retry"]

# A record without a change of its own gets one that looks again at both sides.
_RETRY = SQL("""
WITH chosen AS (
    SELECT e.id, e.map_id, e.side, e.left_id, e.right_id
    FROM syncengine_syncerror e JOIN syncengine_entitymap m ON m.id = e.map_id
    WHERE e.id = ANY(%(ids)s) AND e.state = 'open' AND m.state <> 'not running'
), rows AS (
    SELECT id, map_id, 'left' AS side, left_id AS row_id FROM chosen WHERE left_id IS NOT NULL
    UNION ALL
    SELECT id, map_id, 'right', right_id FROM chosen WHERE right_id IS NOT NULL
), woken AS (
    UPDATE syncengine_change c
    SET state = 'ready', attempts = 1, due_at = clock_timestamp(), waiting_table = NULL, waiting_key = NULL
    FROM rows r WHERE c.map_id = r.map_id AND c.side = r.side AND c.row_id = r.row_id
), added AS (
    INSERT INTO syncengine_change (map_id, side, row_id, operation, origin)
    SELECT o.map_id, CASE WHEN o.is_left THEN 'left' ELSE 'right' END,
           CASE WHEN o.is_left THEN o.left_id ELSE o.right_id END, 'recheck', 'twofold'
    FROM (SELECT *, left_id IS NOT NULL AND (side = 'left' OR right_id IS NULL) AS is_left FROM chosen) o
    WHERE coalesce(o.left_id, o.right_id) IS NOT NULL
      AND NOT EXISTS (SELECT FROM syncengine_change c
                      WHERE c.map_id = o.map_id AND c.side = 'left' AND c.row_id = o.left_id)
      AND NOT EXISTS (SELECT FROM syncengine_change c
                      WHERE c.map_id = o.map_id AND c.side = 'right' AND c.row_id = o.right_id)
)
SELECT map_id, count(*) FROM chosen GROUP BY map_id
""")


def retry(actor: User | None, *, error_ids: Sequence[int]) -> int:
    """How many open errors are tried again now; each closes when its record goes through.

    Errors that are not open any more and those of maps that are not running are left as they are.
    Raises: Refused when that leaves nothing because no map of theirs runs.
    """
    require(actor, Permission.OPERATE)
    with atomic() as conn, conn.cursor() as cursor:
        cursor.execute(_RETRY, {"ids": list(error_ids)})
        counts = {int(map_id): int(count) for map_id, count in cursor.fetchall()}
        if not counts:
            _refuse_idle(error_ids)
        for tried in EntityMap.objects.filter(pk__in=counts).select_related("link"):
            count = counts[tried.pk]
            text = "1 record is tried again." if count == 1 else f"{count:,} records are tried again."
            activity.record(kind=Activity.Kind.RETRY, actor=actor, map=tried, text=text)
        for lane_id in EntityMap.objects.filter(pk__in=counts).values_list("lane_id", flat=True).distinct():
            doorbell.ring(lane_id)
    return sum(counts.values())


def _refuse_idle(error_ids: Sequence[int]) -> None:
    idle = EntityMap.objects.filter(
        sync_errors__in=list(error_ids), sync_errors__state="open", state=MapState.NOT_RUNNING
    ).first()
    if idle is not None:
        raise Refused(f"{idle.name} is not running. Run it with initial sync, which tries these records again.")

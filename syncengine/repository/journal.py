"""The journal: changes not yet settled, one row a map and event."""

from collections.abc import Sequence

import polars as pl
from psycopg.sql import SQL

from syncengine.frames import array
from syncengine.repository.rows import Database, execute, lists, query

WAITED_OUT = 100  # attempts of a change that has waited for its parent as long as it may

_APPEND = SQL("""
WITH reader AS (
    SELECT m.id AS map_id, 'left' AS side, lower(m.left_table) AS table_name, 'twofold-' || l.id AS own_mark
    FROM syncengine_entitymap m JOIN syncengine_link l ON l.id = m.link_id
    WHERE l.left_id = %(environment)s AND l.state <> 'unlinked' AND m.state <> 'not running'
    UNION ALL
    SELECT m.id, 'right', lower(m.right_table), 'twofold-' || l.id
    FROM syncengine_entitymap m JOIN syncengine_link l ON l.id = m.link_id
    WHERE l.right_id = %(environment)s AND l.state <> 'unlinked' AND m.state <> 'not running'
), event AS (
    SELECT r.map_id, r.side, e.*
    FROM unnest(%(tables)s::text[], %(row_ids)s::text[], %(operations)s::text[], %(versions)s::text[],
                %(times)s::timestamptz[], %(origins)s::text[], %(positions)s::text[])
         WITH ORDINALITY AS e (table_name, row_id, operation, version, changed_at, origin, position, number)
    JOIN reader r ON r.table_name = lower(e.table_name) AND e.origin IS DISTINCT FROM r.own_mark
), appended AS (
    INSERT INTO syncengine_change (map_id, side, row_id, operation, version, changed_at, origin, position)
    SELECT e.map_id, e.side, e.row_id, e.operation, e.version, e.changed_at, e.origin, e.position
    FROM event e LEFT JOIN LATERAL (  -- a look into one index a row: as NOT EXISTS it scans all bindings for each event
        SELECT true AS is_known FROM syncengine_binding b
        WHERE e.side = 'left' AND b.map_id = e.map_id AND b.left_id = e.row_id AND b.left_version = e.version
          AND b.state = 'bound'
        UNION ALL
        SELECT true FROM syncengine_binding b
        WHERE e.side = 'right' AND b.map_id = e.map_id AND b.right_id = e.row_id AND b.right_version = e.version
          AND b.state = 'bound'
        UNION ALL
        SELECT true FROM syncengine_change c
        WHERE c.map_id = e.map_id AND c.side = e.side AND c.row_id = e.row_id AND c.version = e.version
        LIMIT 1
    ) known ON e.operation = 'upsert'
    WHERE known.is_known IS NULL
    ORDER BY e.number
    RETURNING map_id
)
SELECT a.map_id, m.lane_id, count(*) FROM appended a JOIN syncengine_entitymap m ON m.id = a.map_id GROUP BY 1, 2
""")


def append_events(conn: Database, environment_id: int, events: pl.DataFrame) -> pl.DataFrame:
    """Adds events (EVENT_SCHEMA) for every map that reads their tables and records changes.

    Left out is an event whose row version a binding already holds as agreed, or a waiting change already names, and one
    that carries the origin mark of the map's own link: the delta feed tells of that write with its version.
    Gives `map_id`, `lane_id` and `appended` of the maps that got any.
    """
    tables, row_ids, operations, versions, times, origins, positions = lists(
        events, "table", "row_id", "operation", "version", "changed_at", "origin", "position"
    )
    parameters = {
        "environment": environment_id,
        "tables": tables,
        "row_ids": row_ids,
        "operations": operations,
        "versions": versions,
        "times": times,
        "origins": origins,
        "positions": positions,
    }
    with conn.cursor() as cursor:
        cursor.execute(_APPEND, parameters)
        rows = cursor.fetchall()
    schema = {"map_id": pl.Int64, "lane_id": pl.Int64, "appended": pl.Int64}
    return pl.DataFrame(rows, schema=schema, orient="row")


TAKEN_SCHEMA: dict[str, pl.DataType] = {
    "id": pl.Int64(),
    "map_id": pl.Int64(),
    "side": pl.String(),
    "row_id": pl.String(),
    "operation": pl.String(),
    "attempts": pl.Int64(),
    "seen_at": pl.Datetime("us", "UTC"),
}

_TAKE = SQL("""
SELECT c.id, c.map_id, c.side, c.row_id, c.operation, c.attempts, c.seen_at
FROM syncengine_change c JOIN syncengine_entitymap m ON m.id = c.map_id JOIN syncengine_link l ON l.id = m.link_id
WHERE m.lane_id = %s AND m.state IN ('running', 'resuming') AND m.problem = '' AND l.state = 'linked'
  AND c.state = 'ready' AND c.due_at <= clock_timestamp()
ORDER BY c.id LIMIT %s
""")


def take(conn: Database, lane_id: int, limit: int) -> pl.DataFrame:
    """The next ready changes of a lane's maps, oldest first (TAKEN_SCHEMA). They stay in the journal until settled."""
    return query(conn, _TAKE, (lane_id, limit), TAKEN_SCHEMA)


_ASIDE = SQL("""
SELECT c.id, c.map_id, c.side, c.row_id, c.operation, c.attempts, c.seen_at
FROM syncengine_change c
JOIN unnest(%s::text[], %s::text[]) AS r (side, row_id) ON c.side = r.side AND c.row_id = r.row_id
WHERE c.map_id = %s AND (c.state IN ('parked', 'waiting') OR c.state = 'ready' AND c.id <= %s)
""")


def changes_of_rows(conn: Database, map_id: int, rows: pl.DataFrame, *, up_to: int) -> pl.DataFrame:
    """What else the journal holds for these rows (`side`, `row_id`): set aside, or ready up to that change."""
    return query(conn, _ASIDE, (*lists(rows, "side", "row_id"), map_id, up_to), TAKEN_SCHEMA)


def pending_rows(conn: Database, map_id: int) -> pl.DataFrame:
    """`side` and `row_id` of every row of the map that has a change in the journal."""
    statement = SQL("SELECT DISTINCT side, row_id FROM syncengine_change WHERE map_id = %s")
    return query(conn, statement, (map_id,), {"side": pl.String(), "row_id": pl.String()})


def remove(conn: Database, ids: Sequence[int]) -> int:
    return execute(conn, SQL("DELETE FROM syncengine_change WHERE id = ANY(%s)"), (array(ids),))


def postpone(conn: Database, rows: pl.DataFrame) -> int:
    """Sets changes (`id`, `due_at`, `attempts`) ready for a later time; what is parked stays parked."""
    statement = SQL(
        "UPDATE syncengine_change c SET state = 'ready', waiting_table = NULL, waiting_key = NULL,"
        " due_at = r.due_at, attempts = r.attempts"
        " FROM unnest(%s::bigint[], %s::timestamptz[], %s::int[]) AS r (id, due_at, attempts)"
        " WHERE c.id = r.id AND c.state <> 'parked'"
    )
    return execute(conn, statement, lists(rows, "id", "due_at", "attempts"))


def park(conn: Database, ids: Sequence[int]) -> int:
    """Sets changes aside until a new change or a person wakes them."""
    statement = SQL(
        "UPDATE syncengine_change SET state = 'parked', waiting_table = NULL, waiting_key = NULL,"
        " attempts = attempts + 1 WHERE id = ANY(%s)"
    )
    return execute(conn, statement, (array(ids),))


def wait(conn: Database, rows: pl.DataFrame) -> int:
    """Lets changes (`id`, `parent_table`, `parent_key`) wait for their parent's binding; what is parked stays so."""
    statement = SQL(
        "UPDATE syncengine_change c"
        " SET state = 'waiting', waiting_table = lower(r.parent_table), waiting_key = r.parent_key"
        " FROM unnest(%s::bigint[], %s::text[], %s::text[]) AS r (id, parent_table, parent_key)"
        " WHERE c.id = r.id AND c.state <> 'parked'"
    )
    return execute(conn, statement, lists(rows, "id", "parent_table", "parent_key"))


def wake_children(conn: Database, link_id: int, parent_table: str, keys: Sequence[str]) -> int:
    """Makes the changes ready that wait for one of these rows of a right table."""
    statement = SQL(
        "UPDATE syncengine_change c"
        " SET state = 'ready', due_at = clock_timestamp(), waiting_table = NULL, waiting_key = NULL"
        " FROM syncengine_entitymap m WHERE m.id = c.map_id AND m.link_id = %s AND c.state = 'waiting'"
        " AND c.waiting_table = lower(%s) AND c.waiting_key = ANY(%s)"
    )
    return execute(conn, statement, (link_id, parent_table, array(keys)))


def add(conn: Database, map_id: int, rows: pl.DataFrame, *, state: str = "ready") -> int:
    """Adds changes of our own making (`side`, `row_id`, `operation`, `attempts`), ready or parked."""
    statement = SQL(
        "INSERT INTO syncengine_change (map_id, side, row_id, operation, attempts, state, origin)"
        " SELECT %s, r.side, r.row_id, r.operation, r.attempts, %s, 'twofold'"
        " FROM unnest(%s::text[], %s::text[], %s::text[], %s::int[]) AS r (side, row_id, operation, attempts)"
    )
    return execute(conn, statement, (map_id, state, *lists(rows, "side", "row_id", "operation", "attempts")))


def add_waiting(conn: Database, map_id: int, rows: pl.DataFrame) -> int:
    """Adds upserts (`side`, `row_id`, `parent_table`, `parent_key`) that wait for their parent."""
    statement = SQL(
        "INSERT INTO syncengine_change (map_id, side, row_id, operation, state, waiting_table, waiting_key, origin)"
        " SELECT %s, r.side, r.row_id, 'upsert', 'waiting', lower(r.parent_table), r.parent_key, 'twofold'"
        " FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[]) AS r (side, row_id, parent_table, parent_key)"
    )
    return execute(conn, statement, (map_id, *lists(rows, "side", "row_id", "parent_table", "parent_key")))


def clear(conn: Database, map_ids: Sequence[int]) -> int:
    """Removes all changes of maps that stop: nothing is recorded while a map is not running."""
    return execute(conn, SQL("DELETE FROM syncengine_change WHERE map_id = ANY(%s)"), (array(map_ids),))


_KEEP_AS_ERRORS = SQL("""
WITH kept AS (
    UPDATE syncengine_change SET state = 'parked', waiting_table = NULL, waiting_key = NULL
    WHERE map_id = %(map)s AND state <> 'parked' RETURNING side, row_id
), record AS (
    SELECT DISTINCT k.side, CASE k.side WHEN 'left' THEN k.row_id ELSE r.left_id END AS left_id,
           CASE k.side WHEN 'right' THEN k.row_id ELSE l.right_id END AS right_id,
           coalesce(l.key, r.key, k.row_id) AS key
    FROM kept k
    LEFT JOIN syncengine_binding l
      ON l.map_id = %(map)s AND l.state = 'bound' AND k.side = 'left' AND l.left_id = k.row_id
    LEFT JOIN syncengine_binding r
      ON r.map_id = %(map)s AND r.state = 'bound' AND k.side = 'right' AND r.right_id = k.row_id
), filed AS (
    INSERT INTO syncengine_syncerror (map_id, side, left_id, right_id, key, company, error_class, code, "column",
                                      message, remedy, raw, state, attempts, created_at, last_at)
    SELECT %(map)s, side, left_id, right_id, key, '', 'conflict', '', '', %(message)s, %(remedy)s, '', 'open', 0,
           clock_timestamp(), clock_timestamp()
    FROM record ORDER BY side, key ON CONFLICT DO NOTHING
)
SELECT count(*) FROM kept
""")


def keep_as_errors(conn: Database, map_id: int) -> int:
    """Parks all that waits of a map, each record with an open sync error for a person to decide on; gives how many
    changes that were. A record that has an open error already gets no second one. `attempts` of such an error is 0:
    nobody has tried the record."""
    message = "The record changed while its map was paused or catching up, and was left behind."
    remedy = "Retry it to sync the record as it is now."
    row = conn.execute(_KEEP_AS_ERRORS, {"map": map_id, "message": message, "remedy": remedy}).fetchone()
    return int(row[0]) if row else 0


def discard(conn: Database, map_id: int) -> int:
    """Removes all that waits of a map; gives how many changes that were. What is parked stays with its sync error."""
    return execute(conn, SQL("DELETE FROM syncengine_change WHERE map_id = %s AND state <> 'parked'"), (map_id,))


def wake_orphans(conn: Database) -> list[int]:
    """Makes changes ready whose parent is bound by now although nobody woke them; gives the lanes."""
    statement = SQL(
        "UPDATE syncengine_change c"
        " SET state = 'ready', due_at = clock_timestamp(), waiting_table = NULL, waiting_key = NULL"
        " FROM syncengine_entitymap m WHERE m.id = c.map_id AND c.state = 'waiting' AND EXISTS ("
        " SELECT FROM syncengine_binding b JOIN syncengine_entitymap p ON p.id = b.map_id"
        " WHERE p.link_id = m.link_id AND lower(p.right_table) = c.waiting_table AND b.key = c.waiting_key"
        " AND b.state = 'bound') RETURNING m.lane_id"
    )
    with conn.cursor() as cursor:
        cursor.execute(statement)
        return sorted({int(row[0]) for row in cursor.fetchall()})


def expire_waiting(conn: Database, *, after_s: int) -> list[int]:
    """Lets changes be decided again that wait for a parent although its map has been running for so long: without the
    parent they become sync errors. Gives the lanes."""
    statement = SQL(
        "UPDATE syncengine_change c"
        " SET state = 'ready', due_at = clock_timestamp(), waiting_table = NULL, waiting_key = NULL,"
        " attempts = greatest(c.attempts, %s) FROM syncengine_entitymap m"
        " WHERE m.id = c.map_id AND c.state = 'waiting' AND c.seen_at < clock_timestamp() - %s * interval '1 s'"
        " AND NOT EXISTS (SELECT FROM syncengine_entitymap p WHERE p.link_id = m.link_id"
        " AND lower(p.right_table) = c.waiting_table AND (p.state IN ('initializing', 'paused', 'resuming')"
        " OR p.state_changed_at > clock_timestamp() - %s * interval '1 s'))"
        " RETURNING m.lane_id"
    )
    with conn.cursor() as cursor:
        cursor.execute(statement, (WAITED_OUT, after_s, after_s))
        return sorted({int(row[0]) for row in cursor.fetchall()})


def lanes_with_work(conn: Database) -> list[int]:
    """Lanes that nobody holds although they have changes to take."""
    statement = SQL(
        "SELECT DISTINCT m.lane_id FROM syncengine_entitymap m JOIN syncengine_lane n ON n.id = m.lane_id"
        " JOIN syncengine_link l ON l.id = m.link_id"
        " WHERE n.until < clock_timestamp() AND m.problem = '' AND l.state = 'linked' AND (m.state = 'resuming' OR"
        " m.state = 'running' AND EXISTS (SELECT FROM syncengine_change c WHERE c.map_id = m.id AND c.state = 'ready'"
        " AND c.due_at <= clock_timestamp()))"
    )
    with conn.cursor() as cursor:
        cursor.execute(statement)
        return [int(row[0]) for row in cursor.fetchall()]

"""What Twofold kept for the maps of unlinked links, taken away in chunks, so that no transaction is long."""

from psycopg.sql import SQL, Identifier

from syncengine.repository.rows import Database, execute

CHUNK_ROWS = 10_000
LOCK_WAIT_MS = 500  # dropping the partition of a map keeps every other map from its bindings while it waits

_OF_A_MAP = (
    "syncengine_change",
    "syncengine_syncerror",
    "syncengine_conflict",
    "syncengine_throughput",
    "syncengine_notification",
)


def remove_some(conn: Database, map_id: int, *, rows: int = CHUNK_ROWS) -> int:
    """Deletes up to so many rows of one of the map's tables; 0 when none is left in any."""
    for table in _OF_A_MAP:
        statement = SQL(
            "DELETE FROM {table} WHERE ctid = ANY(ARRAY(SELECT ctid FROM {table} WHERE map_id = %s LIMIT %s))"
        ).format(table=Identifier(table))
        removed = execute(conn, statement, (map_id, rows))
        if removed:
            return removed
    return 0


_PART = SQL("""
UPDATE syncengine_activity a
SET map_id = NULL, text = CASE WHEN strpos(a.text, m.name) > 0 THEN a.text ELSE m.name || ': ' || a.text END
FROM syncengine_entitymap m
WHERE m.id = a.map_id AND a.ctid = ANY(ARRAY(SELECT ctid FROM syncengine_activity WHERE map_id = %s LIMIT %s))
""")


def part_some_activity(conn: Database, map_id: int, *, rows: int = CHUNK_ROWS) -> int:
    """Up to so many lines of activity no longer need the map: they name it themselves. 0 when none does any more."""
    return execute(conn, _PART, (map_id, rows))


def wait_briefly(conn: Database) -> None:
    """For the rest of the transaction a lock that is not given soon is an error (psycopg.errors.LockNotAvailable)."""
    conn.execute(SQL("SELECT set_config('lock_timeout', %s, true)"), (f"{LOCK_WAIT_MS}ms",))

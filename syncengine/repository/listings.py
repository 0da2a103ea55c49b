"""What a table held at its last listing, and what the next one says has changed."""

from collections.abc import Iterable

import polars as pl
from psycopg.sql import SQL

from syncengine.repository.rows import Database, execute, query

EVENTS: dict[str, pl.DataType] = {"row_id": pl.String(), "operation": pl.String(), "version": pl.String()}


_LOCK = 7_141  # of advisory locks: the listing of one cursor


def alone(conn: Database, cursor_id: int) -> None:
    """Waits until nobody else lists this table, up to the end of the transaction.

    Two first listings at once would each take the other's for the last one, and every row for a new one.
    """
    conn.execute(SQL("SELECT pg_advisory_xact_lock(%s::int, %s::int)"), (_LOCK, cursor_id))


def stage(conn: Database, chunks: Iterable[pl.DataFrame]) -> int:
    """Holds a complete listing (`_row_id`, `_version`) for this transaction; gives its number of rows."""
    conn.execute(SQL("CREATE TEMP TABLE listed (row_id text, version text) ON COMMIT DROP"))
    rows = 0
    with conn.cursor() as cursor, cursor.copy("COPY listed FROM STDIN") as copy:
        for chunk in chunks:
            rows += chunk.height
            for row in chunk.select("_row_id", "_version").iter_rows():
                copy.write_row(row)
    conn.execute(SQL("ANALYZE listed"))
    return rows


_DIFFERENCE = SQL("""
SELECT coalesce(n.row_id, o.row_id),
       CASE WHEN n.row_id IS NULL THEN 'delete' ELSE 'upsert' END,
       n.version
FROM (SELECT row_id, version FROM syncengine_listing WHERE cursor_id = %s) o
FULL JOIN listed n ON n.row_id = o.row_id
WHERE o.row_id IS NULL OR n.row_id IS NULL OR o.version IS DISTINCT FROM n.version
""")


def difference(conn: Database, cursor_id: int) -> pl.DataFrame:
    """What changed between the last listing and the staged one (`row_id`, `operation`, `version`)."""
    return query(conn, _DIFFERENCE, (cursor_id,), EVENTS)


def keep(conn: Database, cursor_id: int) -> None:
    """Makes the staged listing the last one."""
    execute(
        conn,
        SQL(
            "DELETE FROM syncengine_listing o WHERE cursor_id = %s"
            " AND NOT EXISTS (SELECT FROM listed n WHERE n.row_id = o.row_id)"
        ),
        (cursor_id,),
    )
    execute(
        conn,
        SQL(
            "INSERT INTO syncengine_listing (cursor_id, row_id, version)"
            " SELECT DISTINCT ON (row_id) %s, row_id, version FROM listed"
            " ON CONFLICT (cursor_id, row_id) DO UPDATE SET version = excluded.version"
            " WHERE syncengine_listing.version IS DISTINCT FROM excluded.version"
        ),
        (cursor_id,),
    )


_AGAINST_BINDINGS = SQL("""
WITH bound AS (
    SELECT DISTINCT ON (row_id) row_id, version FROM (
        SELECT b.left_id AS row_id, b.left_version AS version, b.updated_at
        FROM syncengine_binding b JOIN syncengine_entitymap m ON m.id = b.map_id
        JOIN syncengine_link l ON l.id = m.link_id
        WHERE b.state = 'bound' AND l.left_id = %(environment)s AND lower(m.left_table) = lower(%(table)s)
          AND l.state <> 'unlinked'
        UNION ALL
        SELECT b.right_id, b.right_version, b.updated_at
        FROM syncengine_binding b JOIN syncengine_entitymap m ON m.id = b.map_id
        JOIN syncengine_link l ON l.id = m.link_id
        WHERE b.state = 'bound' AND l.right_id = %(environment)s AND lower(m.right_table) = lower(%(table)s)
          AND l.state <> 'unlinked'
    ) b ORDER BY row_id, updated_at DESC
)
SELECT coalesce(n.row_id, b.row_id), CASE WHEN n.row_id IS NULL THEN 'delete' ELSE 'upsert' END, n.version
FROM bound b FULL JOIN listed n ON n.row_id = b.row_id
WHERE b.row_id IS NULL OR n.row_id IS NULL OR b.version IS DISTINCT FROM n.version
""")


def against_bindings(conn: Database, environment_id: int, table: str) -> pl.DataFrame:
    """How the staged listing differs from what is bound (`row_id`, `operation`, `version`)."""
    with conn.cursor() as cursor:
        cursor.execute(_AGAINST_BINDINGS, {"environment": environment_id, "table": table})
        return pl.DataFrame(cursor.fetchall(), schema=EVENTS, orient="row")

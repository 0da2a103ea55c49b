"""What became of records: sync errors, conflicts and counters."""

from collections.abc import Sequence

import polars as pl
from psycopg.sql import SQL, Identifier

from syncengine.frames import array
from syncengine.repository.rows import Database, execute, lists
from syncengine.states import Side

ERROR_COLUMNS = (
    "side",
    "left_id",
    "right_id",
    "key",
    "company",
    "error_class",
    "code",
    "column",
    "message",
    "remedy",
    "raw",
)
ERROR_SCHEMA: dict[str, pl.DataType] = {name: pl.String() for name in ERROR_COLUMNS}

_AGAIN = SQL("""
UPDATE syncengine_syncerror e
SET error_class = r.error_class, code = r.code, "column" = r."column", message = r.message, remedy = r.remedy,
    raw = r.raw, side = r.side, key = r.key, left_id = coalesce(r.left_id, e.left_id),
    right_id = coalesce(r.right_id, e.right_id), attempts = e.attempts + 1, last_at = clock_timestamp()
FROM incoming r
WHERE e.map_id = %s AND e.state = 'open' AND (e.left_id = r.left_id OR e.right_id = r.right_id)
""")
_NEW = SQL("""
INSERT INTO syncengine_syncerror
    (map_id, run_map_id, side, left_id, right_id, key, company, error_class, code, "column", message, remedy, raw,
     state, attempts, created_at, last_at)
SELECT %s, %s, r.side, r.left_id, r.right_id, r.key, r.company, r.error_class, r.code, r."column", r.message, r.remedy,
       r.raw, 'open', 1, clock_timestamp(), clock_timestamp()
FROM incoming r
WHERE NOT EXISTS (SELECT FROM syncengine_syncerror e WHERE e.map_id = %s AND e.state = 'open'
                  AND (e.left_id = r.left_id OR e.right_id = r.right_id))
ON CONFLICT DO NOTHING
""")


def file_errors(conn: Database, map_id: int, errors: pl.DataFrame, *, run_map_id: int | None = None) -> None:
    """Files one open sync error a record (ERROR_SCHEMA); one that is open already is brought up to date."""
    if errors.is_empty():
        return
    types = SQL(", ").join([SQL("%s::text[]")] * len(ERROR_COLUMNS))
    names = SQL(", ").join(Identifier(name) for name in ERROR_COLUMNS)
    filled = errors.with_columns(pl.col("key", "company", "code", "column", "remedy", "raw").fill_null(""))
    conn.execute(SQL("DROP TABLE IF EXISTS incoming"))
    execute(
        conn,
        SQL("CREATE TEMP TABLE incoming ON COMMIT DROP AS SELECT * FROM unnest({}) AS r ({})").format(types, names),
        lists(filled, *ERROR_COLUMNS),
    )
    execute(conn, _AGAIN, (map_id,))
    execute(conn, _NEW, (map_id, run_map_id, map_id))
    conn.execute(SQL("DROP TABLE incoming"))


_RESOLVE = SQL("""
WITH through AS (
    SELECT id, left_id, right_id FROM syncengine_syncerror
    WHERE map_id = %(map)s AND state = 'open' AND (left_id = ANY(%(left_ids)s) OR right_id = ANY(%(right_ids)s))
), parked AS (
    SELECT t.id AS error_id, c.id FROM through t JOIN syncengine_change c ON c.map_id = %(map)s AND c.state = 'parked'
       AND (c.side = 'left' AND c.row_id = t.left_id OR c.side = 'right' AND c.row_id = t.right_id)
), superseded AS (
    DELETE FROM syncengine_change WHERE id IN (SELECT id FROM parked WHERE id <= %(up_to)s)
)
UPDATE syncengine_syncerror e SET state = 'resolved', ended_at = clock_timestamp()
FROM through t WHERE e.id = t.id AND NOT EXISTS (SELECT FROM parked p WHERE p.error_id = t.id AND p.id > %(up_to)s)
""")


def resolve_errors(
    conn: Database, map_id: int, *, left_ids: Sequence[str], right_ids: Sequence[str], up_to: int
) -> int:
    """Closes the open sync errors of records that went through, and removes what is parked for them up to that change:
    it was there before the rows were read. An error whose record has a later change parked stays open for it."""
    parameters = {"map": map_id, "left_ids": array(left_ids), "right_ids": array(right_ids), "up_to": up_to}
    with conn.cursor() as cursor:
        cursor.execute(_RESOLVE, parameters)
        return cursor.rowcount


CONFLICT_COLUMNS = ("left_id", "right_id", "key", "base", "left", "right", "decisions", "reason")


def add_conflicts(conn: Database, map_id: int, conflicts: pl.DataFrame) -> dict[str, int]:
    """Keeps what is overwritten (CONFLICT_COLUMNS; base, left, right and decisions as JSON text).

    Gives the new rows' numbers by left row id. What an earlier try noted already is not noted again.
    """
    statement = SQL(
        'INSERT INTO syncengine_conflict (map_id, left_id, right_id, key, base, "left", "right", decisions, reason, at)'
        ' SELECT %(map)s, r.left_id, r.right_id, r.key, r.base::jsonb, r."left"::jsonb, r."right"::jsonb,'
        " r.decisions::jsonb, r.reason, clock_timestamp()"
        " FROM unnest(%(left_id)s::text[], %(right_id)s::text[], %(key)s::text[], %(base)s::text[], %(left)s::text[],"
        " %(right)s::text[], %(decisions)s::text[], %(reason)s::text[])"
        ' AS r (left_id, right_id, key, base, "left", "right", decisions, reason)'
        " WHERE NOT EXISTS (SELECT FROM syncengine_conflict c WHERE c.map_id = %(map)s"
        " AND c.at > clock_timestamp() - interval '1 hour' AND c.left_id = r.left_id AND c.right_id = r.right_id"
        ' AND c."left" = r."left"::jsonb AND c."right" = r."right"::jsonb AND c.decisions = r.decisions::jsonb)'
        " RETURNING left_id, id"
    )
    values = dict(zip(CONFLICT_COLUMNS, lists(conflicts, *CONFLICT_COLUMNS), strict=True))
    return dict(conn.execute(statement, {"map": map_id, **values}).fetchall())


def drop_conflicts(conn: Database, conflict_ids: Sequence[int]) -> None:
    """Forgets what was noted and then not overwritten."""
    execute(conn, SQL("DELETE FROM syncengine_conflict WHERE id = ANY(%s)"), (array(conflict_ids),))


COUNTERS = ("creates", "updates", "deletes", "unchanged", "refused", "conflicts", "latency_ms")


def count(conn: Database, map_id: int, side: Side, counters: dict[str, int]) -> None:
    """Adds to this minute's counters of a map's target side."""
    values = [counters.get(name, 0) for name in COUNTERS]
    if not any(values):
        return
    names = SQL(", ").join(map(Identifier, COUNTERS))
    sums = SQL(", ").join(SQL("{0} = t.{0} + excluded.{0}").format(Identifier(name)) for name in COUNTERS)
    marks = SQL(", ").join([SQL("%s")] * len(COUNTERS))
    statement = SQL(
        "INSERT INTO syncengine_throughput AS t (map_id, side, minute, {names})"
        " VALUES (%s, %s, date_trunc('minute', clock_timestamp()), {marks})"
        " ON CONFLICT (map_id, side, minute) DO UPDATE SET {sums}"
    ).format(names=names, marks=marks, sums=sums)
    execute(conn, statement, (map_id, side, *values))


LEG_COUNTERS = ("read", "equal", "created", "updated", "refused", "left_to_live")


def count_leg(conn: Database, run_map_id: int, company: str, target: Side, counters: dict[str, int]) -> None:
    """Adds to the counters of one leg of a run."""
    sets = SQL(", ").join(SQL("{0} = {0} + %s").format(Identifier(name)) for name in LEG_COUNTERS)
    statement = SQL("UPDATE syncengine_runleg SET {} WHERE run_map_id = %s AND company = %s AND target = %s").format(
        sets
    )
    execute(conn, statement, (*[counters.get(name, 0) for name in LEG_COUNTERS], run_map_id, company, target))


def expect(conn: Database, run_map_id: int, target: Side, rows: dict[str, int], *, is_first: bool) -> None:
    """Adds to the rows expected on the legs (company → rows) that lead to a side; the first chunk starts from none."""
    if is_first:
        execute(
            conn,
            SQL("UPDATE syncengine_runleg SET expected = 0 WHERE run_map_id = %s AND target = %s"),
            (run_map_id, target),
        )
    statement = SQL(
        "INSERT INTO syncengine_runleg AS l"
        " (run_map_id, company, target, expected, read, equal, created, updated, refused, left_to_live)"
        " SELECT %s, r.company, %s, r.rows, 0, 0, 0, 0, 0, 0 FROM unnest(%s::text[], %s::int[]) AS r (company, rows)"
        " ON CONFLICT (run_map_id, company, target) DO UPDATE SET expected = l.expected + excluded.expected"
    )
    execute(conn, statement, (run_map_id, target, list(rows), list(rows.values())))

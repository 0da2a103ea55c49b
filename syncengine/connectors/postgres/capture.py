"""Changes of a table by its change log.

A cursor holds a snapshot of PostgreSQL: what was seen when it was made. A line belongs to a poll when the transaction
that wrote it was not yet visible in that snapshot, so a transaction that commits late is never lost and none is told
twice. Pages of one poll share the snapshot at its start. Lines behind a cursor are deleted with the next poll that
brings it, for by then what they told is in the journal.

Life of a cursor: `<installation>!<seen>` → (`<installation>!<seen>!<until>!<last line>` while pages follow) → …
It expires when the triggers were installed anew, when its lines are gone, and when the log cannot name what changed:
after TRUNCATE, and when it outgrew its limit.
"""

import re
from dataclasses import dataclass

import polars as pl
from psycopg import sql

from syncengine.catalog import Table
from syncengine.connectors.base import Poll
from syncengine.connectors.events import no_events
from syncengine.connectors.postgres import triggers
from syncengine.connectors.postgres.metadata import OWN_SCHEMA, shape_of
from syncengine.connectors.postgres.read import lines, same_key
from syncengine.connectors.postgres.session import Database, Session
from syncengine.connectors.postgres.shape import Shape, key_names, row_id
from syncengine.connectors.postgres.types import parse
from syncengine.errors import CursorExpiredError
from syncengine.states import Operation

PAGE_LINES = 10_000
_SNAPSHOT = r"\d+:\d+:(?:\d+(?:,\d+)*)?"
_CURSOR = re.compile(rf"([0-9a-f]{{32}})!({_SNAPSHOT})(?:!({_SNAPSHOT})!(\d+))?!")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """`until` and `last` are set while pages of one poll follow each other."""

    installation: str
    seen: str
    until: str = ""
    last: int = 0

    @property
    def text(self) -> str:
        parts = [self.installation, self.seen, *([self.until, str(self.last)] if self.until else []), ""]
        return "!".join(parts)


def poll(session: Session, table: Table, cursor: str | None) -> Poll:
    """Raises: CursorExpiredError, CatalogError for a table that is not there."""
    shape = shape_of(session, table)
    if cursor is None:
        return Poll(events=no_events(), cursor=_start(session, shape).text)
    position = _read(cursor, table)
    with session.database() as database:
        if not triggers.has_log(database):
            raise CursorExpiredError(f"The changes of {table.name} are no longer recorded in {session.name}.")
        _check_partitions(session, database, shape)
        with database.transaction():
            # All statements see one and the same state of table and log.
            database.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            _check(database, shape, position)
            position = position if position.until else _until_now(database, position)
            events, last, is_page_full = _events(database, shape, position)
        following = Cursor(installation=position.installation, seen=position.until)
        if is_page_full:
            following = Cursor(installation=position.installation, seen=position.seen, until=position.until, last=last)
        _trim(database, shape, position)
    return Poll(events=events, cursor=following.text, has_more=is_page_full)


def _read(text: str, table: Table) -> Cursor:
    found = _CURSOR.fullmatch(text)
    if found is None:
        raise CursorExpiredError(f"The place in the changes of {table.name} is not understood.")
    installation, seen, until, last = found.groups()
    return Cursor(installation=installation, seen=seen, until=until or "", last=int(last or 0))


def _start(session: Session, shape: Shape) -> Cursor:
    """A cursor of now, behind every transaction that wrote while the table was not captured, or no longer."""
    with session.transaction() as database:
        installation = triggers.installed(database, session, shape)
        if _is_broken(database, shape):
            # Whoever found the log closed did not note his rows; wait until he is done.
            database.execute(sql.SQL("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE").format(shape.identifier))
            database.execute(sql.SQL("TRUNCATE {}").format(triggers.log_of(shape)))
    with session.database() as database:
        row = database.execute("SELECT pg_current_snapshot()::text").fetchone()
    assert row is not None
    return Cursor(installation=installation, seen=row[0])


def _is_broken(database: Database, shape: Shape) -> bool:
    query = sql.SQL("SELECT FROM {} WHERE operation IN ('t', 'x') LIMIT 1").format(triggers.log_of(shape))
    return bool(database.execute(query).fetchall())


def _check_partitions(session: Session, database: Database, shape: Shape) -> None:
    """Raises: CursorExpiredError where rows may have come and gone in a partition that had no triggers yet."""
    bare = triggers.bare_partitions(database, shape)
    if not bare:
        return
    with database.transaction():
        triggers.installed(database, session, shape)
    for partition in bare:
        if database.execute(sql.SQL("SELECT FROM {} LIMIT 1").format(partition)).fetchall():
            raise CursorExpiredError(
                f"{shape.table.name} got a partition with rows that were not recorded; it has to be compared."
            )


def _check(database: Database, shape: Shape, position: Cursor) -> None:
    row = database.execute(
        sql.SQL(
            "SELECT installed, trimmed > pg_snapshot_xmin({}::pg_snapshot) FROM {}.captured WHERE relation = {}"
        ).format(position.seen, sql.Identifier(OWN_SCHEMA), shape.oid)
    ).fetchone()
    name = shape.table.name
    if row is None or row[0] != position.installation:
        raise CursorExpiredError(f"The changes of {name} were not recorded all the time since the last read.")
    if row[1]:
        raise CursorExpiredError(f"The changes of {name} since then were read and deleted already.")
    if _is_broken(database, shape):
        raise CursorExpiredError(f"{name} was emptied, or its change log outgrew its limit: it has to be compared.")


def _until_now(database: Database, position: Cursor) -> Cursor:
    row = database.execute("SELECT pg_current_snapshot()::text").fetchone()
    assert row is not None
    return Cursor(installation=position.installation, seen=position.seen, until=row[0])


def _events(database: Database, shape: Shape, position: Cursor) -> tuple[pl.DataFrame, int, bool]:
    """The events of a page, the number of its last line, and whether more may follow."""
    keys = key_names(shape)
    data, count = lines(database, _log_lines(shape, position))
    raw = parse(data, ["id", "operation", "at", "origin", "v", *keys], {})
    if not count:
        return no_events(), position.last, False
    events = raw.select(
        table=pl.lit(shape.table.name),
        row_id=row_id(shape),
        operation=pl.when(pl.col("operation").eq(triggers.DELETED) & pl.col("v").is_null())
        .then(pl.lit(Operation.DELETE.value))
        .otherwise(pl.lit(Operation.UPSERT.value)),
        version=pl.col("v"),
        changed_at=pl.col("at").cast(pl.Int64).cast(pl.Datetime("us", "UTC")),
        origin=pl.col("origin"),
        position=pl.col("id"),
    )
    last = int(raw["id"].cast(pl.Int64).max() or 0)  # type: ignore[arg-type]
    return events.unique("row_id", keep="last", maintain_order=True), last, count >= PAGE_LINES


def _log_lines(shape: Shape, position: Cursor) -> sql.Composed:
    """Lines of the page, a changed key as two, each with the version of its row as it is now."""
    parts = sql.SQL(", ").join(
        sql.SQL("(e.key)[{}] AS {}").format(sql.Literal(place + 1), sql.Identifier(name))
        for place, name in enumerate(key_names(shape))
    )
    return sql.SQL(
        "SELECT d.id, d.operation, d.at, d.origin, t.xmin AS v, {keys} FROM ("
        "SELECT l.id, e.operation, (extract(epoch FROM l.at) * 1000000)::bigint AS at, l.origin, {parts}"
        " FROM (SELECT * FROM {log} WHERE id > {last} AND xact >= pg_snapshot_xmin({seen}::pg_snapshot)"
        " AND NOT pg_visible_in_snapshot(xact, {seen}::pg_snapshot)"
        " AND pg_visible_in_snapshot(xact, {until}::pg_snapshot) ORDER BY id LIMIT {limit}) l"
        " CROSS JOIN LATERAL (SELECT l.key, replace(l.operation::text, 'k', 'd') AS operation WHERE l.key IS NOT NULL"
        " UNION ALL SELECT l.new_key, 'u' WHERE l.new_key IS NOT NULL) e) d LEFT JOIN {table} t ON {same} ORDER BY d.id"
    ).format(
        keys=sql.SQL(", ").join(sql.Identifier("d", name) for name in key_names(shape)),
        parts=parts,
        log=triggers.log_of(shape),
        last=position.last,
        seen=position.seen,
        until=position.until,
        limit=PAGE_LINES,
        table=shape.identifier,
        same=same_key(shape),
    )


def _trim(database: Database, shape: Shape, position: Cursor) -> None:
    """Deletes what every later cursor has behind it."""
    until = sql.SQL("pg_snapshot_xmin({}::pg_snapshot)").format(position.seen)
    query = sql.SQL("DELETE FROM {} WHERE xact < {}").format(triggers.log_of(shape), until)
    if database.execute(query).rowcount:
        database.execute(
            sql.SQL("UPDATE {}.captured SET trimmed = greatest(trimmed, {}) WHERE relation = {}").format(
                sql.Identifier(OWN_SCHEMA), until, shape.oid
            )
        )


def changes_waiting(session: Session, timeout_s: float) -> set[str]:
    with session.database() as database:
        database.execute(sql.SQL("LISTEN {}").format(sql.Identifier(triggers.CHANNEL)))
        return {each.payload for each in database.notifies(timeout=timeout_s, stop_after=1)}

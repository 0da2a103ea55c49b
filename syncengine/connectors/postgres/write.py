"""Writes to PostgreSQL: one transaction a batch.

1. Rows proven absent go straight into the table by COPY.
2. Else all rows of a kind are one statement, over arrays or, where they are many, over a temporary table that COPY
   fills. Creates leave out rows whose key is taken; updates and deletes name the version that they were decided on.
3. When a row breaks a rule of the database, the whole batch is written again row by row inside the database, which
   names every guilty row in one round trip.

What became of each row is read from the table itself, at the end of the transaction and behind its deferred
constraints: a row whose version is our transaction's is written. Hence the version, `xmin`, stands for one state of
the row: nothing changes it again under the same transaction. (After four thousand million transactions a version may
return; a row that was not looked at in all that time is compared by its values.)
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import polars as pl
import psycopg
from psycopg import sql

from syncengine.connectors.base import Outcome, WriteBatch
from syncengine.connectors.outcomes import Results
from syncengine.connectors.postgres import statements
from syncengine.connectors.postgres.errors import NOT_SUPPORTED, error_of, is_of_a_row
from syncengine.connectors.postgres.metadata import shape_of
from syncengine.connectors.postgres.parts import (
    Action,
    Part,
    back_names,
    is_addressed,
    odd_records,
    parts_of,
    with_keys,
)
from syncengine.connectors.postgres.read import lines, parsed, row_frame, unnested
from syncengine.connectors.postgres.refusals import CHANGED_SINCE, MISSING, ODD_TEXT, TAKEN
from syncengine.connectors.postgres.row_by_row import write_row_by_row
from syncengine.connectors.postgres.session import Database, Session
from syncengine.connectors.postgres.shape import Field, Shape, row_id
from syncengine.connectors.postgres.staging import stage
from syncengine.connectors.postgres.types import WHOLE
from syncengine.errors import TransientError
from syncengine.frames import CHANGED_AT, RECORD, ROW_ID, VERSION, dtype_of

STAGED_FROM = 2_000  # rows; below, arrays in the statement are quicker than a temporary table
ORIGIN, WRITING = "twofold.origin", "twofold.writing"  # session settings that the capture triggers read


@dataclass(frozen=True, slots=True, kw_only=True)
class _Write:
    """One batch against a table as it is now."""

    database: Database
    batch: WriteBatch
    shape: Shape
    parts: list[Part]


_Way = Callable[[_Write, Results], None]


def write(session: Session, batch: WriteBatch) -> Outcome:
    """Raises: CatalogError, CredentialsError, PermanentError where nothing was done for a reason that is no row's."""
    records = [record for rows in (batch.creates, batch.updates, batch.deletes) for record in rows["_record"]]
    try:
        return _written(session, batch)
    except TransientError as error:
        results = Results(table=batch.table, stored=batch.stored)
        results.postpone(records, error)
        return results.outcome()


def _written(session: Session, batch: WriteBatch) -> Outcome:
    shape = shape_of(session, batch.table)
    parts = parts_of(shape, batch)
    if not parts:
        return Results(table=batch.table, stored=batch.stored).outcome()
    *quick, last = _ways(batch)
    for way in quick:
        try:
            return _one_transaction(session, batch, shape, parts, way)
        except psycopg.Error as error:
            session.remembered.clear()
            if not is_of_a_row(error) and error.sqlstate != NOT_SUPPORTED:
                raise error_of(error, name=session.name) from error
    try:
        return _one_transaction(session, batch, shape, parts, last)
    except psycopg.Error as error:
        raise error_of(error, name=session.name) from error


def _ways(batch: WriteBatch) -> list[_Way]:
    """The ways to write a batch, the next one for when a row spoils the one before."""
    is_plain_load = batch.is_load and batch.updates.is_empty() and batch.deletes.is_empty()
    return [*([_copy] if is_plain_load else []), _together, _row_by_row]


def _one_transaction(session: Session, batch: WriteBatch, shape: Shape, parts: Sequence[Part], way: _Way) -> Outcome:
    """Raises: psycopg.Error; then nothing was written."""
    results = Results(table=batch.table, stored=batch.stored)
    database = session.open()
    with database.transaction():
        if batch.mark:
            _say(database, ORIGIN, batch.mark)
        sound = [_without_odd(part, results) for part in parts]
        known = [_with_keys(database, part) for part in sound if part.rows.height]
        way(_Write(database=database, batch=batch, shape=shape, parts=known), results)
    return results.outcome()


def _say(database: Database, name: str, value: str) -> None:
    database.execute(sql.SQL("SELECT set_config({}, {}, true)").format(name, value))


def _without_odd(part: Part, results: Results) -> Part:
    odd = odd_records(part)
    if not odd.any():
        return part
    for record in part.only(part.rows.filter(odd)).records:
        results.refuse(record, ODD_TEXT)
    return part.only(part.rows.filter(~odd))


def _with_keys(database: Database, part: Part) -> Part:
    """Creates whose keys the database assigns get them before they are written, so that they can be told apart."""

    def assigned(field: Field, number: int) -> list[str]:
        query = sql.SQL("SELECT ({})::text FROM generate_series(1, {})").format(sql.SQL(field.default), number)
        return [row[0] for row in database.execute(query)]

    return with_keys(part, assigned) if part.action is Action.INSERT else part


# --- the ways


def _copy(work: _Write, results: Results) -> None:
    """Straight into the table, where its rows can be found again and no default has to fill a gap."""
    (part,) = work.parts or (None,)
    if part is None:
        return
    has_gaps = any(field.default and part.rows[f"c{n}"].null_count() for n, field in enumerate(part.fields))
    if has_gaps or len(part.fields) < 2 or not is_addressed(part):
        _together(work, results)
        return
    _name_own_write(work, part)
    values = part.rows.select(f"c{place}" for place in range(len(part.fields)))
    with work.database.cursor() as cursor, cursor.copy(statements.copy_in(part)) as copy:
        copy.write(values.write_csv(include_header=False))
    _raise_sequences(work, part)
    _end_writing(work)
    if _is_stored_as_sent(work, part):
        _store_as_sent(work, part, results)
    else:
        addresses = part.only(part.rows.select("n", *back_names(part.shape)))
        _settle(work, addresses, _source(work, addresses), results)


def _together(work: _Write, results: Results) -> None:
    if not all(map(is_addressed, work.parts)):
        _row_by_row(work, results)
        return
    sources = [_source(work, part) for part in work.parts]
    for part, source in zip(work.parts, sources, strict=True):
        _send(work, part, source)
    _end_writing(work)
    for part, source in zip(work.parts, sources, strict=True):
        _settle(work, part, source, results)


def _row_by_row(work: _Write, results: Results) -> None:
    work.database.execute("SET CONSTRAINTS ALL IMMEDIATE")
    for part in work.parts:
        _name_own_write(work, part)
        done = write_row_by_row(work.database, part, results)
        _raise_sequences(work, part)
        if part.action is Action.DELETE:
            results.delete(done.records, done.rows["r"].to_list())
        elif done.rows.height:
            _store(work, done, unnested(done.rows), results, only_ours=False)


def _source(work: _Write, part: Part) -> sql.Composed:
    return unnested(part.rows) if part.rows.height < STAGED_FROM else stage(work.database, part)


def _send(work: _Write, part: Part, source: sql.Composed) -> None:
    if part.action is not Action.INSERT and part.rows.height > 1:
        work.database.execute(statements.lock(part, source))
    _name_own_write(work, part)
    work.database.execute(_STATEMENTS[part.action](part, source))
    _raise_sequences(work, part)


_STATEMENTS: dict[Action, Callable[[Part, sql.Composable], sql.Composed]] = {
    Action.INSERT: statements.insert,
    Action.UPDATE: statements.update,
    Action.DELETE: statements.delete,
}


def _name_own_write(work: _Write, part: Part) -> None:
    """Tells the capture triggers to leave out what this statement itself writes, and nothing that follows from it."""
    if work.batch.mark:
        _say(work.database, WRITING, f"{part.shape.oid}:{part.action}")


def _end_writing(work: _Write) -> None:
    if work.batch.mark:
        _say(work.database, WRITING, "")
    work.database.execute("SET CONSTRAINTS ALL IMMEDIATE")


def _raise_sequences(work: _Write, part: Part) -> None:
    if part.action is Action.INSERT:
        for place, field in enumerate(part.fields):
            if field.sequence and part.rows[f"c{place}"].null_count() < part.rows.height:
                work.database.execute(statements.raise_sequence(part, place))


# --- what became of the rows


def _settle(work: _Write, part: Part, source: sql.Composed, results: Results) -> None:
    if part.action is Action.DELETE:
        _settle_deletes(work, part, source, results)
        return
    present = _store(work, part, source, results, only_ours=True)
    for record, is_there in present.items():
        if part.action is Action.INSERT:
            results.refuse(record, TAKEN)
        else:
            results.refuse(record, CHANGED_SINCE if is_there else MISSING)


def _store(work: _Write, part: Part, source: sql.Composed, results: Results, *, only_ours: bool) -> dict[int, bool]:
    """Enters the rows that are written. Gives the others, and whether each is there at all."""
    data, _ = lines(work.database, statements.read_back(part, source, work.batch.stored))
    raw = parsed(work.shape, work.batch.stored, data, extra=("n", "m")).with_columns(pl.col("n").cast(pl.UInt32))
    ours = raw.filter(pl.col("m") == "t") if only_ours else raw
    rows = row_frame(work.shape, work.batch.stored, ours)
    # Two creates of one key in a batch are one row, and the first of them made it.
    is_first = (
        rows[ROW_ID].is_first_distinct() if part.action is Action.INSERT else pl.repeat(True, rows.height, eager=True)
    )
    records = ours["n"].filter(is_first)
    results.write(records.to_list(), rows.filter(is_first))
    there, written = set(raw["n"]), set(records)
    return {record: record in there for record in part.records if record not in written}


def _is_stored_as_sent(work: _Write, part: Part) -> bool:
    """Whether the rows need not be read to know what is stored: not, where the server rounds, fills in or changes."""
    places = {field: f"c{place}" for place, field in enumerate(part.fields)}
    stored = [work.shape.field(name) for name in work.batch.stored]
    given = {*work.batch.creates.columns, work.shape.table.id_column}
    if not given.issuperset(work.batch.stored) or not places.keys() >= {*stored, *work.shape.key}:
        return False
    if any(field.base not in _PLAIN_KEYS for field in work.shape.key):
        return False
    if not all(_is_kept(field, part.rows[places[field]]) for field in stored):
        return False
    (may_change,) = work.database.execute(statements.may_change_rows(work.shape)).fetchone() or (True,)
    return not may_change


_PLAIN_KEYS = frozenset({*WHOLE, "uuid", "text", "varchar"})  # sent as they are part of a row id
_UUID = r"^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$"


def _is_kept(field: Field, sent: pl.Series) -> bool:
    if field.base == "uuid":
        return bool(sent.str.contains(_UUID).fill_null(True).all())
    if field.column.max_length is not None and bool((sent.str.len_chars() > field.column.max_length).any()):
        return False  # blanks beyond the length are cut off without a word
    return field.is_exact


def _store_as_sent(work: _Write, part: Part, results: Results) -> None:
    """Every row of a COPY has the version of the transaction that it was made in."""
    (version,) = work.database.execute("SELECT pg_current_xact_id()::xid::text").fetchone() or ("",)
    places = {field.name: f"c{place}" for place, field in enumerate(part.fields)}
    sent = part.rows.with_columns(pl.col("n").cast(pl.UInt32)).join(
        work.batch.creates.select(pl.col(RECORD).alias("n"), *_typed(work)), on="n", maintain_order="left"
    )
    values = [
        (pl.col(f"_{name}") if f"_{name}" in sent.columns else pl.col(places[work.shape.field(name).name])).alias(name)
        for name in work.batch.stored
    ]
    nothing = pl.lit(None, dtype=pl.Datetime("us", "UTC")).alias(CHANGED_AT)
    rows = sent.select(row_id(part.shape).alias(ROW_ID), pl.lit(version).alias(VERSION), nothing, *values)
    results.write(sent["n"].to_list(), rows)


def _typed(work: _Write) -> list[pl.Expr]:
    """The stored columns as they were given; an id that we chose is among the rows' texts only."""
    table, given = work.shape.table, work.batch.creates.columns
    return [
        pl.col(name).cast(dtype_of(work.shape.field(name).column)).alias(f"_{name}")
        for name in work.batch.stored
        if name in given and name != table.id_column
    ]


def _settle_deletes(work: _Write, part: Part, source: sql.Composed, results: Results) -> None:
    left = work.database.execute(statements.left(part, source)).fetchall()
    still_there = {int(row[0]) for row in left}
    for record in still_there:
        results.refuse(record, CHANGED_SINCE)
    gone = part.rows.filter(~pl.col("n").cast(pl.UInt32).is_in(list(still_there)))
    results.delete(gone["n"].cast(pl.UInt32).to_list(), gone["r"].to_list())

"""Results settled: bindings, journal, sync errors, conflicts and counters, in one portal transaction.

A crash before the transaction repeats the batch. That is harmless: what was written is found by its key or refused by
its precondition, both sides are read again, and equal values need no write.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from syncengine.decide import Verdict
from syncengine.errors import ErrorClass
from syncengine.pipeline.filing import errors_of
from syncengine.pipeline.results import verdict_in
from syncengine.pipeline.work import Work
from syncengine.repository import bindings, journal, outcomes
from syncengine.repository.rows import Database
from syncengine.states import BindingState, Operation, Side

VANISHED_RETRIES_S = (1, 5, 30)  # a row that was not found is looked for again after these
REFUSED_RETRIES_S = (0, 0, 1, 5, 30)  # a refused precondition, or a parent that may be on its way
RETRIED = frozenset(
    {
        ErrorClass.CONFLICT,
        ErrorClass.MISSING,
        ErrorClass.DUPLICATE,
        ErrorClass.MISSING_PARENT,
        ErrorClass.THROTTLE,
        ErrorClass.TRANSIENT,
    }
)
MAX_BOUNCES = 5  # a record that the target changes after each of our writes is parked as a loop


@dataclass(frozen=True, slots=True, kw_only=True)
class Sorted:
    """Records by what happens to them; each is in exactly one of the first four."""

    done: pl.DataFrame
    again: pl.DataFrame  # with due_at
    waiting: pl.DataFrame
    failed: pl.DataFrame


def sort_out(records: pl.DataFrame, now: datetime) -> Sorted:
    """Records with results (see `results`) by what happens to them next."""
    refused = pl.coalesce("left_error_class_refused", "right_error_class_refused")
    due = pl.max_horizontal("left_due", "right_due")
    is_retried = refused.is_in([error_class.value for error_class in RETRIED])
    retry_due = _due_after(now, REFUSED_RETRIES_S)
    vanished_due = _due_after(now, VANISHED_RETRIES_S)
    is_unknown_parent = (  # a row of the target's side whose own pair may be on its way
        verdict_in(Verdict.UNMAPPED)
        & (pl.col("problem_error_class") == ErrorClass.MISSING_PARENT)
        & pl.col("problem_parent_key").is_null()
    ).fill_null(False)
    again = (
        pl.when(is_unknown_parent)
        .then(retry_due)
        .when(refused.is_null())
        .then(pl.when(verdict_in(Verdict.VANISHED)).then(vanished_due).otherwise(due))
        .when(is_retried)
        .then(pl.max_horizontal(retry_due, pl.when(retry_due.is_not_null()).then(due)))
    )
    loops = pl.col("attempts") >= MAX_BOUNCES
    bounced = pl.col("left_bounced") | pl.col("right_bounced")
    failed = (
        refused.is_not_null()
        | verdict_in(
            Verdict.UNMAPPED,
            Verdict.VANISHED,
            Verdict.PARTNER_UNKNOWN,
            Verdict.KEY_MISSING,
            Verdict.KEY_CHANGED,
            Verdict.KEY_TAKEN,
        )
        | (bounced & loops)
    )
    fate = (
        pl.when(again.is_not_null())
        .then(pl.lit("again"))
        .when(verdict_in(Verdict.WAITS))
        .then(pl.lit("waiting"))
        .when(failed)
        .then(pl.lit("failed"))
        .otherwise(pl.lit("done"))
    )
    sorted_records = records.with_columns(due_at=again, fate=fate, refused=refused, is_loop=bounced & loops)
    return Sorted(
        **{name: sorted_records.filter(pl.col("fate") == name) for name in ("done", "again", "waiting", "failed")}
    )


def _due_after(now: datetime, delays_s: tuple[int, ...]) -> pl.Expr:
    """The time of the next try after so many attempts; null when there is none left."""
    attempts = pl.col("attempts")
    times = [now + timedelta(seconds=delay_s) for delay_s in delays_s]
    return pl.coalesce(*[pl.when(attempts == number).then(pl.lit(time)) for number, time in enumerate(times)])


def note_conflicts(conn: Database, work: Work, records: pl.DataFrame) -> dict[str, int]:
    """Keeps what the write that follows will overwrite; gives the conflict rows' numbers by left row id.

    Before the write, since after a crash or a lost answer both sides agree and nothing tells any more what was there.
    """
    conflicts = conflicts_of(work, records)
    return outcomes.add_conflicts(conn, work.map_id, conflicts) if conflicts.height else {}


def settle(
    conn: Database,
    work: Work,
    fates: Sorted,
    *,
    now: datetime,
    noted: Mapping[str, int],
    run_map_id: int | None = None,
) -> None:
    """Stores the fates of records; the caller's transaction also holds the fence. `noted`: see `note_conflicts`."""
    _keep_pairs(conn, work, fates.done)
    _journal(conn, work, fates)
    outcomes.file_errors(conn, work.map_id, errors_of(work, fates.failed), run_map_id=run_map_id)
    outcomes.resolve_errors(
        conn,
        work.map_id,
        left_ids=fates.done["left_id"].drop_nulls().to_list(),
        right_ids=fates.done["right_id"].drop_nulls().to_list(),
        up_to=max(_ids(fates.done), default=0),
    )
    unwritten = [noted[left_id] for left_id in _left_alone(fates) if left_id in noted]
    if unwritten:
        outcomes.drop_conflicts(conn, unwritten)
    for side, counters in counters_of(fates, now).items():
        outcomes.count(conn, work.map_id, side, counters)


def pairs_of(work: Work, done: pl.DataFrame) -> pl.DataFrame:
    """The pairs to keep as bound, with their new base."""
    pairs = done.filter(verdict_in(Verdict.SYNC, Verdict.CREATE_LEFT, Verdict.CREATE_RIGHT))
    pairs = pairs.filter(pl.col("left_id").is_not_null() & pl.col("right_id").is_not_null())
    for side in Side:
        pairs = pairs.with_columns(_without_deferred(work, pairs, side))
    key = pl.when(pl.col("is_bound")).then(pl.coalesce("key", "new_key")).otherwise(pl.coalesce("new_key", "key"))
    return pairs.with_columns(key=key).select(
        "binding_id", "left_id", "right_id", "key", "left_version", "right_version", "left_base", "right_base"
    )


def _without_deferred(work: Work, pairs: pl.DataFrame, side: Side) -> pl.Expr:
    """The side's base without the source columns of deferred look-ups, so that they still count as changed."""
    base = pl.col(f"{side}_base")
    creates = Verdict.CREATE_RIGHT if side is Side.LEFT else Verdict.CREATE_LEFT
    for lookup in work.compiled.lookups:
        if not lookup.is_self:
            continue
        for column in _source_columns(work, lookup.path, side):
            is_deferred = (pl.col("verdict") == creates) & pl.col("deferred").list.contains(lookup.path).fill_null(
                False
            )
            base = pl.when(is_deferred).then(base.str.replace(_json_member(column), f'"{column}":null')).otherwise(base)
    return base.alias(f"{side}_base")


def _json_member(column: str) -> str:
    return rf'"{column}":"(?:[^"\\]|\\.)*"'


def _source_columns(work: Work, path: str, side: Side) -> list[str]:
    """The columns of the side that feed, or are, the look-up of that path."""
    lines = [line for line in work.compiled.fields if line.lookup is not None and line.lookup.path == path]
    if side is Side.LEFT:
        return [line.left.name for line in lines if line.left is not None]
    return [line.right.name for line in lines if line.right is not None]


def _keep_pairs(conn: Database, work: Work, done: pl.DataFrame) -> None:
    pairs = pairs_of(work, done)
    if pairs.height:
        bindings.save(conn, work.map_id, pairs)
    deleted = done.filter(verdict_in(Verdict.GONE, Verdict.DELETE_LEFT, Verdict.DELETE_RIGHT))
    unlinked = done.filter(verdict_in(Verdict.UNLINK))
    for rows, state in ((deleted, BindingState.DELETED), (unlinked, BindingState.UNLINKED)):
        ids = rows["binding_id"].drop_nulls().to_list()
        if ids:
            bindings.set_state(conn, work.map_id, ids, state)
    unpaired = _deleted_unpaired(done)
    if unpaired.height:
        bindings.remember_deleted(conn, work.map_id, unpaired)


def _deleted_unpaired(done: pl.DataFrame) -> pl.DataFrame:
    """Rows that were made and deleted before they were paired."""
    gone = [pl.col(f"{side}_gone") & ~pl.col(f"{side}_there") for side in Side]
    return done.filter(verdict_in(Verdict.NOTHING), ~pl.col("is_bound"), gone[0] | gone[1])


def _journal(conn: Database, work: Work, fates: Sorted) -> None:
    journal.remove(conn, _ids(fates.done))
    journal.park(conn, _ids(fates.failed))
    if fates.again.height:
        journal.postpone(conn, _postponed(fates.again))
    if fates.waiting.height:
        rows = fates.waiting.explode("change_ids").select(
            pl.col("change_ids").alias("id"),
            pl.col("problem_parent_table").alias("parent_table"),
            pl.col("problem_parent_key").alias("parent_key"),
        )
        journal.wait(conn, rows.drop_nulls("id"))
    follow_ups = _follow_ups(fates.done)
    if follow_ups.height:
        journal.add(conn, work.map_id, follow_ups)
    keys = pairs_of(work, fates.done)["key"].drop_nulls().to_list()
    if keys:
        journal.wake_children(conn, work.link_id, work.compiled.definition.right_table, keys)


def _ids(records: pl.DataFrame) -> list[int]:
    return records["change_ids"].explode().drop_nulls().to_list()


def _postponed(records: pl.DataFrame) -> pl.DataFrame:
    """The changes of records to try again; being throttled is not an attempt."""
    is_throttled = pl.col("refused").is_null() & ~verdict_in(Verdict.VANISHED, Verdict.UNMAPPED)
    attempts = pl.when(is_throttled).then("attempts").otherwise(pl.col("attempts") + 1)
    return (
        records.select(pl.col("change_ids").alias("id"), "due_at", attempts.alias("attempts"))
        .explode("id")
        .drop_nulls("id")
    )


def _follow_ups(done: pl.DataFrame) -> pl.DataFrame:
    """Changes of our own making: values that the target changed after our write, and deferred look-ups."""
    parts = [
        done.filter(pl.col(f"{side}_bounced")).select(
            side=pl.lit(str(side)),
            row_id=f"{side}_id",
            operation=pl.lit(Operation.UPSERT.value),
            attempts=pl.col("attempts") + 1,
        )
        for side in Side
    ]
    source = {Verdict.CREATE_RIGHT: Side.LEFT, Verdict.CREATE_LEFT: Side.RIGHT}
    parts += [
        done.filter(verdict_in(verdict) & pl.col("deferred").is_not_null()).select(
            side=pl.lit(str(side)),
            row_id=f"{side}_id",
            operation=pl.lit(Operation.UPSERT.value),
            attempts=pl.lit(0, dtype=pl.Int64),
        )
        for verdict, side in source.items()
    ]
    return pl.concat(parts)


def _left_alone(fates: Sorted) -> list[str]:
    """Left row ids of the records whose overwriting was refused; without an answer it may have happened."""
    refused = pl.concat([fates.again, fates.failed], how="diagonal_relaxed")
    happened = [
        (pl.col("overwritten").list.set_intersection(f"write_{side}").list.len() > 0)
        & pl.col(f"{side}_error_class_refused").is_null()
        for side in Side
    ]
    rows = refused.filter(pl.col("overwritten").list.len() > 0, ~(happened[0] | happened[1]))
    return rows["left_id"].drop_nulls().to_list()


def conflicts_of(work: Work, records: pl.DataFrame) -> pl.DataFrame:
    """A conflict row for each record in which a value is overwritten that the other side does not know."""
    rows = records.filter(verdict_in(Verdict.SYNC) & (pl.col("overwritten").list.len() > 0))
    sides = {side: _values(work, side, side[0]) for side in Side}
    bases = {side: _values(work, side, f"{side[0]}b") for side in Side}
    return rows.select(
        "left_id",
        "right_id",
        key=pl.coalesce("written_key", "key", pl.lit("")),
        base=pl.when("has_base").then(_object(left=bases[Side.LEFT], right=bases[Side.RIGHT])),
        left=sides[Side.LEFT],
        right=sides[Side.RIGHT],
        decisions=_decisions(),
        reason=_reason(),
    )


def _values(work: Work, side: Side, prefix: str) -> pl.Expr:
    """The compared columns of a side as JSON."""
    names = {(line.left if side is Side.LEFT else line.right): number for number, line in enumerate(work.fields)}
    if not names:
        return pl.lit("{}")
    return pl.struct(pl.col(f"{prefix}{number}").alias(name) for name, number in names.items()).struct.json_encode()


def _object(**members: pl.Expr) -> pl.Expr:
    """A JSON object of members that are JSON already."""
    texts = [pl.concat_str(pl.lit(f'"{name}":'), value) for name, value in members.items()]
    return pl.concat_str(pl.lit("{"), pl.concat_str(texts, separator=","), pl.lit("}"))


def _decisions() -> pl.Expr:
    pairs = pl.col("overwritten").list.eval(pl.concat_str(pl.lit('"'), pl.element(), pl.lit('"')))
    members = pl.concat_str(
        pairs.list.join(pl.concat_str(pl.lit(':"'), pl.col("winner"), pl.lit('",'))),
        pl.lit(':"'),
        pl.col("winner"),
        pl.lit('"'),
    )
    return pl.concat_str(pl.lit("{"), members, pl.lit("}"))


def _reason() -> pl.Expr:
    first = (
        pl.lit("First contact: the rows were paired by their key, and the ")
        + pl.col("winner")
        + pl.lit(" side counts.")
    )
    both = pl.lit("Both sides changed since they last agreed; the ") + pl.col("winner") + pl.lit(" side is the master.")
    return pl.when("has_base").then(both).otherwise(first)


def counters_of(fates: Sorted, now: datetime) -> Mapping[Side, dict[str, int]]:
    """What to add to this minute's counters, a set for each target side.

    A record that was not written, or was refused, counts for the side that its change would have gone to.
    """
    return {side: _counters(fates, side, now) for side in Side}


def _counters(fates: Sorted, side: Side, now: datetime) -> dict[str, int]:
    creates = verdict_in(Verdict.CREATE_LEFT if side is Side.LEFT else Verdict.CREATE_RIGHT)
    deletes = verdict_in(Verdict.DELETE_LEFT if side is Side.LEFT else Verdict.DELETE_RIGHT)
    updates = verdict_in(Verdict.SYNC) & pl.col(f"{side}_written")
    idle = ~pl.col("left_written") & ~pl.col("right_written")
    goes_left = pl.col("right_event") & ~pl.col("left_event")
    for_side = goes_left if side is Side.LEFT else ~goes_left
    overwritten = (
        verdict_in(Verdict.SYNC) & (pl.col("overwritten").list.len() > 0) & (pl.col("winner") == str(side.other))
    )
    latency_ms = (pl.lit(now) - pl.col("seen_at")).dt.total_milliseconds().clip(0)
    counted = fates.done.select(
        creates=creates.sum(),
        updates=updates.sum(),
        deletes=deletes.sum(),
        unchanged=(idle & for_side).sum(),
        conflicts=overwritten.sum(),
        latency_ms=latency_ms.filter(creates | deletes | updates).sum(),
    )
    refused = fates.failed.select(for_side.sum()).item()
    return {**counted.row(0, named=True), "refused": refused}

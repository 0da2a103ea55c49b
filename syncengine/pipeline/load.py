"""Initial sync of one map, through the same steps as live sync: read both sides, join, decide, write, settle.

    prepare   count both sides, forget an unfinished spool
    read      left then right, chunk by chunk, onto the disk
    write     bucket by bucket, slice by slice: one slice is decided, written and settled at once

Capture runs before the first read. A row that has a change in the journal is left to live sync, and rows are written
only against the versions that were read, so a load never overwrites what happened meanwhile. Every step can be
repeated: rows written before a crash are found bound, or equal.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import polars as pl

from syncengine.decide import Verdict
from syncengine.mapping.filters.ast import Filter, In, all_of
from syncengine.pipeline import imaging, reading, spool
from syncengine.pipeline.comparing import decided
from syncengine.pipeline.holding import held
from syncengine.pipeline.pairing import Take
from syncengine.pipeline.parents import company_rows
from syncengine.pipeline.reading import COMPANY, INSIDE, KEY, WRITTEN_KEY
from syncengine.pipeline.results import results, verdict_in
from syncengine.pipeline.settling import Sorted, note_conflicts, settle, sort_out
from syncengine.pipeline.work import Work
from syncengine.pipeline.writing import write
from syncengine.repository import bindings, journal, outcomes
from syncengine.repository.rows import Database
from syncengine.states import BindingState, Side

SLICE_RECORDS = 4_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """Where a load goes on. `cursor` and `chunk` belong to the side being read; `bucket` and `offset` to writing."""

    phase: str = "prepare"  # prepare, read left, read right, write, done
    buckets: int = 1
    cursor: str | None = None
    chunk: int = 0
    bucket: int = 0
    offset: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What a load needs: `fence` is a transaction that commits only while the lease holds, and `save` stores a
    checkpoint within it."""

    run_map_id: int
    work: Work
    folder: Path
    writes: bool
    fence: Callable[[], AbstractContextManager[None]]
    save: Callable[[Checkpoint], None]
    now: Callable[[], datetime]


def steps(conn: Database, load: Load, checkpoint: Checkpoint) -> Iterator[Checkpoint]:
    """Works on from the checkpoint; yields after each step whose checkpoint is stored. The last one is done."""
    while checkpoint.phase != "done":
        match checkpoint.phase:
            case "prepare":
                checkpoint = _prepare(conn, load)
                yield checkpoint
            case "read left":
                for reached in _read(conn, load, checkpoint, Side.LEFT, then="read right"):
                    yield (checkpoint := reached)
            case "read right":
                for reached in _read(conn, load, checkpoint, Side.RIGHT, then="write"):
                    yield (checkpoint := reached)
            case _:
                for reached in _write(conn, load, checkpoint):
                    yield (checkpoint := reached)


def _prepare(conn: Database, load: Load) -> Checkpoint:
    spool.clear(load.folder)
    load.folder.mkdir(parents=True, exist_ok=True)
    rows = [
        load.work.connectors[side].count(load.work.table(side), where)
        for side in Side
        if (where := _where(conn, load.work, side)) is not _NOTHING
    ]
    checkpoint = Checkpoint(phase="read left", buckets=spool.buckets_for(max(rows, default=0)))
    with load.fence():
        load.save(checkpoint)
    return checkpoint


_NOTHING = In(column="", values=())


def _where(conn: Database, work: Work, side: Side) -> Filter | None:
    """The map's filter on that side and its companies; `_NOTHING` where no row can fit."""
    where = work.compiled.where(side)
    company = work.compiled.definition.company
    if company is None or work.companies is None:
        return where
    if side is Side.LEFT:
        return all_of(where, In(column=company.left, values=work.companies))
    rows = company_rows(conn, work, work.companies)
    if rows.is_empty():
        return _NOTHING
    column = company.right.split(".")[0]
    return all_of(where, In(column=column, values=tuple(rows["row_id"].to_list())))


def _read(conn: Database, load: Load, checkpoint: Checkpoint, side: Side, *, then: str) -> Iterator[Checkpoint]:
    where, work = _where(conn, load.work, side), load.work
    after = replace(checkpoint, phase=then, cursor=None, chunk=0)
    if where is not _NOTHING and not (checkpoint.chunk and checkpoint.cursor is None):
        chunks = work.connectors[side].chunks(
            work.table(side), columns=work.columns(side), where=where, after=checkpoint.cursor
        )
        for number, chunk in enumerate(chunks, checkpoint.chunk):
            rows = _joinable(conn, work, side, reading.judged(conn, work, side, chunk.rows))
            spool.write_chunk(load.folder, side, number, rows, buckets=checkpoint.buckets)
            checkpoint = replace(checkpoint, cursor=chunk.cursor, chunk=number + 1)
            with load.fence():
                _expect(conn, load, side, rows, is_first=number == 0)
                load.save(checkpoint)
            yield checkpoint
    with load.fence():
        load.save(after)
    yield after


def _joinable(conn: Database, work: Work, side: Side, rows: pl.DataFrame) -> pl.DataFrame:
    """Rows that pass, with the key that joins them: of a bound row the one that it was bound under."""
    rows = rows.filter(pl.col(INSIDE))
    ids = {Side.LEFT: [], Side.RIGHT: [], side: rows["_row_id"].to_list()}
    known = bindings.of_rows(conn, work.map_id, left_ids=ids[Side.LEFT], right_ids=ids[Side.RIGHT])
    keys = known.filter(pl.col("state") == BindingState.BOUND).select(
        pl.col(f"{side}_id").alias("_row_id"), pl.col("key").alias("_bound_key")
    )
    joined = rows.join(keys.unique("_row_id"), on="_row_id", how="left")
    return joined.with_columns(pl.coalesce("_bound_key", KEY).alias(spool.JOIN)).drop("_bound_key")


def _expect(conn: Database, load: Load, side: Side, rows: pl.DataFrame, *, is_first: bool) -> None:
    counts = rows.group_by(pl.col(COMPANY).fill_null("")).len() if load.work.companies is not None else None
    expected = {"": rows.height} if counts is None else {str(name): int(count) for name, count in counts.iter_rows()}
    outcomes.expect(conn, load.run_map_id, side.other, expected, is_first=is_first)


def _write(conn: Database, load: Load, checkpoint: Checkpoint) -> Iterator[Checkpoint]:
    for bucket in range(checkpoint.bucket, checkpoint.buckets):
        rows = {side: _bucket_rows(conn, load, side, bucket) for side in Side}
        records = _joined(conn, load.work, rows)
        offset = checkpoint.offset if bucket == checkpoint.bucket else 0
        while offset < records.height:
            part = records.slice(offset, SLICE_RECORDS)
            offset += part.height
            checkpoint = replace(checkpoint, bucket=bucket, offset=offset)
            _write_slice(conn, load, part, rows, checkpoint)
            yield checkpoint
    done = replace(checkpoint, phase="done")
    with load.fence():
        load.save(done)
    spool.clear(load.folder)
    yield done


def _bucket_rows(conn: Database, load: Load, side: Side, bucket: int) -> pl.DataFrame:
    rows = spool.read_bucket(load.folder, side, bucket)
    return rows if rows is not None else _joinable(conn, load.work, side, reading.read(conn, load.work, side, []))


def _joined(conn: Database, work: Work, rows: dict[Side, pl.DataFrame]) -> pl.DataFrame:
    """One record a pair or single row: bound pairs first joined on their binding, the others on the integration key."""
    known = bindings.of_rows(
        conn,
        work.map_id,
        left_ids=rows[Side.LEFT]["_row_id"].to_list(),
        right_ids=rows[Side.RIGHT]["_row_id"].to_list(),
    )
    bound = known.filter(pl.col("state") == BindingState.BOUND).drop("state")
    loose = {
        side: rows[side]
        .select(
            pl.col("_row_id").alias(f"{side}_id"),
            pl.col(spool.JOIN).alias("new_key"),
        )
        .join(bound.select(f"{side}_id"), on=f"{side}_id", how="anti")
        for side in Side
    }
    singles = {side: frame.with_columns(key_taken=_is_second()) for side, frame in loose.items()}
    keyed = {
        side: frame.filter(pl.col("new_key").is_not_null() & ~pl.col("key_taken")) for side, frame in singles.items()
    }
    rest = [frame.filter(pl.col("new_key").is_null() | pl.col("key_taken")) for frame in singles.values()]
    pairs = keyed[Side.LEFT].join(keyed[Side.RIGHT].drop("key_taken"), on="new_key", how="full", coalesce=True)
    everything = pl.concat([bound.with_columns(new_key="key"), pairs, *rest], how="diagonal_relaxed")
    return _as_records(everything.sort("new_key", "left_id", "right_id"), rows)


def _is_second() -> pl.Expr:
    """Rows of one side that fold to a key that an earlier row has: never joined, always listed."""
    return pl.col("new_key").is_not_null() & ~pl.col("new_key").is_first_distinct()


def _as_records(pairs: pl.DataFrame, rows: dict[Side, pl.DataFrame]) -> pl.DataFrame:
    """In the shape that `decide` takes: both sides were read, nobody told of a change."""
    records = pairs
    for side in Side:
        read = rows[side].select(
            pl.col("_row_id").alias(f"{side}_id"),
            pl.lit(True).alias(f"{side}_there"),
            pl.col("_version").alias(f"{side}_read_version"),
            pl.col(KEY).alias(f"{side}_key"),
            pl.col(COMPANY).alias(f"{side}_company"),
            pl.col(WRITTEN_KEY).alias(f"{side}_written_key"),
        )
        records = records.join(read, on=f"{side}_id", how="left").with_columns(
            pl.col(f"{side}_there").fill_null(False),
            pl.coalesce(f"{side}_read_version", f"{side}_version").alias(f"{side}_version"),
            pl.lit(True).alias(f"{side}_seen"),
            pl.lit(True).alias(f"{side}_in"),
            pl.lit(False).alias(f"{side}_event"),
            pl.lit(False).alias(f"{side}_gone"),
        )
    is_bound = pl.col("binding_id").is_not_null()
    moved = [(is_bound & (pl.col(f"{side}_key") != pl.col("key"))).fill_null(False) for side in Side]
    return records.with_columns(
        is_bound=is_bound,
        is_known=is_bound,
        has_base=is_bound & pl.col("left_base").is_not_null() & pl.col("right_base").is_not_null(),
        has_key=pl.col("new_key").is_not_null(),
        key_taken=pl.col("key_taken").fill_null(False),
        key_changed=moved[0] | moved[1],
        company=pl.coalesce("left_company", "right_company"),
        written_key=pl.coalesce("left_written_key", "right_written_key"),
        attempts=pl.lit(0, dtype=pl.Int64),
        change_ids=pl.lit([], dtype=pl.List(pl.Int64)),
    )


def _write_slice(
    conn: Database, load: Load, part: pl.DataFrame, rows: dict[Side, pl.DataFrame], checkpoint: Checkpoint
) -> None:
    work = load.work
    part = part.with_columns(seen_at=pl.lit(load.now())).with_row_index("record")
    part, live = _without_pending(conn, work, part)
    sides = {
        side: rows[side].join(part.select(pl.col(f"{side}_id").alias("_row_id")), on="_row_id", how="semi")
        for side in Side
    }
    images = {side: imaging.images_of(conn, work, side, sides[side]) for side in Side}
    take = Take(records=part, rows=sides, images=images)
    records = held(work, take, decided(work, take))
    if not load.writes:
        records = _compared_only(records)
    with load.fence():
        noted = note_conflicts(conn, work, records)
    written = write(work, take, records, is_load=True)
    now = load.now()
    fates = sort_out(results(work, take, records, written), now)
    with load.fence():
        settle(conn, work, fates, now=now, noted=noted, run_map_id=load.run_map_id)
        _set_aside(conn, work, fates)
        for company, target, counters in _leg_counters(work, fates, live):
            outcomes.count_leg(conn, load.run_map_id, company, target, counters)
        load.save(checkpoint)


def _without_pending(conn: Database, work: Work, part: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The records without those that have a change waiting, and those."""
    pending = journal.pending_rows(conn, work.map_id)
    waits = pl.lit(False)
    for side in Side:
        ids = pending.filter(pl.col("side") == str(side))["row_id"].to_list()
        waits = waits | pl.col(f"{side}_id").is_in(ids).fill_null(False)
    return part.filter(~waits), part.filter(waits)


def _compared_only(records: pl.DataFrame) -> pl.DataFrame:
    """Nothing is written: pairs are bound as they are, differences and rows without a partner stay."""
    creates = verdict_in(Verdict.CREATE_LEFT, Verdict.CREATE_RIGHT)
    empty = pl.lit([], dtype=pl.List(pl.String))
    return records.with_columns(
        verdict=pl.when(creates).then(pl.lit(Verdict.NOTHING.value)).otherwise("verdict"),
        write_left=empty,
        write_right=empty,
        overwritten=empty,
    )


def _set_aside(conn: Database, work: Work, fates: Sorted) -> None:
    """Records that did not go through get a change in the journal: parked, waiting, or for live sync to look at."""
    if fates.failed.height:
        journal.add(conn, work.map_id, _changes(fates.failed), state="parked")
    if fates.again.height:
        journal.add(conn, work.map_id, _changes(fates.again))
    if fates.waiting.height:
        waiting = _changes(fates.waiting).with_columns(
            parent_table=fates.waiting["problem_parent_table"], parent_key=fates.waiting["problem_parent_key"]
        )
        journal.add_waiting(conn, work.map_id, waiting)


def _changes(records: pl.DataFrame) -> pl.DataFrame:
    is_left = pl.col("left_id").is_not_null()
    return records.select(
        side=pl.when(is_left).then(pl.lit("left")).otherwise(pl.lit("right")),
        row_id=pl.coalesce("left_id", "right_id"),
        operation=pl.lit("recheck"),
        attempts=pl.lit(0, dtype=pl.Int64),
    )


def _leg_counters(work: Work, fates: Sorted, live: pl.DataFrame) -> Iterator[tuple[str, Side, dict[str, int]]]:
    """Counters of each company and target. A row counts as read on the leg that leads away from its side."""
    fated = pl.concat([fates.done, fates.again, fates.waiting, fates.failed], how="diagonal_relaxed")
    everything = pl.concat([fated, live.with_columns(fate=pl.lit("live"))], how="diagonal_relaxed")
    everything = everything.with_columns(company=pl.col("company").fill_null(""))
    for (company,), rows in everything.group_by("company"):
        for target in Side:
            yield str(company), target, _counters(rows, target)


def _counters(rows: pl.DataFrame, target: Side) -> dict[str, int]:
    came = pl.col(f"{target.other}_there") if f"{target.other}_there" in rows.columns else pl.lit(False)
    create = Verdict.CREATE_LEFT if target is Side.LEFT else Verdict.CREATE_RIGHT
    is_done = pl.col("fate") == "done"
    created = is_done & verdict_in(create)
    updated = is_done & verdict_in(Verdict.SYNC) & pl.col(f"{target}_written")
    failed = came & pl.col("fate").is_in(["failed", "waiting"])
    to_live = came & pl.col("fate").is_in(["again", "live"])
    counted = rows.select(
        read=came.sum(),
        created=created.sum(),
        updated=updated.sum(),
        refused=failed.sum(),
        left_to_live=to_live.sum(),
        equal=(came & is_done & ~created & ~updated).sum(),
    )
    return {name: int(value or 0) for name, value in counted.row(0, named=True).items()}

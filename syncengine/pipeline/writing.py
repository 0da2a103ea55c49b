"""Decisions turned into one write batch a side, and what became of each record."""

from dataclasses import dataclass
from uuid import UUID, uuid5

import polars as pl

from syncengine.catalog import Table
from syncengine.connectors.base import Outcome, WriteBatch
from syncengine.decide import Verdict
from syncengine.frames import CHANGED, RECORD, ROW_ID, VERSION
from syncengine.pipeline.pairing import Take
from syncengine.pipeline.work import Work
from syncengine.states import Side

NAMESPACE = UUID("6f3f0a4e-7b1f-5d53-9a52-2b1f7f4c9f10")  # of the row ids that we give to rows we create

CREATES = {Side.LEFT: Verdict.CREATE_LEFT, Side.RIGHT: Verdict.CREATE_RIGHT}
DELETES = {Side.LEFT: Verdict.DELETE_LEFT, Side.RIGHT: Verdict.DELETE_RIGHT}


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """One side's batch and its outcome. `batch` holds what was sent; None where there was nothing to write."""

    batch: WriteBatch | None
    outcome: Outcome | None


def write(work: Work, take: Take, records: pl.DataFrame, *, is_load: bool = False) -> dict[Side, Written]:
    """Writes what the records' verdicts ask for: at most one call of each side's connector."""
    return {side: _write_side(work, take, records, side, is_load) for side in Side}


def _write_side(work: Work, take: Take, records: pl.DataFrame, side: Side, is_load: bool) -> Written:
    batch = WriteBatch(
        table=work.table(side),
        creates=_creates(work, take, records, side),
        updates=_updates(work, take, records, side),
        deletes=_deletes(records, side),
        stored=work.columns(side),
        mark=work.mark,
        is_load=is_load,
    )
    if batch.creates.is_empty() and batch.updates.is_empty() and batch.deletes.is_empty():
        return Written(batch=None, outcome=None)
    return Written(batch=batch, outcome=work.connectors[side].write(batch))


def target_columns(work: Work, side: Side, rows: pl.DataFrame) -> list[str]:
    """The columns of an image frame that are columns of the target table."""
    return [name for name in rows.columns if work.table(side).column(name) is not None]


def _creates(work: Work, take: Take, records: pl.DataFrame, side: Side) -> pl.DataFrame:
    images = take.images[side.other].rows
    columns = target_columns(work, side, images)
    wanted = records.filter(pl.col("verdict") == CREATES[side]).select(
        pl.col("record").alias(RECORD), pl.col(f"{side.other}_id").alias("_source")
    )
    rows = wanted.join(images, left_on="_source", right_on=ROW_ID, how="inner")
    rows = rows.with_columns(_own_id(work, work.table(side), rows).alias(ROW_ID)).select(RECORD, ROW_ID, *columns)
    return _with_defaults(rows, work, side)


def _own_id(work: Work, table: Table, rows: pl.DataFrame) -> pl.Series:
    """A GUID that the same source row gets every time, where the table's row id is ours to give."""
    if not table.id_column:
        return pl.Series([None] * rows.height, dtype=pl.String)
    ids = [str(uuid5(NAMESPACE, f"{work.map_id}|{source}")) for source in rows["_source"]]
    return pl.Series(ids, dtype=pl.String)


def _with_defaults(rows: pl.DataFrame, work: Work, side: Side) -> pl.DataFrame:
    """Constants of columns that have no source: written when the row is created."""
    return rows.with_columns(*[literal.alias(name) for name, literal in work.compiled.create_defaults(side).items()])


def _updates(work: Work, take: Take, records: pl.DataFrame, side: Side) -> pl.DataFrame:
    images = take.images[side.other].rows
    columns = target_columns(work, side, images)
    wanted = records.filter((pl.col("verdict") == Verdict.SYNC) & (pl.col(f"write_{side}").list.len() > 0)).select(
        pl.col("record").alias(RECORD),
        pl.col(f"{side.other}_id").alias("_source"),
        pl.col(f"{side}_id").alias("_target"),
        pl.col(f"{side}_version").alias(VERSION),
        pl.col(f"write_{side}").alias(CHANGED),
    )
    rows = wanted.join(images.drop("_target", strict=False), left_on="_source", right_on=ROW_ID, how="inner")
    always = work.compiled.update_defaults(side)
    return rows.with_columns(
        *[literal.alias(name) for name, literal in always.items()],
        pl.col(CHANGED).list.concat(pl.lit(list(always), dtype=pl.List(pl.String))),
    ).select(
        RECORD,
        pl.col("_target").alias(ROW_ID),
        VERSION,
        CHANGED,
        *columns,
        *(name for name in always if name not in columns),
    )


def _deletes(records: pl.DataFrame, side: Side) -> pl.DataFrame:
    return records.filter(pl.col("verdict") == DELETES[side]).select(
        pl.col("record").alias(RECORD), pl.col(f"{side}_id").alias(ROW_ID), pl.col(f"{side}_version").alias(VERSION)
    )

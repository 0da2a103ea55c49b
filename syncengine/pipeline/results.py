"""What became of each decided record: its writes on both sides brought back to it."""

from collections.abc import Sequence

import polars as pl

from syncengine.decide import Verdict
from syncengine.frames import CHANGED, RECORD, ROW_ID, VERSION
from syncengine.pipeline.comparing import decode, encode, texts
from syncengine.pipeline.pairing import Take
from syncengine.pipeline.work import Work
from syncengine.pipeline.writing import Written
from syncengine.states import Side


def results(work: Work, take: Take, records: pl.DataFrame, written: dict[Side, Written]) -> pl.DataFrame:
    """The records with, for each side, `…_refused` (struct of REFUSED_SCHEMA or null), `…_due` (later), the id,
    version and base after the write, and `…_bounced`: the target changed what was sent in a column that flows away."""
    for side in Side:
        records = _with_outcome(records, written[side], side)
        records = _with_new_base(records, work, take, written[side], side)
    return records


def _with_outcome(records: pl.DataFrame, written: Written, side: Side) -> pl.DataFrame:
    outcome = written.outcome
    if outcome is None:
        return records.with_columns(
            pl.lit(False).alias(f"{side}_written"),
            pl.lit(None, dtype=pl.String).alias(f"{side}_error_class_refused"),
            *[pl.lit(None, dtype=pl.String).alias(f"{side}_refused_{name}") for name in ("code", "message", "raw")],
            pl.lit(None, dtype=pl.Datetime("us", "UTC")).alias(f"{side}_due"),
        )
    done = outcome.written.select(
        pl.col(RECORD).alias("record"),
        pl.lit(True).alias(f"{side}_written"),
        pl.col(ROW_ID).alias("_new_id"),
        pl.col(VERSION).alias("_new_version"),
    )
    refused = outcome.refused.select(
        pl.col(RECORD).alias("record"),
        pl.col("error_class").alias(f"{side}_error_class_refused"),
        *[pl.col(name).alias(f"{side}_refused_{name}") for name in ("code", "message", "raw")],
    )
    later = outcome.later.select(pl.col(RECORD).alias("record"), pl.col("due_at").alias(f"{side}_due"))
    joined = records
    for frame in (done, refused, later):
        joined = joined.join(frame, on="record", how="left")
    return joined.with_columns(
        pl.col(f"{side}_written").fill_null(False),
        pl.coalesce("_new_id", f"{side}_id").alias(f"{side}_id"),
        pl.coalesce("_new_version", f"{side}_version").alias(f"{side}_version"),
    ).drop("_new_id", "_new_version")


def _with_new_base(records: pl.DataFrame, work: Work, take: Take, written: Written, side: Side) -> pl.DataFrame:
    """The base: as stored by our write, else as read, else as it was."""
    columns = list(work.columns(side))
    rows = take.rows[side]
    read = rows.select(pl.col(ROW_ID).alias(f"{side}_id"), *texts(rows, columns)).select(
        f"{side}_id", encode([pl.col(name) for name in columns]).alias("_read_base")
    )
    joined = records.join(read.unique(f"{side}_id", keep="first"), on=f"{side}_id", how="left")
    known = joined.select("record", known=pl.coalesce("_read_base", f"{side}_base"))
    stored = _stored(work, written, known, side)
    joined = joined.join(stored, on="record", how="left")
    base = pl.coalesce("_stored_base", "_read_base", f"{side}_base")
    return joined.with_columns(
        base.alias(f"{side}_base"), pl.col("_bounced").fill_null(False).alias(f"{side}_bounced")
    ).drop("_stored_base", "_read_base", "_bounced")


def _stored(work: Work, written: Written, known: pl.DataFrame, side: Side) -> pl.DataFrame:
    """`record`, `_stored_base`, `_bounced`. Where the target holds something else than what was sent, or in a column
    that was not sent something else than what was known (an edit between our write and its reading back), the base
    keeps what was sent or known, so that the target's own value counts as its change."""
    columns = list(work.columns(side))
    schema = {"record": pl.UInt32(), "_stored_base": pl.String(), "_bounced": pl.Boolean()}
    if written.outcome is None or written.batch is None or written.outcome.written.is_empty():
        return pl.DataFrame(schema=schema)
    rows = written.outcome.written.filter(pl.col(VERSION).is_not_null())
    stored = rows.select(pl.col(RECORD).alias("record"), *texts(rows, columns))
    sent = _sent(written, columns)
    away = {
        field.right if side is Side.RIGHT else field.left
        for field in work.fields
        if field.direction.flows_to(side.other)
    }
    joined = stored.join(sent, on="record", how="left", suffix="_sent").join(
        known.select("record", pl.col("known").is_not_null().alias("_is_known"), decode(pl.col("known"), columns)),
        on="record",
        how="left",
    )
    expected = {name: _expected(name) for name in columns if name in away}
    bounced = {name: pl.col(name).ne_missing(value) & _is_expected(name) for name, value in expected.items()}
    values = [
        (pl.when(bounced[name]).then(expected[name]).otherwise(name).alias(name) if name in bounced else pl.col(name))
        for name in columns
    ]
    return joined.select(
        "record",
        encode(values).alias("_stored_base"),
        pl.any_horizontal(pl.lit(False), *bounced.values()).alias("_bounced"),
    )


def _expected(name: str) -> pl.Expr:
    """What the column should hold: what was sent, or else what was known."""
    is_sent = pl.col("_sent_columns").list.contains(name)
    return pl.when(is_sent).then(f"{name}_sent").otherwise(pl.col("known").struct.field(name))


def _is_expected(name: str) -> pl.Expr:
    """Whether anything is expected of the column: of a row that we made, only what was sent."""
    return pl.col("_sent_columns").list.contains(name) | pl.col("_is_known").fill_null(False)


def _sent(written: Written, columns: Sequence[str]) -> pl.DataFrame:
    """What was sent for each record, and which columns."""
    assert written.batch is not None
    creates, updates = written.batch.creates, written.batch.updates
    names = [name for name in columns if name in creates.columns]
    created = creates.select(
        pl.col(RECORD).alias("record"),
        *texts(creates, columns),
        pl.lit(names, dtype=pl.List(pl.String)).alias("_sent_columns"),
    )
    updated = updates.select(
        pl.col(RECORD).alias("record"), *texts(updates, columns), pl.col(CHANGED).alias("_sent_columns")
    )
    return pl.concat([created, updated])


def verdict_in(*verdicts: Verdict) -> pl.Expr:
    return pl.col("verdict").is_in([verdict.value for verdict in verdicts])

"""Records whose values cannot be mapped, or whose parents are not there yet, are held back before the write."""

import polars as pl

from syncengine.decide import Verdict, hold_back
from syncengine.errors import ErrorClass
from syncengine.pipeline.pairing import Take
from syncengine.pipeline.work import Work
from syncengine.repository.journal import WAITED_OUT
from syncengine.states import RECORDING, Side


def held(work: Work, take: Take, records: pl.DataFrame) -> pl.DataFrame:
    """The decided records; those held back have the verdict `unmapped` or `waits` and say why in `problem_…` columns.

    `deferred` lists the source columns of self look-ups that a create goes without: they follow in a second write.
    """
    for side in Side:
        records = _with_problem(records, work, take, side)
    records = hold_back(records.with_columns(deferred=_deferred()))
    is_left = pl.col("left_problem").is_not_null() & (pl.col("verdict") == pl.col("left_problem"))
    names = ("column", "message", "error_class", "parent_table", "parent_key")
    return records.with_columns(
        **{f"problem_{name}": pl.when(is_left).then(f"left_{name}").otherwise(f"right_{name}") for name in names}
    )


def _with_problem(records: pl.DataFrame, work: Work, take: Take, side: Side) -> pl.DataFrame:
    """The gravest problem of the side's row; self look-ups of rows about to be created are listed apart."""
    problems = take.images[side].problems
    lookups = {lookup.path: lookup for lookup in work.compiled.lookups}
    self_paths = [path for path, lookup in lookups.items() if lookup.is_self]
    waiting = [name for name, parents in work.parents.items() if any(parent.state in RECORDING for parent in parents)]
    is_parent = (pl.col("error_class") == ErrorClass.MISSING_PARENT) & pl.col("parent_key").is_not_null()
    can_wait = is_parent & pl.col("parent_table").str.to_lowercase().is_in(waiting)
    is_self = pl.col("column").is_in(self_paths)
    creates = Verdict.CREATE_RIGHT if side is Side.LEFT else Verdict.CREATE_LEFT
    marked = problems.with_columns(
        problem=pl.when(can_wait).then(pl.lit(Verdict.WAITS.value)).otherwise(pl.lit(Verdict.UNMAPPED.value)),
        is_self=is_self,
    ).rename({"_row_id": f"{side}_id"})
    verdicts = records.select("record", f"{side}_id", "verdict", "attempts")
    joined = marked.join(verdicts, on=f"{side}_id").with_columns(
        problem=pl.when(pl.col("attempts") >= WAITED_OUT).then(pl.lit(Verdict.UNMAPPED.value)).otherwise("problem")
    )
    passed = joined.filter(pl.col("is_self") & (pl.col("verdict") == creates))
    stopping = joined.filter(~(pl.col("is_self") & (pl.col("verdict") == creates))).sort("problem")
    first = (
        stopping.group_by("record", maintain_order=True)
        .first()
        .select(
            "record",
            pl.col("problem").alias(f"{side}_problem"),
            *[
                pl.col(name).alias(f"{side}_{name}")
                for name in ("column", "message", "error_class", "parent_table", "parent_key")
            ],
        )
    )
    later = passed.group_by("record").agg(pl.col("column").alias(f"{side}_deferred"))
    return records.join(first, on="record", how="left").join(later, on="record", how="left")


def _deferred() -> pl.Expr:
    return pl.coalesce("left_deferred", "right_deferred")

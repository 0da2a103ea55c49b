"""Changes of the journal folded to records: one a pair of rows, or a row that has no partner yet."""

import polars as pl

from syncengine.pipeline.work import Work
from syncengine.repository import bindings, journal
from syncengine.repository.rows import Database
from syncengine.states import BindingState, Operation, Side


def records_of(conn: Database, work: Work, changes: pl.DataFrame) -> pl.DataFrame:
    """The records that the map's changes (TAKEN_SCHEMA) are about.

    Columns: `record`, the binding (BINDING_SCHEMA; null where unbound), `is_bound`, `is_known`, and for each side
    `_event`, `_gone`, `_fetch`; `attempts`, `seen_at` (earliest), `change_ids`.
    """
    known = _bindings_of(conn, work, changes)
    others = _rows_of(known)
    aside = journal.changes_of_rows(
        conn, work.map_id, pl.concat([changes.select("side", "row_id"), others]).unique(), up_to=_last(changes)
    )
    everything = pl.concat([changes, aside]).unique("id", keep="first", maintain_order=True)
    return fold(everything, known)


def _last(changes: pl.DataFrame) -> int:
    return max(changes["id"].to_list(), default=0)


def _bindings_of(conn: Database, work: Work, changes: pl.DataFrame) -> pl.DataFrame:
    ids = {side: changes.filter(pl.col("side") == side)["row_id"].unique().to_list() for side in Side}
    return bindings.of_rows(conn, work.map_id, left_ids=ids[Side.LEFT], right_ids=ids[Side.RIGHT])


def _rows_of(known: pl.DataFrame) -> pl.DataFrame:
    """Both rows of the bound pairs, as `side` and `row_id`."""
    bound = known.filter(pl.col("state") == BindingState.BOUND)
    sides = [bound.select(side=pl.lit(str(side)), row_id=f"{side}_id") for side in Side]
    return pl.concat(sides)


def fold(changes: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Changes joined to their bindings and folded to one record each (see `records_of`)."""
    pairs = _pairs(known)
    joined = changes.join(pairs, on=["side", "row_id"], how="left").with_columns(
        record_key=pl.coalesce(pl.col("binding_id").cast(pl.String), pl.concat_str("side", "row_id", separator="|")),
        is_known=pl.col("is_known").fill_null(False),
        is_over=pl.col("is_over").fill_null(False),
    )
    folded = joined.group_by("record_key", maintain_order=True).agg(
        pl.col("binding_id").first(),
        pl.col("is_known").any() | (pl.col("operation") == Operation.UPSERT).any(),
        *[_side_event(side) for side in Side],
        *[_side_gone(side) for side in Side],
        *[_side_fetch(side) for side in Side],
        *[_unbound_id(side) for side in Side],
        pl.col("attempts").max(),
        pl.col("seen_at").min(),
        pl.col("id").alias("change_ids"),
    )
    bound = known.filter(pl.col("state") == BindingState.BOUND)
    return (
        folded.join(bound, on="binding_id", how="left")
        .with_columns(
            is_bound=pl.col("binding_id").is_not_null(),
            left_id=pl.coalesce("left_id", "unbound_left"),
            right_id=pl.coalesce("right_id", "unbound_right"),
        )
        .drop("record_key", "unbound_left", "unbound_right", "state")
        .with_row_index("record")
    )


def _pairs(known: pl.DataFrame) -> pl.DataFrame:
    """`side`, `row_id` → `binding_id` (bound pairs only), `is_known` (any that was ever bound) and `is_over` (its
    delete, or its parting, is settled)."""
    is_bound = pl.col("state") == BindingState.BOUND
    sides = [
        known.filter(pl.col(f"{side}_id").is_not_null()).select(
            side=pl.lit(str(side)),
            row_id=f"{side}_id",
            binding_id=pl.when(is_bound).then(pl.col("binding_id")),
            is_known=pl.lit(True),
            is_over=~is_bound,
        )
        for side in Side
    ]
    return pl.concat(sides).sort("binding_id", nulls_last=True).unique(["side", "row_id"], keep="first")


def _of_side(side: Side) -> pl.Expr:
    return pl.col("side") == str(side)


def _side_event(side: Side) -> pl.Expr:
    return (_of_side(side) & (pl.col("operation") != Operation.RECHECK)).any().alias(f"{side}_event")


def _side_gone(side: Side) -> pl.Expr:
    """A delete is proven by its event, or was: a late word of a row that is over and not there brings nothing new."""
    proven = (pl.col("operation") == Operation.DELETE) | pl.col("is_over")
    return (_of_side(side) & proven).any().alias(f"{side}_gone")


def _side_fetch(side: Side) -> pl.Expr:
    """A side is read when it told of a change; a recheck and every further try read both."""
    both = (pl.col("operation") == Operation.RECHECK) | (pl.col("attempts") > 0)
    return (_of_side(side) | both).any().alias(f"{side}_fetch")


def _unbound_id(side: Side) -> pl.Expr:
    return pl.col("row_id").filter(_of_side(side)).first().alias(f"unbound_{side}")

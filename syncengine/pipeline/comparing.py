"""Both sides of each record brought together for `decide`: values now, values in the base, images of each other."""

from collections.abc import Iterable, Sequence

import polars as pl

from syncengine.decide import decide
from syncengine.frames import canonical
from syncengine.pipeline.pairing import Take
from syncengine.pipeline.work import Work
from syncengine.states import Side


def decided(work: Work, take: Take) -> pl.DataFrame:
    """The take's records with the values of each compared field and everything that `decide` adds."""
    records = take.records
    for side in Side:
        records = _with_now(records, work, take, side)
        records = _with_base(records, work, side)
    for side in Side:
        records = _with_image(records, work, take, side)
    return decide(_filled(records, len(work.fields)), work.fields, work.rules)


def field_columns(work: Work, side: Side) -> list[str]:
    """The compared columns of a side, each once, in the map's order."""
    return list(dict.fromkeys(field.left if side is Side.LEFT else field.right for field in work.fields))


def texts(rows: pl.DataFrame, columns: Iterable[str]) -> list[pl.Expr]:
    """The columns as canonical text; null where the frame has no such column."""
    return [
        canonical(name, rows.schema[name]) if name in rows.schema else pl.lit(None, dtype=pl.String).alias(name)
        for name in columns
    ]


def numbered(work: Work, side: Side, prefix: str) -> list[pl.Expr]:
    names = [field.left if side is Side.LEFT else field.right for field in work.fields]
    return [pl.col(name).alias(f"{prefix}{number}") for number, name in enumerate(names)]


def _with_now(records: pl.DataFrame, work: Work, take: Take, side: Side) -> pl.DataFrame:
    rows, columns = take.rows[side], field_columns(work, side)
    values = rows.select(pl.col("_row_id"), *texts(rows, columns)).select(
        pl.col("_row_id").alias(f"{side}_id"), *numbered(work, side, side[0])
    )
    return records.join(values.unique(f"{side}_id", keep="first"), on=f"{side}_id", how="left")


def _with_base(records: pl.DataFrame, work: Work, side: Side) -> pl.DataFrame:
    columns = field_columns(work, side)
    if not columns:
        return records
    decoded = records.select("record", base=decode(pl.col(f"{side}_base"), columns)).select(
        "record", pl.col("base").struct.unnest()
    )
    values = decoded.select("record", *numbered(work, side, f"{side[0]}b"))
    return records.join(values, on="record", how="left")


def decode(base: pl.Expr, columns: Sequence[str]) -> pl.Expr:
    """A base's JSON text as a struct of these columns, each canonical text or null."""
    return base.str.json_decode(pl.Struct(dict.fromkeys(columns, pl.String)))


def encode(columns: Sequence[pl.Expr]) -> pl.Expr:
    """Columns of canonical text as a base's JSON text."""
    return pl.struct(*columns).struct.json_encode()


def _with_image(records: pl.DataFrame, work: Work, take: Take, side: Side) -> pl.DataFrame:
    """The image on the other side: `f…` of the left, `b…` of the right."""
    rows, columns = take.images[side].rows, field_columns(work, side.other)
    prefix = "f" if side is Side.LEFT else "b"
    values = rows.select(pl.col("_row_id"), *texts(rows, columns)).select(
        pl.col("_row_id").alias(f"{side}_id"), *numbered(work, side.other, prefix)
    )
    return records.join(values.unique(f"{side}_id", keep="first"), on=f"{side}_id", how="left")


def _filled(records: pl.DataFrame, fields: int) -> pl.DataFrame:
    """A side that was not read is as in its base, and its image is what the other side's base holds."""
    left, right = pl.col("left_seen"), pl.col("right_seen")
    filled = []
    for number in range(fields):
        filled += [
            pl.when(left).then(f"l{number}").otherwise(f"lb{number}").alias(f"l{number}"),
            pl.when(left).then(f"f{number}").otherwise(f"rb{number}").alias(f"f{number}"),
            pl.when(right).then(f"r{number}").otherwise(f"rb{number}").alias(f"r{number}"),
            pl.when(right).then(f"b{number}").otherwise(f"lb{number}").alias(f"b{number}"),
        ]
    return records.with_columns(filled)

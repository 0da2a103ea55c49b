"""Rows of one side mapped to the shape of the other."""

from dataclasses import dataclass

import polars as pl

from syncengine.catalog import Table
from syncengine.mapping import lookups
from syncengine.mapping.compile import backward, forward
from syncengine.mapping.transforms import literal
from syncengine.pipeline.parents import rows_of
from syncengine.pipeline.work import Work
from syncengine.repository.rows import Database
from syncengine.states import Side


@dataclass(frozen=True, slots=True, kw_only=True)
class Images:
    """`rows`: `_row_id` of the source row and typed target columns; `problems`: what could not be mapped, a line a
    value (PROBLEM_SCHEMA of `syncengine.mapping`)."""

    rows: pl.DataFrame
    problems: pl.DataFrame


def images_of(conn: Database, work: Work, side: Side, rows: pl.DataFrame) -> Images:
    """What the judged rows of this side look like on the other side."""
    if side is Side.RIGHT:
        mapped = backward(work.compiled, rows)
        return Images(rows=as_kept(work.table(Side.LEFT), mapped.rows), problems=mapped.problems)
    mapped = forward(work.compiled, rows)
    needed = lookups.needed(work.compiled, mapped.rows)
    tables = {lookup: rows_of(conn, work, lookup, pairs) for lookup, pairs in needed.items()}
    resolved = lookups.resolve(work.compiled, mapped.rows, tables)
    images = as_kept(work.table(Side.RIGHT), resolved.rows)
    return Images(rows=images, problems=pl.concat([mapped.problems, resolved.problems]))


def as_kept(table: Table, images: pl.DataFrame) -> pl.DataFrame:
    """The images with "no value" as the target keeps it, so that what comes back is what was sent."""
    columns = (table.column(name) for name in images.columns)
    return images.with_columns(
        pl.col(column.name).fill_null(literal(column, column.null_value))
        for column in columns
        if column is not None and column.null_value
    )

"""What mapping gives back: rows in the other side's shape, and a line for each value that could not be mapped."""

from dataclasses import dataclass

import polars as pl

PROBLEM_SCHEMA = {
    "_row_id": pl.String(),  # of the source row
    "column": pl.String(),  # the target column, or the look-up path
    "message": pl.String(),  # for a person; names the columns and the value
    "error_class": pl.String(),  # of syncengine.errors.ErrorClass
    "parent_table": pl.String(),  # the right table that a look-up points to, else null
    "parent_key": pl.String(),  # the folded value, joined with the folded company where that table has companies
}
SHOWN_CHARACTERS = 60  # of a value, in a message


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped:
    """`rows`: `_row_id` of the source row and the target columns. Rows with problems stay in it."""

    rows: pl.DataFrame
    problems: pl.DataFrame


def no_problems() -> pl.DataFrame:
    return pl.DataFrame(schema=PROBLEM_SCHEMA)


def problem_lines(
    rows: pl.DataFrame,
    *,
    column: str,
    message: pl.Expr,
    error_class: str,
    parent_table: str | None = None,
    parent_key: pl.Expr | None = None,
) -> pl.DataFrame:
    """One line (PROBLEM_SCHEMA) a row; the expressions are taken over `rows`, which has `_row_id`."""
    no_key = pl.lit(None, dtype=pl.String)
    return rows.select(
        "_row_id",
        pl.lit(column).alias("column"),
        message.alias("message"),
        pl.lit(str(error_class)).alias("error_class"),
        pl.lit(parent_table, dtype=pl.String).alias("parent_table"),
        (parent_key if parent_key is not None else no_key).alias("parent_key"),
    )


def shown(value: pl.Expr) -> pl.Expr:
    """The value as a message quotes it."""
    return value.cast(pl.String).str.slice(0, SHOWN_CHARACTERS).fill_null("")

"""Row frames → JSON bodies, a column at a time; only the joining of rows is left to Python."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from syncengine.catalog import Column, ColumnType
from syncengine.frames import CHANGED, RECORD, ROW_ID, VERSION, dtype_of

NULL = "null"
_SYSTEM = frozenset({RECORD, ROW_ID, VERSION, CHANGED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One member of each object: where `present` is true, `text` ("name":value) is part of it."""

    present: pl.Expr
    text: pl.Expr


def objects(rows: pl.DataFrame, members: Sequence[Member]) -> list[str]:
    """One JSON object a row."""
    if not members:
        return ["{}"] * rows.height
    parts = [pl.when(member.present).then(member.text) for member in members]
    joined = pl.concat_str(parts, separator=",", ignore_nulls=True)
    return rows.select(pl.concat_str([pl.lit("{"), joined, pl.lit("}")])).to_series().to_list()


def given_columns(rows: pl.DataFrame) -> list[str]:
    """The data columns of rows to create."""
    return [name for name in rows.columns if name not in _SYSTEM]


def changed_columns(rows: pl.DataFrame) -> list[str]:
    """The data columns that at least one of the updates changes; the others cost nothing."""
    changed = set(rows[CHANGED].explode().to_list())
    return [name for name in given_columns(rows) if name in changed]


def member(json_name: str, value: pl.Expr, *, present: pl.Expr) -> Member:
    """`value` is JSON text and never null."""
    return Member(present=present, text=pl.concat_str([pl.lit(f'"{json_name}":'), value]))


def value_json(value: pl.Expr, column: Column, *, absent: str, formats: Mapping[ColumnType, str]) -> pl.Expr:
    """The JSON text of a column's value; `absent` where it has none. `formats` says how the service writes dates."""
    typed = value.cast(dtype_of(column))
    match column.type:
        case ColumnType.INTEGER | ColumnType.CHOICE | ColumnType.DECIMAL:
            text = typed.cast(pl.String)
        case ColumnType.BOOLEAN:
            text = pl.when(typed).then(pl.lit("true")).when(~typed).then(pl.lit("false"))
        case ColumnType.DATE | ColumnType.DATETIME:
            text = typed.dt.strftime(f'"{formats[column.type]}"')
        case _:
            text = quoted(typed)
    return text.fill_null(absent)


def quoted(text: pl.Expr) -> pl.Expr:
    """The text as a JSON string; null stays null."""
    # polars escapes as JSON does only inside a struct: {"t":"..."} without its first five characters and the last.
    escaped = pl.struct(text.alias("t")).struct.json_encode().str.slice(5).str.head(-1)
    return pl.when(text.is_not_null()).then(escaped)

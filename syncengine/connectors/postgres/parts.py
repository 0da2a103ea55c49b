"""The rows of a write batch as columns of text: a part for its creates, its updates and its deletes.

A part's frame holds `n` (the record), `k…` (the row id's parts), `b…` (those parts after the write), `x` (the expected
version) or `r` (the row id of a delete), and for each column to write `c…` (its value) and, where only some rows write
it, `s…` ("t" or "f").
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import polars as pl

from syncengine.connectors.base import WriteBatch
from syncengine.connectors.postgres.shape import Field, Shape, key_names, key_parts
from syncengine.connectors.postgres.types import text_of
from syncengine.frames import CHANGED, RECORD, ROW_ID, VERSION, dtype_of

ODD = "\0"  # the one character that PostgreSQL cannot store
_NOT_DATA = frozenset({RECORD, ROW_ID, VERSION, CHANGED})


class Action(StrEnum):
    INSERT = "INSERT"
    UPDATE = "UPDATE"
    DELETE = "DELETE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """`fields` are the columns to write, numbered as in the frame."""

    action: Action
    shape: Shape
    fields: tuple[Field, ...]
    rows: pl.DataFrame

    @property
    def records(self) -> list[int]:
        return self.rows["n"].cast(pl.Int64).to_list()

    def is_partial(self, place: int) -> bool:
        """Whether only some of the rows write this column."""
        return f"s{place}" in self.rows.columns

    def only(self, rows: pl.DataFrame) -> "Part":
        return replace(self, rows=rows)


def back_names(shape: Shape) -> list[str]:
    return [f"b{place}" for place in range(len(shape.key))]


def parts_of(shape: Shape, batch: WriteBatch) -> list[Part]:
    """The parts that have rows. Raises: CatalogError for a column that the table does not have."""
    made = [_creates(shape, batch.creates), _updates(shape, batch.updates), _deletes(shape, batch.deletes)]
    return [part for part in made if part.rows.height]


def _creates(shape: Shape, rows: pl.DataFrame) -> Part:
    """Columns without any value are left out: the table's default fills them."""
    own = shape.table.id_column
    if own and own not in rows.columns:
        rows = rows.with_columns(pl.lit(None, dtype=pl.String).alias(own))
    if own and ROW_ID in rows.columns:
        rows = rows.with_columns(pl.coalesce(own, ROW_ID).alias(own))
    names = [name for name in _data(rows) if rows[name].null_count() < rows.height or name in _key(shape)]
    return keyed(_part(Action.INSERT, shape, rows, names))


def keyed(part: Part) -> Part:
    """Creates with the parts of their row ids, as far as they are given."""
    places = {field.name: f"c{place}" for place, field in enumerate(part.fields)}
    nothing = pl.lit(None, dtype=pl.String)
    given = [pl.col(places[field.name]) if field.name in places else nothing for field in part.shape.key]
    return part.only(
        part.rows.with_columns(
            *(value.alias(name) for name, value in zip(key_names(part.shape), given, strict=True)),
            *(value.alias(name) for name, value in zip(back_names(part.shape), given, strict=True)),
        )
    )


def _updates(shape: Shape, rows: pl.DataFrame) -> Part:
    if rows.is_empty():
        return Part(action=Action.UPDATE, shape=shape, fields=(), rows=rows)
    changed = set(rows[CHANGED].explode().drop_nulls().to_list())
    names = [name for name in _data(rows) if name in changed]
    part = _part(Action.UPDATE, shape, rows, names)
    is_named = [pl.col(CHANGED).list.contains(name).fill_null(False) for name in names]
    flags = rows.select(value.alias(f"s{place}") for place, value in enumerate(is_named))
    some = [name for name in flags.columns if not flags[name].all()]
    texts = flags.select(pl.when(pl.col(name)).then(pl.lit("t")).otherwise(pl.lit("f")).alias(name) for name in some)
    keys = key_parts(shape, rows[ROW_ID])
    framed = pl.concat([part.rows, texts, keys], how="horizontal") if some else part.rows.hstack(keys)
    framed = framed.with_columns(rows[VERSION].alias("x"))
    return part.only(framed.with_columns(_backs(part, framed)))


def _backs(part: Part, rows: pl.DataFrame) -> list[pl.Expr]:
    """The parts of the row ids after the update."""
    places = {field.name: place for place, field in enumerate(part.fields)}
    made = []
    for old, new, field in zip(key_names(part.shape), back_names(part.shape), part.shape.key, strict=True):
        place = places.get(field.name)
        value = pl.col(old) if place is None else pl.col(f"c{place}")
        if f"s{place}" in rows.columns:
            value = pl.when(pl.col(f"s{place}") == "t").then(value).otherwise(old)
        made.append(value.alias(new))
    return made


def _deletes(shape: Shape, rows: pl.DataFrame) -> Part:
    if rows.is_empty():
        return Part(action=Action.DELETE, shape=shape, fields=(), rows=rows)
    keys = key_parts(shape, rows[ROW_ID])
    backs = keys.rename(dict(zip(key_names(shape), back_names(shape), strict=True)))
    named = rows.select(n=pl.col(RECORD).cast(pl.String), x=pl.col(VERSION), r=pl.col(ROW_ID))
    framed = pl.concat([named, keys, backs], how="horizontal")
    return Part(action=Action.DELETE, shape=shape, fields=(), rows=framed)


def _part(action: Action, shape: Shape, rows: pl.DataFrame, names: Sequence[str]) -> Part:
    fields = tuple(shape.named(names))
    typed = rows.select(
        pl.col(RECORD).cast(pl.String).alias("n"),
        *(
            pl.col(name).cast(dtype_of(field.column)).alias(f"c{place}")
            for place, (name, field) in _numbered(names, fields)
        ),
    )
    texts = [text_of(f"c{place}", field.column) for place, field in enumerate(fields)]
    return Part(action=action, shape=shape, fields=fields, rows=typed.select("n", *texts))


def _numbered(names: Sequence[str], fields: Sequence[Field]) -> "enumerate[tuple[str, Field]]":
    return enumerate(zip(names, fields, strict=True))


def _data(rows: pl.DataFrame) -> list[str]:
    return [name for name in rows.columns if name not in _NOT_DATA]


def _key(shape: Shape) -> frozenset[str]:
    return frozenset(field.name for field in shape.key)


def with_keys(part: Part, assigned: Callable[[Field, int], list[str]]) -> Part:
    """Creates whose row ids the database assigns, with `assigned` values of the key's defaults."""
    for field in part.shape.key:
        if not field.default:
            continue
        if field not in part.fields:
            place = len(part.fields)
            rows = part.rows.with_columns(pl.lit(None, dtype=pl.String).alias(f"c{place}"))
            part = replace(part, fields=(*part.fields, field), rows=rows)
        name = f"c{part.fields.index(field)}"
        missing = part.rows[name].is_null()
        if missing.any():
            values = pl.Series(assigned(field, int(missing.sum())), dtype=pl.String)
            filled = part.rows[name].scatter(missing.arg_true(), values)
            part = part.only(part.rows.with_columns(filled.alias(name)))
    return keyed(part)


def is_addressed(part: Part) -> bool:
    """Whether every row's key is known before it is written."""
    return not any(part.rows[name].null_count() for name in back_names(part.shape))


def odd_records(part: Part) -> pl.Series:
    """For each row, whether one of its values holds the character that cannot be stored."""
    values = [pl.col(f"c{place}").str.contains(ODD, literal=True) for place in range(len(part.fields))]
    return part.rows.select(odd=pl.any_horizontal(pl.lit(False), *values).fill_null(False))["odd"]

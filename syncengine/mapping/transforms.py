"""How a value of one column becomes a value of another: by type, by value map, by default.

Decimals are rounded half away from zero to the target's scale, as databases do. A date is midnight UTC as a time.
Without a value map a choice takes its number, or the text of one of its labels; an enum takes its symbol in any letter
case; Yes and No are true and false. What cannot be converted becomes null: the caller compares and says so.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import polars as pl

from syncengine.catalog import Column, ColumnType
from syncengine.frames import dtype_of

Constant = str | int | Decimal | bool | date | datetime | None

T = ColumnType
_WORDS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_TEXTUAL = frozenset({T.TEXT, T.ENUM, T.UUID, T.LOOKUP})
_PARSED = pl.Decimal(38, 15)  # what text is read as on its way to a number

# target type → source types that it can be made of without a value map
CONVERTIBLE: dict[ColumnType, frozenset[ColumnType]] = {
    T.TEXT: frozenset(ColumnType),
    T.ENUM: frozenset({T.ENUM, T.TEXT, T.BOOLEAN, T.CHOICE}),
    T.BOOLEAN: frozenset({T.BOOLEAN, T.TEXT, T.ENUM, T.INTEGER, T.CHOICE}),
    T.CHOICE: frozenset({T.CHOICE, T.INTEGER, T.DECIMAL, T.BOOLEAN, T.TEXT, T.ENUM}),
    T.INTEGER: frozenset({T.INTEGER, T.CHOICE, T.DECIMAL, T.BOOLEAN, T.TEXT}),
    T.DECIMAL: frozenset({T.DECIMAL, T.INTEGER, T.CHOICE, T.TEXT}),
    T.DATE: frozenset({T.DATE, T.DATETIME, T.TEXT}),
    T.DATETIME: frozenset({T.DATETIME, T.DATE, T.TEXT}),
    T.UUID: frozenset({T.UUID, T.LOOKUP, T.TEXT}),
    T.LOOKUP: frozenset({T.LOOKUP, T.UUID, T.TEXT}),
}


# --- constants


def constant(column: Column, text: str) -> Constant:
    """The text as a value of the column; None for "".

    An enum symbol is spelled as in the catalog; one that the catalog does not list stays as written.

    Raises: ValueError for text that the column's type cannot hold.
    """
    if text == "":
        return None
    match column.type:
        case T.BOOLEAN:
            return _word(text)
        case T.INTEGER | T.CHOICE:
            return int(text)
        case T.DECIMAL:
            return _decimal(column, text)
        case T.DATE:
            return date.fromisoformat(text)
        case T.DATETIME:
            return _moment(text)
        case T.ENUM:
            return {choice.value.lower(): choice.value for choice in column.choices}.get(text.lower(), text)
        case T.UUID | T.LOOKUP:
            return text.lower()
        case T.TEXT:
            return text


def literal(column: Column, text: str) -> pl.Expr:
    """`constant` in the column's own type."""
    return pl.lit(constant(column, text), dtype=dtype_of(column))


def _word(text: str) -> bool:
    if text.lower() not in _WORDS:
        raise ValueError(f'"{text}" is neither true nor false')
    return _WORDS[text.lower()]


def _decimal(column: Column, text: str) -> Decimal:
    dtype = dtype_of(column)
    assert isinstance(dtype, pl.Decimal)
    try:
        return Decimal(text).quantize(Decimal(1).scaleb(-dtype.scale), rounding=ROUND_HALF_UP)
    except ArithmeticError as exc:
        raise ValueError(f'"{text}" is not a number') from exc


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if len(text) <= len("2026-11-21"):
        moment = datetime.combine(moment.date(), time())
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


# --- by type


def converted(value: pl.Expr, source: Column, target: Column) -> pl.Expr:
    """The value in the target's type; null where it cannot be one of the target's values."""
    match target.type:
        case T.TEXT:
            return as_text(value, source)
        case T.ENUM:
            return _to_enum(value, source, target)
        case T.BOOLEAN:
            return _to_boolean(value, source)
        case T.CHOICE:
            return _to_choice(value, source, target)
        case T.INTEGER:
            return _to_integer(value, source)
        case T.DECIMAL:
            return _to_decimal(value, source, target)
        case T.DATE:
            return _to_date(value, source)
        case T.DATETIME:
            return _to_moment(value, source)
        case T.UUID | T.LOOKUP:
            return value.str.to_lowercase()


def is_safe(source: Column, target: Column) -> bool:
    """Whether every value of the source can be converted."""
    if target.type is T.TEXT or (source.type is target.type and target.type not in {T.ENUM, T.CHOICE, T.DECIMAL}):
        return True
    return source.type in {T.DATE, T.DATETIME} and target.type in {T.DATE, T.DATETIME}


def as_text(value: pl.Expr, source: Column) -> pl.Expr:
    """The value as canonical text (see `syncengine.frames.canonical`)."""
    if source.type in _TEXTUAL:
        return value
    if source.type is T.BOOLEAN:
        return pl.when(value).then(pl.lit("true")).when(~value).then(pl.lit("false"))
    if source.type is T.DATETIME:
        return value.dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ")
    return value.cast(pl.String)


def _to_enum(value: pl.Expr, source: Column, target: Column) -> pl.Expr:
    symbols = _names(target)
    if source.type is T.BOOLEAN:
        yes, no = symbols.get("yes", "Yes"), symbols.get("no", "No")
        return pl.when(value).then(pl.lit(yes)).when(~value).then(pl.lit(no))
    if source.type is T.CHOICE:
        return _replaced(
            value, {int(number): symbols[name] for name, number in _names(source).items() if name in symbols}
        )
    return _replaced(value.str.to_lowercase(), symbols) if symbols else value


def _to_boolean(value: pl.Expr, source: Column) -> pl.Expr:
    if source.type is T.BOOLEAN:
        return value
    if source.type in _TEXTUAL:
        return _replaced(value.str.to_lowercase(), _WORDS, pl.Boolean())
    return _replaced(value, {0: False, 1: True}, pl.Boolean())


def _to_choice(value: pl.Expr, source: Column, target: Column) -> pl.Expr:
    if source.type in _TEXTUAL and target.choices:
        numbers = {name: int(number) for name, number in _names(target).items()}
        return _replaced(value.str.to_lowercase(), numbers, pl.Int64())
    number = _to_integer(value, source)
    if not target.choices:
        return number
    return pl.when(number.is_in([int(choice.value) for choice in target.choices])).then(number)


def _to_integer(value: pl.Expr, source: Column) -> pl.Expr:
    if source.type in _TEXTUAL:
        value = value.str.strip_chars().cast(_PARSED, strict=False)
    if source.type in _TEXTUAL or source.type is T.DECIMAL:
        value = value.round(0, mode="half_away_from_zero")
    return value.cast(pl.Int64, strict=False)


def _to_decimal(value: pl.Expr, source: Column, target: Column) -> pl.Expr:
    dtype = dtype_of(target)
    assert isinstance(dtype, pl.Decimal)
    if source.type in _TEXTUAL:
        value = value.str.strip_chars().cast(_PARSED, strict=False)
    if source.type in _TEXTUAL or source.type is T.DECIMAL:
        value = value.round(dtype.scale, mode="half_away_from_zero")
    return value.cast(dtype, strict=False)


def _to_date(value: pl.Expr, source: Column) -> pl.Expr:
    if source.type is T.DATETIME:
        return value.dt.date()
    return value if source.type is T.DATE else value.str.to_date("%Y-%m-%d", strict=False)


def _to_moment(value: pl.Expr, source: Column) -> pl.Expr:
    if source.type is T.DATETIME:
        return value
    if source.type is T.DATE:
        return value.cast(pl.Datetime("us", "UTC"))
    return value.str.to_datetime("%Y-%m-%dT%H:%M:%S%.fZ", time_unit="us", time_zone="UTC", strict=False)


def _names(column: Column) -> dict[str, str]:
    """What may stand for a choice, in lower case → its value; the values themselves go before the labels."""
    labels = {choice.label.lower(): choice.value for choice in column.choices if choice.label}
    return labels | {choice.value.lower(): choice.value for choice in column.choices}


def _replaced(value: pl.Expr, pairs: Mapping[Any, Any], dtype: pl.DataType | None = None) -> pl.Expr:
    """The value's partner; null where it has none."""
    return value.replace_strict(
        list(pairs), list(pairs.values()), default=None, return_dtype=dtype if dtype is not None else pl.String()
    )


# --- by value map


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueMap:
    """One direction of a value map. Keys are folded as `_key` folds values; None stands for no value."""

    pairs: dict[Constant, Constant]
    otherwise: str | None

    @property
    def keeps_nulls(self) -> bool:
        """Whether no value, and nothing else, becomes no value."""
        return self.pairs.get(None) is None and all(
            value is not None for key, value in self.pairs.items() if key is not None
        )


def value_map(pairs: Iterable[tuple[str, str]], *, source: Column, target: Column, otherwise: str | None) -> ValueMap:
    """The first pair of a source value wins. A key that the source's type cannot hold fits nothing.

    Raises: ValueError for a target value that the target's type cannot hold.
    """
    typed: dict[Constant, Constant] = {}
    for key, value in pairs:
        try:
            folded = _folded(constant(source, key))
        except ValueError:
            continue
        typed.setdefault(folded, constant(target, value))
    return ValueMap(pairs=typed, otherwise=otherwise)


def _folded(key: Constant) -> Constant:
    return key.lower() if isinstance(key, str) else key


def mapped_by(values: ValueMap, value: pl.Expr, *, source: Column, target: Column) -> pl.Expr:
    """The value's partner in the value map; null where it has none and the map has no *otherwise*."""
    dtype = dtype_of(target)
    present = {key: image for key, image in values.pairs.items() if key is not None}
    otherwise = pl.lit(None, dtype=dtype) if values.otherwise is None else literal(target, values.otherwise)
    image = _comparable(value, source).replace_strict(
        list(present), pl.Series(list(present.values()), dtype=dtype), default=otherwise, return_dtype=dtype
    )
    no_value = pl.lit(values.pairs.get(None), dtype=dtype)
    if values.otherwise is None and values.pairs.get(None) is None:
        return image
    return pl.when(value.is_null()).then(no_value).otherwise(image)


def is_unmapped(values: ValueMap, value: pl.Expr, source: Column) -> pl.Expr:
    """Whether the value is one that the value map lacks."""
    if values.otherwise is not None:
        return value.is_null() & pl.lit(False)
    present = [key for key in values.pairs if key is not None]
    return value.is_not_null() & ~_comparable(value, source).is_in(pl.Series(present, dtype=dtype_of(source)).implode())


def _comparable(value: pl.Expr, source: Column) -> pl.Expr:
    return value.str.to_lowercase() if source.type in _TEXTUAL else value

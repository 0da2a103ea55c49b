"""When two keys are equal, and how several parts make one text.

Both services compare keys without regard to letter case, to the way an accent is encoded and to trailing spaces, so
the folded text of a value is what keys are compared by. The columnar functions and those for single values agree.
"""

import unicodedata
from collections.abc import Sequence

import polars as pl

SEPARATOR, ESCAPE = "|", "\\"


def fold(value: pl.Expr) -> pl.Expr:
    """The value as key text: NFC, lower case, without trailing spaces, numbers in their shortest spelling."""
    return value.map_batches(_folded, return_dtype=pl.String, is_elementwise=True)


def fold_text(value: str) -> str:
    """What `fold` makes of one text."""
    lowered = unicodedata.normalize("NFC", value).lower()
    return unicodedata.normalize("NFC", lowered).rstrip(" ")


def _folded(values: pl.Series) -> pl.Series:
    if values.dtype.is_decimal() or values.dtype.is_float():
        return values.cast(pl.String).str.replace(r"(\.\d*?)0+$", "$1").str.strip_suffix(".")
    if values.dtype != pl.String:
        return values.cast(pl.String)
    lowered = _composed(values).str.to_lowercase()
    return _composed(lowered).str.strip_chars_end(" ")


def _composed(values: pl.Series) -> pl.Series:
    is_ascii = values.str.len_bytes().sum() == values.str.len_chars().sum()
    return values if is_ascii else values.str.normalize("NFC")


def join_key(parts: Sequence[pl.Expr]) -> pl.Expr:
    """The parts as one text that `split_key` takes apart; null where a part is null. Nothing is folded here."""
    return pl.concat_str([_escaped(part) for part in parts], separator=SEPARATOR, ignore_nulls=False)


def _escaped(part: pl.Expr) -> pl.Expr:
    slashed = part.str.replace_all(ESCAPE, ESCAPE * 2, literal=True)
    return slashed.str.replace_all(SEPARATOR, ESCAPE + SEPARATOR, literal=True)


def join_parts(parts: Sequence[str | None]) -> str | None:
    """What `join_key` makes of one row."""
    if any(part is None for part in parts):
        return None
    slashed = [part.replace(ESCAPE, ESCAPE * 2) for part in parts if part is not None]
    return SEPARATOR.join(part.replace(SEPARATOR, ESCAPE + SEPARATOR) for part in slashed)


def split_key(text: str) -> list[str]:
    """The parts that `join_key` and `join_parts` have joined."""
    parts, kept, characters = [], "", iter(text)
    for character in characters:
        if character == SEPARATOR:
            parts.append(kept)
            kept = ""
        else:
            kept += next(characters, "") if character == ESCAPE else character
    return [*parts, kept]

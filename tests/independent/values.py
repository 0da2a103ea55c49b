"""Values as both services mean them, in one plain form, and the two kinds of filter that the maps use.

A value is text here, and None stands for none: no text on finops is "", on dataverse null; no date on finops is
1900-01-01.
"""

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from tests.independent.facts import Field

Value = str | bool | int | Decimal | None
YES, NO = frozenset({"yes", "true"}), frozenset({"no", "false"})
_TERM = re.compile(r"""^\s*(\w+)\s*(==|!=|eq|ne)\s*["']?(.*?)["']?\s*$""")


class UnmappedValueError(Exception):
    """A value that the map's list of values does not have."""


def plain(value: Value) -> str | None:
    """The one form of a value, whoever tells it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None or value == "":
        return None
    if isinstance(value, int | Decimal):
        return f"{Decimal(value).normalize():f}"
    text = value.rstrip(" ")
    return None if text.startswith("1900-01-01") or not text else text


def image(field: Field, value: Value) -> str | None:
    """What dataverse must show for a value of finops. Raises: UnmappedValueError."""
    text = plain(value)
    if text is None:
        return field.default
    if not field.values:
        return text
    for left, right in field.values:
        if left.casefold() == text.casefold():
            return right or None
    raise UnmappedValueError(f"{field.left}: {text!r} is not in the list of values")


def agree(expected: str | None, actual: Value) -> bool:
    """Whether what dataverse shows is what is expected, in the type that it shows."""
    if expected is None or actual is None or actual == "":
        return expected is None and plain(actual) is None
    if isinstance(actual, bool):
        return expected.casefold() in (YES if actual else NO)
    if isinstance(actual, int | Decimal):
        return _is_number(expected, actual)
    return _moment(expected) == _moment(actual.rstrip(" "))


def _is_number(expected: str, actual: int | Decimal) -> bool:
    try:
        return Decimal(expected) == Decimal(actual)
    except InvalidOperation:
        return False


def _moment(text: str) -> str:
    """A date with a time of midnight is that date."""
    return text.removesuffix("T00:00:00Z") if re.match(r"\d{4}-\d{2}-\d{2}T", text) else text


def fold(value: Value) -> str:
    """Text as keys are compared."""
    return (plain(value) or "").casefold()


def passes(text: str, row: Mapping[str, Value]) -> bool:
    """Whether the row is in the filter: terms joined by or, each of terms joined by and."""
    columns = {name.casefold(): value for name, value in row.items()}
    bare = re.sub(r"[()]", " ", text)
    if not bare.strip():
        return True
    ways = re.split(r"\|\||\bor\b", bare)
    return any(all(_holds(term, columns) for term in re.split(r"&&|\band\b", way)) for way in ways)


def _holds(term: str, columns: Mapping[str, Any]) -> bool:
    found = _TERM.match(term)
    assert found, f"no term of a filter: {term!r}"
    name, sign, wanted = found.groups()
    expected = None if wanted in ("", "null") else wanted
    actual = columns[name.casefold()]
    is_equal = agree(expected, actual) or (expected is not None and fold(actual) == expected.casefold())
    return is_equal == (sign in ("==", "eq"))

"""Pages of a long list by key, not by number: as quick at the millionth row as at the first.

An order is a tuple of column names, all ascending or all descending ("-at", "-id"), the last one unique. A cursor
names the row at the edge of a page. It is signed, so that what it holds is what a page of this order wrote; any
other text stands for the first page.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from django.core import signing
from django.db import models
from django.db.models import Q

SIZE = 50
Row = TypeVar("Row", bound=models.Model)
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[Item]):
    """`previous` and `next` are cursors for `page_of`, "" where there is no such page."""

    rows: list[Item]
    previous: str = ""
    next: str = ""


def page_of(
    rows: "models.QuerySet[Row]", *, order: Sequence[str], cursor: str = "", size: int | None = None
) -> Page[Row]:
    """The page that a cursor stands for; the first one for ""."""
    size = size or SIZE
    edge = read_cursor(cursor, order)
    if edge is None:
        return first_page(rows, order=order, size=size)
    direction, values = edge
    if direction == "before":
        return page_before(rows, values, order=order, size=size)
    return page_after(rows, values, order=order, size=size)


def first_page(rows: "models.QuerySet[Row]", *, order: Sequence[str], size: int) -> Page[Row]:
    found = list(rows.order_by(*order)[: size + 1])
    return Page(rows=found[:size], next=write_cursor(found[size - 1], order) if len(found) > size else "")


def page_after(rows: "models.QuerySet[Row]", values: Sequence[Any], *, order: Sequence[str], size: int) -> Page[Row]:
    found = list(rows.filter(beyond(order, values)).order_by(*order)[: size + 1])
    if not found:
        return first_page(rows, order=order, size=size)
    return Page(
        rows=found[:size],
        previous=write_cursor(found[0], order, "before"),
        next=write_cursor(found[size - 1], order) if len(found) > size else "",
    )


def page_before(rows: "models.QuerySet[Row]", values: Sequence[Any], *, order: Sequence[str], size: int) -> Page[Row]:
    """The rows in front of the edge; the whole first page where they do not fill one."""
    back = flipped(order)
    found = list(rows.filter(beyond(back, values)).order_by(*back)[: size + 1])
    if len(found) <= size:
        return first_page(rows, order=order, size=size)
    shown = found[:size][::-1]
    return Page(rows=shown, previous=write_cursor(shown[0], order, "before"), next=write_cursor(shown[-1], order))


def flipped(order: Sequence[str]) -> tuple[str, ...]:
    return tuple(name[1:] if name.startswith("-") else f"-{name}" for name in order)


def beyond(order: Sequence[str], values: Sequence[Any]) -> Q:
    """The rows that come after those values in that order."""
    names = [name.lstrip("-") for name in order]
    strict = "lt" if order[0].startswith("-") else "gt"
    condition = Q(**{f"{names[-1]}__{strict}": values[-1]})
    for name, value in list(zip(names, values, strict=True))[-2::-1]:
        condition = Q(**{f"{name}__{strict}": value}) | (Q(**{name: value}) & condition)
    # The first part is implied; said aloud, it lets an index on the first column be entered there.
    return Q(**{f"{names[0]}__{strict}e": values[0]}) & condition


def write_cursor(row: models.Model, order: Sequence[str], direction: str = "after") -> str:
    values = [getattr(row, name.lstrip("-")) for name in order]
    plain = [{"at": value.isoformat()} if isinstance(value, datetime) else value for value in values]
    return signing.dumps([direction, *plain], salt=salt_of(order))


def read_cursor(text: str, order: Sequence[str]) -> tuple[str, list[Any]] | None:
    """The direction and the values of a cursor of this order; None for any other text."""
    try:
        direction, *plain = signing.loads(text, salt=salt_of(order))
    except signing.BadSignature:
        return None
    return direction, [datetime.fromisoformat(value["at"]) if isinstance(value, dict) else value for value in plain]


def salt_of(order: Sequence[str]) -> str:
    return f"keyset {' '.join(order)}"

"""What is asked for: how many changes, where, of which sort."""

from typing import Annotated

import msgspec

MOST = 1_000_000


class Wish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`rate` is changes a second, 0 for as many as go. Without `tables` all that have rows take part.

    `creates`, `updates` and `deletes` are shares of the whole, in any unit. Without a seed every run is another.
    """

    count: Annotated[int, msgspec.Meta(ge=1, le=MOST)] = 100
    rate: Annotated[float, msgspec.Meta(ge=0, le=10_000)] = 5.0
    tables: list[str] = []
    creates: Annotated[int, msgspec.Meta(ge=0, le=1000)] = 20
    updates: Annotated[int, msgspec.Meta(ge=0, le=1000)] = 70
    deletes: Annotated[int, msgspec.Meta(ge=0, le=1000)] = 10
    seed: int | None = None


class BadWish(ValueError):
    """A wish that cannot be carried out."""


def check(wish: Wish, known: set[str]) -> None:
    """Raises: BadWish."""
    unknown = [name for name in wish.tables if name not in known]
    if unknown:
        raise BadWish(f"There is no table {unknown[0]!r}.")
    if not wish.creates + wish.updates + wish.deletes:
        raise BadWish("At least one of creates, updates and deletes must have a share.")

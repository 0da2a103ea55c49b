"""How far a run is, from the counters of its legs.

A map is read first, both sides, while the rows to expect are still being counted; then its rows are handled: written,
found equal, refused or left to live sync.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from syncengine.models import RunLeg
from syncengine.states import Side

COUNTERS = ("expected", "read", "equal", "created", "updated", "refused", "left_to_live")
READING = {"read left": Side.LEFT, "read right": Side.RIGHT}


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """Rows: those to expect, those gone through (`read`), and what became of them."""

    expected: int = 0
    read: int = 0
    equal: int = 0
    created: int = 0
    updated: int = 0
    refused: int = 0
    left_to_live: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """`reads` is the side that is being read. `rows_per_s` and `seconds_left` are None while nothing can be said."""

    counters: Counters
    is_ended: bool
    reads: Side | None = None
    rows_per_s: float | None = None
    seconds_left: float | None = None

    @property
    def percent(self) -> float:
        return percent(self.counters.read, self.counters.expected)

    @property
    def is_counting(self) -> bool:
        """Nothing is gone through yet, so there is no share to show."""
        return not self.is_ended and self.counters.read == 0


def total(legs: Iterable[RunLeg]) -> Counters:
    rows = list(legs)
    return Counters(**{name: sum(getattr(leg, name) for leg in rows) for name in COUNTERS})


def progress_of(
    counters: Counters,
    *,
    started_at: datetime | None,
    ended_at: datetime | None,
    now: datetime,
    phase: str = "",
    is_all_known: bool = True,
) -> Progress:
    """`is_all_known` is False while maps wait whose rows nobody has counted: no time is promised then."""
    is_ended = ended_at is not None
    reads = None if is_ended else READING.get(phase)
    elapsed_s = ((ended_at or now) - started_at).total_seconds() if started_at else 0.0
    if elapsed_s <= 0 or counters.read == 0:
        return Progress(counters=counters, is_ended=is_ended, reads=reads)
    rate = counters.read / elapsed_s
    left_s = max(counters.expected - counters.read, 0) / rate
    can_promise = not is_ended and reads is None and is_all_known
    return Progress(
        counters=counters,
        is_ended=is_ended,
        reads=reads,
        rows_per_s=rate,
        seconds_left=left_s if can_promise else None,
    )


def percent(part: int, whole: int) -> float:
    return round(min(part / whole, 1) * 100, 1) if whole else 0.0

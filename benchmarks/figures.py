"""Measured times, and how they are shown."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

WARM_UP = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """Seconds that one round took: the median and the slowest twentieth. `limit_s` is what was asked for."""

    name: str
    p50_s: float
    p95_s: float
    limit_s: float | None = None


def measured(name: str, work: Callable[[int], object], *, rounds: int, limit_s: float | None = None) -> Figure:
    """`work` is called with the number of its round, a few times before the clock counts."""
    times = []
    for number in range(WARM_UP + rounds):
        begun = time.perf_counter()
        work(number)
        times.append(time.perf_counter() - begun)
    return figure(name, times[WARM_UP:], limit_s=limit_s)


def figure(name: str, times: list[float], *, limit_s: float | None = None) -> Figure:
    ordered = sorted(times)
    late = ordered[min(len(ordered) * 95 // 100, len(ordered) - 1)]
    return Figure(name=name, p50_s=statistics.median(ordered), p95_s=late, limit_s=limit_s)


def lines(pairs: list[tuple[Figure, Figure]]) -> list[str]:
    """A line for each figure with its yardstick: times in ms, the ratio, and whether the limit was kept."""
    made = [f"{'':44} {'p50 ms':>9} {'p95 ms':>9} {'yardstick':>10} {'ratio':>7} {'limit':>8}"]
    for one, yardstick in pairs:
        limit = "" if one.limit_s is None else f"{one.limit_s * 1000:8.0f}"
        mark = "" if one.limit_s is None else ("  kept" if one.p50_s < one.limit_s else "  MISSED")
        times = f"{one.p50_s * 1000:9.2f} {one.p95_s * 1000:9.2f} {yardstick.p50_s * 1000:10.2f}"
        made.append(f"{one.name:44} {times} {one.p50_s / yardstick.p50_s:7.1f} {limit}{mark}")
        made.append(f"  beside: {yardstick.name}")
    return made

"""Pictures drawn on the server: lines of throughput and small lines in lists."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import template

from portal.selectors.throughput import Throughput

register = template.Library()

HEIGHT = 160
STEP = 10  # width of a moment in the picture's own units
SPARK_HEIGHT = 20
SPARK_STEP = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line and the area under it, as SVG paths."""

    side: str
    line: str
    area: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """What the pointer finds at one moment."""

    x: float
    at: datetime
    to_left: int
    to_right: int
    refused: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GridLine:
    value: int
    y: float
    percent: float  # from the top, for the label beside the picture


@register.inclusion_tag("pictures/_throughput.html")
def throughput_picture(link: Any, throughput: Throughput) -> dict[str, Any]:
    """Records written a step, a line a side."""
    moments = throughput.moments
    top = nice_top(max(max(moment.to_left, moment.to_right) for moment in moments))
    return {
        "link": link,
        "throughput": throughput,
        "width": STEP * (len(moments) - 1),
        "height": HEIGHT,
        "lines": [
            line_of("left", [moment.to_left for moment in moments], top=top),
            line_of("right", [moment.to_right for moment in moments], top=top),
        ],
        "grid": [grid_line(value, top=top) for value in (0, top // 2, top)],
        "bands": [
            Band(x=STEP * number - STEP / 2, at=m.at, to_left=m.to_left, to_right=m.to_right, refused=m.refused)
            for number, m in enumerate(moments)
        ],
        "band_width": STEP,
        "ticks": [moments[number].at for number in (0, len(moments) // 2, len(moments) - 1)],
    }


@register.inclusion_tag("pictures/_sparkline.html")
def sparkline(points: Sequence[int]) -> dict[str, Any]:
    """The last hour as one small line; nothing where nothing was written."""
    if not any(points):
        return {"total": 0}
    spots = coordinates(points, top=max(points), height=SPARK_HEIGHT, step=SPARK_STEP)
    return {
        "total": sum(points),
        "points": " ".join(f"{x:g},{y:g}" for x, y in spots),
        "width": SPARK_STEP * (len(points) - 1),
        "height": SPARK_HEIGHT,
    }


def line_of(side: str, values: Sequence[int], *, top: int) -> Line:
    spots = coordinates(values, top=top, height=HEIGHT, step=STEP)
    line = "M" + " L".join(f"{x:g},{y:g}" for x, y in spots)
    return Line(side=side, line=line, area=f"{line} L{spots[-1][0]:g},{HEIGHT} L0,{HEIGHT} Z")


def coordinates(values: Sequence[int], *, top: int, height: int, step: int) -> list[tuple[float, float]]:
    return [(number * step, round(height - value / top * height, 1)) for number, value in enumerate(values)]


def grid_line(value: int, *, top: int) -> GridLine:
    share = 1 - value / top
    return GridLine(value=value, y=round(share * HEIGHT, 1), percent=round(share * 100, 1))


def nice_top(highest: int) -> int:
    """The smallest of 2, 4, 6, 8, 10, 20, 40 … that is not lower: even, so that half of it is whole."""
    factor = 1
    while highest > 10 * factor:
        factor *= 10
    return next(step * factor for step in (2, 4, 6, 8, 10) if highest <= step * factor)

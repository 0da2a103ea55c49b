"""The list of tables: those with rows first."""

from dataclasses import dataclass

from syncengine.sandbox.calls import Answer
from syncengine.sandbox.pages import counting
from syncengine.sandbox.pages.counting import Count
from syncengine.sandbox.pages.visit import Visit

PAGE = 100
NONE = Count(rows=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    set: str
    label: str
    is_system: bool
    count: Count


def index(visit: Visit) -> Answer:
    asked = visit.query.get("q", "").strip()
    lines = [one for one in _lines(visit) if _matches(one, asked)]
    start = visit.number("from") or 0
    shown = lines[start : start + PAGE]
    return visit.page(
        "tables.html",
        q=asked,
        lines=shown,
        total=len(lines),
        filled=sum(1 for one in lines if one.count.rows),
        following=visit.address(**{"from": str(start + PAGE)}) if start + PAGE < len(lines) else "",
        start=start,
    )


def _lines(visit: Visit) -> list[Line]:
    counts = counting.counts(visit.site)
    made = [
        Line(set=table.set, label=table.label, is_system=table.is_system, count=counts.get(table.set, NONE))
        for table in visit.site.stock.inventory.tables.values()
    ]
    return sorted(made, key=lambda one: (one.is_system, not one.count.rows, one.label.lower(), one.set))


def _matches(line: Line, text: str) -> bool:
    return all(word in f"{line.label} {line.set}".lower() for word in text.lower().split())

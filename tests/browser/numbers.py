"""The numbers of the overview's picture: as the page shows them, and as the database has counted them."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from playwright.sync_api import Page

from tests.scenarios.records import Records

Three = tuple[int, int, int]  # written to the left, written to the right, refused

PICTURE = """() => ({
  totals: ["left", "right", "refused"].map((name) => document.querySelector(`[data-total=${name}]`).textContent),
  rows: [...document.querySelectorAll("#throughput-table tbody tr")]
    .map((row) => [...row.cells].map((cell) => cell.textContent)),
  titles: [...document.querySelectorAll(".picture__band title")].map((title) => title.textContent),
  alternative: document.querySelector(".picture__lines").getAttribute("aria-label"),
})"""
COUNTERS = """
SELECT minute, side, sum(creates + updates + deletes)::int AS written, sum(refused)::int AS refused
FROM syncengine_throughput GROUP BY minute, side HAVING sum(creates + updates + deletes + refused) > 0
"""
HOVER = re.compile(r"(\d\d:\d\d) UTC: ([\d,]+) to .+, ([\d,]+) to .+, ([\d,]+) refused")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What the table, the legend, the text alternative and the pointer tell; moments without a record are left out."""

    moments: dict[datetime, Three]
    totals: Three
    alternative: tuple[int, ...]
    hovers: dict[str, Three]


def shown(page: Page) -> Shown:
    found = page.evaluate(PICTURE)
    hovers = [match.groups() for title in found["titles"] if (match := HOVER.fullmatch(" ".join(title.split())))]
    assert len(hovers) == len(found["titles"]), found["titles"]
    return Shown(
        moments={
            datetime.strptime(at, "%Y-%m-%d %H:%M").replace(tzinfo=UTC): three(rest) for at, *rest in found["rows"]
        },
        totals=three(found["totals"]),
        alternative=tuple(whole(text) for text in re.findall(r"\d[\d,]*", found["alternative"])),
        hovers={at: numbers for at, *rest in hovers if any(numbers := three(rest))},
    )


def three(texts: list[str]) -> Three:
    left, right, refused = (whole(text) for text in texts)
    return left, right, refused


def whole(text: str) -> int:
    return int(text.replace(",", ""))


def counted(records: Records, *, step: timedelta) -> dict[datetime, Three]:
    """The counters of all maps, by the start of the step in which they lie."""
    found: dict[datetime, Three] = {}
    for one in records.ask(COUNTERS):
        minute = one["minute"].astimezone(UTC)
        at = minute - (minute - datetime(2000, 1, 1, tzinfo=UTC)) % step
        left, right, refused = found.get(at, (0, 0, 0))
        is_left = one["side"] == "left"
        written = one["written"]
        found[at] = (left + written * is_left, right + written * (not is_left), refused + one["refused"])
    return found


def total(moments: dict[datetime, Three]) -> Three:
    left, right, refused = (sum(column) for column in zip(*moments.values(), strict=True))
    return left, right, refused

"""Counts that stay quick: exact up to a limit, the planner's estimate above it."""

import json
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db import models

from portal.selectors.keyset import Page

LIMIT = 10_000
Row = TypeVar("Row", bound=models.Model)


@dataclass(frozen=True, slots=True, kw_only=True)
class RowCount:
    """`value` rows; when it is not exact, about that many or more."""

    value: int
    is_exact: bool = True

    def __bool__(self) -> bool:
        return self.value > 0


def row_count(rows: "models.QuerySet[Row]") -> RowCount:
    """How many rows there are: counted up to LIMIT, else estimated."""
    counted = rows.order_by()[: LIMIT + 1].count()
    if counted <= LIMIT:
        return RowCount(value=counted)
    return RowCount(value=max(LIMIT, planned(rows)), is_exact=False)


def count_of_list(rows: "models.QuerySet[Row]", page: Page[Any]) -> RowCount:
    """How many rows the list of a page has; not asked again where the page holds all of them."""
    return row_count(rows) if page.previous or page.next else RowCount(value=len(page.rows))


def planned(rows: "models.QuerySet[Row]") -> int:
    """The number of rows that the database's planner expects."""
    plan = json.loads(rows.order_by().explain(format="json"))
    return int(plan[0]["Plan"]["Plan Rows"])


def capped(value: int, limit: int) -> RowCount:
    """What a count that stops one behind its limit says."""
    return RowCount(value=min(value, limit), is_exact=value <= limit)

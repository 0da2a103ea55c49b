"""The walk through the portal: everything that an administrator needs on the first day."""

from datetime import timedelta

import pytest
from playwright.sync_api import expect

from tests.browser import first_day, numbers
from tests.browser.desk import Desk

pytestmark = [pytest.mark.browser, pytest.mark.story]


def test_administrator_links_runs_repairs_and_is_told(desk: Desk) -> None:
    first_day.live_through(desk)
    assert desk.watch.problems == []


@pytest.mark.parametrize(
    ("window", "step"), [("1h", timedelta(minutes=1)), ("24h", timedelta(minutes=15))], ids=["hour", "day"]
)
def test_every_number_of_the_picture_is_a_counter_of_the_database(lived_in: Desk, window: str, step: timedelta) -> None:
    lived_in.goto(f"/?window={window}")
    lived_in.page.get_by_text("Show as a table").click()
    expect(lived_in.page.locator("#throughput-table table")).to_be_visible()
    shown = numbers.shown(lived_in.page)
    counted = numbers.counted(lived_in.records, step=step)
    assert shown.moments == counted
    assert shown.hovers == {f"{at:%H:%M}": one for at, one in counted.items()}
    assert shown.totals == numbers.total(counted)
    assert shown.alternative == shown.totals[:2]

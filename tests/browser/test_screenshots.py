"""Every page as people see it: pictures in two sizes and two themes, and the facts that need no eyes."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.camera import WIDE, Camera
from tests.browser.desk import Desk
from tests.browser.first_day import ACCOUNTS, CONTACTS, STOPPED
from tests.browser.traffic import Traffic
from tests.browser.watch import Watch

pytestmark = [pytest.mark.browser, pytest.mark.story]

MAX_PAGE_BYTES = 150_000
MAX_PICTURE_BYTES = 200_000
README_PICTURE = Path(__file__).resolve().parents[2] / "docs" / "images" / "overview.png"
PAGES = {
    "overview": "/",
    "overview-day": "/?window=24h",
    "maps": "/maps/",
    "maps-filtered": "/maps/?state=running&q=customer",
    "maps-none": "/maps/?q=nothing+of+this+name",
    "map-fields": "/maps/{accounts}/",
    "map-filters": "/maps/{accounts}/filters/",
    "map-filters-edited": "/maps/{stopped}/filters/",
    "map-queue": "/maps/{contacts}/queue/",
    "map-activity": "/maps/{contacts}/activity/",
    "map-errors": "/maps/{contacts}/errors/",
    "maps-run": "/maps/actions/run/?map={stopped}",
    "maps-pause": "/maps/actions/pause/?map={accounts}",
    "maps-stop": "/maps/actions/stop/?map={accounts}",
    "runs": "/runs/",
    "run": "/runs/{run}/",
    "errors": "/errors/",
    "errors-resolved": "/errors/?state=resolved",
    "error-open": "/errors/{error}/",
    "activity": "/activity/",
    "alerts": "/alerts/",
    "alert": "/alerts/{alert}/",
    "alert-new": "/alerts/add/",
    "alert-delete": "/alerts/{alert}/delete/",
    "notifications": "/notifications/",
    "set-up": "/set-up/environments/",
    "set-up-add": "/set-up/environments/add/",
    "set-up-another-solution": "/set-up/solution/",
    "environments": "/environments/",
    "environment-add": "/environments/add/",
    "environment": "/environments/{environment}/",
    "environment-edit": "/environments/{environment}/edit/",
    "environment-delete": "/environments/{environment}/delete/",
    "sandboxes": "/sandboxes/",
    "sandbox-add": "/sandboxes/add/",
    "sandbox": "/sandboxes/of/Contoso%20finance/",
    "sandbox-load": "/sandboxes/of/Contoso%20finance/load/",
    "sandbox-copy": "/sandboxes/of/Contoso%20finance/copy/",
    "sandbox-empty": "/sandboxes/of/Contoso%20finance/empty/",
    "sandbox-delete": "/sandboxes/of/Contoso%20finance/delete/",
    "link": "/link/",
    "link-companies": "/link/companies/",
    "link-load-again": "/link/companies/usmf/load/",
    "link-unlink": "/link/unlink/",
    "search": "/search/?q=US-50",
}


@pytest.fixture(scope="package")
def numbers(lived_in: Desk) -> dict[str, int]:
    """What stands for the names in the addresses."""
    maps = {one["name"]: one["id"] for one in lived_in.records.ask("SELECT id, name FROM syncengine_entitymap")}
    return {
        "accounts": maps[ACCOUNTS],
        "contacts": maps[CONTACTS],
        "stopped": maps[STOPPED],
        "run": lived_in.records.number("SELECT max(id) FROM syncengine_run"),
        "error": lived_in.records.number("SELECT max(id) FROM syncengine_syncerror WHERE state = 'open'"),
        "environment": lived_in.records.number("SELECT min(id) FROM syncengine_environment"),
        "alert": lived_in.records.number("SELECT min(id) FROM syncengine_alertrule"),
    }


@dataclass(slots=True, kw_only=True)
class Visit:
    """Another browser of the person who is signed in, which is looked at while it goes from page to page."""

    page: Page
    watch: Watch
    traffic: Traffic

    def begin(self) -> None:
        """As if the browser had seen nothing of the portal yet."""
        self.watch.problems.clear()
        self.traffic.begin()


@pytest.fixture(scope="module")
def visit(browser: Browser, lived_in: Desk) -> Iterator[Visit]:
    with browser.new_context(viewport=WIDE, storage_state=lived_in.page.context.storage_state()) as context:
        watch, page = Watch(), context.new_page()
        watch.over(context)
        yield Visit(page=page, watch=watch, traffic=Traffic(session=context.new_cdp_session(page)))


@pytest.mark.parametrize("name", PAGES)
def test_page_is_light_whole_and_named(
    visit: Visit, lived_in: Desk, camera: Camera, numbers: dict[str, int], name: str
) -> None:
    visit.begin()
    answer = visit.page.goto(lived_in.stack.portal_url + PAGES[name].format(**numbers))
    expect(visit.page.locator(".busy")).to_have_count(0)
    assert answer is not None
    assert answer.status == 200
    assert 0 < visit.traffic.size_bytes < MAX_PAGE_BYTES
    assert camera.take(visit.page, name) == []
    assert visit.watch.problems == []


def test_pages_of_the_first_day_are_whole_and_named(lived_in: Desk) -> None:
    taken = lived_in.camera.problems
    assert {"sign-in", "set-up-checks-failed", "maps-run-dialog", "run-on-its-way"} <= set(taken)
    assert {name: found for name, found in taken.items() if found} == {}


def test_picture_of_the_readme_shows_the_overview(visit: Visit, lived_in: Desk, camera: Camera) -> None:
    page = visit.page
    page.goto(lived_in.stack.portal_url)
    expect(page.locator(".picture__line")).to_have_count(2)
    page.set_viewport_size({"width": WIDE["width"], "height": page.evaluate("document.documentElement.scrollHeight")})
    picture = page.screenshot(path=camera.folder / "overview-readme.png", animations="disabled")
    assert len(picture) < MAX_PICTURE_BYTES
    if os.environ.get("TWOFOLD_README_PICTURE") == "1":
        README_PICTURE.parent.mkdir(parents=True, exist_ok=True)
        README_PICTURE.write_bytes(picture)

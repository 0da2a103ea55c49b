"""A person plays in the sandboxes with a real browser, with scripts and without."""

import re
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.camera import NARROW, WIDE, Camera, problems_of
from tests.browser.traffic import Traffic
from tests.browser.watch import Watch
from tests.scenarios.sandboxes import Sandbox, make_sandbox
from tests.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.story]

MAX_PAGE_BYTES = 150_000
PAGES = {
    "finops": {
        "sandbox-tables": "/",
        "sandbox-tables-none": "/?q=nothing+of+this+name",
        "sandbox-rows": "/tables/CustomersV3",
        "sandbox-rows-empty": "/tables/CustomerPaymentMethods",
        "sandbox-new": "/tables/CustomersV3/new",
        "sandbox-last-changes": "/last-changes",
        "sandbox-make-changes": "/make-changes",
        "sandbox-faults": "/faults",
        "sandbox-settings": "/settings",
    },
    "dataverse": {
        "sandbox-rows-dataverse": "/tables/accounts",
        "sandbox-new-dataverse": "/tables/accounts/new",
        "sandbox-settings-dataverse": "/settings",
    },
}


@pytest.fixture(scope="module")
def sandboxes(stack: Stack) -> dict[str, Sandbox]:
    tenant = str(uuid4())
    return {
        "finops": make_sandbox(stack, name="Play finance", kind="finops", tenant=tenant, demo="contoso"),
        "dataverse": make_sandbox(stack, name="Play sales", kind="dataverse", tenant=tenant, demo="contoso"),
    }


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    with browser.new_context(viewport=WIDE) as made:
        yield made


def sign_in(page: Page, sandbox: Sandbox, path: str = "/") -> dict[str, Any]:
    """Gives what the management tells of the sandbox."""
    info: dict[str, Any] = sandbox.ask("GET", "")
    page.goto(info["base_url"] + path)
    page.get_by_label("User name").fill(info["user_name"])
    page.get_by_label("Password").fill(info["password"])
    page.get_by_role("button", name="Sign in").click()
    return info


def open_customer(page: Page, key: str) -> None:
    page.get_by_label("Find a table").fill("customers v3")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Customers V3", exact=True).click()
    page.get_by_label("Key or text").fill(key)
    page.get_by_role("button", name="Show", exact=True).click()
    page.get_by_role("link", name=key).click()


@pytest.mark.parametrize("kind", PAGES)
def test_pages_are_light_whole_and_named(
    context: BrowserContext, sandboxes: dict[str, Sandbox], camera: Camera, kind: str
) -> None:
    watch, page = Watch(), context.new_page()
    watch.over(context)
    info = sign_in(page, sandboxes[kind])
    traffic = Traffic(session=context.new_cdp_session(page))
    found: dict[str, list[str]] = {}
    for name, path in PAGES[kind].items():
        traffic.begin()
        page.goto(info["base_url"] + path)
        assert traffic.size_bytes < MAX_PAGE_BYTES, name
        found[name] = camera.take(page, name)
    assert {name: problems for name, problems in found.items() if problems} == {}
    assert watch.problems == []


def test_a_customer_is_found_edited_and_its_change_is_listed(
    context: BrowserContext, sandboxes: dict[str, Sandbox], camera: Camera
) -> None:
    watch, page = Watch(), context.new_page()
    watch.over(context)
    sign_in(page, sandboxes["finops"])
    open_customer(page, "US-0007")
    page.get_by_label("Credit limit", exact=True).fill("1234.5")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_contain_text("Saved.")
    assert camera.take(page, "sandbox-row") == []
    page.get_by_role("link", name="Last changes").click()
    expect(page.locator("tbody tr").first).to_contain_text("US-0007")
    expect(page.locator("tbody tr").first).to_contain_text("administrator")
    expect(page.locator("tbody time").first).to_have_text("just now")
    assert watch.problems == []


def test_suggestions_come_while_typing(context: BrowserContext, sandboxes: dict[str, Sandbox]) -> None:
    page = context.new_page()
    sign_in(page, sandboxes["finops"])
    open_customer(page, "US-0007")
    field = page.get_by_label("Invoice account")
    if not field.is_visible():
        page.locator("details.more > summary").click()
    with page.expect_response(re.compile("/tables/CustomersV3/options")) as answered:
        field.press_sequentially("US-001")
    assert answered.value.ok
    listed = page.locator("datalist[id='c.INVOICEACCOUNT-list'] option")
    expect(listed.first).to_have_attribute("value", "US-0010")


def test_a_refusal_is_shown_and_put_right(
    context: BrowserContext, sandboxes: dict[str, Sandbox], camera: Camera
) -> None:
    page = context.new_page()
    sign_in(page, sandboxes["finops"])
    open_customer(page, "US-0008")
    page.get_by_label("Payment terms", exact=True).fill("Never")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("The service refused this")
    expect(page.get_by_label("Payment terms", exact=True)).to_have_value("Never")
    assert camera.take(page, "sandbox-refusal") == []
    page.get_by_label("Payment terms", exact=True).fill("Net10")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_contain_text("Saved.")


def test_two_people_at_one_row_see_both(context: BrowserContext, sandboxes: dict[str, Sandbox], camera: Camera) -> None:
    mine, theirs = context.new_page(), context.new_page()
    sign_in(mine, sandboxes["finops"])
    open_customer(mine, "US-0009")
    theirs.goto(mine.url)
    for page, limit in ((theirs, "111"), (mine, "222")):
        page.get_by_label("Credit limit", exact=True).fill(limit)
        page.get_by_role("button", name="Save").click()
    expect(mine.get_by_role("alert")).to_contain_text("Another has saved this row")
    expect(mine.locator(".both").first).to_contain_text("111")
    assert camera.take(mine, "sandbox-both") == []
    mine.get_by_role("button", name="Save").click()
    expect(mine.get_by_label("Credit limit", exact=True)).to_have_value("222.00")


def test_random_changes_show_their_progress(
    context: BrowserContext, sandboxes: dict[str, Sandbox], camera: Camera
) -> None:
    page = context.new_page()
    sign_in(page, sandboxes["dataverse"], "/make-changes")
    form = page.locator("form[action='/make-changes']")
    form.get_by_label("How many").fill("40")
    form.get_by_label("A second").fill("10")
    form.get_by_role("button", name="Make these changes").click()
    expect(page.get_by_role("progressbar")).to_be_visible()
    assert problems_of(page) == []
    expect(page.get_by_text("All changes are made")).to_be_visible()
    assert camera.take(page, "sandbox-changes-made") == []


def test_everything_works_without_scripts(browser: Browser, sandboxes: dict[str, Sandbox]) -> None:
    with browser.new_context(viewport=NARROW, java_script_enabled=False) as context:
        page = context.new_page()
        sign_in(page, sandboxes["finops"])
        for name in ("Last changes", "Make changes", "Faults", "Settings", "Tables"):
            page.get_by_role("navigation", name="Main").get_by_role("link", name=name).click()
            expect(page.get_by_role("heading", level=1)).to_have_text(name)
        open_customer(page, "US-0011")
        page.get_by_label("Credit limit", exact=True).fill("77")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_label("Credit limit", exact=True)).to_have_value("77.00")
        page.get_by_label("Your account").click()
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_the_keyboard_goes_through_rows_and_pages(context: BrowserContext, sandboxes: dict[str, Sandbox]) -> None:
    page = context.new_page()
    info = sign_in(page, sandboxes["finops"], "/tables/CustomersV3")
    expect(page.get_by_role("heading", level=1)).to_have_text("Customers V3")
    page.wait_for_load_state()
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(page.locator("tr.row--here")).to_contain_text("DE-0002")
    page.keyboard.press("g")
    page.keyboard.press("l")
    page.wait_for_url(f"{info['base_url']}/last-changes")
    page.wait_for_load_state()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()

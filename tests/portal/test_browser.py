"""What only a browser shows: live parts, keys, dialogs, themes."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from syncengine.models import EntityMap, StoredSyncError
from tests.portal.make import CHANGE, OPERATE, client_of
from tests.rows import make_error, make_link, make_map, make_user

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def portal(page: Page, live_server: LiveServer) -> Iterator[Page]:
    """A signed-in browser before a link with three maps; nothing may go wrong in its console."""
    link = make_link(name="Contoso")
    for name in ("Colors", "Sizes", "Units"):
        make_map(link, name=name)
    session = client_of(make_user(OPERATE, CHANGE)).cookies["twofold_session"].value
    page.context.add_cookies([{"name": "twofold_session", "value": session, "url": live_server.url}])
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.goto(f"{live_server.url}/maps/")
    yield page
    page.close()
    assert problems == []


def test_signing_in_leads_to_the_overview(page: Page, live_server: LiveServer) -> None:
    make_link(name="Contoso")
    user = make_user()
    page.goto(live_server.url)
    page.get_by_label("Username").fill(user.username)
    page.get_by_label("Password").fill("x")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()


def test_a_live_refresh_keeps_ticks_focus_and_the_marked_row(portal: Page) -> None:
    portal.keyboard.press("j")
    portal.keyboard.press("j")
    portal.keyboard.press("x")
    EntityMap.objects.filter(name="Colors").update(state="paused")
    make_error(EntityMap.objects.get(name="Colors"))
    expect(portal.locator("[data-state=paused]")).to_be_visible()
    expect(portal.locator("#error-badge")).to_have_text("1")
    expect(portal.locator("tr:has-text('Sizes') input")).to_be_checked()
    expect(portal.locator("tr.row--here")).to_contain_text("Sizes")
    expect(portal.get_by_role("link", name="Sizes")).to_be_focused()
    expect(portal.locator("[data-selected-count]")).to_have_text("1")


def test_the_filter_narrows_without_a_new_page_and_is_in_the_address(portal: Page) -> None:
    portal.get_by_label("Name").fill("uni")
    expect(portal.locator("tbody tr")).to_have_count(1)
    assert "q=uni" in portal.url
    portal.go_back()
    expect(portal.locator("tbody tr")).to_have_count(3)


def test_selected_maps_are_paused_through_the_dialog(portal: Page) -> None:
    portal.get_by_label("Select all maps shown").check()
    portal.get_by_role("button", name="Pause", exact=True).click()
    dialog = portal.get_by_role("dialog")
    expect(dialog.get_by_role("heading", name="Pause 3 maps")).to_be_visible()
    dialog.locator("label:has-text('Units')").click()
    dialog.get_by_role("button", name="Pause 3 maps").click()
    expect(portal.get_by_text("2 maps are paused.")).to_be_visible()
    assert set(EntityMap.objects.filter(state="paused").values_list("name", flat=True)) == {"Colors", "Sizes"}


def test_keys_go_to_pages_search_and_the_list_of_keys(portal: Page) -> None:
    portal.keyboard.press("?")
    expect(portal.get_by_role("dialog")).to_contain_text("Keyboard shortcuts")
    portal.keyboard.press("Escape")
    portal.keyboard.press("/")
    expect(portal.get_by_role("searchbox", name="Search")).to_be_focused()
    portal.keyboard.press("Escape")
    portal.keyboard.press("g")
    portal.keyboard.press("e")
    expect(portal.get_by_role("heading", name="Errors")).to_be_visible()


def test_an_error_is_retried_by_key(portal: Page, live_server: LiveServer) -> None:
    make_error(EntityMap.objects.get(name="Colors"))
    portal.goto(f"{live_server.url}/errors/{StoredSyncError.objects.get().pk}/")
    portal.keyboard.press("r")
    expect(portal.get_by_text("1 record is tried again.")).to_be_visible()


def test_a_chosen_theme_is_remembered(portal: Page) -> None:
    portal.emulate_media(color_scheme="light")
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    light = portal.evaluate(ground)
    switch = portal.get_by_role("button", name="Theme")
    switch.click()
    switch.click()
    dark = portal.evaluate(ground)
    portal.reload()
    assert portal.evaluate(ground) == dark != light


def test_the_menu_is_a_drawer_on_a_phone_and_no_page_scrolls_sideways(portal: Page, live_server: LiveServer) -> None:
    portal.set_viewport_size({"width": 390, "height": 844})
    expect(portal.get_by_role("link", name="Runs")).not_to_be_visible()
    portal.get_by_role("button", name="Open the menu").click()
    portal.get_by_role("link", name="Runs").click()
    expect(portal.get_by_role("heading", name="Runs")).to_be_visible()
    for path in ("/", "/maps/", "/errors/", "/activity/", "/alerts/add/", "/set-up/environments/"):
        portal.goto(live_server.url + path)
        assert portal.evaluate("document.documentElement.scrollWidth <= innerWidth"), path


def test_pages_weigh_less_than_150_kb(portal: Page, live_server: LiveServer) -> None:
    portal.goto(f"{live_server.url}/")
    weights = portal.evaluate(
        "['navigation', 'resource'].flatMap(kind => performance.getEntriesByType(kind)).map(one => one.decodedBodySize)"
    )
    assert len(weights) > 10
    assert 0 < sum(weights) < 150_000


def test_signing_out_elsewhere_leads_to_sign_in_at_the_next_refresh(portal: Page) -> None:
    from django.contrib.sessions.models import Session

    Session.objects.all().delete()
    expect(portal.get_by_role("heading", name="Sign in")).to_be_visible()

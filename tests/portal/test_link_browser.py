"""Unlinking as a person does it, in a browser."""

import pytest
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from syncengine.models import EntityMap, Link
from tests.portal.make import CHANGE, OPERATE, client_of
from tests.rows import make_link, make_map, make_user

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_a_link_is_unlinked_through_its_dialog(page: Page, live_server: LiveServer) -> None:
    make_map(make_link(name="Contoso"), name="Colors")
    session = client_of(make_user(OPERATE, CHANGE)).cookies["twofold_session"].value
    page.context.add_cookies([{"name": "twofold_session", "value": session, "url": live_server.url}])
    page.goto(f"{live_server.url}/maps/")
    page.keyboard.press("g")
    page.keyboard.press("k")
    page.get_by_role("link", name="Unlink").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("I understand what goes and what stays.").check()
    dialog.get_by_role("button", name="Unlink").click()
    expect(dialog.get_by_role("alert")).to_contain_text("1 map is not stopped.")
    expect(dialog.get_by_label("I understand what goes and what stays.")).to_be_checked()
    dialog.get_by_label("Stop 1 map that is not at rest").check()
    dialog.get_by_role("button", name="Unlink").click()
    expect(page.get_by_text("Contoso is unlinked.")).to_be_visible()
    expect(page.get_by_role("heading", name="Set-up")).to_be_visible()
    assert (Link.objects.get().state, EntityMap.objects.get().state) == ("unlinked", "not running")
    page.get_by_role("link", name="Activity").click()
    expect(page.get_by_text("Colors is now not running. Its link is unlinked.")).to_be_visible()

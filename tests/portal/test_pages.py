"""What holds for every page."""

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from syncengine.models import EntityMap, Link
from tests.portal.make import make_activity, make_notification, make_run, make_run_map
from tests.rows import make_change, make_error, make_rule

pytestmark = pytest.mark.django_db

PAGES = (
    "overview",
    "overview-now",
    "overview-throughput",
    "search",
    "map-list",
    "map-rows",
    "map-page",
    "map-now",
    "map-filters",
    "map-queue",
    "map-activity",
    "map-errors",
    "run-list",
    "run-rows",
    "run-page",
    "run-now",
    "error-list",
    "error-rows",
    "error-page",
    "activity",
    "link-page",
    "link-now",
    "alert-list",
    "notifications",
)
READ_ONLY = tuple(name for name in PAGES if name != "map-filters")


@pytest.fixture
def address(a_map: EntityMap) -> Callable[[str], str]:
    """The address of a page about rows that are there, one of each kind."""
    run = make_run(a_map.link)
    make_run_map(run, a_map)
    error = make_error(a_map)
    make_change(a_map, "row")
    make_activity(a_map.link, map=a_map)
    make_notification(make_rule(a_map.link), a_map)
    numbers = {"map": a_map.pk, "run": run.pk, "error": error.pk}

    def find(name: str) -> str:
        about = name.split("-", maxsplit=1)[0]
        is_about_one = name.endswith(("-page", "-now", "-filters", "-queue", "-activity", "-errors"))
        return reverse(name, args=[numbers[about]] if is_about_one and about in numbers else [])

    return find


@pytest.mark.parametrize("name", PAGES)
def test_a_reader_sees_the_page(address: Callable[[str], str], reader: Client, name: str) -> None:
    assert reader.get(address(name)).status_code == 200


@pytest.mark.parametrize("name", READ_ONLY)
def test_a_page_that_only_shows_takes_no_post(address: Callable[[str], str], operator: Client, name: str) -> None:
    assert operator.post(address(name)).status_code == 405


@pytest.mark.parametrize("name", PAGES)
def test_a_stranger_is_sent_to_sign_in(address: Callable[[str], str], client: Client, name: str) -> None:
    response = client.get(address(name))
    assert (response.status_code, response["Location"].split("?")[0]) == (302, reverse("login"))


@pytest.mark.parametrize("name", [name for name in PAGES if not name.endswith(("-now", "-rows"))])
def test_a_page_has_no_inline_script_or_handler(address: Callable[[str], str], operator: Client, name: str) -> None:
    html = operator.get(address(name)).content.decode()
    assert "<script>" not in html
    assert " onclick=" not in html
    assert "<style" not in html


@pytest.mark.parametrize("name", ["map-list", "run-list", "error-list", "overview", "activity", "link-page"])
def test_a_portal_without_a_link_sends_to_set_up(reader: Client, name: str) -> None:
    assert reader.get(reverse(name))["Location"] == reverse("set-up")


def test_a_page_about_another_link_shows_that_link(a_map: EntityMap, reader: Client) -> None:
    from tests.rows import make_link, make_map

    other = make_map(make_link(name="Zebra"))
    html = reader.get(reverse("map-page", args=[other.pk])).content.decode()
    assert other.link.left.name in html.split("<main")[0].split("switcher__menu")[0]


def test_a_row_that_is_not_there_is_not_found(link: Link, reader: Client) -> None:
    for name in ("map-page", "run-page", "error-page", "error-values"):
        assert reader.get(reverse(name, args=[999_999])).status_code == 404

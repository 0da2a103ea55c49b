import pytest
from django.test import Client
from django.urls import reverse

from syncengine.models import EntityMap, Link
from tests.rows import make_error, make_link, make_map

pytestmark = pytest.mark.django_db


def page(client: Client, text: str) -> str:
    return client.get(reverse("search"), {"q": text}).content.decode()


def test_maps_are_found_by_part_of_their_name(a_map: EntityMap, reader: Client) -> None:
    assert reverse("map-page", args=[a_map.pk]) in page(reader, "custom")


def test_open_errors_are_found_by_key_and_by_number(a_map: EntityMap, reader: Client) -> None:
    error = make_error(a_map, key="US-001|usmf")
    for text in ("us-001", str(error.pk), f"#{error.pk}"):
        assert reverse("error-page", args=[error.pk]) in page(reader, text)


def test_finding_nothing_is_told(link: Link, reader: Client) -> None:
    assert "Nothing found" in page(reader, "zebra")


def test_an_empty_search_says_what_can_be_searched_for(a_map: EntityMap, reader: Client) -> None:
    html = page(reader, "  ")
    assert "Type part of" in html
    assert reverse("map-page", args=[a_map.pk]) not in html


def test_another_link_is_not_searched(link: Link, reader: Client) -> None:
    other = make_map(make_link(name="Zebra"), name="Stripes")
    assert reverse("map-page", args=[other.pk]) not in page(reader, "stripes")


def test_what_was_typed_is_no_markup(link: Link, reader: Client) -> None:
    assert "<b>x</b>" not in page(reader, "<b>x</b>")

import pytest
from django.test import Client
from django.urls import reverse

from portal.selectors.frame import frame_of
from syncengine.models import EntityMap, Link
from tests.rows import make_error, make_link

pytestmark = pytest.mark.django_db


def test_the_first_link_is_shown_until_one_is_chosen(reader: Client) -> None:
    make_link(name="B")
    first = make_link(name="A")
    assert frame_of(None).link == first
    assert first.left.name in reader.get(reverse("overview")).content.decode()


def test_a_chosen_link_stays_chosen(link: Link, reader: Client) -> None:
    other = make_link(name="Zebra")
    response = reader.post(reverse("choose-link"), {"link": other.pk})
    assert response["Location"] == reverse("overview")
    assert reader.get(reverse("overview")).context["link"] == other


def test_a_link_that_was_given_up_is_not_offered(link: Link) -> None:
    make_link(name="Zebra", state="unlinked")
    assert frame_of(None).links == [link]


@pytest.mark.parametrize("number", ["", "x", "999999", "²"])
def test_choosing_what_is_no_link_is_not_found(link: Link, reader: Client, number: str) -> None:
    assert reader.post(reverse("choose-link"), {"link": number}).status_code == 404


def test_choosing_takes_a_post(link: Link, reader: Client) -> None:
    assert reader.get(reverse("choose-link")).status_code == 405


def test_only_open_errors_are_counted_beside_the_menu(a_map: EntityMap) -> None:
    make_error(a_map)
    make_error(a_map, state="resolved")
    assert frame_of(None).open_errors.value == 1


def test_the_dot_says_what_is_wrong(link: Link) -> None:
    link.right.problem = "No answer."
    link.right.save()
    assert frame_of(None).problem == "No answer."


def test_the_menu_holds_only_pages_that_are_there(link: Link, reader: Client) -> None:
    html = reader.get(reverse("overview")).content.decode()
    menu = html.split('class="nav"')[1].split("</ul>")[0]
    assert menu.count("<li>") == 9

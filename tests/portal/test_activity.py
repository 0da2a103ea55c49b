from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from syncengine.models import EntityMap, Link
from tests.portal.make import make_activity
from tests.rows import make_link, make_map, make_user

pytestmark = pytest.mark.django_db


def texts(client: Client, **query: str) -> list[str]:
    return [entry.text for entry in client.get(reverse("activity"), query).context["page"].rows]


def test_an_empty_log_says_what_belongs_there(link: Link, reader: Client) -> None:
    assert "appears here" in reader.get(reverse("activity")).content.decode()
    assert "No entry matches." in reader.get(reverse("activity"), {"kind": "run"}).content.decode()


def test_entries_come_newest_first(link: Link, reader: Client) -> None:
    make_activity(link, text="old", at=timezone.now() - timedelta(hours=1))
    make_activity(link, text="new")
    assert texts(reader) == ["new", "old"]


def test_what_concerns_no_link_is_shown_and_what_concerns_another_is_not(link: Link, reader: Client) -> None:
    make_activity(None, text="environment")
    make_activity(make_link(name="Zebra"), text="other")
    assert texts(reader) == ["environment"]


def test_the_filter_is_in_the_address(link: Link, reader: Client) -> None:
    map_, person = make_map(link), make_user()
    make_activity(link, text="map", map=map_, kind="map state")
    make_activity(link, text="person", actor=person, kind="run")
    assert texts(reader, map=str(map_.pk)) == ["map"]
    assert texts(reader, kind="run") == ["person"]
    assert texts(reader, person=str(person.pk)) == ["person"]
    assert texts(reader, person=str(person.pk), kind="map state") == []
    assert len(texts(reader, kind="odd", person="x", map="999")) == 2


def test_who_did_it_is_named(link: Link, reader: Client) -> None:
    person = make_user()
    make_activity(link, actor=person)
    make_activity(link)
    html = reader.get(reverse("activity")).content.decode().split("<tbody>")[1]
    assert person.username in html
    assert "Twofold" in html


def test_pages_go_on_by_key(link: Link, reader: Client) -> None:
    for number in range(51):
        make_activity(link, text=str(number), at=timezone.now() - timedelta(minutes=number))
    response = reader.get(reverse("activity"))
    assert "Showing 50 of 51, newest first" in response.content.decode()
    assert texts(reader, cursor=response.context["page"].next) == ["50"]


def test_the_number_of_queries_does_not_grow_with_the_entries(
    a_map: EntityMap, reader: Client, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    for _ in range(20):
        make_activity(a_map.link, map=a_map, actor=make_user())
    with django_assert_max_num_queries(13):
        texts(reader)


# --- Links that are no more --------------------------------------------------------------------------------------


def test_what_happened_in_unlinked_links_is_shown_when_asked_for(link: Link, reader: Client) -> None:
    make_activity(link, text="here")
    make_activity(make_link(name="Zebra"), text="in another link")
    make_activity(make_link(name="Past", state="unlinked"), text="long ago")
    assert texts(reader) == ["here"]
    assert texts(reader, links="all") == ["long ago", "here"]
    html = reader.get(reverse("activity"), {"links": "all"}).content.decode()
    assert "Past, unlinked" in html
    assert html.count(", unlinked") == 1


def test_nobody_is_asked_for_unlinked_links_where_there_are_none(link: Link, reader: Client) -> None:
    make_link(name="Zebra")
    assert "Unlinked ones too" not in reader.get(reverse("activity")).content.decode()
    make_link(name="Past", state="unlinked")
    assert "Unlinked ones too" in reader.get(reverse("activity")).content.decode()


def test_without_any_link_the_log_of_the_last_one_stays_open(reader: Client) -> None:
    make_activity(make_link(name="Long ago", state="unlinked"), text="before")
    make_activity(make_link(name="Past", state="unlinked"), text="It was unlinked.")
    assert texts(reader) == ["It was unlinked."]
    assert texts(reader, links="all") == ["It was unlinked.", "before"]
    menu = reader.get(reverse("activity")).content.decode().split('class="nav"')[1].split("</ul>")[0]
    assert (reverse("activity") in menu, reverse("map-list") in menu) == (True, False)

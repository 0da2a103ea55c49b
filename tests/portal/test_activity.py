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

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from portal.selectors import keyset
from syncengine.models import EntityMap
from tests.rows import make_change, make_map

pytestmark = pytest.mark.django_db


def rows(client: Client, map_: EntityMap, **query: str) -> list[str]:
    response = client.get(reverse("map-queue", args=[map_.pk]), query)
    return [change.row_id for change in response.context["page"].rows]


def test_changes_come_oldest_first_and_of_this_map_only(a_map: EntityMap, reader: Client) -> None:
    for row in ("b", "a"):
        make_change(a_map, row)
    make_change(make_map(a_map.link), "c")
    assert rows(reader, a_map) == ["b", "a"]


def test_the_filter_is_in_the_address(a_map: EntityMap, reader: Client) -> None:
    make_change(a_map, "1", side="left", state="ready")
    make_change(a_map, "2", side="right", state="parked")
    assert rows(reader, a_map, side="left") == ["1"]
    assert rows(reader, a_map, state="parked") == ["2"]
    assert rows(reader, a_map, q="2") == ["2"]
    assert rows(reader, a_map, q="2", side="left") == []
    assert rows(reader, a_map, side="up", state="odd") == ["1", "2"]


def test_a_change_that_waits_names_what_it_waits_for(a_map: EntityMap, reader: Client) -> None:
    make_change(a_map, "1", state="waiting", waiting_table="msdyn_customergroups", waiting_key="80|usmf")
    html = reader.get(reverse("map-queue", args=[a_map.pk])).content.decode()
    assert "msdyn_customergroups" in html
    assert "80|usmf" in html


def test_pages_go_on_by_key(a_map: EntityMap, reader: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyset, "SIZE", 2)
    for row in "123":
        make_change(a_map, row)
    response = reader.get(reverse("map-queue", args=[a_map.pk]))
    assert rows(reader, a_map, cursor=response.context["page"].next) == ["3"]
    assert "Showing 2 of 3, oldest first" in response.content.decode()


def test_an_empty_queue_says_what_belongs_there(a_map: EntityMap, reader: Client) -> None:
    assert "Nothing waits." in reader.get(reverse("map-queue", args=[a_map.pk])).content.decode()
    assert "No change matches." in reader.get(reverse("map-queue", args=[a_map.pk]), {"q": "x"}).content.decode()


def test_the_number_of_queries_does_not_grow_with_the_changes(
    a_map: EntityMap, reader: Client, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    for row in range(20):
        make_change(a_map, str(row))
    with django_assert_max_num_queries(13):
        rows(reader, a_map)

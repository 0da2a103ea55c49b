from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from portal.selectors import keyset
from syncengine.models import EntityMap, Link
from tests.portal.make import OPERATE, make_client, make_throughput
from tests.rows import make_change, make_error, make_map

pytestmark = pytest.mark.django_db


def names(client: Client, **query: str) -> list[str]:
    return [row.map.name for row in client.get(reverse("map-list"), query).context["page"].rows]


def test_a_link_without_maps_offers_a_solution_to_those_who_may(link: Link, reader: Client, operator: Client) -> None:
    assert reverse("set-up-solution") in operator.get(reverse("map-list")).content.decode()
    assert reverse("set-up-solution") not in reader.get(reverse("map-list")).content.decode()


def test_maps_come_by_name(link: Link, reader: Client) -> None:
    for name in ("Units", "Colors", "Sizes"):
        make_map(link, name=name)
    assert names(reader) == ["Colors", "Sizes", "Units"]


def test_the_filter_is_in_the_address(link: Link, reader: Client) -> None:
    make_map(link, name="Colors", group="Products", state="paused")
    make_map(link, name="Customers", group="Customers", left_table="CustomersV3", state="running")
    assert names(reader, q="custom") == ["Customers"]
    assert names(reader, q="customersv3") == ["Customers"]
    assert names(reader, state="paused") == ["Colors"]
    assert names(reader, group="Products", state="running") == []


def test_a_filter_that_is_no_choice_is_as_if_not_there(a_map: EntityMap, reader: Client) -> None:
    assert names(reader, state="flying", group="none", sort="colour") == ["Customers"]


@pytest.mark.parametrize(("sort", "first"), [("name", "A"), ("state", "B"), ("group", "C")])
def test_maps_can_be_ordered(link: Link, reader: Client, sort: str, first: str) -> None:
    make_map(link, name="A", group="2", state="running")
    make_map(link, name="B", group="3", state="not running")
    make_map(link, name="C", group="1", state="paused")
    assert names(reader, sort=sort)[0] == first


def test_pages_go_on_by_key(link: Link, reader: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyset, "SIZE", 2)
    for name in "ABC":
        make_map(link, name=name)
    first = reader.get(reverse("map-list")).context["page"]
    assert names(reader, cursor=first.next) == ["C"]
    assert "Showing 2 of 3" in reader.get(reverse("map-list")).content.decode()


def test_each_map_has_its_counts(a_map: EntityMap, reader: Client) -> None:
    make_error(a_map)
    make_error(a_map, state="dismissed")
    make_change(a_map, "1", state="ready")
    make_change(a_map, "2", state="parked")
    counted = make_throughput(a_map, minutes_ago=3, creates=2)
    counts = reader.get(reverse("map-list")).context["page"].rows[0].counts
    assert (counts.errors.value, counts.waiting.value, counts.settled_at) == (1, 1, counted.minute)


def test_a_map_that_does_not_go_on_says_why(link: Link, reader: Client) -> None:
    make_map(link, problem="The column is gone.")
    assert 'title="The column is gone."' in reader.get(reverse("map-list")).content.decode()


def test_rows_can_be_ticked_by_those_who_may_operate(a_map: EntityMap, reader: Client) -> None:
    assert 'name="map"' in make_client(OPERATE).get(reverse("map-list")).content.decode()
    assert 'name="map"' not in reader.get(reverse("map-list")).content.decode()


def test_htmx_gets_the_table_alone(a_map: EntityMap, reader: Client) -> None:
    response = reader.get(reverse("map-list"), headers={"HX-Request": "true"})
    assert response.content.decode().lstrip().startswith('<div id="map-table"')
    assert "HX-Request" in response["Vary"]


def test_going_back_in_the_browser_gets_the_whole_page(a_map: EntityMap, reader: Client) -> None:
    headers = {"HX-Request": "true", "HX-History-Restore-Request": "true"}
    assert "<html" in reader.get(reverse("map-list"), headers=headers).content.decode()


def test_polled_rows_are_sent_only_when_changed(a_map: EntityMap, operator: Client) -> None:
    first = operator.get(reverse("map-rows"))
    assert operator.get(reverse("map-rows"), headers={"If-None-Match": first["ETag"]}).status_code == 304
    EntityMap.objects.update(state="paused")
    changed = operator.get(reverse("map-rows"), headers={"If-None-Match": first["ETag"]})
    assert 'data-state="paused"' in changed.content.decode()


def test_the_number_of_queries_does_not_grow_with_the_maps(
    link: Link, operator: Client, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    for _ in range(10):
        make_error(make_map(link))
    with django_assert_max_num_queries(13):
        operator.get(reverse("map-list"))

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from syncengine.models import CaptureCursor, EntityMap, Link
from tests.portal.make import make_leg, make_run, make_run_map, make_throughput
from tests.rows import make_change, make_error, make_map

pytestmark = pytest.mark.django_db


def context_of(client: Client, **query: str) -> dict[str, Any]:
    return client.get(reverse("overview"), query).context  # type: ignore[return-value]


def test_an_empty_link_says_what_will_be_there(link: Link, reader: Client) -> None:
    html = reader.get(reverse("overview")).content.decode()
    assert "No open error." in html
    assert "No record was written in this time." in html


def test_maps_are_counted_by_state(link: Link, reader: Client) -> None:
    for state in ("running", "running", "paused"):
        make_map(link, state=state)
    states = context_of(reader)["states"]
    assert (states["running"], states["paused"], states["resuming"]) == (2, 1, 0)


def test_pending_changes_are_counted_by_state(a_map: EntityMap, reader: Client) -> None:
    make_change(a_map, "1", state="ready")
    make_change(a_map, "2", state="ready")
    make_change(a_map, "3", state="parked")
    pending = context_of(reader)["pending"]
    assert (pending.by_state["ready"], pending.by_state["parked"], pending.is_exact) == (2, 1, True)


def test_changes_and_errors_of_another_link_are_not_counted(link: Link, reader: Client) -> None:
    other = make_map()
    make_change(other, "1")
    make_error(other)
    context = context_of(reader)
    assert (context["pending"].total, context["classes"].rows, context["last_errors"]) == (0, [], [])


def test_open_errors_are_counted_by_class_most_first(a_map: EntityMap, reader: Client) -> None:
    for error_class in ("data", "business", "business"):
        make_error(a_map, error_class=error_class)
    make_error(a_map, error_class="loop", state="resolved")
    rows = context_of(reader)["classes"].rows
    assert [(row.error_class, row.count) for row in rows] == [("business", 2), ("data", 1)]


def test_an_environment_in_trouble_says_why(link: Link, reader: Client) -> None:
    link.left.problem = "No answer within 30 s."
    link.left.save()
    html = reader.get(reverse("overview")).content.decode()
    assert "Not reachable" in html
    assert "No answer within 30 s." in html


def test_a_table_whose_changes_do_not_come_says_why(link: Link, reader: Client) -> None:
    now = timezone.now()
    CaptureCursor.objects.create(environment=link.left, table="Colors", polled_at=now, problem="The table is gone.")
    assert "The table is gone." in reader.get(reverse("overview")).content.decode()


def test_a_halted_link_says_why(link: Link, reader: Client) -> None:
    link.state, link.halted_reason = "halted", "Contoso sales was restored."
    link.save()
    assert "Contoso sales was restored." in reader.get(reverse("overview")).content.decode()


def test_a_run_in_progress_is_shown_and_an_ended_one_is_not(a_map: EntityMap, reader: Client) -> None:
    run = make_run(a_map.link)
    make_leg(make_run_map(run, a_map), expected=100, read=25)
    assert context_of(reader)["active"].progress.percent == 25
    run.state, run.ended_at = "completed", timezone.now()
    run.save()
    assert context_of(reader)["active"] is None


@pytest.mark.parametrize(("window", "points"), [("1h", 60), ("24h", 96), ("7d", 60)])
def test_the_window_of_the_picture_is_in_the_address(
    a_map: EntityMap, reader: Client, window: str, points: int
) -> None:
    assert len(context_of(reader, window=window)["throughput"].moments) == points


def test_the_numbers_of_the_picture_are_those_of_the_database(a_map: EntityMap, reader: Client) -> None:
    make_throughput(a_map, creates=3, updates=4, deletes=5, unchanged=9, refused=2)
    make_throughput(a_map, minutes_ago=1, side="left", updates=7)
    html = reader.get(reverse("overview")).content.decode()
    assert '<b data-total="right">12</b>' in html
    assert '<b data-total="left">7</b>' in html
    assert '<b data-total="refused">2</b>' in html


def test_what_has_not_changed_is_not_sent_again(a_map: EntityMap, reader: Client) -> None:
    first = reader.get(reverse("overview-now"))
    again = reader.get(reverse("overview-now"), headers={"If-None-Match": first["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    make_error(a_map)
    assert reader.get(reverse("overview-now"), headers={"If-None-Match": first["ETag"]}).status_code == 200


def test_the_number_of_queries_does_not_grow_with_the_rows(
    link: Link, reader: Client, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    for _ in range(6):
        map_ = make_map(link)
        make_error(map_)
        make_throughput(map_, creates=1)
    with django_assert_max_num_queries(13):
        reader.get(reverse("overview"))

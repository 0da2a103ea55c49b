from datetime import timedelta

import pytest
from django.utils import timezone

from syncengine.models import CaptureCursor, EntityMap, Environment, Link
from syncengine.services.health import HealthLine, link_health
from syncengine.states import MapState
from tests.rows import make_change, make_error, make_link, make_map

pytestmark = pytest.mark.django_db


def line_of(link: Link, title: str) -> HealthLine:
    return next(line for line in link_health(Link.objects.get(pk=link.pk)) if line.title == title)


def make_captured(map_: EntityMap, **overrides: object) -> None:
    for environment, table in ((map_.link.left, map_.left_table), (map_.link.right, map_.right_table)):
        values = {"polled_at": timezone.now()} | overrides
        CaptureCursor.objects.create(environment=environment, table=table, **values)


def test_a_link_where_all_is_well_has_no_bad_line() -> None:
    map_ = make_map()
    make_captured(map_)
    assert [line for line in link_health(map_.link) if not line.ok] == []


def test_a_link_without_maps_is_well() -> None:
    assert all(line.ok for line in link_health(make_link()))


def test_a_halted_link_says_why() -> None:
    link = make_link(state="halted", halted_reason="Contoso sales was restored.")
    assert line_of(link, "Link") == HealthLine(title="Link", ok=False, detail="Contoso sales was restored.")


def test_an_environment_that_does_not_answer_is_named_with_its_problem() -> None:
    link = make_link()
    Environment.objects.filter(pk=link.left_id).update(problem="No answer.")
    assert line_of(link, link.left.name) == HealthLine(title=link.left.name, ok=False, detail="No answer.")


def test_a_table_that_nobody_looked_at_for_long_is_a_fault() -> None:
    map_ = make_map()
    make_captured(map_, polled_at=timezone.now() - timedelta(minutes=16))
    line = line_of(map_.link, f"Changes of {map_.link.left.name}")
    assert not line.ok
    assert "Check that capture runs." in line.detail


def test_a_listing_counts_as_a_look() -> None:
    map_ = make_map()
    make_captured(map_, polled_at=None, listed_at=timezone.now())
    assert line_of(map_.link, f"Changes of {map_.link.left.name}").ok


def test_a_table_that_was_never_looked_at_is_a_fault() -> None:
    map_ = make_map()
    assert not line_of(map_.link, f"Changes of {map_.link.right.name}").ok
    make_captured(map_, polled_at=None)
    assert not line_of(map_.link, f"Changes of {map_.link.right.name}").ok


def test_a_table_whose_capture_has_a_problem_is_named() -> None:
    map_ = make_map()
    make_captured(map_, problem="No right to read.")
    assert line_of(map_.link, f"Changes of {map_.link.left.name}").detail == "ProductColors: No right to read."


def test_tables_of_maps_at_rest_are_not_missed() -> None:
    map_ = make_map(state=MapState.NOT_RUNNING)
    assert line_of(map_.link, f"Changes of {map_.link.left.name}").ok


def test_a_map_that_is_held_back_is_named() -> None:
    map_ = make_map(problem="Its table is gone.")
    line = line_of(map_.link, "Maps")
    assert not line.ok
    assert map_.name in line.detail
    assert "Its table is gone." in line.detail


def test_work_that_is_due_for_long_and_not_done_is_a_fault() -> None:
    map_ = make_map()
    make_change(map_, "L", state="ready", due_at=timezone.now() - timedelta(minutes=6))
    assert not line_of(map_.link, "Work").ok


def test_changes_of_a_paused_map_may_wait() -> None:
    map_ = make_map(state=MapState.PAUSED)
    make_change(map_, "L", state="ready", due_at=timezone.now() - timedelta(hours=6))
    assert line_of(map_.link, "Work").ok


def test_open_errors_are_counted() -> None:
    map_ = make_map()
    make_error(map_)
    make_error(map_, state="resolved")
    assert line_of(map_.link, "Errors").detail == "1 open."

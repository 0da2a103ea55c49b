from datetime import UTC, datetime, timedelta

import pytest

from portal.selectors.throughput import Window, sparklines, steps, throughput_of_link
from portal.templatetags.pictures import nice_top
from syncengine.models import EntityMap, Throughput
from tests.rows import make_map

NOW = datetime(2026, 3, 1, 12, 7, 31, tzinfo=UTC)


def test_the_last_step_is_the_running_one() -> None:
    found = steps(NOW, step=timedelta(minutes=15), points=3)
    assert found == [datetime(2026, 3, 1, hour, minute, tzinfo=UTC) for hour, minute in ((11, 30), (11, 45), (12, 0))]


@pytest.mark.django_db
def test_a_day_adds_the_minutes_of_each_quarter_hour(a_map: EntityMap) -> None:
    for minutes in (0, 6, 8, 24 * 60):
        minute = NOW.replace(second=0) - timedelta(minutes=minutes)
        Throughput.objects.create(map=a_map, side="right", minute=minute, creates=1)
    found = throughput_of_link(a_map.link_id, window=Window.DAY, now=NOW)
    assert [moment.to_right for moment in found.moments[-2:]] == [1, 2]
    assert found.to_right == 3


@pytest.mark.django_db
def test_the_hour_leaves_out_what_is_older(a_map: EntityMap) -> None:
    for minutes in (0, 59, 60):
        minute = NOW.replace(second=0) - timedelta(minutes=minutes)
        Throughput.objects.create(map=a_map, side="left", minute=minute, updates=10)
    found = throughput_of_link(a_map.link_id, window=Window.HOUR, now=NOW)
    assert (found.to_left, found.moments[0].to_left, found.moments[-1].to_left) == (20, 10, 10)


@pytest.mark.django_db
def test_records_of_another_link_are_left_out(a_map: EntityMap) -> None:
    Throughput.objects.create(map=make_map(), side="right", minute=NOW.replace(second=0), creates=5)
    assert not throughput_of_link(a_map.link_id, window=Window.HOUR, now=NOW).has_records


@pytest.mark.django_db
def test_a_sparkline_has_twelve_points_and_idle_maps_have_none(a_map: EntityMap) -> None:
    idle = make_map(a_map.link)
    Throughput.objects.create(map=a_map, side="right", minute=NOW.replace(second=0), creates=5)
    found = sparklines([a_map.pk, idle.pk], now=NOW)
    assert found == {a_map.pk: [0] * 11 + [5]}


@pytest.mark.parametrize(("highest", "top"), [(0, 2), (2, 2), (3, 4), (10, 10), (11, 20), (601, 800), (8_001, 10_000)])
def test_the_scale_ends_at_a_round_even_number(highest: int, top: int) -> None:
    assert nice_top(highest) == top

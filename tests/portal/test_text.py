from datetime import UTC, datetime, timedelta

import pytest

from portal.templatetags.text import ago, duration, middle, moment

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("before", "text"),
    [
        (timedelta(seconds=0), "just now"),
        (timedelta(seconds=59), "just now"),
        (timedelta(seconds=60), "1 min ago"),
        (timedelta(minutes=59, seconds=59), "59 min ago"),
        (timedelta(hours=23), "23 h ago"),
        (timedelta(days=400), "400 d ago"),
        (timedelta(seconds=-70), "in 1 min 10 s"),
    ],
)
def test_times_are_told_in_the_largest_unit_that_fits(before: timedelta, text: str) -> None:
    assert ago(NOW - before, now=NOW) == text


def test_the_exact_time_is_there_on_hover() -> None:
    assert 'title="2026-03-01 12:00:00 UTC"' in moment(NOW)


def test_never_is_a_dash() -> None:
    assert moment(None) == "–"


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, "–"), (0.4, "0 s"), (3.4, "3 s"), (130, "2 min 10 s"), (3_900, "1 h 5 min")]
)
def test_spans_are_told_in_two_units(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


def test_a_long_value_loses_its_middle_and_can_be_copied_whole() -> None:
    text = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
    shown = middle(text, 20)
    assert "7c9e6679-7…e07fc1f90ae7"[:11] in shown
    assert f'data-copy="{text}"' in shown


def test_a_value_is_never_markup() -> None:
    assert "<script>" not in middle("<script>alert(1)</script>" * 3, 20)

from datetime import UTC, datetime, timedelta

import pytest

from portal.selectors.progress import Counters, progress_of
from syncengine.states import Side

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
START = NOW - timedelta(seconds=10)
HALF = Counters(expected=1_000, read=500)


def test_rate_and_time_left_come_from_the_rows_gone_through() -> None:
    progress = progress_of(HALF, started_at=START, ended_at=None, now=NOW)
    assert (progress.percent, progress.rows_per_s, progress.seconds_left) == (50, 50, 10)


def test_before_the_first_row_nothing_is_promised() -> None:
    progress = progress_of(Counters(expected=7), started_at=START, ended_at=None, now=NOW, phase="read left")
    assert (progress.is_counting, progress.rows_per_s, progress.seconds_left) == (True, None, None)
    assert progress.reads is Side.LEFT


def test_an_ended_run_has_a_rate_and_no_time_left() -> None:
    progress = progress_of(HALF, started_at=START, ended_at=NOW, now=NOW + timedelta(hours=1))
    assert (progress.rows_per_s, progress.seconds_left, progress.is_counting) == (50, None, False)


def test_no_time_is_promised_while_maps_wait() -> None:
    assert progress_of(HALF, started_at=START, ended_at=None, now=NOW, is_all_known=False).seconds_left is None


@pytest.mark.parametrize(("expected", "read", "percent"), [(0, 0, 0), (3, 1, 33.3), (3, 4, 100)])
def test_the_share_stays_between_none_and_all(expected: int, read: int, percent: float) -> None:
    counters = Counters(expected=expected, read=read)
    assert progress_of(counters, started_at=START, ended_at=None, now=NOW).percent == percent


def test_a_clock_that_runs_behind_gives_no_rate() -> None:
    assert progress_of(HALF, started_at=NOW + timedelta(seconds=1), ended_at=None, now=NOW).rows_per_s is None

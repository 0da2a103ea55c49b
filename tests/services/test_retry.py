from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from syncengine.models import Activity, Change
from syncengine.services.errors import Refused
from syncengine.services.sync_errors import retry
from syncengine.states import MapState
from tests.rows import make_change, make_error, make_map, make_user

pytestmark = pytest.mark.django_db


def test_the_parked_changes_of_both_rows_are_ready_and_due() -> None:
    map_ = make_map()
    error = make_error(map_, left_id="L", right_id="R")
    make_change(map_, "L", due_at=timezone.now() + timedelta(hours=1))
    make_change(map_, "R", side="right", state="waiting", waiting_table="accounts", waiting_key="a")
    assert retry(None, error_ids=[error.pk]) == 1
    assert Change.objects.filter(state="ready", due_at__lte=timezone.now()).count() == 2


def test_changes_of_other_records_stay_parked() -> None:
    map_ = make_map()
    error = make_error(map_, left_id="L")
    for row_id, side in (("other", "left"), ("L", "right")):
        make_change(map_, row_id, side=side)
    make_change(make_map(), "L")
    retry(None, error_ids=[error.pk])
    assert Change.objects.filter(state="parked").count() == 3


def test_a_record_without_a_change_is_looked_at_again() -> None:
    map_ = make_map()
    errors = [
        make_error(map_, left_id="L", right_id="R", side="right"),
        make_error(map_, left_id="only left", side="right"),
    ]
    assert retry(None, error_ids=[error.pk for error in errors]) == 2
    added = Change.objects.filter(map=map_).order_by("row_id").values_list("operation", "side", "row_id", "state")
    assert list(added) == [("recheck", "right", "R", "ready"), ("recheck", "left", "only left", "ready")]


def test_retrying_twice_adds_nothing_twice() -> None:
    error = make_error(make_map())
    retry(None, error_ids=[error.pk])
    retry(None, error_ids=[error.pk])
    assert Change.objects.count() == 1


def test_what_is_not_open_any_more_is_left_alone() -> None:
    error = make_error(make_map(), state="resolved")
    assert retry(None, error_ids=[error.pk]) == 0
    assert not Change.objects.exists()
    assert not Activity.objects.exists()


def test_a_map_that_is_not_running_is_named() -> None:
    map_ = make_map(state=MapState.NOT_RUNNING)
    with pytest.raises(Refused, match=f"{map_.name} is not running"):
        retry(None, error_ids=[make_error(map_).pk])


def test_the_activity_says_how_many_of_which_map_and_who() -> None:
    ann, first, second = make_user("operate_link"), make_map(), make_map()
    ids = [make_error(first).pk, make_error(first).pk, make_error(second).pk]
    assert retry(ann, error_ids=ids) == 3
    lines = Activity.objects.filter(kind="retry", actor=ann).order_by("map")
    assert [(line.map, line.text) for line in lines] == [
        (first, "2 records are tried again."),
        (second, "1 record is tried again."),
    ]


def test_who_may_not_operate_is_refused() -> None:
    with pytest.raises(PermissionDenied):
        retry(make_user(), error_ids=[make_error(make_map()).pk])


def test_each_lane_is_rung_once_after_the_transaction(
    django_capture_on_commit_callbacks, monkeypatch: pytest.MonkeyPatch
) -> None:
    map_ = make_map()
    ids = [make_error(map_).pk for _ in range(3)]
    with django_capture_on_commit_callbacks() as callbacks:
        retry(None, error_ids=ids)
    assert len(callbacks) == 1


def test_ten_thousand_errors_are_retried_in_one_statement(django_assert_max_num_queries) -> None:
    from syncengine.models import StoredSyncError

    map_ = make_map()
    errors = StoredSyncError.objects.bulk_create(
        StoredSyncError(map=map_, side="left", left_id=str(number), error_class="data", message="x")
        for number in range(10_000)
    )
    with django_assert_max_num_queries(8):
        assert retry(None, error_ids=[error.pk for error in errors]) == 10_000
    assert Change.objects.filter(operation="recheck").count() == 10_000

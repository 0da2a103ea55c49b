"""The journal's promises, against a real PostgreSQL."""

from datetime import timedelta

import polars as pl
import pytest
from django.utils import timezone

from syncengine.models import Change
from syncengine.repository import bindings, journal
from syncengine.services.database import raw
from syncengine.states import ChangeState, MapState
from tests.integration.make import make_events, make_link, make_map, make_pairs

pytestmark = pytest.mark.django_db


def append(map_, *rows):
    return journal.append_events(raw(), map_.link.left_id, make_events(*rows))


def test_an_event_becomes_a_change_of_every_map_that_reads_the_table():
    link = make_link()
    maps = [make_map(link), make_map(link)]
    append(maps[0], {"row_id": "red"})
    assert sorted(Change.objects.values_list("map_id", flat=True)) == sorted(map_.pk for map_ in maps)


@pytest.mark.parametrize("state", [MapState.INITIALIZING, MapState.RUNNING, MapState.PAUSED, MapState.RESUMING])
def test_maps_that_are_not_at_rest_record_everything(state):
    append(make_map(state=state), {"row_id": "red"}, {"row_id": "red", "operation": "delete"})
    assert Change.objects.count() == 2


def test_maps_at_rest_record_nothing():
    append(make_map(state=MapState.NOT_RUNNING), {"row_id": "red"})
    assert not Change.objects.exists()


def test_a_version_that_is_agreed_already_is_left_out_and_another_one_is_not():
    map_ = make_map()
    bindings.save(raw(), map_.pk, make_pairs({"left_id": "red", "right_id": "r1", "left_version": "7"}))
    append(map_, {"row_id": "red", "version": "7"})
    assert not Change.objects.exists()
    append(map_, {"row_id": "red", "version": "8"})
    assert Change.objects.count() == 1


def test_the_same_version_waits_once():
    map_ = make_map()
    append(map_, {"row_id": "red", "version": "7"})
    append(map_, {"row_id": "red", "version": "7"})
    assert Change.objects.count() == 1


def test_deletes_are_never_left_out():
    map_ = make_map()
    bindings.save(raw(), map_.pk, make_pairs({"left_id": "red", "right_id": "r1", "left_version": "7"}))
    append(map_, {"row_id": "red", "version": "7", "operation": "delete"})
    assert Change.objects.count() == 1


def test_take_gives_the_oldest_ready_changes_and_leaves_them_in_the_journal():
    map_ = make_map()
    append(map_, *({"row_id": f"row {number}"} for number in range(5)))
    taken = journal.take(raw(), map_.lane_id, 3)
    assert taken["row_id"].to_list() == ["row 0", "row 1", "row 2"]
    assert Change.objects.count() == 5


def test_paused_map_queues_and_is_not_taken_from():
    map_ = make_map(state=MapState.PAUSED)
    append(map_, {"row_id": "red", "operation": "delete"})
    assert journal.take(raw(), map_.lane_id, 10).is_empty()
    assert Change.objects.count() == 1


def test_parked_changes_are_found_again_by_their_row():
    map_ = make_map()
    append(map_, {"row_id": "red"}, {"row_id": "blue"})
    journal.park(raw(), list(Change.objects.values_list("pk", flat=True)))
    rows = pl.DataFrame({"side": ["left"], "row_id": ["red"]})
    assert journal.changes_of_rows(raw(), map_.pk, rows, up_to=0)["row_id"].to_list() == ["red"]


def test_children_wake_when_their_parent_is_bound():
    map_ = make_map()
    append(map_, {"row_id": "red"})
    change = Change.objects.get()
    rows = pl.DataFrame({"id": [change.pk], "parent_table": ["Groups"], "parent_key": ["10|usmf"]})
    journal.wait(raw(), rows)
    assert journal.wake_children(raw(), map_.link_id, "groups", ["20|usmf"]) == 0
    assert journal.wake_children(raw(), map_.link_id, "GROUPS", ["10|usmf"]) == 1
    assert Change.objects.get().state == ChangeState.READY


def test_orphans_whose_parent_is_bound_by_now_are_woken_by_the_sweep():
    link = make_link()
    parent, child = make_map(link, right_table="groups"), make_map(link, left_table="Customers")
    journal.append_events(raw(), link.left_id, make_events({"row_id": "c1", "table": "Customers"}))
    rows = pl.DataFrame({"id": [Change.objects.get().pk], "parent_table": ["groups"], "parent_key": ["10"]})
    journal.wait(raw(), rows)
    assert journal.wake_orphans(raw()) == []
    bindings.save(raw(), parent.pk, make_pairs({"left_id": "10", "right_id": "g1", "key": "10"}))
    assert journal.wake_orphans(raw()) == [child.lane_id]


def wait_for_parent(map_, row_id):
    change = Change.objects.get(map=map_, row_id=row_id)
    rows = pl.DataFrame({"id": [change.pk], "parent_table": ["groups"], "parent_key": ["10"]})
    return journal.wait(raw(), rows)


def postpone(map_, row_id):
    change = Change.objects.get(map=map_, row_id=row_id)
    due_at = timezone.now() + timedelta(hours=1)
    return journal.postpone(raw(), pl.DataFrame({"id": [change.pk], "due_at": [due_at], "attempts": [1]}))


def test_keeping_what_waited_as_errors_files_one_a_row():
    map_ = make_map(state=MapState.PAUSED)
    append(map_, {"row_id": "red"}, {"row_id": "red"}, {"row_id": "blue"})
    assert journal.keep_as_errors(raw(), map_.pk) == 3
    assert map_.sync_errors.filter(state="open").count() == 2
    assert set(Change.objects.values_list("state", flat=True)) == {"parked"}


def test_keeping_as_errors_leaves_nothing_that_waits_for_a_parent_or_for_its_time():
    map_ = make_map(state=MapState.PAUSED)
    append(map_, {"row_id": "child"}, {"row_id": "later"})
    assert wait_for_parent(map_, "child") == postpone(map_, "later") == 1
    assert journal.keep_as_errors(raw(), map_.pk) == 2
    assert journal.wake_children(raw(), map_.link_id, "groups", ["10"]) == 0
    assert set(Change.objects.values_list("state", flat=True)) == {"parked"}
    assert set(map_.sync_errors.values_list("left_id", flat=True)) == {"child", "later"}


def test_a_pair_that_changed_on_both_sides_is_kept_as_one_error_that_names_both_rows():
    map_ = make_map(state=MapState.PAUSED)
    bindings.save(raw(), map_.pk, make_pairs({"left_id": "red", "right_id": "r1", "key": "RED"}))
    append(map_, {"row_id": "red"})
    right = make_events({"row_id": "r1", "table": "msdyn_productcolors"})
    journal.append_events(raw(), map_.link.right_id, right)
    assert journal.keep_as_errors(raw(), map_.pk) == 2
    error = map_.sync_errors.get()
    assert (error.left_id, error.right_id, error.key, error.attempts) == ("red", "r1", "RED", 0)


@pytest.mark.parametrize("rows", [{"left_id": "red"}, {"right_id": "r1"}, {"left_id": "red", "right_id": "r1"}])
def test_a_record_with_an_open_error_gets_no_second_one(rows):
    map_ = make_map(state=MapState.PAUSED)
    bindings.save(raw(), map_.pk, make_pairs({"left_id": "red", "right_id": "r1", "key": "RED"}))
    map_.sync_errors.create(side="left", error_class="data", message="Too long.", **rows)
    append(map_, {"row_id": "red"})
    assert journal.keep_as_errors(raw(), map_.pk) == 1
    assert map_.sync_errors.get().message == "Too long."
    assert Change.objects.get().state == "parked"


def test_a_second_keeping_finds_nothing_to_keep():
    map_ = make_map(state=MapState.PAUSED)
    append(map_, {"row_id": "red"})
    assert [journal.keep_as_errors(raw(), map_.pk) for _ in range(2)] == [1, 0]


def test_discarding_removes_what_waits_and_leaves_what_is_parked():
    map_, other = make_map(state=MapState.PAUSED), make_map()
    append(map_, {"row_id": "ready"}, {"row_id": "child"}, {"row_id": "later"}, {"row_id": "parked"})
    append(other, {"row_id": "ready"})
    assert wait_for_parent(map_, "child") == postpone(map_, "later") == 1
    journal.park(raw(), [Change.objects.get(row_id="parked").pk])
    assert journal.discard(raw(), map_.pk) == 3
    assert set(Change.objects.values_list("map_id", "row_id")) == {(map_.pk, "parked"), (other.pk, "ready")}


def test_what_was_parked_meanwhile_is_neither_postponed_nor_left_to_wait():
    map_ = make_map()
    append(map_, {"row_id": "red"})
    journal.park(raw(), [Change.objects.get().pk])
    assert postpone(map_, "red") == wait_for_parent(map_, "red") == 0
    assert Change.objects.get().state == "parked"


def test_an_event_of_the_links_own_write_is_left_out_and_one_of_another_link_is_not():
    map_ = make_map()
    append(map_, {"row_id": "red", "origin": f"twofold-{map_.link_id}"})
    assert not Change.objects.exists()
    append(map_, {"row_id": "red", "origin": f"twofold-{map_.link_id + 1}"})
    assert Change.objects.count() == 1

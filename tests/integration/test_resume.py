"""A map skips to live sync: what waited is left behind for good, also while a worker has it in its hands."""

import pytest

from syncengine.errors import UnreachableError
from syncengine.models import Binding, Change, EntityMap, StoredSyncError
from syncengine.services.maps import Backlog, resume_maps
from syncengine.services.sync_errors import retry
from syncengine.states import MapState, Side
from tests.integration.pairs import make_pair
from tests.integration.test_live import account, make_account, make_customer

pytestmark = pytest.mark.django_db


@pytest.fixture
def pair(monkeypatch):
    """Two environments whose map of customers is catching up."""
    pair = make_pair(monkeypatch)
    EntityMap.objects.filter(pk=pair.customers.pk).update(state=MapState.RESUMING)
    return pair


def skip(pair, backlog=Backlog.KEEP_AS_ERRORS):
    return resume_maps(None, maps=[pair.customers], backlog=backlog, consent=True)


def after_the_read(pair, monkeypatch, act):
    """Lets something happen once, when the take has read the left rows and has settled nothing."""
    read, waiting = pair.left.fetch, [act]

    def fetch(table, **wishes):
        rows = read(table, **wishes)
        if table.name == "CustomersV3" and waiting:
            waiting.pop()()
        return rows

    monkeypatch.setattr(pair.left, "fetch", fetch)


def retry_all(pair):
    retry(None, error_ids=list(StoredSyncError.objects.filter(state="open").values_list("pk", flat=True)))
    pair.settle()


# --- Left behind before a take -----------------------------------------------------------------------------------


def test_kept_changes_of_every_kind_are_synced_by_retrying_their_errors(pair):
    for number in ("C1", "C2"):
        make_customer(pair, number)
    pair.settle()
    pair.left.put("CustomersV3", "usmf|c1", NAME="Edited")
    pair.left.remove("CustomersV3", "usmf|c2")
    pair.event(Side.LEFT, "CustomersV3", "usmf|c2", "delete")
    make_customer(pair, "C3")
    make_account(pair, "A1")
    pair.capture()
    assert skip(pair) == 4
    assert pair.settle() == 0
    assert len(pair.right.ids("accounts")) == 3
    retry_all(pair)
    assert {pair.right.values("accounts", i)["accountnumber"] for i in pair.right.ids("accounts")} == {"C1", "C3", "A1"}
    assert account(pair, "C1")["name"] == "Edited"
    assert "usmf|a1" in pair.left.ids("CustomersV3")
    assert set(StoredSyncError.objects.values_list("state", flat=True)) == {"resolved"}
    assert pair.waiting() == 0


def test_a_kept_child_does_not_follow_its_parent_by_itself_and_its_retry_syncs_it(pair):
    make_customer(pair, "C1")
    pair.settle()
    pair.left.put("CustomersV3", "usmf|c1", INVOICEACCOUNT="C9")
    pair.settle()
    assert Change.objects.get().state == "waiting"
    skip(pair)
    make_customer(pair, "C9")
    pair.settle()
    assert account(pair, "C1").get("msdyn_billingaccount") is None
    retry_all(pair)
    assert account(pair, "C1")["msdyn_billingaccount"] is not None
    assert pair.waiting() == 0


def test_a_record_with_an_open_error_keeps_that_one_and_its_retry_syncs_the_newest_values(pair):
    pair.right.refuse("accounts", "name", "Bad")
    row_id = make_customer(pair, NAME="Bad")
    pair.settle()
    pair.left.put("CustomersV3", row_id, NAME="Good")
    pair.capture()
    skip(pair)
    assert pair.settle() == 0
    assert StoredSyncError.objects.get().error_class == "business"
    retry_all(pair)
    assert account(pair)["name"] == "Good"
    assert StoredSyncError.objects.get().state == "resolved"
    assert pair.waiting() == 0


def test_new_rows_of_both_sides_with_one_key_leave_neither_error_nor_change_behind(pair):
    make_customer(pair, "C1", NAME="Left")
    make_account(pair, "C1", name="Right")
    pair.capture()
    skip(pair)
    left, right = StoredSyncError.objects.order_by("side")
    pair.left.put("CustomersV3", "usmf|c1", NAME="Newer")
    pair.settle()
    assert account(pair)["name"] == "Newer"
    for error in (left, right):
        error.refresh_from_db()
        assert error.state == "resolved"
    assert pair.waiting() == 0


def test_discarded_changes_do_not_come_back_and_the_next_one_is_synced(pair):
    row_id = make_customer(pair)
    pair.settle()
    pair.left.put("CustomersV3", row_id, NAME="Lost")
    pair.capture()
    assert skip(pair, Backlog.DISCARD) == 1
    assert pair.settle() == 0
    assert account(pair)["name"] == "Adatum"
    pair.left.put("CustomersV3", row_id, PHONE="555")
    pair.settle()
    assert (account(pair)["name"], account(pair)["telephone1"]) == ("Lost", "555")


# --- Left behind while a take is in flight -----------------------------------------------------------------------


@pytest.mark.parametrize("backlog", [Backlog.KEEP_AS_ERRORS, Backlog.DISCARD])
def test_what_a_take_has_read_already_goes_through_and_leaves_nothing_behind(pair, monkeypatch, backlog):
    make_customer(pair)
    pair.capture()
    after_the_read(pair, monkeypatch, lambda: skip(pair, backlog))
    pair.take()
    assert account(pair)["name"] == "Adatum"
    assert not StoredSyncError.objects.filter(state="open").exists()
    assert Binding.objects.filter(map=pair.customers, state="bound").count() == 1
    pair.right.writes.clear()
    pair.settle()
    assert pair.waiting() == 0
    assert not pair.right.writes


def test_a_kept_record_that_the_take_in_flight_cannot_write_now_is_not_tried_again_by_itself(pair, monkeypatch):
    make_customer(pair)
    pair.capture()
    pair.right.fail("write", UnreachableError("right did not answer"))
    after_the_read(pair, monkeypatch, lambda: skip(pair))
    pair.take()
    assert Change.objects.get().state == "parked"
    assert pair.settle() == 0
    assert pair.right.ids("accounts") == []
    retry_all(pair)
    assert account(pair)["name"] == "Adatum"
    assert StoredSyncError.objects.get().state == "resolved"


def test_a_kept_record_that_lacks_its_parent_in_the_take_in_flight_does_not_wait_for_it(pair, monkeypatch):
    make_customer(pair, "C1")
    pair.settle()
    pair.left.put("CustomersV3", "usmf|c1", INVOICEACCOUNT="C9")
    pair.capture()
    after_the_read(pair, monkeypatch, lambda: skip(pair))
    pair.take()
    assert (Change.objects.get().state, StoredSyncError.objects.get().state) == ("parked", "open")
    make_customer(pair, "C9")
    pair.settle()
    assert account(pair, "C1").get("msdyn_billingaccount") is None
    retry_all(pair)
    assert account(pair, "C1")["msdyn_billingaccount"] is not None


def test_a_change_that_came_after_the_read_keeps_its_error_when_the_take_in_flight_goes_through(pair, monkeypatch):
    row_id = make_customer(pair, NAME="First")
    pair.capture()

    def edit_and_skip():
        pair.left.put("CustomersV3", row_id, NAME="Second")
        pair.capture()
        skip(pair)

    after_the_read(pair, monkeypatch, edit_and_skip)
    pair.take()
    assert account(pair)["name"] == "First"
    assert (Change.objects.get().state, StoredSyncError.objects.get().state) == ("parked", "open")
    retry_all(pair)
    assert account(pair)["name"] == "Second"
    assert StoredSyncError.objects.get().state == "resolved"
    assert pair.waiting() == 0


def test_a_discarded_record_that_the_take_in_flight_cannot_write_now_is_gone(pair, monkeypatch):
    make_customer(pair)
    pair.capture()
    pair.right.fail("write", UnreachableError("right did not answer"))
    after_the_read(pair, monkeypatch, lambda: skip(pair, Backlog.DISCARD))
    pair.take()
    assert pair.waiting() == 0
    assert pair.right.ids("accounts") == []
    assert not StoredSyncError.objects.exists()


def test_a_discarded_record_that_is_refused_in_flight_is_an_error_that_can_be_retried(pair, monkeypatch):
    pair.right.refuse("accounts", "name", "Bad")
    make_customer(pair, NAME="Bad")
    pair.capture()
    after_the_read(pair, monkeypatch, lambda: skip(pair, Backlog.DISCARD))
    pair.take()
    assert (pair.waiting(), StoredSyncError.objects.get().state) == (0, "open")
    pair.right.rules.clear()
    retry_all(pair)
    assert account(pair)["name"] == "Bad"
    assert StoredSyncError.objects.get().state == "resolved"

"""Initial sync through the whole pipeline: a real portal database between two environments in memory."""

from dataclasses import asdict

import pytest
from django.utils import timezone

from syncengine.models import Binding, Change, Conflict, Run, RunLeg, RunMap, StoredSyncError
from syncengine.pipeline import load as loading
from syncengine.pipeline.load import Checkpoint, Load, steps
from syncengine.services.database import raw
from syncengine.services.works import work_of
from syncengine.states import Side
from tests.integration.pairs import fence, make_pair
from tests.integration.test_live import account, company_id, make_account, make_customer

pytestmark = pytest.mark.django_db


@pytest.fixture
def pair(monkeypatch):
    return make_pair(monkeypatch)


def make_load(pair, folder, *, writes=True) -> Load:
    run = Run.objects.create(link=pair.link)
    run_map = RunMap.objects.create(run=run, map=pair.customers, position=0, master="right", writes=writes)
    siblings = list(pair.link.maps.select_related("version", "link__left", "link__right"))
    return Load(
        run_map_id=run_map.pk,
        work=work_of(next(map_ for map_ in siblings if map_.pk == pair.customers.pk), siblings),
        folder=folder,
        writes=writes,
        fence=fence,
        save=lambda checkpoint: RunMap.objects.filter(pk=run_map.pk).update(checkpoint=asdict(checkpoint)),
        now=timezone.now,
    )


def run_load(pair, folder, **options) -> RunMap:
    load = make_load(pair, folder, **options)
    assert [each.phase for each in steps(raw(), load, Checkpoint())][-1] == "done"
    return RunMap.objects.get(pk=load.run_map_id)


def leg(run_map, target, company="usmf") -> dict[str, int]:
    row = RunLeg.objects.get(run_map=run_map, company=company, target=target)
    return {name: getattr(row, name) for name in ("expected", "read", "equal", "created", "updated", "refused")}


def test_rows_of_both_sides_arrive_and_are_bound(pair, tmp_path):
    make_customer(pair, "C1")
    make_customer(pair, "C2", company="demf")
    make_account(pair, "A1")
    run_map = run_load(pair, tmp_path / "spool")
    assert sorted(pair.left.ids("CustomersV3")) == ["demf|c2", "usmf|a1", "usmf|c1"]
    assert Binding.objects.filter(map=pair.customers, state="bound").count() == 3
    assert leg(run_map, "right") == {"expected": 1, "read": 1, "equal": 0, "created": 1, "updated": 0, "refused": 0}
    assert leg(run_map, "left")["created"] == 1


def test_loading_twice_writes_nothing_the_second_time(pair, tmp_path):
    make_customer(pair, "C1")
    make_account(pair, "A1")
    run_load(pair, tmp_path / "spool")
    pair.left.writes.clear(), pair.right.writes.clear()
    run_map = run_load(pair, tmp_path / "spool")
    assert not pair.left.writes
    assert not pair.right.writes
    assert leg(run_map, "right")["equal"] == 2


def test_master_wins_where_both_sides_have_the_row_and_the_other_value_is_kept(pair, tmp_path):
    make_customer(pair, "C1", NAME="Left", PHONE="1")
    make_account(pair, "C1", name="Right")
    run_load(pair, tmp_path / "spool")
    assert pair.left.values("CustomersV3", "usmf|c1")["NAME"] == "Right"
    assert Conflict.objects.get().left["NAME"] == "Left"


def test_comparing_only_binds_and_writes_nothing(pair, tmp_path):
    make_customer(pair, "C1", NAME="Left")
    make_account(pair, "C1", name="Right")
    make_customer(pair, "C2")
    run_load(pair, tmp_path / "spool", writes=False)
    assert len(pair.right.ids("accounts")) == 1
    assert account(pair)["name"] == "Right"
    assert Binding.objects.filter(map=pair.customers).count() == 1


def test_refused_rows_are_sync_errors_that_can_be_tried_again(pair, tmp_path):
    pair.right.refuse("accounts", "name", "Bad", message="Not allowed.")
    make_customer(pair, "C1", NAME="Bad")
    make_customer(pair, "C2")
    run_map = run_load(pair, tmp_path / "spool")
    assert StoredSyncError.objects.get().run_map_id == run_map.pk
    assert leg(run_map, "right")["refused"] == 1
    pair.right.rules.clear()
    Change.objects.filter(state="parked").update(state="ready", attempts=1)
    pair.settle()
    assert account(pair)["name"] == "Bad"
    assert StoredSyncError.objects.get().state == "resolved"


def test_row_with_a_waiting_change_is_left_to_live_sync(pair, tmp_path):
    make_customer(pair, "C1", NAME="Left")
    make_account(pair, "C1", name="Right")
    pair.capture()
    Change.objects.all().delete()
    pair.event(Side.LEFT, "CustomersV3", "usmf|c1", "upsert")
    run_map = run_load(pair, tmp_path / "spool")
    assert RunLeg.objects.get(run_map=run_map, company="usmf", target="right").left_to_live == 1
    assert account(pair)["name"] == "Right"
    pair.settle()
    assert account(pair)["name"] == "Left"


def test_load_that_stops_anywhere_goes_on_from_its_checkpoint(pair, tmp_path, monkeypatch):
    monkeypatch.setattr(loading, "SLICE_RECORDS", 3)
    pair.left.page_rows = 4
    for number in range(10):
        make_customer(pair, f"C{number}")
    load, checkpoint, rounds = make_load(pair, tmp_path / "spool"), Checkpoint(), 0
    while checkpoint.phase != "done":
        checkpoint = next(iter(steps(raw(), load, checkpoint)))
        rounds += 1
    run_map = RunMap.objects.get(pk=load.run_map_id)
    assert rounds > 8
    assert pair.right.writes["create"] == 10 + 2
    assert leg(run_map, "right")["created"] == leg(run_map, "right")["expected"] == 10


def test_crash_between_write_and_settle_of_a_slice_repeats_it_harmlessly(pair, tmp_path, monkeypatch):
    make_customer(pair, "C1")
    load = make_load(pair, tmp_path / "spool")
    with monkeypatch.context() as patched:
        patched.setattr("syncengine.pipeline.load.settle", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            list(steps(raw(), load, Checkpoint()))
    stored = Checkpoint(**RunMap.objects.get(pk=load.run_map_id).checkpoint)
    assert stored.phase == "write"
    list(steps(raw(), load, stored))
    pair.settle()
    assert len(pair.right.ids("accounts")) == 1
    assert Binding.objects.filter(map=pair.customers, state="bound").count() == 1


def test_look_ups_within_the_table_follow_after_the_load(pair, tmp_path):
    make_customer(pair, "C1", INVOICEACCOUNT="C2")
    make_customer(pair, "C2")
    run_load(pair, tmp_path / "spool")
    pair.settle()
    ids = {pair.right.values("accounts", i)["accountnumber"]: i for i in pair.right.ids("accounts")}
    assert account(pair, "C1")["msdyn_billingaccount"] == ids["C2"]


def test_pair_whose_partner_is_gone_is_not_made_again(pair, tmp_path):
    make_customer(pair, "C1")
    pair.settle()
    pair.right.remove("accounts", pair.right.ids("accounts")[0])
    run_load(pair, tmp_path / "spool")
    assert pair.right.ids("accounts") == []
    assert company_id(pair)
    assert Change.objects.filter(operation="recheck").exists()

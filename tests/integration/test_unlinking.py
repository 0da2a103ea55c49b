"""A link is unlinked while a worker is in the middle of its work."""

from datetime import timedelta

import pytest
from django.utils import timezone

from syncengine.models import Binding, CaptureCursor, Change, Run
from syncengine.services import capture, live, maps, runs, unlinked
from syncengine.services.links import unlink
from syncengine.states import MapState, RunState, Side
from tests.integration.pairs import make_pair
from tests.integration.test_cancel import during
from tests.integration.test_live import make_account, make_customer

pytestmark = pytest.mark.django_db


@pytest.fixture
def pair(monkeypatch, settings, tmp_path):
    settings.PUSH_ENABLED, settings.SPOOL_FOLDER = False, tmp_path
    return make_pair(monkeypatch)


def end(pair) -> None:
    unlink(None, link=pair.link, understood=True, force=True)


def start(pair) -> Run:
    maps.stop_maps(None, maps=[pair.customers])
    return maps.start_maps(None, items=[maps.StartItem(map=pair.customers, initial_sync=True, master=Side.RIGHT)])


def test_a_take_that_has_read_its_rows_writes_none(pair, monkeypatch):
    make_customer(pair, "C1")
    make_account(pair, "A1")
    pair.capture()
    during(monkeypatch, pair.left, "fetch", lambda: end(pair))
    live.work_lane(pair.customers.lane_id)
    assert len(pair.right.ids("accounts")) == len(pair.left.ids("CustomersV3")) == 1
    assert not Binding.objects.filter(map=pair.customers).exists()


def test_a_take_that_is_writing_settles_nothing(pair, monkeypatch):
    make_customer(pair, "C1")
    pair.capture()
    during(monkeypatch, pair.right, "write", lambda: end(pair))
    live.work_lane(pair.customers.lane_id)
    assert not Binding.objects.filter(map=pair.customers).exists()
    assert Change.objects.filter(map=pair.customers).count() == 1


@pytest.mark.parametrize("moment", ["count", "chunks"])
def test_a_load_that_has_not_written_yet_does_not_write(pair, monkeypatch, moment):
    make_customer(pair, "C1")
    run = start(pair)
    during(monkeypatch, pair.right, moment, lambda: end(pair))
    runs.advance(run.pk)
    runs.advance(run.pk)
    run.refresh_from_db()
    pair.customers.refresh_from_db()
    assert (run.state, pair.customers.state) == (RunState.CANCELLED, MapState.NOT_RUNNING)
    assert pair.right.ids("accounts") == []


def test_a_table_that_is_being_listed_is_given_up(pair, monkeypatch):
    now = timezone.now()
    times = {"poll_due_at": now + timedelta(hours=1), "listed_at": now, "listing_due_at": now}
    CaptureCursor.objects.create(environment=pair.link.left, table="CustomersV3", **times)
    make_customer(pair, "C1")
    during(monkeypatch, pair.left, "listing", lambda: CaptureCursor.objects.all().delete())
    assert capture.capture_environment(pair.link.left, now, capture.Rhythm()) == 0
    assert not Change.objects.filter(map=pair.customers, row_id="usmf|c1").exists()


def test_a_worker_that_comes_when_all_is_gone_finds_nothing(pair):
    make_customer(pair, "C1")
    run = start(pair)
    end(pair)
    while unlinked.take_away():
        pass
    runs.advance(run.pk)
    assert live.work_lane(pair.customers.lane_id) == 0
    assert pair.right.ids("accounts") == []
    assert len(pair.left.ids("LegalEntities")) == 2

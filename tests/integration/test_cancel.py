"""A run is cancelled, or a map of it stopped, while a worker is in the middle of it."""

import pytest
from django.core.exceptions import PermissionDenied

from syncengine.models import Activity, Binding, CaptureCursor, Change, EntityMap, Run, RunMap, StoredSyncError
from syncengine.pipeline import load as loading
from syncengine.repository import leases
from syncengine.services import capture, runs
from syncengine.services.database import raw
from syncengine.services.errors import Refused
from syncengine.services.maps import stop_maps
from syncengine.states import MapState, RunState, Side
from tests.blocking import held_up
from tests.integration.pairs import make_pair
from tests.integration.test_live import make_customer
from tests.rows import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def pair(monkeypatch, settings, tmp_path):
    """Six customers that slices of two records take over; the companies are there already."""
    settings.PUSH_ENABLED, settings.SPOOL_FOLDER = False, tmp_path
    monkeypatch.setattr(loading, "SLICE_RECORDS", 2)
    pair = make_pair(monkeypatch)
    for number in range(6):
        make_customer(pair, f"C{number}")
    return pair


def make_run(pair, *maps, **overrides):
    """A run of these maps, none begun."""
    run = Run.objects.create(link=pair.link)
    EntityMap.objects.filter(pk__in=[map_.pk for map_ in maps]).update(state=MapState.INITIALIZING)
    for position, map_ in enumerate(maps):
        RunMap.objects.create(run=run, map=map_, position=position, master=Side.RIGHT, **overrides)
    return run


def during(monkeypatch, owner, name, act):
    """Lets something happen once, just when the owner's function is about to return."""
    real, waiting = getattr(owner, name), [act]

    def wrapped(*arguments, **wishes):
        result = real(*arguments, **wishes)
        if waiting:
            waiting.pop()()
        return result

    monkeypatch.setattr(owner, name, wrapped)


def states(run, *maps):
    """Of the run, of its maps, and of the maps themselves."""
    run.refresh_from_db()
    of_run = list(run.run_maps.order_by("position").values_list("state", flat=True))
    return run.state, of_run, [EntityMap.objects.get(pk=map_.pk).state for map_ in maps]


# --- Cancelling --------------------------------------------------------------------------------------------------


def test_cancelling_brings_maps_to_rest_and_leaves_those_that_are_done(pair):
    run = make_run(pair, pair.companies, pair.customers)
    runs._complete(run.run_maps.get(position=0))
    pair.capture()
    runs.cancel(None, run=run)
    assert states(run, pair.companies, pair.customers) == (
        "cancelled",
        ["completed", "cancelled"],
        ["running", "not running"],
    )
    assert not Change.objects.filter(map=pair.customers).exists()
    assert run.ended_at is not None
    assert RunMap.objects.get(map=pair.customers).ended_at is not None
    assert Activity.objects.filter(kind="run", text=f"Run {run.pk} was cancelled.").exists()


def test_a_map_that_loaded_companies_only_goes_back_to_what_it_was_with_what_waits(pair):
    run = make_run(pair, pair.customers, companies=["usmf"], returns_to=MapState.PAUSED)
    pair.capture()
    runs.cancel(None, run=run)
    assert states(run, pair.customers) == ("cancelled", ["cancelled"], ["paused"])
    assert Change.objects.filter(map=pair.customers).count() == 6


@pytest.mark.django_db(transaction=True)
def test_captures_that_no_map_needs_any_more_are_ended(pair):
    run = make_run(pair, pair.customers)
    for map_ in (pair.companies, pair.customers):
        capture.begin(pair.link, map_)
    runs.cancel(None, run=run)
    assert set(CaptureCursor.objects.values_list("table", flat=True)) == {"LegalEntities", "cdm_companies"}


def test_a_run_that_is_over_is_refused(pair):
    run = make_run(pair, pair.customers)
    runs.cancel(None, run=run)
    with pytest.raises(Refused, match=f"Run {run.pk} is over already"):
        runs.cancel(None, run=run)


def test_who_may_only_look_cannot_cancel(pair):
    run = make_run(pair, pair.customers)
    with pytest.raises(PermissionDenied):
        runs.cancel(make_user("change_link"), run=run)
    assert states(run, pair.customers) == ("running", ["waiting"], ["initializing"])


# --- A worker in the middle of it --------------------------------------------------------------------------------


def test_a_worker_stops_with_the_slice_that_it_is_writing_and_settles_nothing_of_it(pair, monkeypatch):
    run = make_run(pair, pair.customers)
    during(monkeypatch, pair.right, "write", lambda: runs.cancel(None, run=run))
    runs.advance(run.pk)
    assert pair.right.writes["create"] == 2 + 2  # the companies, and one slice
    assert not Binding.objects.filter(map=pair.customers).exists()
    assert not Change.objects.filter(map=pair.customers).exists()
    assert states(run, pair.customers) == ("cancelled", ["cancelled"], ["not running"])


def test_what_a_cancelled_run_wrote_without_settling_is_found_by_the_next_run(pair, monkeypatch):
    run = make_run(pair, pair.customers)
    during(monkeypatch, pair.right, "write", lambda: runs.cancel(None, run=run))
    runs.advance(run.pk)
    runs.advance(make_run(pair, pair.customers).pk)
    pair.settle()
    assert len(pair.right.ids("accounts")) == 6
    assert Binding.objects.filter(map=pair.customers, state="bound").count() == 6
    assert not StoredSyncError.objects.exists()


@pytest.mark.parametrize("moment", ["count", "chunks", "write"])
def test_a_worker_that_is_overtaken_anywhere_turns_nothing_back(pair, monkeypatch, moment):
    run = make_run(pair, pair.customers)
    during(monkeypatch, pair.right, moment, lambda: runs.cancel(None, run=run))
    runs.advance(run.pk)
    runs.advance(run.pk)
    assert states(run, pair.customers) == ("cancelled", ["cancelled"], ["not running"])
    assert pair.right.writes["create"] <= 2 + 2


def test_a_run_that_is_cancelled_while_its_first_map_begins_is_not_begun(pair, monkeypatch, tmp_path):
    run = make_run(pair, pair.customers)
    during(monkeypatch, capture, "begin", lambda: runs.cancel(None, run=run))
    runs.advance(run.pk)
    assert states(run, pair.customers) == ("cancelled", ["cancelled"], ["not running"])
    assert not CaptureCursor.objects.filter(table__in=["CustomersV3", "accounts"]).exists()
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_is_cancelled_when_all_is_loaded_does_not_complete(pair, monkeypatch):
    run = make_run(pair, pair.customers)
    during(monkeypatch, runs, "_load", lambda: runs.cancel(None, run=run))
    runs.advance(run.pk)
    assert states(run, pair.customers) == ("cancelled", ["cancelled"], ["not running"])


def test_a_run_that_is_cancelled_before_its_worker_finishes_it_stays_cancelled(pair):
    run = make_run(pair, pair.customers)
    token = leases.acquire_run(raw(), run.pk, "a worker")
    assert token is not None
    runs._complete(run.run_maps.get())
    runs.cancel(None, run=run)
    with pytest.raises(leases.LeaseLostError):
        runs._finish(run.pk, token)
    assert states(run, pair.customers) == ("cancelled", ["completed"], ["running"])


@pytest.mark.django_db(transaction=True)
def test_a_map_that_completes_at_the_moment_of_cancelling_runs_on_with_what_waits(pair, postgres_url):
    run = make_run(pair, pair.customers)
    pair.capture()
    with held_up(postgres_url, lambda: runs.cancel(None, run=run)):
        runs._complete(run.run_maps.get())
    assert states(run, pair.customers) == ("cancelled", ["completed"], ["running"])
    assert Change.objects.filter(map=pair.customers).count() == 6


@pytest.mark.parametrize("late", [runs._complete, lambda run_map: runs._fail(run_map, "No answer.")])
def test_a_worker_of_a_cancelled_run_does_not_move_a_map_that_a_new_run_has_begun(pair, late):
    run = make_run(pair, pair.customers)
    stale = run.run_maps.get()
    runs.cancel(None, run=run)
    again = make_run(pair, pair.customers)
    pair.capture()
    late(stale)
    assert states(again, pair.customers) == ("running", ["waiting"], ["initializing"])
    assert states(run)[1] == ["cancelled"]
    assert Change.objects.filter(map=pair.customers).count() == 6


@pytest.mark.django_db(transaction=True)
def test_a_map_that_is_stopped_in_a_run_leaves_nothing_behind_and_the_others_go_on(pair, monkeypatch):
    run = make_run(pair, pair.customers, pair.companies)
    pair.right.refuse("accounts", "name", "Adatum")
    during(monkeypatch, pair.right, "write", lambda: stop_maps(None, maps=[pair.customers]))
    runs.advance(run.pk)
    assert states(run, pair.customers, pair.companies) == (
        RunState.CANCELLED,
        ["cancelled", "completed"],
        ["not running", "running"],
    )
    assert not Change.objects.filter(map=pair.customers).exists()
    assert not StoredSyncError.objects.filter(state="open").exists()

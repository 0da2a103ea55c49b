"""A company added to a link whose maps work: they load its rows alone and go back to what they did."""

import pytest

from syncengine.errors import CatalogError, UnreachableError
from syncengine.models import Activity, Binding, Change, EntityMap, Run, RunLeg, RunMap, StoredSyncError
from syncengine.services import link_companies, maps, runs
from syncengine.services.companies import CompanyChoice
from syncengine.states import MapState, RunState, Side
from tests.integration.pairs import make_pair
from tests.integration.test_live import account, make_account, make_customer

pytestmark = pytest.mark.django_db
FRRT = CompanyChoice(code="frrt", name="Contoso France")


@pytest.fixture
def pair(monkeypatch, settings, tmp_path):
    """Two linked companies that are in sync, and a third one that both sides have."""
    settings.SPOOL_FOLDER = tmp_path
    pair = make_pair(monkeypatch)
    pair.left.put("LegalEntities", "frrt", LEGALENTITYID="frrt", NAME="Contoso France")
    pair.event(Side.LEFT, "LegalEntities", "frrt", "upsert")
    make_customer(pair, "C1")
    pair.settle()
    return pair


def add(pair) -> Run | None:
    return link_companies.add_companies(None, link=pair.link, companies=[FRRT], consent=True)


def work_off(run: Run) -> Run:
    """As the worker of the queue does."""
    for _ in range(20):
        runs.advance(run.pk)
        run.refresh_from_db()
        if run.state != RunState.RUNNING:
            return run
    raise AssertionError("the run does not end")


def state(map_: EntityMap) -> str:
    map_.refresh_from_db()
    return map_.state


def drift(pair) -> None:
    """Another company's pair differs, and nobody told of it."""
    row_id = pair.left.ids("CustomersV3")[0]
    pair.left.put("CustomersV3", row_id, NAME="Drifted")
    pair.capture()
    Change.objects.all().delete()


def test_rows_of_the_new_company_arrive_both_ways_and_the_map_runs_on(pair):
    make_customer(pair, "F1", company="frrt", NAME="Gaulois")
    make_account(pair, "F2", company="frrt")
    run = add(pair)
    assert state(pair.customers) == MapState.INITIALIZING
    assert work_off(run).state == RunState.COMPLETED
    assert state(pair.customers) == MapState.RUNNING
    assert account(pair, "F1")["name"] == "Gaulois"
    assert "frrt|f2" in pair.left.ids("CustomersV3")
    pair.left.put("CustomersV3", "frrt|f1", NAME="Later")
    pair.settle()
    assert account(pair, "F1")["name"] == "Later"


def test_rows_of_other_companies_are_not_read_written_or_counted(pair, monkeypatch):
    make_customer(pair, "F1", company="frrt")
    drift(pair)
    seen, real = [], pair.left.chunks

    def chunks(table, **wishes):
        for chunk in real(table, **wishes):
            if table.name == "CustomersV3" and wishes["columns"]:  # a listing, for capture, asks for none
                seen.extend(chunk.rows["_row_id"].to_list())
            yield chunk

    monkeypatch.setattr(pair.left, "chunks", chunks)
    pair.left.writes.clear(), pair.right.writes.clear()
    work_off(add(pair))
    assert seen == ["frrt|f1"]
    assert dict(pair.right.writes) == {"create": 1}
    assert not pair.left.writes
    assert account(pair, "C1")["name"] == "Adatum"
    assert list(RunLeg.objects.values_list("company", "target", "expected")) == [("frrt", "right", 1)]


def test_a_paused_map_is_paused_again_with_all_that_waits(pair):
    maps.pause_maps(None, maps=[pair.customers])
    pair.left.put("CustomersV3", "usmf|c1", NAME="Waits")
    make_customer(pair, "F1", company="frrt")
    pair.capture()
    make_customer(pair, "F2", company="frrt")
    run = work_off(add(pair))
    assert (run.state, state(pair.customers)) == (RunState.COMPLETED, MapState.PAUSED)
    assert set(Change.objects.values_list("row_id", flat=True)) == {"usmf|c1", "frrt|f1"}
    assert [pair.right.values("accounts", i)["accountnumber"] for i in pair.right.ids("accounts")] == ["C1", "F2"]
    assert account(pair, "C1")["name"] == "Adatum"
    maps.resume_maps(None, maps=[pair.customers])
    pair.settle()
    assert (account(pair, "C1")["name"], account(pair, "F1")["name"]) == ("Waits", "Adatum")


def test_changes_of_all_companies_wait_while_the_company_is_loaded(pair):
    run = add(pair)
    pair.left.put("CustomersV3", "usmf|c1", NAME="Meanwhile")
    pair.capture()
    assert pair.take() == 0
    work_off(run)
    pair.settle()
    assert account(pair, "C1")["name"] == "Meanwhile"


@pytest.mark.parametrize("before", [MapState.RUNNING, MapState.PAUSED])
def test_a_load_that_fails_keeps_the_state_and_what_waits(pair, before):
    if before == MapState.PAUSED:
        maps.pause_maps(None, maps=[pair.customers])
    run = add(pair)
    pair.left.put("CustomersV3", "usmf|c1", NAME="Waits")
    pair.capture()
    pair.right.fail("count", CatalogError("There is no table accounts."))
    assert work_off(run).state == RunState.FAILED
    assert state(pair.customers) == before
    assert "There is no table accounts." in RunMap.objects.get().message
    assert list(Change.objects.values_list("row_id", flat=True)) == ["usmf|c1"]


def test_a_failed_load_is_done_again_by_a_person(pair):
    make_customer(pair, "F1", company="frrt")
    pair.right.fail("count", CatalogError("There is no table accounts."))
    assert work_off(add(pair)).state == RunState.FAILED
    again = work_off(link_companies.load_again(None, link=pair.link, codes=["FRRT"]))
    assert (again.state, again.run_maps.get().companies) == (RunState.COMPLETED, ["frrt"])
    assert account(pair, "F1")["name"] == "Adatum"


def test_loading_again_what_is_equal_writes_nothing(pair):
    pair.left.writes.clear(), pair.right.writes.clear()
    work_off(link_companies.load_again(None, link=pair.link, codes=["usmf"]))
    assert not pair.left.writes
    assert not pair.right.writes
    assert RunLeg.objects.get(company="usmf", target="right").equal == 1


def test_a_cancelled_load_keeps_the_state_and_what_waits(pair):
    maps.pause_maps(None, maps=[pair.customers])
    run = add(pair)
    pair.left.put("CustomersV3", "usmf|c1", NAME="Waits")
    pair.capture()
    runs.cancel(None, run=run)
    assert state(pair.customers) == MapState.PAUSED
    assert list(Change.objects.values_list("row_id", flat=True)) == ["usmf|c1"]


def test_a_person_who_stops_the_map_stops_it(pair):
    run = add(pair)
    maps.stop_maps(None, maps=[pair.customers])
    work_off(run)
    assert state(pair.customers) == MapState.NOT_RUNNING
    assert not Change.objects.exists()


def test_an_environment_that_does_not_answer_is_waited_for(pair):
    make_customer(pair, "F1", company="frrt")
    run = add(pair)
    pair.right.fail("count", UnreachableError("No answer."))
    runs.advance(run.pk)
    assert state(pair.customers) == MapState.INITIALIZING
    work_off(run)
    assert account(pair, "F1")["name"] == "Adatum"


def test_a_refused_row_is_a_sync_error_and_the_map_runs_on(pair):
    pair.right.refuse("accounts", "name", "Bad")
    make_customer(pair, "F1", company="frrt", NAME="Bad")
    run = work_off(add(pair))
    assert (run.state, state(pair.customers)) == (RunState.COMPLETED_WITH_ERRORS, MapState.RUNNING)
    assert StoredSyncError.objects.get().company == "frrt"


def test_maps_without_a_company_and_maps_at_rest_are_left_alone(pair):
    maps.stop_maps(None, maps=[pair.customers])
    assert add(pair) is None
    assert (state(pair.companies), state(pair.customers)) == (MapState.RUNNING, MapState.NOT_RUNNING)
    assert [company.code for company in pair.link.companies.all()] == ["demf", "frrt", "usmf"]
    assert not Run.objects.exists()


def test_the_next_run_of_a_map_at_rest_loads_the_company_too(pair):
    maps.stop_maps(None, maps=[pair.customers])
    make_customer(pair, "F1", company="frrt")
    add(pair)
    item = maps.StartItem(map=pair.customers, initial_sync=True, master=Side.RIGHT)
    run = work_off(maps.start_maps(None, items=[item]))
    assert run.run_maps.get().companies == []
    assert Binding.objects.filter(map=pair.customers, left_id="frrt|f1", state="bound").exists()


def test_the_log_says_what_is_loaded_and_what_the_map_is_again(pair):
    work_off(add(pair))
    texts = list(Activity.objects.filter(map=pair.customers).order_by("pk").values_list("text", flat=True))
    assert texts[-2:] == [
        "Customers is now initializing. It loads frrt and then is running again.",
        "Customers is now running. Its load of frrt is complete.",
    ]

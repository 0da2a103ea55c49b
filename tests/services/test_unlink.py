"""Unlinking: at once for everybody who looks or acts, in pieces for what was kept."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.utils import timezone
from psycopg.errors import LockNotAvailable
from pytest_django import Settings

from syncengine.errors import LeaseLostError
from syncengine.models import (
    Activity,
    AlertRule,
    Binding,
    CaptureCursor,
    Change,
    EntityMap,
    Link,
    LinkCompany,
    Notification,
    Run,
    RunMap,
    StoredSyncError,
)
from syncengine.repository import bindings, journal, leases
from syncengine.repository import unlinked as chunks
from syncengine.services import (
    alert_mails,
    alerts,
    filters,
    link_companies,
    maps,
    runs,
    solutions,
    sync_errors,
    unlinked,
)
from syncengine.services.companies import CompanyChoice
from syncengine.services.database import raw
from syncengine.services.errors import Refused
from syncengine.services.links import create_link, unlink
from syncengine.states import LinkState, MapState, RunState, Side
from tests.blocking import held_up
from tests.doubles import Live, Service
from tests.integration.make import make_events, make_pairs
from tests.rows import make_change, make_error, make_link, make_map, make_rule, make_user

USMF = CompanyChoice(code="usmf", name="Contoso USA")
SOLUTION = "Twofold core maps"


def make_run(map_: EntityMap, **overrides: Any) -> Run:
    run = Run.objects.create(link=map_.link, **overrides)
    RunMap.objects.create(run=run, map=map_, position=0, master="right", state=run.state)
    return run


def end(link: Link, **wishes: Any) -> None:
    unlink(None, link=link, **{"understood": True, "force": True} | wishes)


def state(row: EntityMap | Link | Run) -> str:
    row.refresh_from_db()
    return row.state


# --- Asking ------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_who_may_only_operate_cannot_unlink() -> None:
    link = make_link()
    with pytest.raises(PermissionDenied):
        unlink(make_user("operate_link"), link=link, understood=True)
    assert state(link) == LinkState.LINKED


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("wishes", "message"),
    [
        ({"understood": False}, "Tick that you understand"),
        ({"force": False}, "1 map is not stopped. Stop them first, or tick"),
    ],
)
def test_what_is_not_agreed_changes_nothing(wishes: dict[str, bool], message: str) -> None:
    map_ = make_map()
    run = make_run(map_)
    with pytest.raises(Refused, match=message):
        end(map_.link, **wishes)
    assert (state(map_.link), state(map_), state(run)) == (LinkState.LINKED, MapState.RUNNING, RunState.RUNNING)
    assert not Activity.objects.exists()


@pytest.mark.django_db
def test_a_run_that_is_not_over_is_named() -> None:
    map_ = make_map(state=MapState.NOT_RUNNING)
    run = make_run(map_)
    with pytest.raises(Refused, match=f"Run {run.pk} is not over"):
        end(map_.link, force=False)


@pytest.mark.django_db
def test_a_link_at_rest_needs_no_force() -> None:
    map_ = make_map(state=MapState.NOT_RUNNING)
    end(map_.link, force=False)
    assert state(map_.link) == LinkState.UNLINKED


@pytest.mark.django_db
def test_force_stops_maps_and_cancels_runs_and_says_who_did_it() -> None:
    map_, ann = make_map(state=MapState.INITIALIZING), make_user("change_link")
    run = make_run(map_)
    unlink(ann, link=map_.link, understood=True, force=True)
    assert (state(map_.link), state(map_), state(run)) == (
        LinkState.UNLINKED,
        MapState.NOT_RUNNING,
        RunState.CANCELLED,
    )
    assert run.run_maps.get().state == RunState.CANCELLED
    texts = list(Activity.objects.filter(actor=ann, link=map_.link).order_by("pk").values_list("text", flat=True))
    assert [text.split(".")[0] for text in texts] == [
        f"Run {run.pk} was cancelled, as its link is unlinked",
        f"{map_.name} is now not running",
        f"{map_.link.left} and {map_.link.right} were unlinked",
    ]


# --- At once -----------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_the_name_and_the_environments_are_free_at_once(live: Live) -> None:
    pair = {"left": live("finops")[0], "right": live("dataverse")[0]}
    first = create_link(None, name="Contoso", **pair, companies=[USMF], consent=True)
    end(first)
    second = create_link(None, name="Contoso", **pair, companies=[USMF], consent=True)
    assert (second.name, state(second), state(first)) == ("Contoso", LinkState.LINKED, LinkState.UNLINKED)
    end(second)
    assert Link.objects.filter(name="Contoso", state=LinkState.UNLINKED).count() == 2


def acts(map_: EntityMap) -> list[Callable[[], object]]:
    """Everything that people can do to a link and its maps."""
    link, rule = map_.link, AlertRule.objects.get(link=map_.link)
    item = maps.StartItem(map=map_, initial_sync=True, master=Side.RIGHT)
    draft = alerts.AlertDraft(
        name="New",
        maps=[],
        error_class="",
        count=1,
        window_minutes=1,
        action="none",
        subscribers=["ann@contoso.example"],
        is_enabled=True,
    )
    return [
        lambda: maps.start_maps(None, items=[item]),
        lambda: maps.pause_maps(None, maps=[map_]),
        lambda: maps.resume_maps(None, maps=[map_]),
        lambda: maps.stop_maps(None, maps=[map_]),
        lambda: filters.save_filters(None, map=map_, left_filter="", right_filter=""),
        lambda: solutions.apply_solution(None, link=link, name=SOLUTION),
        lambda: alerts.save_rule(None, link=link, draft=draft),
        lambda: alerts.delete_rule(None, rule=rule),
        lambda: runs.cancel(None, run=Run.objects.get(link=link)),
        lambda: link_companies.add_companies(
            None, link=link, companies=[CompanyChoice(code="demf", name="Contoso Germany")], consent=True
        ),
        lambda: link_companies.load_again(None, link=link, codes=["usmf"]),
        lambda: end(link),
    ]


@pytest.mark.django_db
@pytest.mark.parametrize("number", range(12))
def test_nobody_can_act_on_an_unlinked_link(live: Live, number: int) -> None:
    left, right = live("finops")[0], live("dataverse")
    right[1].put("cdm_companies", cdm_companycode="demf", cdm_name="Contoso Germany")
    map_ = make_map(make_link(left=left, right=right[0]))
    make_rule(map_.link)
    make_run(map_)
    end(map_.link)
    before = Activity.objects.count()
    with pytest.raises(Refused, match="is unlinked, so nothing of it can be changed"):
        acts(map_)[number]()
    assert (state(map_), Activity.objects.count()) == (MapState.NOT_RUNNING, before)


@pytest.mark.django_db
def test_its_errors_cannot_be_retried() -> None:
    map_ = make_map()
    error = make_error(map_)
    end(map_.link)
    with pytest.raises(Refused):
        sync_errors.retry(None, error_ids=[error.pk])
    assert not Change.objects.exists()


@pytest.mark.django_db
def test_its_lanes_and_runs_are_taken_from_whoever_works_on_them() -> None:
    map_ = make_map()
    run = make_run(map_)
    lane_token = leases.acquire_lane(raw(), map_.lane_id, "a worker")
    run_token = leases.acquire_run(raw(), run.pk, "a worker")
    assert lane_token is not None
    assert run_token is not None
    end(map_.link)
    with pytest.raises(LeaseLostError):
        leases.hold_lane(raw(), map_.lane_id, lane_token)
    with pytest.raises(LeaseLostError):
        leases.hold_run(raw(), run.pk, run_token)
    assert leases.acquire_lane(raw(), map_.lane_id, "another worker") is None
    assert leases.acquire_run(raw(), run.pk, "another worker") is None


@pytest.mark.django_db(transaction=True)
def test_who_starts_a_map_at_the_moment_of_unlinking_is_refused(live: Live, postgres_url: str) -> None:
    link = make_link(left=live("finops")[0], right=live("dataverse")[0])
    map_ = make_map(link, state=MapState.NOT_RUNNING)
    refused: list[str] = []

    def start() -> None:
        item = maps.StartItem(map=map_, initial_sync=True, master=Side.RIGHT)
        with pytest.raises(Refused) as caught:
            maps.start_maps(None, items=[item])
        refused.append(str(caught.value))

    with held_up(postgres_url, start):
        end(link)
    assert "is unlinked" in refused[0]
    assert (state(map_), Run.objects.count()) == (MapState.NOT_RUNNING, 0)


@pytest.mark.django_db
def test_captures_end_and_pushes_are_unsubscribed(
    live: Live, settings: Settings, django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    settings.PUSH_ENABLED = True
    (left, _), (right, service) = live("finops"), live("dataverse")
    map_ = make_map(make_link(left=left, right=right))
    from syncengine.services import capture

    capture.begin(map_.link, map_)
    capture.begin_push(map_.link, map_)
    assert list(service.subscriptions) == ["msdyn_productcolors"]
    with django_capture_on_commit_callbacks(execute=True):
        end(map_.link)
    assert not CaptureCursor.objects.exists()
    assert service.subscriptions == {}


@pytest.mark.django_db
def test_events_of_its_environments_are_recorded_for_nobody() -> None:
    map_ = make_map()
    end(map_.link)
    EntityMap.objects.update(state=MapState.RUNNING)  # as if a move had been overlooked
    journal.append_events(raw(), map_.link.left_id, make_events({"row_id": "red"}))
    assert not Change.objects.exists()


@pytest.mark.django_db
def test_its_alerts_do_not_fire_and_its_mails_are_not_sent(mailoutbox: list[Any]) -> None:
    map_ = make_map()
    rule = make_rule(map_.link, count=1)
    make_error(map_)
    assert alerts.evaluate(timezone.now()) == 1
    end(map_.link)
    assert alert_mails.send_due(timezone.now()) == 0
    Notification.objects.all().delete()
    assert alerts.evaluate(timezone.now()) == 0
    assert mailoutbox == []
    assert AlertRule.objects.filter(pk=rule.pk).exists()


# --- In pieces ---------------------------------------------------------------------------------------------------


def make_full_map(link: Link, name: str) -> EntityMap:
    """A map with three of everything that is kept for one."""
    map_ = make_map(link, name=name)
    rule = make_rule(link)
    run = make_run(map_, state=RunState.COMPLETED)
    run.run_maps.get().legs.create(company="usmf", target="right")
    for number in "123":
        make_change(map_, number)
        make_error(map_, run_map=run.run_maps.get())
        map_.conflicts.create(left={}, right={}, decisions={}, reason="")
        map_.throughput.create(side="left", minute=f"2026-01-01T00:0{number}Z")
        Notification.objects.create(rule=rule, map=map_, errors_counted=1, action_taken="none", subject="", body="")
        Activity.objects.create(kind="retry", link=link, map=map_, text=f"{number} records are tried again.")
    bindings.save(raw(), map_.pk, make_pairs(*({"left_id": f"l{n}", "right_id": f"r{n}"} for n in "123")))
    return map_


def has_partition(map_: EntityMap) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [f"syncengine_binding_{map_.pk}"])
        return bool(cursor.fetchone()[0])


def kept_of(link: Link) -> int:
    """Rows of all kinds that are kept for the link, besides itself and its activity."""
    of_maps = [Change, StoredSyncError, Binding, Notification, RunMap]
    of_link = [EntityMap, Run, AlertRule, LinkCompany]
    ids = list(EntityMap.objects.filter(link=link).values_list("pk", flat=True))
    counts = [model.objects.filter(map__in=ids).count() for model in of_maps]  # type: ignore[attr-defined]
    counts += [model.objects.filter(link=link).count() for model in of_link]  # type: ignore[attr-defined]
    return sum(counts) + link.lanes.count()


@pytest.mark.django_db
def test_all_that_was_kept_goes_and_the_link_stays_with_its_activity(settings: Settings, tmp_path: Path) -> None:
    settings.SPOOL_FOLDER = tmp_path
    link = make_link(name="Contoso")
    full = [make_full_map(link, name) for name in ("Customers", "Vendors")]
    folder = runs.run_folder(Run.objects.filter(link=link)[0].pk)
    folder.mkdir()
    end(link)
    lines = Activity.objects.filter(link=link).count()
    assert kept_of(link) > 20
    while unlinked.take_away():
        pass
    assert kept_of(link) == 0
    assert not any(has_partition(map_) for map_ in full)
    assert not folder.exists()
    assert Activity.objects.filter(link=link).count() == lines + 1
    assert Link.objects.get(name="Contoso").state == LinkState.UNLINKED


@pytest.mark.django_db
def test_lines_of_activity_name_the_map_that_is_gone() -> None:
    link = make_link()
    make_full_map(link, "Customers")
    end(link)
    while unlinked.take_away():
        pass
    texts = set(Activity.objects.filter(link=link).values_list("text", flat=True))
    assert "Customers: 1 records are tried again." in texts
    assert "Customers is now not running. Its link is unlinked." in texts


@pytest.mark.django_db
def test_other_links_are_left_alone() -> None:
    link, other = make_link(), make_link()
    make_full_map(link, "Customers")
    kept = make_full_map(other, "Customers")
    before = kept_of(other)
    end(link)
    while unlinked.take_away():
        pass
    assert (kept_of(other), has_partition(kept), state(other)) == (before, True, LinkState.LINKED)


@pytest.mark.django_db
def test_no_piece_holds_more_than_a_chunk_and_a_crash_costs_one(monkeypatch: pytest.MonkeyPatch) -> None:
    link = make_link()
    map_ = make_full_map(link, "Customers")
    end(link)
    real, removed = chunks.remove_some, []

    def remove_two(conn: Any, map_id: int) -> int:
        removed.append(real(conn, map_id, rows=2))
        if len(removed) == 3:
            raise OSError("the machine went down")
        return removed[-1]

    monkeypatch.setattr(chunks, "remove_some", remove_two)
    with pytest.raises(OSError, match="went down"):
        unlinked.take_away()
    assert Change.objects.filter(map=map_).count() == 0
    assert map_.sync_errors.count() == 3
    while unlinked.take_away():
        pass
    assert max(removed) == 2
    assert kept_of(link) == 0


@pytest.mark.django_db
def test_bindings_that_are_in_use_are_taken_later(monkeypatch: pytest.MonkeyPatch) -> None:
    link = make_link()
    map_ = make_full_map(link, "Customers")
    end(link)

    def in_use(conn: Any, map_id: int) -> None:
        raise LockNotAvailable

    with monkeypatch.context() as patched:
        patched.setattr(bindings, "drop_partition", in_use)
        unlinked.take_away()
    assert EntityMap.objects.filter(pk=map_.pk).exists()
    unlinked.take_away()
    assert kept_of(link) == 0


@pytest.mark.django_db(transaction=True)
def test_a_lock_on_bindings_is_not_waited_for(monkeypatch: pytest.MonkeyPatch, postgres_url: str) -> None:
    import psycopg

    monkeypatch.setattr(chunks, "LOCK_WAIT_MS", 50)
    link = make_link()
    map_ = make_full_map(link, "Customers")
    end(link)
    name = connection.settings_dict["NAME"]
    with psycopg.connect(postgres_url, dbname=name) as reader:
        reader.execute("SELECT count(*) FROM syncengine_binding")
        unlinked.take_away()
        assert has_partition(map_)
    unlinked.take_away()
    assert not has_partition(map_)


@pytest.mark.django_db
def test_without_an_unlinked_link_there_is_nothing_to_take() -> None:
    make_full_map(make_link(), "Customers")
    assert unlinked.take_away() == 0


# --- Again -------------------------------------------------------------------------------------------------------


def work_off(run: Run) -> str:
    for _ in range(20):
        runs.advance(run.pk)
        if state(run) != RunState.RUNNING:
            return run.state
    raise AssertionError("the run does not end")


def sync_all(link: Link) -> None:
    fit = solutions.apply_solution(None, link=link, name=SOLUTION)
    items = [maps.StartItem(map=each, initial_sync=True, master=Side.LEFT) for each in fit if not each.problem]
    assert work_off(maps.start_maps(None, items=items)) == RunState.COMPLETED


@pytest.mark.django_db(transaction=True)
def test_environments_that_are_unlinked_and_linked_again_become_equal(
    live: Live, settings: Settings, tmp_path: Path
) -> None:
    settings.SPOOL_FOLDER = tmp_path
    (left, finops), (right, dataverse) = live("finops"), live("dataverse")
    values: dict[str, Any] = {"left": left, "right": right, "companies": [USMF], "consent": True}
    finops.put("ProductColors", COLORID="RED", COLORNAME="Red")
    first = create_link(None, name="Contoso", **values)
    sync_all(first)
    end(first)
    finops.put("ProductColors", COLORID="BLUE", COLORNAME="Blue")
    finops.put("LegalEntities", "usmf", NAME="Contoso North America")
    assert shown(dataverse) == {("RED",), ("usmf", "Contoso USA"), ("demf", "Contoso Germany")}

    second = create_link(None, name="Contoso", **values)
    while unlinked.take_away():
        pass
    sync_all(second)
    assert shown(dataverse) == {("RED",), ("BLUE",), ("usmf", "Contoso North America"), ("demf", "Contoso Germany")}
    assert len(dataverse.ids("msdyn_productcolors") + dataverse.ids("cdm_companies")) == 4
    assert Binding.objects.filter(map__link=second, state="bound").count() == 4
    assert not StoredSyncError.objects.exists()


def shown(dataverse: Service) -> set[tuple[str, ...]]:
    """What the right side has of colors and companies."""
    columns = {"msdyn_productcolors": ("msdyn_productcolorname",), "cdm_companies": ("cdm_companycode", "cdm_name")}
    return {
        tuple(dataverse.values(table, row_id)[name] for name in names)
        for table, names in columns.items()
        for row_id in dataverse.ids(table)
    }

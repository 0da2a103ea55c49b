"""Resuming maps, and skipping to live sync: who may, from which state, and what becomes of the waiting changes."""

from collections.abc import Callable

import pytest
from django.core.exceptions import PermissionDenied

from syncengine.models import Activity, Change, EntityMap, Link
from syncengine.repository import leases
from syncengine.services.database import raw
from syncengine.services.errors import Refused
from syncengine.services.maps import Backlog, plan_pause, resume_maps, stop_maps
from syncengine.states import MapState
from tests.blocking import held_up
from tests.rows import make_change, make_error, make_link, make_map, make_user


def make_backlog(state: MapState = MapState.PAUSED, link: Link | None = None) -> EntityMap:
    """A map with two waiting changes, one of them for a parent, and a parked one with its error."""
    map_ = make_map(link, state=state)
    make_change(map_, "ready", state="ready")
    make_change(map_, "child", state="waiting", waiting_table="groups", waiting_key="10")
    make_change(map_, "parked")
    make_error(map_, left_id="parked")
    return map_


def told(map_: EntityMap) -> str:
    return Activity.objects.get(map=map_, kind="map state").text


def states(map_: EntityMap) -> set[str]:
    return set(Change.objects.filter(map=map_).values_list("state", flat=True))


# --- The three ways ----------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_catching_up_leaves_the_changes_waiting_and_tells_how_many() -> None:
    map_ = make_backlog()
    assert resume_maps(None, maps=[map_]) == 2
    assert states(map_) == {"ready", "waiting", "parked"}
    assert told(map_) == f"{map_.name} is now resuming. It catches up with 2 waiting changes."


@pytest.mark.django_db
@pytest.mark.parametrize("state", [MapState.PAUSED, MapState.RESUMING])
def test_keeping_as_errors_parks_them_and_tells_how_many(state: MapState) -> None:
    map_ = make_backlog(state)
    assert resume_maps(None, maps=[map_], backlog=Backlog.KEEP_AS_ERRORS) == 2
    assert states(map_) == {"parked"}
    assert map_.sync_errors.filter(state="open").count() == 3
    assert told(map_) == f"{map_.name} is now running. Kept as sync errors: 2 waiting changes."


@pytest.mark.django_db
@pytest.mark.parametrize("state", [MapState.PAUSED, MapState.RESUMING])
def test_discarding_drops_them_and_keeps_what_is_an_error_already(state: MapState) -> None:
    map_ = make_backlog(state)
    assert resume_maps(None, maps=[map_], backlog=Backlog.DISCARD, consent=True) == 2
    assert Change.objects.get(map=map_).row_id == "parked"
    assert map_.sync_errors.get().state == "open"
    assert told(map_) == f"{map_.name} is now running. Dropped: 2 waiting changes."


@pytest.mark.django_db
def test_each_map_tells_its_own_number_and_who_asked() -> None:
    ann, link = make_user("operate_link"), make_link()
    maps = [make_map(link, state=MapState.PAUSED) for _ in range(2)]
    make_change(maps[0], "ready", state="ready")
    assert resume_maps(ann, maps=maps, backlog=Backlog.KEEP_AS_ERRORS) == 1
    lines = Activity.objects.filter(kind="map state", actor=ann).order_by("map")
    assert [line.text.split("errors: ")[1] for line in lines] == ["1 waiting change.", "0 waiting changes."]


@pytest.mark.django_db
def test_a_plan_counts_what_waits_and_not_what_is_an_error_already() -> None:
    assert [planned.waiting_changes for planned in plan_pause([make_backlog()])] == [2]


# --- What is refused ---------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_without_consent_nothing_is_dropped() -> None:
    map_ = make_backlog()
    with pytest.raises(Refused, match="Agree that the waiting changes are dropped"):
        resume_maps(None, maps=[map_], backlog=Backlog.DISCARD)
    map_.refresh_from_db()
    assert (map_.state, Change.objects.count()) == ("paused", 3)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("state", "backlog", "message"),
    [
        (MapState.RESUMING, Backlog.CATCH_UP, "is resuming already"),
        (MapState.RUNNING, Backlog.KEEP_AS_ERRORS, "is running already"),
        (MapState.RUNNING, Backlog.CATCH_UP, "is running, so it cannot become resuming"),
        (MapState.NOT_RUNNING, Backlog.DISCARD, "is not running, so it cannot become running"),
        (MapState.INITIALIZING, Backlog.DISCARD, "is initializing, so it cannot become running"),
    ],
)
def test_a_map_in_another_state_is_refused_and_keeps_its_changes(
    state: MapState, backlog: Backlog, message: str
) -> None:
    map_ = make_backlog(state)
    with pytest.raises(Refused, match=f"{map_.name} {message}"):
        resume_maps(None, maps=[map_], backlog=backlog, consent=True)
    assert states(map_) == {"ready", "waiting", "parked"}


@pytest.mark.django_db
def test_all_maps_go_on_or_none() -> None:
    link = make_link()
    paused, running = make_backlog(link=link), make_map(link)
    with pytest.raises(Refused):
        resume_maps(None, maps=[paused, running], backlog=Backlog.DISCARD, consent=True)
    paused.refresh_from_db()
    assert (paused.state, Change.objects.count()) == ("paused", 3)


@pytest.mark.django_db
@pytest.mark.parametrize("backlog", Backlog)
def test_who_may_only_look_cannot_resume(backlog: Backlog) -> None:
    with pytest.raises(PermissionDenied):
        resume_maps(make_user("change_link"), maps=[make_backlog()], backlog=backlog, consent=True)


# --- A worker that settles at this moment ------------------------------------------------------------------------


@pytest.mark.usefixtures("committed")
@pytest.mark.parametrize(
    "act",
    [
        lambda map_: resume_maps(None, maps=[map_], backlog=Backlog.KEEP_AS_ERRORS),
        lambda map_: resume_maps(None, maps=[map_], backlog=Backlog.DISCARD, consent=True),
        lambda map_: stop_maps(None, maps=[map_]),
    ],
    ids=["keep", "discard", "stop"],
)
def test_what_waits_is_left_behind_before_or_after_a_settling_and_never_within(
    postgres_url: str, act: Callable[[EntityMap], object]
) -> None:
    map_ = make_backlog(MapState.RESUMING)
    token = leases.acquire_lane(raw(), map_.lane_id, "a worker")
    assert token is not None

    def other() -> None:
        act(EntityMap.objects.select_related("link__left", "link__right").get(pk=map_.pk))

    with held_up(postgres_url, other):
        leases.hold_lane(raw(), map_.lane_id, token)
        assert states(map_) == {"ready", "waiting", "parked"}
    assert not Change.objects.filter(map=map_).exclude(state="parked").exists()

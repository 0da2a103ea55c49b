import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection

from syncengine import builtin
from syncengine.errors import UnreachableError
from syncengine.models import Activity, EntityMap, Link, MapVersion
from syncengine.services.errors import Refused
from syncengine.services.filters import save_filters
from syncengine.services.solutions import apply_solution, available
from syncengine.states import MapState
from tests.doubles import Live
from tests.rows import make_link, make_user

pytestmark = pytest.mark.django_db
NAME = "Twofold core maps"
COLORS = "Colors (msdyn_productcolors)"


def make_live_link(live: Live) -> Link:
    return make_link(left=live("finops")[0], right=live("dataverse")[0])


def newer(solution: builtin.Solution, number: str) -> builtin.Solution:
    from dataclasses import replace

    return replace(solution, version=number, maps=tuple(replace(each, version=number) for each in solution.maps))


def test_the_shipped_solution_is_available_with_its_maps() -> None:
    (info,) = available()
    assert (info.name, info.publisher) == (NAME, "Twofold")
    assert len(info.map_names) == 12


def test_an_applied_solution_brings_its_maps_at_rest_in_its_order(live: Live) -> None:
    link, ann = make_live_link(live), make_user("change_link")
    maps = apply_solution(ann, link=link, name=NAME)
    assert [map_.name for map_ in maps] == list(available()[0].map_names)
    assert {map_.state for map_ in EntityMap.objects.filter(link=link)} == {MapState.NOT_RUNNING}
    assert {map_.version.number for map_ in maps if map_.version} == {"1.0.0.0"}
    assert "12 maps" in Activity.objects.get(link=link, kind="link", actor=ann).text


def test_each_map_gets_room_for_its_bindings(live: Live) -> None:
    maps = apply_solution(None, link=make_live_link(live), name=NAME)
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r'")
        assert {f"syncengine_binding_{map_.pk}" for map_ in maps} <= {name for (name,) in cursor.fetchall()}


def test_a_map_that_does_not_fit_says_why_and_does_not_hold_up_the_others(live: Live) -> None:
    maps = {map_.name: map_ for map_ in apply_solution(None, link=make_live_link(live), name=NAME)}
    assert maps[COLORS].problem == ""
    unfit = EntityMap.objects.get(pk=maps["Vendor groups (msdyn_vendorgroups)"].pk)
    assert "has no table VendorGroups" in unfit.problem
    assert Activity.objects.filter(map=unfit, text__contains="does not fit").count() == 1


def test_applying_twice_changes_nothing(live: Live) -> None:
    link = make_live_link(live)
    first = apply_solution(None, link=link, name=NAME)
    lines = Activity.objects.exclude(kind="link").count()
    second = apply_solution(None, link=link, name=NAME)
    assert [map_.pk for map_ in first] == [map_.pk for map_ in second]
    assert MapVersion.objects.count() == 12
    assert Activity.objects.exclude(kind="link").count() == lines


def test_a_newer_version_is_taken_into_use_by_a_map_at_rest(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    link = make_live_link(live)
    apply_solution(None, link=link, name=NAME)
    later = newer(builtin.load(), "1.0.10.0")
    monkeypatch.setattr(builtin, "load", lambda: later)
    maps = apply_solution(None, link=link, name=NAME)
    assert {map_.version.number for map_ in maps if map_.version} == {"1.0.10.0"}


def test_an_older_version_is_added_and_not_used(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    link = make_live_link(live)
    later, earlier = newer(builtin.load(), "1.0.10.0"), newer(builtin.load(), "1.0.9.0")
    monkeypatch.setattr(builtin, "load", lambda: later)
    apply_solution(None, link=link, name=NAME)
    monkeypatch.setattr(builtin, "load", lambda: earlier)
    maps = apply_solution(None, link=link, name=NAME)
    assert {map_.version.number for map_ in maps if map_.version} == {"1.0.10.0"}
    assert MapVersion.objects.filter(number="1.0.9.0").count() == 12


def test_a_running_map_keeps_its_version(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    link = make_live_link(live)
    apply_solution(None, link=link, name=NAME)
    EntityMap.objects.filter(link=link, name=COLORS).update(state=MapState.RUNNING)
    later = newer(builtin.load(), "2.0.0.0")
    monkeypatch.setattr(builtin, "load", lambda: later)
    apply_solution(None, link=link, name=NAME)
    colors = EntityMap.objects.get(link=link, name=COLORS)
    assert str(colors.version) == "1.0.0.0 (Twofold)"
    assert colors.versions.count() == 2
    assert "stays in use" in Activity.objects.filter(map=colors).latest("id").text


def test_a_map_that_was_changed_here_keeps_the_change(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    link = make_live_link(live)
    apply_solution(None, link=link, name=NAME)
    colors = EntityMap.objects.get(link=link, name=COLORS)
    save_filters(None, map=colors, left_filter='(COLORNAME == "Red")', right_filter="")
    later = newer(builtin.load(), "2.0.0.0")
    monkeypatch.setattr(builtin, "load", lambda: later)
    apply_solution(None, link=link, name=NAME)
    assert str(EntityMap.objects.get(pk=colors.pk).version) == "1.0.0.1 (Custom)"


def test_tables_added_since_are_found_when_it_is_applied_again(live: Live) -> None:
    (left, finops), (right, _) = live("finops"), live("dataverse")
    link, store = make_link(left=left, right=right), finops.rows.stores.pop("ProductColors")
    assert "has no table" in {map_.name: map_ for map_ in apply_solution(None, link=link, name=NAME)}[COLORS].problem
    finops.rows.stores["ProductColors"] = store
    assert {map_.name: map_ for map_ in apply_solution(None, link=link, name=NAME)}[COLORS].problem == ""


def test_it_is_applied_with_what_is_known_when_an_environment_does_not_answer(live: Live) -> None:
    (left, finops), (right, _) = live("finops"), live("dataverse")
    finops.fail("catalog", UnreachableError("No answer."))
    maps = {map_.name: map_ for map_ in apply_solution(None, link=make_link(left=left, right=right), name=NAME)}
    left.refresh_from_db()
    assert (maps[COLORS].problem, left.problem) == ("", "No answer.")


def test_an_unknown_solution_is_refused(live: Live) -> None:
    with pytest.raises(Refused, match="no solution called Nothing"):
        apply_solution(None, link=make_live_link(live), name="Nothing")


def test_who_may_only_operate_cannot_apply(live: Live) -> None:
    with pytest.raises(PermissionDenied):
        apply_solution(make_user("operate_link"), link=make_live_link(live), name=NAME)

"""Companies added to a link: what is offered, what is refused, and what is set going."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied

from syncengine import doorbell
from syncengine.errors import UnreachableError
from syncengine.models import Activity, EntityMap, Link, Run, RunMap
from syncengine.services.companies import CompanyChoice
from syncengine.services.errors import Refused
from syncengine.services.link_companies import add_companies, load_again, offered, plan_load
from syncengine.states import MapState, RunState
from tests.doubles import GROUPS_MAP, Live, Service
from tests.rows import make_link, make_map, make_user

pytestmark = pytest.mark.django_db
DEMF = CompanyChoice(code="demf", name="Contoso Germany")


@pytest.fixture
def sides(live: Live) -> dict[str, Any]:
    """Two environments that both have usmf and demf."""
    (left, finops), (right, dataverse) = live("finops"), live("dataverse")
    for code, name in (("USMF", "Contoso USA"), ("DEMF", "Contoso Germany")):
        dataverse.put("cdm_companies", cdm_companycode=code, cdm_name=name)
    return {"left": left, "right": right, "finops": finops, "dataverse": dataverse}


@pytest.fixture
def link(sides: dict[str, Any]) -> Link:
    return make_link(left=sides["left"], right=sides["right"])


@pytest.fixture
def finops(sides: dict[str, Any]) -> Service:
    return sides["finops"]


def make_groups(link: Link, state: MapState = MapState.RUNNING, name: str = "Customer groups") -> EntityMap:
    """A map with a company."""
    return make_map(link, definition=GROUPS_MAP, name=name, state=state)


def codes(link: Link) -> list[str]:
    return [company.code for company in link.companies.all()]


def add(link: Link, *companies: CompanyChoice, actor: Any = None, consent: bool = True) -> Run | None:
    return add_companies(actor, link=link, companies=companies or [DEMF], consent=consent)


# --- Offered -----------------------------------------------------------------------------------------------------


def test_offered_is_what_both_have_and_the_link_has_not(link: Link, finops: Service) -> None:
    finops.put("LegalEntities", LEGALENTITYID="frrt", NAME="Contoso France")
    assert offered(link) == [DEMF]


def test_an_environment_that_does_not_answer_is_named(link: Link, finops: Service) -> None:
    finops.fail("chunks", UnreachableError("No answer."), times=9)
    with pytest.raises(Refused, match=f"The companies of {link.left.name} could not be read"):
        offered(link)


def test_the_plan_tells_maps_that_load_from_those_that_do_later(link: Link) -> None:
    running, paused = make_groups(link), make_groups(link, MapState.PAUSED, "Paused")
    at_rest = make_groups(link, MapState.NOT_RUNNING, "At rest")
    make_map(link, name="Global")
    plan = plan_load(link)
    assert ({each.name for each in plan.loading}, plan.later) == ({running.name, paused.name}, [at_rest])


# --- Added -------------------------------------------------------------------------------------------------------


def test_working_maps_with_a_company_are_initialized_for_it_and_remember_what_they_were(link: Link) -> None:
    ann = make_user("change_link")
    running, paused = make_groups(link), make_groups(link, MapState.PAUSED, "Paused")
    EntityMap.objects.filter(pk=paused.pk).update(master="left")
    run = add(link, actor=ann)
    assert run is not None
    rows = RunMap.objects.filter(run=run).values_list("map", "companies", "returns_to", "master", "writes", "state")
    assert {(pk, *loaded, *rest) for pk, loaded, *rest in rows} == {
        (running.pk, "demf", "running", "right", True, RunState.WAITING),
        (paused.pk, "demf", "paused", "left", True, RunState.WAITING),
    }
    assert set(EntityMap.objects.values_list("state", flat=True)) == {MapState.INITIALIZING}
    assert (codes(link), run.started_by) == (["demf", "usmf"], ann)
    assert link.companies.get(code="demf").name == "Contoso Germany"


def test_who_added_what_and_which_maps_load_it_is_in_the_log(link: Link) -> None:
    ann, groups = make_user("change_link"), make_groups(link)
    run = add(link, actor=ann)
    texts = list(Activity.objects.filter(actor=ann, link=link).order_by("pk").values_list("text", flat=True))
    assert texts == [
        f"Companies added to {link}: demf.",
        f"{groups} is now initializing. It loads demf and then is running again.",
        f"{run} was started for demf alone: {groups}.",
    ]


def test_the_run_is_rung_for_after_the_transaction(
    link: Link, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    rung: list[tuple[object, ...]] = []
    monkeypatch.setattr(doorbell, "_send", lambda *ring: rung.append(ring))
    make_groups(link)
    with django_capture_on_commit_callbacks(execute=True):
        run = add(link)
        assert rung == []
    assert run is not None
    assert rung == [("syncengine.tasks.load_advance", run.pk, "load")]


def test_global_maps_and_maps_at_rest_are_not_touched(link: Link) -> None:
    global_map, at_rest = make_map(link), make_groups(link, MapState.NOT_RUNNING)
    assert add(link) is None
    states = dict(EntityMap.objects.values_list("pk", "state"))
    assert states == {global_map.pk: MapState.RUNNING, at_rest.pk: MapState.NOT_RUNNING}
    assert (codes(link), Run.objects.count()) == (["demf", "usmf"], 0)


# --- Refused -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wishes", "message"),
    [
        ({"companies": []}, "Choose at least one company"),
        ({"consent": False}, "Agree that rows of the chosen companies"),
        ({"companies": [CompanyChoice(code="USMF", name="")]}, "has the company USMF already"),
        ({"companies": [CompanyChoice(code="zzzz", name="")]}, "does not have zzzz. Choose the companies again"),
    ],
)
def test_what_is_missing_or_wrong_changes_nothing(link: Link, wishes: dict[str, Any], message: str) -> None:
    groups = make_groups(link)
    with pytest.raises(Refused, match=message):
        add_companies(None, **{"link": link, "companies": [DEMF], "consent": True} | wishes)
    groups.refresh_from_db()
    assert (codes(link), groups.state, Run.objects.count()) == (["usmf"], MapState.RUNNING, 0)
    assert not Activity.objects.exists()


def test_a_company_that_only_the_left_has_is_refused(link: Link, finops: Service) -> None:
    finops.put("LegalEntities", LEGALENTITYID="frrt", NAME="Contoso France")
    with pytest.raises(Refused, match=f"{link.right.name} does not have frrt"):
        add(link, CompanyChoice(code="frrt", name="Contoso France"))


def test_a_name_that_a_linked_company_has_is_refused(link: Link, finops: Service, sides: dict[str, Any]) -> None:
    finops.put("LegalEntities", LEGALENTITYID="us2", NAME="Contoso USA")
    sides["dataverse"].put("cdm_companies", cdm_companycode="us2", cdm_name="Contoso USA")
    with pytest.raises(Refused, match="us2: the same name"):
        add(link, CompanyChoice(code="us2", name="Contoso USA"))


@pytest.mark.parametrize("state", [MapState.INITIALIZING, MapState.RESUMING])
def test_a_map_that_is_being_loaded_or_catches_up_is_waited_for(link: Link, state: MapState) -> None:
    groups, busy = make_groups(link), make_map(link, name="Colors", state=state)
    with pytest.raises(Refused, match=f"{busy} is {state}. Wait until it is running. Nothing was changed."):
        add(link)
    groups.refresh_from_db()
    assert (codes(link), groups.state) == (["usmf"], MapState.RUNNING)


def test_a_run_that_is_not_over_is_waited_for(link: Link) -> None:
    run = Run.objects.create(link=link)
    for act in (lambda: add(link), lambda: load_again(None, link=link, codes=["usmf"])):
        with pytest.raises(Refused, match=f"Run {run.pk} is not over. Wait for it, or cancel it"):
            act()
    assert codes(link) == ["usmf"]


def test_who_may_only_operate_cannot_add_or_load(link: Link) -> None:
    bob = make_user("operate_link")
    make_groups(link)
    for act in (lambda: add(link, actor=bob), lambda: load_again(bob, link=link, codes=["usmf"])):
        with pytest.raises(PermissionDenied):
            act()
    assert not Run.objects.exists()


# --- Again -------------------------------------------------------------------------------------------------------


def test_a_linked_company_is_loaded_again_under_the_code_that_the_link_has(link: Link) -> None:
    make_groups(link)
    run = load_again(None, link=link, codes=["USMF"])
    assert run.run_maps.get().companies == ["usmf"]
    assert codes(link) == ["usmf"]


@pytest.mark.parametrize(
    ("wanted", "message"), [(["demf"], "does not have the company demf"), ([], "Choose at least one")]
)
def test_only_linked_companies_are_loaded_again(link: Link, wanted: list[str], message: str) -> None:
    make_groups(link)
    with pytest.raises(Refused, match=message):
        load_again(None, link=link, codes=wanted)


def test_without_a_map_that_could_load_it_says_what_to_do(link: Link) -> None:
    make_groups(link, MapState.NOT_RUNNING)
    with pytest.raises(Refused, match="No map with a company is running or paused"):
        load_again(None, link=link, codes=["usmf"])
    assert not Run.objects.exists()

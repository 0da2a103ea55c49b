import pytest
from django.test import Client
from django.urls import reverse

from syncengine.models import EntityMap, Link, Run, RunMap
from tests.doubles import Live
from tests.portal.make import CHANGE, make_client
from tests.rows import make_change, make_link, make_map

pytestmark = pytest.mark.django_db


def at(action: str) -> str:
    return reverse("map-action", args=[action])


@pytest.fixture
def stopped(live: Live) -> EntityMap:
    """A map at rest whose environments are there."""
    return make_map(make_link(left=live("finops")[0], right=live("dataverse")[0]), name="Colors", state="not running")


def test_the_dialog_lists_the_map_with_its_master_and_initial_sync(stopped: EntityMap, operator: Client) -> None:
    response = operator.get(at("run"), {"map": stopped.pk}, headers={"HX-Request": "true"})
    choice = response.context["choices"][0]
    assert (choice.plan.map, choice.is_included, choice.initial_sync, choice.master) == (stopped, True, True, "right")
    assert "<html" not in response.content.decode()


def test_without_script_the_dialog_is_a_page(stopped: EntityMap, operator: Client) -> None:
    assert "<html" in operator.get(at("run"), {"map": stopped.pk}).content.decode()


def test_run_starts_what_is_ticked_as_it_is_ticked(stopped: EntityMap, operator: Client) -> None:
    data = {"map": stopped.pk, "include": stopped.pk, f"master-{stopped.pk}": "left"}
    response = operator.post(at("run"), data)
    run_map = RunMap.objects.get()
    assert (run_map.map, run_map.writes, run_map.master) == (stopped, False, "left")
    assert response["Location"] == reverse("run-page", args=[run_map.run_id])


def test_htmx_is_sent_on_by_a_header(stopped: EntityMap, operator: Client) -> None:
    data = {"map": stopped.pk, "include": stopped.pk}
    response = operator.post(at("run"), data, headers={"HX-Request": "true"})
    assert response["HX-Redirect"] == reverse("run-page", args=[Run.objects.get().pk])


def test_what_is_unticked_does_not_start(stopped: EntityMap, operator: Client) -> None:
    response = operator.post(at("run"), {"map": stopped.pk})
    assert response.status_code == 422
    assert "Tick at least one." in response.content.decode()
    assert not Run.objects.exists()


def test_a_refusal_stands_in_the_dialog_and_keeps_what_was_ticked(link: Link, operator: Client) -> None:
    unfit = make_map(link, state="not running")
    response = operator.post(at("run"), {"map": unfit.pk, "include": unfit.pk, f"master-{unfit.pk}": "left"})
    assert response.status_code == 422
    assert "cannot start" in response.context["problem"]
    assert (response.context["choices"][0].initial_sync, response.context["choices"][0].master) == (False, "left")


@pytest.mark.parametrize(
    ("action", "before", "after"),
    [("pause", "running", "paused"), ("resume", "paused", "resuming"), ("stop", "paused", "not running")],
)
def test_a_ticked_map_moves(link: Link, operator: Client, action: str, before: str, after: str) -> None:
    map_ = make_map(link, state=before)
    response = operator.post(at(action), {"map": map_.pk, "include": map_.pk})
    map_.refresh_from_db()
    assert (map_.state, response["Location"]) == (after, reverse("map-list"))


def test_from_a_maps_own_page_one_comes_back_to_it(a_map: EntityMap, operator: Client) -> None:
    data = {"map": a_map.pk, "include": a_map.pk, "from": "map"}
    assert operator.post(at("pause"), data)["Location"] == reverse("map-page", args=[a_map.pk])


def test_the_dialog_says_how_many_changes_wait(a_map: EntityMap, operator: Client) -> None:
    for row in "12":
        make_change(a_map, row, state="ready")
    assert "2 changes are waiting." in operator.get(at("stop"), {"map": a_map.pk}).content.decode()


def test_maps_in_another_state_are_left_out_and_named(link: Link, operator: Client) -> None:
    running, paused = make_map(link, state="running"), make_map(link, name="At rest", state="paused")
    response = operator.get(at("pause"), {"map": [running.pk, paused.pk]})
    assert [choice.plan.map for choice in response.context["choices"]] == [running]
    assert response.context["left_out"] == [paused]


def test_maps_of_another_link_are_not_touched(a_map: EntityMap, operator: Client) -> None:
    other = make_map(make_link(name="Zebra"))
    assert operator.post(at("pause"), {"map": other.pk, "include": other.pk}).status_code == 422
    other.refresh_from_db()
    assert other.state == "running"


@pytest.mark.parametrize("number", ["", "x", "-1", "9" * 30])
def test_a_number_that_is_none_selects_nothing(a_map: EntityMap, operator: Client, number: str) -> None:
    assert operator.get(at("run"), {"map": number}).context["selected"] == []


def test_a_reader_is_refused(a_map: EntityMap, reader: Client) -> None:
    assert reader.get(at("pause"), {"map": a_map.pk}).status_code == 403
    assert reader.post(at("pause"), {"map": a_map.pk, "include": a_map.pk}).status_code == 403
    assert make_client(CHANGE).post(at("pause"), {"map": a_map.pk}).status_code == 403
    a_map.refresh_from_db()
    assert a_map.state == "running"


def test_an_unknown_action_is_not_found(a_map: EntityMap, operator: Client) -> None:
    assert operator.get(at("explode"), {"map": a_map.pk}).status_code == 404


def test_a_post_without_its_token_is_refused(a_map: EntityMap, operator: Client) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = operator.cookies
    response = strict.post(at("pause"), {"map": a_map.pk, "include": a_map.pk})
    assert response.status_code == 403
    assert "open for too long" in response.content.decode()

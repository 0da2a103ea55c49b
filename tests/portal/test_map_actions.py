import re
from collections import Counter

import pytest
from django.test import Client
from django.urls import reverse

from syncengine.models import Change, EntityMap, Link, Run, RunMap
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
    [
        ("pause", "running", "paused"),
        ("resume", "paused", "resuming"),
        ("skip", "resuming", "running"),
        ("stop", "paused", "not running"),
    ],
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


# --- What happens to the changes that wait ----------------------------------------------------------------------


@pytest.fixture
def paused(link: Link) -> EntityMap:
    """A paused map for which two changes wait, beside one that is a sync error already."""
    map_ = make_map(link, name="Paused", state="paused")
    for row, state in (("1", "ready"), ("2", "ready"), ("3", "parked")):
        make_change(map_, row, state=state)
    return map_


def offered(html: str) -> list[str]:
    return re.findall(r'name="backlog" value="([^"]+)"', html)


def test_resuming_offers_three_ways_and_catching_up_is_ticked(paused: EntityMap, operator: Client) -> None:
    html = operator.get(at("resume"), {"map": paused.pk}, headers={"HX-Request": "true"}).content.decode()
    assert offered(html) == ["catch up", "keep as errors", "discard"]
    assert re.findall(r'value="([^"]+)" checked>\n', html) == ["catch up"]
    for sentence in (
        "2 changes are synced first",
        "2 changes are set aside as sync errors",
        "2 changes are lost",
        "Drop 2 waiting changes",
    ):
        assert sentence in html


def test_skipping_offers_the_two_ways_that_do_not_catch_up(paused: EntityMap, operator: Client) -> None:
    EntityMap.objects.update(state="resuming")
    html = operator.get(at("skip"), {"map": paused.pk}).content.decode()
    assert offered(html) == ["keep as errors", "discard"]
    assert re.findall(r'value="([^"]+)" checked>\n', html) == ["keep as errors"]
    assert "Skip to live sync: 1 map</button>" in html


@pytest.mark.parametrize("action", ["pause", "stop"])
def test_other_actions_offer_no_way(paused: EntityMap, operator: Client, action: str) -> None:
    EntityMap.objects.update(state="running")
    assert offered(operator.get(at(action), {"map": paused.pk}).content.decode()) == []


def test_where_nothing_waits_nothing_is_to_be_chosen(link: Link, operator: Client) -> None:
    html = operator.get(at("resume"), {"map": make_map(link, state="paused").pk}).content.decode()
    assert offered(html) == []


@pytest.mark.parametrize(
    ("way", "state", "changes", "message"),
    [
        ("catch up", "resuming", {"ready": 2, "parked": 1}, "1 map is resumed. 2 waiting changes are synced first."),
        ("keep as errors", "running", {"parked": 3}, "1 map is resumed. 2 waiting changes were kept as sync errors."),
        ("discard", "running", {"parked": 1}, "1 map is resumed. 2 waiting changes were dropped."),
    ],
)
def test_what_is_ticked_happens_to_them_and_the_next_page_says_so(
    paused: EntityMap, operator: Client, way: str, state: str, changes: dict[str, int], message: str
) -> None:
    data = {"map": paused.pk, "include": paused.pk, "backlog": way, "drop": "on"}
    response = operator.post(at("resume"), data, follow=True)
    paused.refresh_from_db()
    assert (paused.state, Counter(Change.objects.values_list("state", flat=True))) == (state, changes)
    assert message in response.content.decode()


def test_without_the_consenting_tick_nothing_is_dropped_and_the_dialog_asks_again(
    paused: EntityMap, operator: Client
) -> None:
    data = {"map": paused.pk, "include": paused.pk, "backlog": "discard"}
    response = operator.post(at("resume"), data, headers={"HX-Request": "true"})
    html = response.content.decode()
    paused.refresh_from_db()
    assert (response.status_code, paused.state, Change.objects.count()) == (422, "paused", 3)
    assert "Agree that the waiting changes are dropped" in html
    assert re.findall(r'value="([^"]+)" checked>\n', html) == ["discard"]


def test_the_dialog_that_asks_again_counts_what_is_ticked_only(link: Link, paused: EntityMap, operator: Client) -> None:
    other = make_map(link, name="Other", state="paused")
    make_change(other, "1", state="ready")
    data = {"map": [paused.pk, other.pk], "include": other.pk, "backlog": "discard"}
    assert "Drop 1 waiting change<" in operator.post(at("resume"), data).content.decode()


@pytest.mark.parametrize("way", ["", "catch up", "explode"])
def test_a_way_that_skipping_does_not_have_keeps_the_changes_as_errors(
    paused: EntityMap, operator: Client, way: str
) -> None:
    EntityMap.objects.update(state="resuming")
    operator.post(at("skip"), {"map": paused.pk, "include": paused.pk, "backlog": way, "drop": "on"})
    paused.refresh_from_db()
    assert (paused.state, paused.sync_errors.count(), Change.objects.count()) == ("running", 2, 3)


def test_a_map_that_is_catching_up_can_skip_from_its_own_page_and_from_the_list(
    paused: EntityMap, operator: Client
) -> None:
    EntityMap.objects.update(state="resuming")
    assert 'id="do-skip"' in operator.get(reverse("map-page", args=[paused.pk])).content.decode()
    html = operator.get(reverse("map-list")).content.decode()
    assert f'formaction="{at("skip")}"' in html
    assert 'data-map-state="resuming"' in html


def test_a_map_that_is_not_catching_up_has_nothing_to_skip(paused: EntityMap, operator: Client) -> None:
    assert 'id="do-skip"' not in operator.get(reverse("map-page", args=[paused.pk])).content.decode()
    assert operator.get(at("skip"), {"map": paused.pk}).context["left_out"] == [paused]


# --- Whom and what it is about -----------------------------------------------------------------------------------


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

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from syncengine.errors import UnreachableError
from syncengine.models import EntityMap, Link, LinkCompany, Run
from tests.doubles import GROUPS_MAP, Live, Service
from tests.portal.make import OPERATE, make_client, make_run, make_run_map
from tests.rows import make_change, make_error, make_link, make_map, make_rule

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}
ADD, UNLINK = "link-companies", "link-unlink"


@pytest.fixture
def pair(live: Live) -> dict[str, Any]:
    (left, finops), (right, dataverse) = live("finops"), live("dataverse")
    for code in ("usmf", "demf"):
        dataverse.put("cdm_companies", cdm_companycode=code, cdm_name=code)
    return {"left": left, "right": right, "finops": finops, "dataverse": dataverse}


@pytest.fixture
def linked(pair: dict[str, Any]) -> Link:
    """A link with one of two companies, whose environments answer."""
    return make_link(left=pair["left"], right=pair["right"], name="Contoso")


@pytest.fixture
def finops(pair: dict[str, Any]) -> Service:
    return pair["finops"]


@pytest.fixture
def groups(linked: Link) -> EntityMap:
    """A running map with a company."""
    return make_map(linked, definition=GROUPS_MAP, name="Customer groups", master="left")


def html(client: Client, name: str, *args: object, **query: Any) -> str:
    return client.get(reverse(name, args=args), **query).content.decode()


def add_form(link: Link, **overrides: Any) -> dict[str, Any]:
    values = {"link": link.pk, "companies": ["demf"], "consent": "on"} | overrides
    return {name: value for name, value in values.items() if value is not None}


# --- The page ----------------------------------------------------------------------------------------------------


def test_it_shows_both_environments_and_the_companies(link: Link, reader: Client) -> None:
    link.companies.update(name="Contoso USA")
    page = html(reader, "link-page")
    assert page.index(link.left.name) < page.index(link.right.name)
    assert "Reachable" in page or "Not asked yet" in page
    assert "<b>usmf</b>" in page
    assert "Contoso USA" in page


def test_a_reader_gets_no_ways_to_change_anything(link: Link, operator: Client, reader: Client) -> None:
    for name, args in ((ADD, []), (UNLINK, []), ("link-load", ["usmf"])):
        assert reverse(name, args=args) in html(operator, "link-page")
        assert reverse(name, args=args) not in html(reader, "link-page")


@pytest.mark.parametrize(("name", "args"), [(ADD, []), (UNLINK, []), ("link-load", ["usmf"])])
def test_changing_takes_the_right_to_change(link: Link, reader: Client, name: str, args: list[str]) -> None:
    for client in (reader, make_client(OPERATE)):
        assert client.get(reverse(name, args=args)).status_code == 403
        assert client.post(reverse(name, args=args), {"link": link.pk}).status_code == 403


def test_the_last_load_of_each_company_is_named(a_map: EntityMap, reader: Client) -> None:
    LinkCompany.objects.create(link=a_map.link, code="demf")
    for state in ("failed", "completed"):
        last = make_run(a_map.link, state=state)
        make_run_map(last, a_map, companies=["demf"], returns_to="running")
    make_run_map(make_run(a_map.link, state="completed"), a_map)
    rows = reader.get(reverse("link-page")).context["companies"]
    assert [(row.company.code, row.last_load) for row in rows] == [("demf", last), ("usmf", None)]


# --- Add company -------------------------------------------------------------------------------------------------


def test_it_offers_what_is_not_linked_and_says_whose_values_count(
    groups: EntityMap, linked: Link, operator: Client
) -> None:
    make_map(linked, definition=GROUPS_MAP, name="Stopped groups", state="not running")
    page = html(operator, ADD).split("<main")[1]
    assert ('value="demf"' in page, 'value="usmf"' in page) == (True, False)
    row = page.split("Customer groups</th>")[1].split("</tr>")[0]
    assert linked.left.name in row
    assert "With their next run, as they are not running: Stopped groups." in " ".join(page.split())


def test_adding_starts_the_run_and_shows_it(groups: EntityMap, linked: Link, operator: Client) -> None:
    response = operator.post(reverse(ADD), add_form(linked))
    run = Run.objects.get()
    assert response["Location"] == reverse("run-page", args=[run.pk])
    groups.refresh_from_db()
    assert (groups.state, sorted(linked.companies.values_list("code", flat=True))) == (
        "initializing",
        ["demf", "usmf"],
    )
    assert "rows of demf alone" in html(operator, "run-page", run.pk)
    assert '<span class="tag">demf</span>' in html(operator, "run-list")


def test_without_a_map_that_loads_one_comes_back_to_the_link(linked: Link, operator: Client) -> None:
    assert operator.post(reverse(ADD), add_form(linked))["Location"] == reverse("link-page")
    assert linked.companies.count() == 2


@pytest.mark.parametrize(
    ("overrides", "problem"),
    [
        ({"companies": None}, "Choose at least one company."),
        ({"companies": ["usmf"]}, "usmf is not one of the available choices"),
        ({"consent": None}, "Without your consent nothing is added."),
    ],
)
def test_what_is_missing_stands_at_the_form(
    groups: EntityMap, linked: Link, operator: Client, overrides: dict[str, Any], problem: str
) -> None:
    response = operator.post(reverse(ADD), add_form(linked, **overrides))
    assert response.status_code == 422
    assert problem in response.content.decode()
    assert (linked.companies.count(), Run.objects.count()) == (1, 0)


def test_a_refusal_stands_at_the_form_and_keeps_what_was_ticked(
    groups: EntityMap, linked: Link, operator: Client
) -> None:
    run = make_run(linked)
    response = operator.post(reverse(ADD), add_form(linked))
    page = response.content.decode()
    assert response.status_code == 422
    assert f"Run {run.pk} is not over." in page
    assert page.count("checked") == 2


def test_an_environment_that_does_not_answer_says_so(linked: Link, finops: Service, operator: Client) -> None:
    finops.fail("chunks", UnreachableError("No answer."), times=9)
    response = operator.get(reverse(ADD))
    assert response.status_code == 422
    assert "could not be read: No answer." in response.content.decode()


def test_when_all_are_linked_there_is_nothing_to_add(linked: Link, operator: Client) -> None:
    LinkCompany.objects.create(link=linked, code="DEMF")
    page = html(operator, ADD)
    assert "Every company that both have is linked already." in page
    assert ">Add</button>" not in page


# --- Load again --------------------------------------------------------------------------------------------------


def test_the_dialog_names_the_maps_and_is_a_page_without_script(groups: EntityMap, operator: Client) -> None:
    for headers, is_page in ((HTMX, False), ({}, True)):
        page = html(operator, "link-load", "usmf", headers=headers)
        assert "Customer groups" in page
        assert ("<html" in page) is is_page


def test_loading_again_starts_a_run_of_that_company(groups: EntityMap, linked: Link, operator: Client) -> None:
    response = operator.post(reverse("link-load", args=["usmf"]), {"link": linked.pk}, headers=HTMX)
    run = Run.objects.get()
    assert response["HX-Redirect"] == reverse("run-page", args=[run.pk])
    assert run.run_maps.get().companies == ["usmf"]


def test_a_refused_load_says_why(groups: EntityMap, linked: Link, operator: Client) -> None:
    make_run(linked)
    response = operator.post(reverse("link-load", args=["usmf"]), {"link": linked.pk}, headers=HTMX)
    assert (response.status_code, "is not over" in response.content.decode()) == (422, True)


def test_without_a_map_that_could_load_there_is_no_button(linked: Link, operator: Client) -> None:
    page = html(operator, "link-load", "usmf", headers=HTMX)
    assert "No map with a company is running or paused." in page
    assert "Load again</button>" not in page


def test_a_company_that_is_not_linked_is_not_found(linked: Link, operator: Client) -> None:
    assert operator.get(reverse("link-load", args=["demf"])).status_code == 404


def test_a_failed_load_says_on_its_page_what_was_kept_and_what_to_do(a_map: EntityMap, reader: Client) -> None:
    run = make_run(a_map.link, state="failed", ended_at=timezone.now())
    values = {"state": "failed", "message": "The table is gone.", "companies": ["demf"], "returns_to": "paused"}
    make_run_map(run, a_map, **values)
    page = html(reader, "run-page", run.pk)
    assert "The map went back to Paused, and what waited for it is kept. Load demf again" in page


# --- Unlink ------------------------------------------------------------------------------------------------------


def test_the_dialog_counts_what_goes_and_says_what_stays(a_map: EntityMap, operator: Client) -> None:
    for number in "12":
        make_error(a_map)
        make_change(a_map, number)
    make_rule(a_map.link)
    page = html(operator, UNLINK, headers=HTMX)
    counts = {title: page.split(f"<dt>{title}</dt><dd>")[1].split("<")[0] for title in ("Maps", "Sync errors", "Runs")}
    assert counts == {"Maps": "1", "Sync errors": "2", "Runs": "0"}
    assert f"All rows of {a_map.link.left.name} and {a_map.link.right.name}, exactly as they are." in page
    assert "Stop 1 map that is not at rest" in page
    assert "<html" not in page
    assert "<html" in html(operator, UNLINK)


def test_a_link_at_rest_needs_one_tick(link: Link, operator: Client) -> None:
    make_map(link, state="not running")
    assert html(operator, UNLINK, headers=HTMX).count('type="checkbox"') == 1
    response = operator.post(reverse(UNLINK), {"link": link.pk, "understood": "on"}, follow=True)
    assert "Contoso is unlinked." in response.content.decode()
    link.refresh_from_db()
    assert link.state == "unlinked"


@pytest.mark.parametrize(
    ("ticks", "problem"),
    [({"force": "on"}, "Tick that you understand"), ({"understood": "on"}, "1 map is not stopped.")],
)
def test_a_missing_tick_says_which_and_keeps_the_other(
    a_map: EntityMap, operator: Client, ticks: dict[str, str], problem: str
) -> None:
    response = operator.post(reverse(UNLINK), {"link": a_map.link_id, **ticks}, headers=HTMX)
    page = response.content.decode()
    assert response.status_code == 422
    assert problem in page
    assert f'name="{next(iter(ticks))}" checked' in page
    a_map.link.refresh_from_db()
    assert a_map.link.state == "linked"


def test_a_run_that_is_not_over_is_named_to_be_cancelled(a_map: EntityMap, operator: Client) -> None:
    run = make_run(a_map.link)
    assert f"cancel run {run.pk}" in html(operator, UNLINK, headers=HTMX)


def test_unlinking_goes_on_to_what_is_left(a_map: EntityMap, operator: Client) -> None:
    form = {"link": a_map.link_id, "understood": "on", "force": "on"}
    response = operator.post(reverse(UNLINK), form, headers=HTMX)
    assert response["HX-Redirect"] == reverse("overview")
    assert operator.get(reverse("overview"))["Location"] == reverse("set-up")
    assert operator.get(reverse("set-up"), follow=True).status_code == 200


def test_the_link_of_the_form_is_unlinked_whichever_is_chosen_by_now(link: Link, operator: Client) -> None:
    other = make_link(name="Zebra")
    operator.post(reverse("choose-link"), {"link": other.pk})
    operator.post(reverse(UNLINK), {"link": link.pk, "understood": "on"})
    assert list(Link.objects.filter(state="linked")) == [other]
    assert operator.post(reverse(UNLINK), {"link": link.pk, "understood": "on"}).status_code == 404
    assert operator.post(reverse(UNLINK), {"understood": "on"}).status_code == 404
    assert list(Link.objects.filter(state="linked")) == [other]


# --- Unlinked ----------------------------------------------------------------------------------------------------


@pytest.fixture
def past(a_map: EntityMap) -> dict[str, int]:
    """Numbers of what a link that is unlinked by now had; another link is chosen."""
    numbers = {"map": a_map.pk, "run": make_run(a_map.link).pk, "error": make_error(a_map).pk, "link": a_map.link_id}
    make_link(name="Zebra")
    Link.objects.filter(pk=a_map.link_id).update(state="unlinked")
    return numbers


@pytest.mark.parametrize(
    ("name", "about"),
    [
        *((name, "map") for name in ("map-page", "map-now", "map-filters", "map-queue", "map-activity", "map-errors")),
        *((name, "run") for name in ("run-page", "run-now")),
        *((name, "error") for name in ("error-page", "error-values")),
    ],
)
def test_pages_about_it_are_not_found(past: dict[str, int], operator: Client, name: str, about: str) -> None:
    assert operator.get(reverse(name, args=[past[about]])).status_code == 404


def test_it_cannot_be_chosen_and_is_in_no_list(past: dict[str, int], operator: Client) -> None:
    assert operator.post(reverse("choose-link"), {"link": past["link"]}).status_code == 404
    for name in ("overview", "map-list", "run-list", "error-list", "link-page"):
        assert "Customers" not in html(operator, name)
    assert reverse("map-page", args=[past["map"]]) not in html(operator, "search", data={"q": "Customers"})


def test_its_maps_and_errors_cannot_be_acted_on(past: dict[str, int], operator: Client) -> None:
    response = operator.post(reverse("map-action", args=["stop"]), {"map": past["map"], "include": past["map"]})
    assert response.status_code == 422
    operator.post(reverse("retry-errors"), {"error": past["error"]})
    assert EntityMap.objects.get(pk=past["map"]).state == "running"


def test_the_wizard_starts_anew_after_its_link_was_unlinked(past: dict[str, int], operator: Client) -> None:
    session = operator.session
    session["set_up"] = {"link": past["link"]}
    session.save()
    assert operator.get(reverse("set-up"))["Location"] == reverse("set-up-environments")
    Link.objects.update(state="unlinked")
    assert operator.get(reverse("set-up-solution"))["Location"] == reverse("set-up")


def test_the_number_of_queries_does_not_grow_with_the_companies(
    a_map: EntityMap, reader: Client, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    for number in range(20):
        LinkCompany.objects.create(link=a_map.link, code=f"c{number}")
        make_run_map(make_run(a_map.link), a_map, companies=[f"c{number}"])
    with django_assert_max_num_queries(11):
        html(reader, "link-page")

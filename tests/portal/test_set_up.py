from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from syncengine.errors import UnreachableError
from syncengine.models import EntityMap, Environment, Link
from tests.doubles import Known, Live, Service
from tests.portal.make import OPERATE, make_client
from tests.rows import make_environment, make_link

pytestmark = pytest.mark.django_db
STEPS = ("environments", "companies", "checks", "summary", "solution")


def at(step: str) -> str:
    return reverse(f"set-up-{step}")


@pytest.fixture
def pair(live: Live) -> dict[str, Any]:
    """Two environments that answer, as the first step posts them."""
    return {"left": live("finops")[0].pk, "right": live("dataverse")[0].pk}


@pytest.fixture
def chosen(operator: Client, pair: dict[str, Any]) -> Client:
    """Somebody who has chosen environments and companies."""
    operator.post(at("environments"), pair)
    operator.post(at("companies"), {"companies": ["usmf", "demf"]})
    return operator


@pytest.fixture
def checked(chosen: Client) -> Client:
    """Somebody whose checks have passed."""
    chosen.post(at("checks-run"))
    return chosen


# --- The way through ---------------------------------------------------------------------------------------------


def test_a_portal_without_environments_says_what_belongs_there(operator: Client) -> None:
    html = operator.get(reverse("set-up"), follow=True).content.decode()
    assert "No environment of this kind is known yet." in html
    assert "Add an environment" in html


def test_a_reader_reads_who_sets_up(reader: Client) -> None:
    assert "No environments are linked yet." in reader.get(reverse("set-up")).content.decode()
    make_link()
    assert "New links are set up by" in reader.get(reverse("set-up")).content.decode()


@pytest.mark.parametrize("step", [*STEPS, "environment-add"])
def test_every_step_takes_the_right_to_change(reader: Client, step: str) -> None:
    assert reader.get(at(step)).status_code == 403
    assert make_client(OPERATE).get(at(step)).status_code == 403


@pytest.mark.parametrize("step", ["environments", "environment-add", "companies", "checks-run", "summary", "solution"])
def test_every_answer_takes_the_right_to_change(reader: Client, step: str) -> None:
    assert reader.post(at(step)).status_code == 403


@pytest.mark.parametrize("step", ["companies", "checks", "summary", "solution"])
def test_a_step_is_closed_until_the_one_before_is_answered(operator: Client, step: str) -> None:
    assert operator.get(at(step))["Location"] == reverse("set-up")


def test_the_whole_way_makes_a_link_and_ends_at_its_maps(checked: Client, pair: dict[str, Any]) -> None:
    response = checked.post(at("summary"), {"name": "Contoso", "consent": "on"})
    link = Link.objects.get()
    assert response["Location"] == at("solution")
    assert (link.name, link.left_id, link.right_id) == ("Contoso", pair["left"], pair["right"])
    assert set(link.companies.values_list("code", "name")) == {("usmf", "Contoso USA"), ("demf", "Contoso Germany")}
    response = checked.post(at("solution"), {"solution": "Twofold core maps"})
    assert response["Location"] == reverse("map-list")
    assert EntityMap.objects.filter(link=link).count() == 12
    assert checked.get(reverse("map-list")).context["link"] == link


def test_set_up_goes_on_at_the_open_question(chosen: Client) -> None:
    assert chosen.get(reverse("set-up"))["Location"] == at("checks")


# --- Environments ------------------------------------------------------------------------------------------------


def test_both_environments_must_be_chosen(operator: Client, pair: dict[str, Any]) -> None:
    response = operator.post(at("environments"), {"left": pair["left"]})
    assert response.status_code == 422
    assert "Choose the right environment." in response.content.decode()


def test_a_side_takes_environments_of_its_kind_only(operator: Client, pair: dict[str, Any]) -> None:
    response = operator.post(at("environments"), {"left": pair["right"], "right": pair["left"]})
    assert response.status_code == 422


def test_an_environment_that_is_linked_says_where(operator: Client) -> None:
    make_link(name="Contoso pair")
    assert "linked in Contoso pair" in operator.get(at("environments")).content.decode()


def test_half_a_choice_is_kept_while_one_adds_the_other(operator: Client, pair: dict[str, Any]) -> None:
    response = operator.post(at("environments"), {"left": pair["left"], "add": "1"})
    assert response["Location"] == at("environment-add")
    chosen = [side["chosen"] for side in operator.get(at("environments")).context["sides"]]
    assert chosen == [pair["left"], None]


def test_choosing_another_environment_asks_for_the_checks_again(checked: Client, live: Live) -> None:
    left, right = (live(kind)[0].pk for kind in ("finops", "dataverse"))
    checked.post(at("environments"), {"left": left, "right": right})
    assert checked.get(at("summary"))["Location"] == reverse("set-up")


def test_an_environment_that_was_removed_is_asked_for_again(operator: Client, pair: dict[str, Any]) -> None:
    operator.post(at("environments"), pair)
    Environment.objects.filter(pk=pair["right"]).delete()
    assert operator.get(at("companies"))["Location"] == reverse("set-up")


# --- Adding one --------------------------------------------------------------------------------------------------


def draft(**overrides: str) -> dict[str, str]:
    return {
        "name": "Training finance",
        "kind": "finops",
        "base_url": "http://new.test",
        "token_url": "",
        "tenant": "contoso",
        "client_id": "client",
        "secret": "swordfish",
    } | overrides


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch, db: None) -> Known:
    """What answers at which address."""
    from syncengine.connectors import KINDS

    known = Known()
    monkeypatch.setitem(KINDS, "finops", known.connect)  # type: ignore[arg-type]
    return known


@pytest.fixture
def answering(known: Known) -> Service:
    """A service at the address of the draft, with a company."""
    service = known.answer("http://new.test")
    service.put("LegalEntities", LEGALENTITYID="usmf", NAME="Contoso USA")
    return service


def test_an_added_environment_is_kept_and_chosen(operator: Client, answering: Service) -> None:
    response = operator.post(at("environment-add"), draft())
    added = Environment.objects.get()
    assert response["Location"] == at("environments")
    assert operator.get(at("environments")).context["sides"][0]["chosen"] == added.pk
    assert added.token_url == "https://login.microsoftonline.com/contoso/oauth2/v2.0/token"


def test_what_the_environment_says_stands_at_the_form_and_nothing_is_kept(operator: Client, answering: Service) -> None:
    answering.fail("identity", UnreachableError("No answer within 30 s."), times=9)
    response = operator.post(at("environment-add"), draft())
    html = response.content.decode()
    assert response.status_code == 422
    assert "No answer within 30 s." in html
    assert 'value="http://new.test"' in html
    assert not Environment.objects.exists()


def test_a_secret_is_never_sent_back(operator: Client, answering: Service) -> None:
    make_environment(base_url="http://new.test")
    html = operator.post(at("environment-add"), draft()).content.decode()
    assert "This address is known already" in html
    assert "swordfish" not in html


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("name", "", "This field is required."),
        ("base_url", "new.test", "is not an address"),
        ("base_url", "ftp://new.test", "is not an address"),
        ("base_url", "http://[", "is not an address"),
        ("base_url", "http://new.test:99999", "is not an address"),
        ("token_url", "nowhere", "is not an address"),
        ("kind", "odata", "Select a valid choice"),
    ],
)
def test_what_is_wrong_stands_at_its_field(operator: Client, field: str, value: str, problem: str) -> None:
    response = operator.post(at("environment-add"), draft(**{field: value}))
    assert response.status_code == 422
    assert problem in response.context["form"].errors[field][0]


# --- Companies ---------------------------------------------------------------------------------------------------


def test_at_least_one_company_must_be_chosen(operator: Client, pair: dict[str, Any]) -> None:
    operator.post(at("environments"), pair)
    response = operator.post(at("companies"), {})
    assert response.status_code == 422
    assert "Choose at least one company." in response.content.decode()


def test_going_back_keeps_the_companies(operator: Client, pair: dict[str, Any]) -> None:
    operator.post(at("environments"), pair)
    assert operator.post(at("companies"), {"companies": ["usmf"], "back": "1"})["Location"] == at("environments")
    operator.post(at("environments"), pair)
    assert operator.get(at("companies")).context["form"].initial == {"companies": ["usmf"]}


def test_companies_that_cannot_be_read_say_why(operator: Client, live: Live) -> None:
    left, service = live("finops")
    operator.post(at("environments"), {"left": left.pk, "right": live("dataverse")[0].pk})
    service.fail("chunks", UnreachableError("No answer."), times=9)
    response = operator.get(at("companies"))
    assert "could not be read: No answer." in response.content.decode()


def test_a_company_that_is_not_offered_is_refused(operator: Client, pair: dict[str, Any]) -> None:
    operator.post(at("environments"), pair)
    assert operator.post(at("companies"), {"companies": ["zzzz"]}).status_code == 422


# --- Checks ------------------------------------------------------------------------------------------------------


def test_the_page_runs_the_checks_by_itself(chosen: Client) -> None:
    assert 'hx-trigger="load, submit"' in chosen.get(at("checks")).content.decode()


def test_the_way_on_opens_when_every_check_passes(chosen: Client) -> None:
    html = chosen.post(at("checks-run"), headers={"HX-Request": "true"}).content.decode()
    assert at("summary") in html
    assert "check--wrong" not in html
    assert chosen.get(at("summary")).status_code == 200


def test_a_failed_check_says_what_to_do_and_closes_the_way_on(chosen: Client, pair: dict[str, Any]) -> None:
    Link.objects.create(name="Other", left_id=pair["left"], right=make_environment("dataverse"))
    html = chosen.post(at("checks-run"), headers={"HX-Request": "true"}).content.decode()
    assert "check--wrong" in html
    assert "check__remedy" in html
    assert at("summary") not in html
    assert chosen.get(at("summary"))["Location"] == reverse("set-up")


def test_without_script_the_checks_are_a_page(chosen: Client) -> None:
    html = chosen.post(at("checks-run")).content.decode()
    assert "<html" in html
    assert at("summary") in html


def test_running_checks_takes_a_post(chosen: Client) -> None:
    assert chosen.get(at("checks-run")).status_code == 405


# --- Summary and solution ----------------------------------------------------------------------------------------


def test_the_summary_leads_back_to_every_answer(checked: Client) -> None:
    html = checked.get(at("summary")).content.decode().split("<dl")[1].split("</dl>")[0]
    for step in ("environments", "companies", "checks"):
        assert at(step) in html


def test_without_consent_nothing_is_created_and_the_name_is_kept(checked: Client) -> None:
    response = checked.post(at("summary"), {"name": "My link"})
    assert response.status_code == 422
    assert 'value="My link"' in response.content.decode()
    assert not Link.objects.exists()


def test_a_refusal_stands_at_the_form(checked: Client) -> None:
    make_link(name="Contoso")
    response = checked.post(at("summary"), {"name": "Contoso", "consent": "on"})
    assert "There is already a link called Contoso." in response.content.decode()


def test_a_created_link_is_not_created_twice(checked: Client) -> None:
    for _ in range(2):
        response = checked.post(at("summary"), {"name": "Contoso", "consent": "on"})
    assert (response["Location"], Link.objects.count()) == (at("solution"), 1)


def test_a_link_without_maps_can_be_given_a_solution_later(operator: Client) -> None:
    make_link(name="Contoso")
    assert "Which solution gives Contoso its maps?" in operator.get(at("solution")).content.decode()


def test_a_solution_must_be_chosen(operator: Client) -> None:
    make_link()
    response = operator.post(at("solution"), {})
    assert response.status_code == 422
    assert "Choose a solution." in response.content.decode()

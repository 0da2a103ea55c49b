from typing import Any

import pytest
from django.core.exceptions import PermissionDenied

from syncengine.errors import UnreachableError
from syncengine.models import Activity, Link
from syncengine.services.companies import CompanyChoice
from syncengine.services.errors import Refused
from syncengine.services.links import LinkCheck, create_link, health_checks
from syncengine.states import Side
from tests.doubles import Live
from tests.rows import make_link, make_user

pytestmark = pytest.mark.django_db
USMF = CompanyChoice(code="usmf", name="Contoso USA")


def make_pair(live: Live) -> dict[str, Any]:
    return {"left": live("finops")[0], "right": live("dataverse")[0]}


def failed(checks: list[LinkCheck]) -> list[str]:
    return [each.check.code for each in checks if not each.check.ok]


# --- Checks ------------------------------------------------------------------------------------------------------


def test_a_fit_pair_passes_every_check(live: Live) -> None:
    checks = health_checks(**make_pair(live), company_codes=["USMF"])
    assert failed(checks) == []


def test_the_same_checks_are_listed_whether_they_fail_or_not(live: Live) -> None:
    pair = make_pair(live)
    left, service = live("finops")
    service.fail("identity", UnreachableError("No answer."), times=9)
    service.fail("chunks", UnreachableError("No answer."), times=9)
    fit = [each.check.code for each in health_checks(**pair, company_codes=["usmf"])]
    unfit = [each.check.code for each in health_checks(left=left, right=pair["right"], company_codes=[])]
    assert fit == unfit


def test_an_environment_that_does_not_answer_fails_what_depends_on_it(live: Live) -> None:
    pair = make_pair(live)
    pair["left"], service = live("finops")
    service.fail("identity", UnreachableError("No answer."), times=9)
    service.fail("chunks", UnreachableError("No answer."), times=9)
    checks = health_checks(**pair, company_codes=["usmf"])
    assert failed(checks) == ["identity", "clock", "tenant", "data centre", "companies exist", "company names"]


def test_a_link_that_was_given_up_does_not_count(live: Live) -> None:
    pair = make_pair(live)
    make_link(**pair, state="unlinked")
    assert failed(health_checks(**pair, company_codes=["usmf"])) == []


def test_a_data_centre_that_nobody_names_is_not_compared(live: Live) -> None:
    left, _ = live("finops", data_centre="")
    checks = health_checks(left=left, right=live("dataverse")[0], company_codes=["usmf"])
    check = next(each.check for each in checks if each.check.code == "data centre")
    assert check.ok
    assert f"Not compared: {left.name}" in check.detail


# --- Creating ----------------------------------------------------------------------------------------------------


def test_a_created_link_has_its_companies_its_lane_and_an_activity(live: Live) -> None:
    pair, ann = make_pair(live), make_user("change_link")
    link = create_link(ann, name=" Contoso ", **pair, companies=[USMF], consent=True)
    assert (link.name, link.state, link.created_by) == ("Contoso", "linked", ann)
    assert [(company.code, company.name) for company in link.companies.all()] == [("usmf", "Contoso USA")]
    assert [lane.name for lane in link.lanes.all()] == ["default"]
    assert "usmf" in Activity.objects.get(link=link, kind="link").text


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"consent": False}, "Agree that"),
        ({"companies": []}, "at least one company"),
        ({"name": "  "}, "name"),
        ({"companies": [CompanyChoice(code="zzzz", name="")]}, "does not have zzzz. Choose the companies again"),
    ],
)
def test_what_is_missing_refuses_the_link_and_changes_nothing(
    live: Live, overrides: dict[str, Any], message: str
) -> None:
    values = {"name": "Contoso", **make_pair(live), "companies": [USMF], "consent": True}
    with pytest.raises(Refused, match=message):
        create_link(None, **values | overrides)
    assert not Link.objects.exists()
    assert not Activity.objects.exists()


def test_several_failed_checks_are_counted(live: Live) -> None:
    left, right = live("finops", tenant="fabrikam", data_centre="asia")[0], live("dataverse")[0]
    with pytest.raises(Refused, match=r"^Same tenant: .* 1 more check failed\.$"):
        create_link(None, name="x", left=left, right=right, companies=[USMF], consent=True)


def test_a_name_that_is_taken_is_refused(live: Live) -> None:
    make_link(name="Contoso")
    with pytest.raises(Refused, match="already a link called Contoso"):
        create_link(None, name="Contoso", **make_pair(live), companies=[USMF], consent=True)


def test_who_may_only_operate_cannot_link(live: Live) -> None:
    with pytest.raises(PermissionDenied):
        create_link(make_user("operate_link"), name="x", **make_pair(live), companies=[USMF], consent=True)


def test_an_environment_that_somebody_links_during_the_checks_is_refused(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = make_pair(live)
    real = health_checks

    def slow(**values: Any) -> list[LinkCheck]:
        checks = real(**values)
        make_link(name="quicker", left=pair["left"])
        return checks

    monkeypatch.setattr("syncengine.services.links.health_checks", slow)
    with pytest.raises(Refused, match="is linked already, in quicker"):
        create_link(None, name="slower", **pair, companies=[USMF], consent=True)
    assert not Link.objects.filter(name="slower").exists()


@pytest.mark.parametrize("side", Side)
def test_each_environment_may_be_in_one_link(live: Live, side: Side) -> None:
    pair = make_pair(live)
    make_link(name="First", **{side.value: pair[side.value]})
    checks = health_checks(**pair, company_codes=["usmf"])
    linked = [each for each in checks if each.check.code == "linked" and not each.check.ok]
    assert [each.side for each in linked] == [side]
    assert "First" in linked[0].check.detail

"""Every check of a link fails once, on real sandboxes, and says what, where and what to do."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

import httpx
import pytest

from syncengine.connectors.base import Check
from syncengine.models import Environment, Link
from syncengine.services import sandboxes
from syncengine.services.companies import CompanyChoice
from syncengine.services.environment_drafts import Findings, examine, settings_from
from syncengine.services.environments import EnvironmentDraft, add_environment, catalog_of, company_choices
from syncengine.services.errors import Refused
from syncengine.services.links import create_link, health_checks
from syncengine.services.secrets import encrypt
from syncengine.states import Side
from tests.rows import make_environment, make_link

pytestmark = pytest.mark.django_db
USMF = {"LEGALENTITYID": "usmf", "NAME": "Contoso USA"}
DEMF = {"LEGALENTITYID": "demf", "NAME": "Contoso Germany"}
NOWHERE = "http://127.0.0.1:9"


KINDS = {Side.LEFT: "finops", Side.RIGHT: "dataverse"}
CHANGEABLE = ("version", "build", "is_trial", "data_centre", "organization_id", "tenant_id")


@dataclass(slots=True, kw_only=True)
class End:
    """A sandbox as its management tells of it, and what was found at its address."""

    info: dict[str, Any]
    draft: EnvironmentDraft
    findings: Findings | None = None


def make_end(management: httpx.Client, kind: str, tenant: str) -> End:
    wanted = {"name": f"{kind} {uuid4()}", "kind": kind, "settings": {"tenant_id": tenant}}
    answer = management.post("/sandboxes", json=wanted)
    assert answer.status_code == 201, answer.text
    info = answer.json()
    draft = EnvironmentDraft(
        name=info["name"],
        kind=kind,
        base_url=info["base_url"],
        token_url=info["token_url"],
        tenant=tenant,
        client_id=info["client_id"],
        secret=info["client_secret"],
    )
    return End(info=info, draft=draft)


def kept(end: End) -> Environment:
    """The sandbox as an environment of the portal. Its catalog is read once a module."""
    if end.findings is None:
        end.findings = examine(settings_from(end.draft))
    return make_environment(
        end.draft.kind,
        catalog=end.findings.catalog,
        name=end.draft.name,
        base_url=end.draft.base_url,
        token_url=end.draft.token_url,
        tenant=end.draft.tenant,
        client_id=end.draft.client_id,
        secret_encrypted=encrypt(end.draft.secret),
        organization_id=end.findings.identity.organization_id,
    )


@dataclass(slots=True, kw_only=True)
class Pair:
    """Two sandboxes of one tenant, kept as environments."""

    management: httpx.Client
    ends: dict[Side, End]
    left: Environment
    right: Environment

    def change(self, side: Side, **settings: Any) -> None:
        self._done("PATCH", side, "", settings)

    def new_client(self, side: Side, *, is_user: bool) -> dict[str, str]:
        client: dict[str, str] = self._done("POST", side, "/clients", {"is_user": is_user}).json()
        return client

    def add_company(self, code: str, name: str) -> None:
        self._done("POST", Side.LEFT, "/tables/LegalEntities/rows", [{"LEGALENTITYID": code, "NAME": name}])

    def edit_company(self, code: str, **values: str) -> None:
        """Behind the service's back: it would not take every value."""
        where = f"LEGALENTITYID eq '{code}'"
        self._done("PATCH", Side.LEFT, "/tables/LegalEntities/rows", {"filter": where, "values": values})

    def environment(self, side: Side) -> Environment:
        return Environment.objects.get(pk=(self.left if side is Side.LEFT else self.right).pk)

    def set(self, side: Side, **values: Any) -> None:
        """Changes how the portal reaches the environment."""
        Environment.objects.filter(pk=self.environment(side).pk).update(**values)

    def failed(self, *codes: str) -> dict[str, Check]:
        """The checks that fail, by code."""
        left, right = self.environment(Side.LEFT), self.environment(Side.RIGHT)
        found = health_checks(left=left, right=right, company_codes=codes or ["usmf", "demf"])
        return {each.check.code: each.check for each in found if not each.check.ok}

    def _done(self, method: str, side: Side, path: str, body: Any) -> httpx.Response:
        answer = self.management.request(method, f"/sandboxes/{self.ends[side].info['name']}{path}", json=body)
        assert answer.status_code < 300, answer.text
        return answer


@pytest.fixture(scope="module")
def ends(sandbox_http: httpx.Client) -> dict[Side, End]:
    """Both sandboxes of the module, with two companies on the left."""
    tenant = str(uuid4())
    found = {side: make_end(sandbox_http, kind, tenant) for side, kind in KINDS.items()}
    path = f"/sandboxes/{found[Side.LEFT].info['name']}/tables/LegalEntities/rows"
    assert sandbox_http.post(path, json=[USMF, DEMF]).status_code == 201
    return found


@pytest.fixture
def pair(management: httpx.Client, ends: dict[Side, End]) -> Iterator[Pair]:
    yield Pair(
        management=management,
        ends=ends,
        left=kept(ends[Side.LEFT]),
        right=kept(ends[Side.RIGHT]),
    )
    for end in ends.values():
        before = {name: end.info[name] for name in CHANGEABLE}
        assert management.patch(f"/sandboxes/{end.info['name']}", json=before).status_code == 200


def assert_says(check: Check, *parts: str) -> None:
    """What was found names these, and there is something to do about it."""
    for part in parts:
        assert part in check.detail, check
    assert check.remedy.endswith(".")


def test_a_fit_pair_passes_every_check_and_is_linked(pair: Pair) -> None:
    assert pair.failed() == {}
    companies = [choice for choice in company_choices(pair.left) if choice.code in {"usmf", "demf"}]
    link = create_link(None, name="Contoso", left=pair.left, right=pair.right, companies=companies, consent=True)
    assert [company.code for company in link.companies.all()] == ["demf", "usmf"]


# --- Each environment --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", Side)
def test_an_address_where_nobody_answers(pair: Pair, side: Side) -> None:
    pair.set(side, base_url=f"{NOWHERE}/{side}")
    failed = pair.failed()
    assert_says(failed["reachable"], "127.0.0.1:9")
    assert_says(failed["tenant"], "Not checked", pair.environment(side).name)


@pytest.mark.parametrize("side", Side)
def test_a_sign_in_that_is_refused(pair: Pair, side: Side) -> None:
    pair.set(side, secret_encrypted=encrypt("wrong"))
    check = pair.failed()["sign-in"]
    assert_says(check, pair.environment(side).name, "Invalid client secret")
    assert "wrong" not in check.detail


def test_a_secret_that_cannot_be_decrypted(pair: Pair) -> None:
    pair.set(Side.LEFT, secret_encrypted="not ours")
    assert_says(pair.failed()["environment"], pair.left.name, "encrypted with another key")


def test_an_application_that_finops_does_not_know(pair: Pair) -> None:
    client = pair.new_client(Side.LEFT, is_user=False)
    pair.set(Side.LEFT, client_id=client["client_id"], secret_encrypted=encrypt(client["client_secret"]))
    check = pair.failed()["registered"]
    assert_says(check)
    assert client["client_id"] in check.remedy


def test_an_application_without_a_user_in_dataverse(pair: Pair) -> None:
    client = pair.new_client(Side.RIGHT, is_user=False)
    pair.set(Side.RIGHT, client_id=client["client_id"], secret_encrypted=encrypt(client["client_secret"]))
    assert_says(pair.failed()["application-user"], "not a member of the organization")


def test_a_finops_version_under_the_minimum(pair: Pair) -> None:
    pair.change(Side.LEFT, build="10.0.319.5")
    assert_says(pair.failed()["version"], pair.left.name, "10.0.319.5", "10.0.383.20013")


def test_a_dataverse_version_under_the_minimum(pair: Pair) -> None:
    pair.change(Side.RIGHT, version="9.0.4.3000")
    assert_says(pair.failed()["version"], pair.right.name, "9.0.4.3000", "9.1.0000.11732")


def test_a_trial_finops_environment(pair: Pair) -> None:
    pair.change(Side.LEFT, is_trial=True)
    assert_says(pair.failed()["trial"], pair.left.name, "trial")


def test_an_environment_that_was_swapped(pair: Pair) -> None:
    pair.change(Side.RIGHT, organization_id=str(uuid4()))
    assert_says(pair.failed()["identity"], pair.right.base_url, "not " + pair.right.organization_id)


def test_a_clock_that_is_far_off(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("syncengine.connectors.finops.connector.FinopsConnector.clock_offset_s", lambda _: 600.0)
    assert_says(pair.failed()["clock"], pair.left.name, "600.0 s ahead")


@pytest.mark.parametrize("side", Side)
def test_an_environment_that_is_linked_already(pair: Pair, side: Side) -> None:
    make_link(name="Fabrikam", **{side.value: pair.environment(side)})
    assert_says(pair.failed()["linked"], pair.environment(side).name, "Fabrikam")


# --- Both together -----------------------------------------------------------------------------------------------


def test_sides_that_are_swapped(pair: Pair) -> None:
    pair.left, pair.right = pair.right, pair.left
    assert_says(pair.failed()["kinds"], pair.left.name, pair.right.name)


def test_environments_of_two_tenants(pair: Pair) -> None:
    other = str(uuid4())
    pair.change(Side.RIGHT, tenant_id=other)
    pair.set(Side.RIGHT, token_url=pair.right.token_url.replace(pair.right.tenant, other), tenant=other)
    assert_says(pair.failed()["tenant"], pair.left.tenant, other)


def test_environments_of_two_data_centres(pair: Pair) -> None:
    pair.change(Side.RIGHT, data_centre="asia")
    assert_says(pair.failed()["data centre"], f"{pair.left.name} is in europe", f"{pair.right.name} in asia")


# --- Companies ---------------------------------------------------------------------------------------------------


def test_no_company_is_chosen(pair: Pair) -> None:
    checks = health_checks(left=pair.left, right=pair.right, company_codes=[])
    assert_says(next(each.check for each in checks if not each.check.ok), "No company is chosen")


def test_a_company_that_the_left_does_not_have(pair: Pair) -> None:
    assert_says(pair.failed("usmf", "zzzz")["companies exist"], pair.left.name, "does not have zzzz")


def test_a_company_without_a_name(pair: Pair) -> None:
    pair.add_company("gbsi", "Contoso Great Britain")
    pair.edit_company("gbsi", NAME="")
    assert_says(pair.failed("usmf", "gbsi")["company names"], pair.left.name, "gbsi: no name")


def test_two_companies_of_one_name(pair: Pair) -> None:
    pair.add_company("cous", "contoso usa")
    assert_says(pair.failed("usmf", "cous")["company names"], "usmf, cous: the same name")


def test_a_finops_environment_without_companies_is_not_added(management: httpx.Client) -> None:
    empty = sandboxes.create(name=f"empty {uuid4()}", kind="finops")
    with pytest.raises(Refused, match=r"no legal entity .* Create a legal entity"):
        add_environment(None, draft=empty.draft())


@pytest.mark.parametrize("side", Side)
def test_a_sandbox_is_added_and_known_as_one(management: httpx.Client, ends: dict[Side, End], side: Side) -> None:
    environment = add_environment(None, draft=ends[side].draft)
    assert environment.options == {"sandbox": ends[side].info["name"]}
    assert environment.organization_id
    assert catalog_of(environment).table("LegalEntities" if side is Side.LEFT else "accounts") is not None


# --- Where it stops ----------------------------------------------------------------------------------------------


def test_a_failed_check_refuses_the_link_and_changes_nothing(pair: Pair) -> None:
    pair.change(Side.LEFT, is_trial=True)
    with pytest.raises(Refused, match=r"trial environment\. Choose a sandbox or production environment"):
        create_link(
            None,
            name="Contoso",
            left=pair.left,
            right=pair.right,
            companies=[CompanyChoice(code="usmf", name="Contoso USA")],
            consent=True,
        )
    assert not Link.objects.exists()


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"secret": "wrong"}, "Sign-in to .*Invalid client secret.* Check tenant"),
        ({"base_url": NOWHERE}, "cannot be reached.*127.0.0.1:9.* Check the address"),
        ({"token_url": f"{NOWHERE}/token"}, "127.0.0.1:9"),
    ],
)
def test_an_environment_that_cannot_be_used_is_not_added(
    management: httpx.Client, ends: dict[Side, End], overrides: dict[str, str], message: str
) -> None:
    with pytest.raises(Refused, match=message):
        add_environment(None, draft=replace(ends[Side.LEFT].draft, **overrides))
    assert not Environment.objects.exists()

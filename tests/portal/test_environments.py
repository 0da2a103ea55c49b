"""The page of the environments, over services in memory."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from syncengine.errors import DisabledError, UnreachableError
from syncengine.models import Activity, EntityMap, Environment, SchemaDrift
from syncengine.services import environments, secrets
from syncengine.services.sandboxes import OPTION
from syncengine.states import LinkState
from tests.doubles import GROUPS_MAP, Answering, Live, Service
from tests.portal.make import CHANGE, OPERATE, make_client
from tests.rows import make_environment, make_link, make_map

pytestmark = pytest.mark.django_db
ADDRESS = "https://finance.example.com"


@pytest.fixture
def admin() -> Client:
    return make_client(OPERATE, CHANGE)


@pytest.fixture
def finance(live: Live) -> tuple[Environment, Service]:
    return live("finops")


@pytest.fixture
def environment(finance: tuple[Environment, Service]) -> Environment:
    return finance[0]


@pytest.fixture
def service(finance: tuple[Environment, Service]) -> Service:
    return finance[1]


def page(name: str, environment: Environment) -> str:
    return reverse(name, args=[environment.pk])


def form(environment: Environment, **overrides: Any) -> dict[str, Any]:
    names = ("name", "base_url", "token_url", "tenant", "client_id")
    return {**{name: getattr(environment, name) for name in names}, "secret": "", **overrides}


def test_environments_are_listed_with_their_links(admin: Client, environment: Environment) -> None:
    link = make_link(left=environment)
    found = admin.get(reverse("environment-list")).content.decode()
    assert environment.name in found
    assert link.name in found


def test_listing_takes_the_same_questions_for_many(admin: Client, django_assert_max_num_queries: Any) -> None:
    for _ in range(10):
        make_link()
    with django_assert_max_num_queries(12):
        admin.get(reverse("environment-list"))


def test_only_who_may_change_sees_environments(environment: Environment) -> None:
    for client in (make_client(), make_client(OPERATE)):
        for name in ("environment-page", "environment-edit", "environment-delete"):
            assert client.get(page(name, environment)).status_code == 403
        for name in ("environment-test", "environment-disable", "environment-enable", "environment-refresh"):
            assert client.post(page(name, environment)).status_code == 403
        assert reverse("environment-list") not in client.get(reverse("set-up")).content.decode()


def test_a_get_changes_nothing(admin: Client, environment: Environment) -> None:
    for name in ("environment-test", "environment-disable", "environment-enable", "environment-refresh"):
        assert admin.get(page(name, environment)).status_code == 405


def test_an_environment_is_added_once_it_answers(admin: Client, answering: Answering) -> None:
    answering(ADDRESS, kind="finops")
    added = {
        "name": "Finance",
        "kind": "finops",
        "base_url": ADDRESS,
        "token_url": "",
        "tenant": "t",
        "client_id": "c",
        "secret": "s",
    }
    assert admin.post(reverse("environment-add"), added).status_code == 302
    assert Environment.objects.get(name="Finance").base_url == ADDRESS


def test_the_secret_is_never_shown(admin: Client, environment: Environment) -> None:
    Environment.objects.filter(pk=environment.pk).update(secret_encrypted=secrets.encrypt("Xq7-sesame"))
    environment.refresh_from_db()
    for name in ("environment-page", "environment-edit"):
        found = admin.get(page(name, environment)).content.decode()
        assert "Xq7-sesame" not in found
        assert environment.secret_encrypted not in found


# --- Test


def test_a_test_shows_who_answers_and_how_fast(admin: Client, environment: Environment) -> None:
    found = admin.post(page("environment-test", environment), headers={"HX-Request": "true"}).content.decode()
    assert "It answers as it should." in found
    assert environment.organization_id in found
    assert " ms" in found
    assert "<html" not in found


def test_a_test_of_one_that_does_not_answer_says_so_and_keeps_it(
    admin: Client, environment: Environment, service: Service
) -> None:
    service.fail("identity", UnreachableError(f"{environment.name} does not answer."))
    found = admin.post(page("environment-test", environment)).content.decode()
    assert "does not answer" in found
    environment.refresh_from_db()
    assert environment.problem


def test_a_stranger_at_the_address_is_told(admin: Client, environment: Environment) -> None:
    Environment.objects.filter(pk=environment.pk).update(organization_id="another")
    found = admin.post(page("environment-test", environment)).content.decode()
    assert "Another environment answers there" in found


# --- Edit


def test_an_edit_keeps_the_secret_where_none_is_entered(admin: Client, environment: Environment) -> None:
    before = environments.settings_of(environment).secret
    assert admin.post(page("environment-edit", environment), form(environment, name="Finance 2")).status_code == 302
    environment.refresh_from_db()
    assert environment.name == "Finance 2"
    assert environments.settings_of(environment).secret == before


def test_a_new_secret_is_kept_encrypted(admin: Client, environment: Environment) -> None:
    assert admin.post(page("environment-edit", environment), form(environment, secret="rotated")).status_code == 302
    environment.refresh_from_db()
    assert environments.settings_of(environment).secret == "rotated"
    assert "rotated" not in environment.secret_encrypted


def test_an_edit_keeps_which_sandbox_it_is_while_the_sandboxes_do_not_answer(
    admin: Client, environment: Environment
) -> None:
    Environment.objects.filter(pk=environment.pk).update(options={OPTION: "Training"})
    assert admin.post(page("environment-edit", environment), form(environment, name="Finance 2")).status_code == 302
    environment.refresh_from_db()
    assert environment.options == {OPTION: "Training"}


def test_an_edit_to_a_name_that_is_taken_is_refused(admin: Client, environment: Environment) -> None:
    other = make_environment("dataverse", name="Taken")
    answer = admin.post(page("environment-edit", environment), form(environment, name=other.name))
    assert answer.status_code == 422
    assert "already an environment called Taken" in answer.content.decode()


def test_an_edit_to_another_environments_address_is_refused(
    admin: Client, environment: Environment, answering: Answering
) -> None:
    answering(ADDRESS, kind="finops")
    answer = admin.post(page("environment-edit", environment), form(environment, base_url=ADDRESS))
    assert answer.status_code == 422
    assert "Another environment answers there" in answer.content.decode()
    environment.refresh_from_db()
    assert environment.base_url != ADDRESS


# --- Disable, enable


def test_a_disabled_environment_is_not_spoken_to(admin: Client, environment: Environment) -> None:
    admin.post(page("environment-disable", environment))
    environment.refresh_from_db()
    with pytest.raises(DisabledError, match="is disabled"):
        environments.open_connector(environment)
    assert "Disabled" in admin.get(page("environment-page", environment)).content.decode()


def test_an_enabled_environment_is_spoken_to_again(admin: Client, environment: Environment) -> None:
    for name in ("environment-disable", "environment-enable", "environment-enable"):
        assert admin.post(page(name, environment)).status_code == 302
    environment.refresh_from_db()
    assert environments.open_connector(environment)
    told = Activity.objects.filter(text__startswith=environment.name).values_list("text", flat=True)
    assert sorted(told) == [f"{environment.name} was disabled.", f"{environment.name} was enabled."]


# --- Tables, delete


def test_the_tables_are_read_anew(admin: Client, environment: Environment) -> None:
    before = environment.catalog_read_at
    found = admin.post(page("environment-refresh", environment), follow=True).content.decode()
    assert "tables are read" in found or "table is read" in found
    environment.refresh_from_db()
    assert environment.catalog_read_at != before


def test_tables_that_cannot_be_read_stay_as_they_were(
    admin: Client, environment: Environment, service: Service
) -> None:
    before = environment.catalog_read_at
    service.fail("catalog", UnreachableError(f"{environment.name} does not answer."))
    found = admin.post(page("environment-refresh", environment), follow=True).content.decode()
    assert "could not be read" in found
    environment.refresh_from_db()
    assert environment.catalog_read_at == before


def test_a_linked_environment_is_not_deleted(admin: Client, environment: Environment) -> None:
    link = make_link(left=environment)
    answer = admin.post(page("environment-delete", environment))
    assert answer.status_code == 422
    assert f"is in the link {link.name}" in answer.content.decode()
    assert Environment.objects.filter(pk=environment.pk).exists()


def test_one_that_was_unlinked_is_deleted_and_the_history_stays(admin: Client, environment: Environment) -> None:
    link = make_link(left=environment, state=LinkState.UNLINKED)
    assert admin.post(page("environment-delete", environment)).status_code == 302
    assert not Environment.objects.filter(pk=environment.pk).exists()
    link.refresh_from_db()
    assert link.left.secret_encrypted == ""
    assert admin.get(page("environment-page", environment)).status_code == 404


def test_its_name_and_address_are_free_afterwards(admin: Client, environment: Environment) -> None:
    admin.post(page("environment-delete", environment))
    again = make_environment("finops", name=environment.name, base_url=environment.base_url)
    assert Environment.objects.get(name=environment.name) == again


# --- Schema drift


def without_description(service: Service) -> None:
    """The environment has lost a column."""
    store = service.rows.stores["CustomerGroups"]
    columns = tuple(column for column in store.table.columns if column.name != "DESCRIPTION")
    store.table = replace(store.table, columns=columns)


@pytest.fixture
def groups(environment: Environment, live: Live) -> EntityMap:
    link = make_link(left=environment, right=live("dataverse")[0])
    return make_map(link, definition=GROUPS_MAP, name="Customer groups", master="left")


def test_what_changed_in_mapped_tables_is_told_with_what_it_breaks(
    admin: Client, environment: Environment, service: Service, groups: EntityMap
) -> None:
    without_description(service)
    admin.post(page("environment-refresh", environment))
    assert "CustomerGroups.DESCRIPTION" in admin.get(page("environment-page", environment)).content.decode()
    found = admin.get(page("map-page", groups)).content.decode()
    assert "The map no longer fits its tables:" in found
    assert "DESCRIPTION" in found


def test_drift_stays_until_it_is_acknowledged(
    admin: Client, environment: Environment, service: Service, groups: EntityMap
) -> None:
    without_description(service)
    for _ in range(2):
        admin.post(page("environment-refresh", environment))
    assert SchemaDrift.objects.count() == 1
    admin.post(page("environment-acknowledge", environment))
    assert not SchemaDrift.objects.exists()
    assert "Schema drift" not in admin.get(page("map-page", groups)).content.decode()


def test_tables_that_no_map_uses_do_not_drift(admin: Client, environment: Environment, service: Service) -> None:
    without_description(service)
    admin.post(page("environment-refresh", environment))
    assert not SchemaDrift.objects.exists()


def test_tables_of_linked_environments_are_read_anew_once_a_day(
    environment: Environment, service: Service, groups: EntityMap
) -> None:
    now = timezone.now()
    assert environments.refresh_old(now) == 0
    without_description(service)
    assert environments.refresh_old(now + timedelta(days=1, seconds=1)) == 2
    assert SchemaDrift.objects.get().column == "DESCRIPTION"

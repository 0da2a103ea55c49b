from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from syncengine.errors import UnreachableError
from syncengine.models import Activity, Environment
from syncengine.services.environments import (
    EnvironmentDraft,
    add_environment,
    catalog_of,
    company_choices,
    note_answer,
    note_problem,
    open_connector,
    refresh_catalog,
    settings_of,
)
from syncengine.services.errors import Refused
from tests.doubles import Answering, Live
from tests.rows import make_environment, make_user

pytestmark = pytest.mark.django_db
URL = "https://finance.example.com"


def make_draft(**overrides: str) -> EnvironmentDraft:
    values = {
        "name": "Contoso finance",
        "kind": "finops",
        "base_url": URL,
        "token_url": "https://login.example.com/token",
        "tenant": "contoso",
        "client_id": "client",
        "secret": "s3cret",
    }
    return EnvironmentDraft(**values | overrides)


# --- Adding ------------------------------------------------------------------------------------------------------


def test_an_added_environment_is_kept_with_who_answered_and_what_it_has(answering: Answering) -> None:
    answering(URL, organization_id="org-1", offset_s=1.5)
    ann = make_user("change_link")
    environment = add_environment(ann, draft=make_draft(base_url=f" {URL}/ "))
    assert (environment.base_url, environment.organization_id, environment.version) == (URL, "org-1", "10.0.40")
    assert (environment.clock_offset_s, environment.data_centre) == (1.5, "europe")
    assert catalog_of(environment).table("productcolors") is not None
    assert Activity.objects.get(kind="environment").actor == ann


def test_the_secret_is_stored_encrypted_and_never_shown(answering: Answering) -> None:
    answering(URL)
    environment = add_environment(None, draft=make_draft())
    assert "s3cret" not in environment.secret_encrypted
    assert settings_of(environment).secret == "s3cret"
    assert "s3cret" not in repr(settings_of(environment))


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"name": " "}, "Enter the name."),
        ({"client_id": "", "secret": ""}, "Enter the client id and the secret."),
        ({"kind": "sap"}, "Choose the kind"),
        ({"base_url": "finance.example.com"}, "address of the environment in full"),
        ({"base_url": "http://[bad"}, "address of the environment in full"),
        ({"base_url": "ftp://finance.example.com"}, "address of the environment in full"),
        ({"token_url": ""}, "token address in full"),
    ],
)
def test_a_draft_with_something_missing_is_refused(overrides: dict[str, Any], message: str) -> None:
    with pytest.raises(Refused, match=message):
        add_environment(None, draft=make_draft(**overrides))
    assert not Environment.objects.exists()


def test_a_failed_check_is_refused_with_what_to_do_and_nothing_is_kept(answering: Answering) -> None:
    service = answering(URL)
    service.fail("check", UnreachableError("No answer from finance.example.com."))
    with pytest.raises(Refused, match=r"No answer from finance\.example\.com\. Try again\."):
        add_environment(None, draft=make_draft())
    assert not Environment.objects.exists()
    assert service.is_closed


def test_an_environment_that_fails_after_its_checks_is_refused(answering: Answering) -> None:
    answering(URL).fail("catalog", UnreachableError("The connection was lost."))
    with pytest.raises(Refused, match="could not be examined: The connection was lost"):
        add_environment(None, draft=make_draft())


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"base_url": "https://other.example.com"}, "already an environment called Contoso finance"),
        ({"name": "Other"}, "known already as Contoso finance"),
    ],
)
def test_a_name_or_address_that_is_taken_is_refused(overrides: dict[str, Any], message: str) -> None:
    make_environment(name="contoso FINANCE" if "base_url" in overrides else "Contoso finance", base_url=URL)
    with pytest.raises(Refused, match=message):
        add_environment(None, draft=make_draft(**overrides))


def test_one_environment_under_two_addresses_is_refused(answering: Answering) -> None:
    make_environment(name="Finance", organization_id="org-1")
    answering(URL, organization_id="org-1")
    with pytest.raises(Refused, match="Behind this address answers Finance"):
        add_environment(None, draft=make_draft())


def test_who_may_only_operate_cannot_add() -> None:
    with pytest.raises(PermissionDenied):
        add_environment(make_user("operate_link"), draft=make_draft())


# --- Speaking ----------------------------------------------------------------------------------------------------


def test_a_process_speaks_through_one_connector_until_the_settings_change(live: Live) -> None:
    environment, service = live()
    first = open_connector(environment)
    assert open_connector(Environment.objects.get(pk=environment.pk)) is first
    assert not service.is_closed
    environment.client_id = "another"
    open_connector(environment)
    assert service.is_closed


def test_a_refreshed_catalog_takes_the_place_of_the_old_one(live: Live) -> None:
    environment, service = live()
    del service.rows.stores["ProductColors"]
    before = catalog_of(environment)
    refresh_catalog(environment)
    assert before.table("ProductColors") is not None
    assert catalog_of(environment).table("ProductColors") is None
    assert catalog_of(Environment.objects.get(pk=environment.pk)).table("ProductColors") is None


def test_an_environment_whose_catalog_was_never_read_has_no_tables() -> None:
    assert catalog_of(make_environment()).tables == ()


def test_companies_are_offered_by_code(live: Live) -> None:
    environment, _ = live()
    choices = company_choices(environment)
    assert [(choice.code, choice.name) for choice in choices] == [
        ("demf", "Contoso Germany"),
        ("usmf", "Contoso USA"),
    ]


def test_companies_that_cannot_be_read_are_refused_readably(live: Live) -> None:
    environment, service = live()
    service.fail("chunks", UnreachableError("No answer."))
    with pytest.raises(Refused, match=f"The companies of {environment.name} could not be read: No answer"):
        company_choices(environment)


def test_an_environment_without_a_company_table_is_named() -> None:
    environment = make_environment()
    with pytest.raises(Refused, match="has no table LegalEntities"):
        company_choices(environment)


# --- How it answers ----------------------------------------------------------------------------------------------


def test_a_series_of_problems_is_told_once_and_its_end_too() -> None:
    environment = make_environment()
    note_problem(environment.pk, "No answer.")
    note_problem(environment.pk, "Still no answer.")
    environment.refresh_from_db()
    assert environment.problem == "Still no answer."
    note_answer(environment.pk)
    note_answer(environment.pk)
    environment.refresh_from_db()
    assert (environment.problem, environment.problem_at) == ("", None)
    lines = [line.text for line in Activity.objects.order_by("id")]
    assert lines == [f"{environment.name} cannot be used: No answer.", f"{environment.name} answers again."]


def test_an_answer_is_noted_but_not_at_every_call(django_assert_num_queries: Any) -> None:
    environment = make_environment()
    note_answer(environment.pk)
    environment.refresh_from_db()
    first = environment.answered_at
    assert first is not None
    assert timezone.now() >= first
    note_answer(environment.pk)
    environment.refresh_from_db()
    assert environment.answered_at == first

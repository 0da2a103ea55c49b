"""Signing in to a sandbox's pages: who may, what is refused, and what a session is worth."""

from collections.abc import Callable

import pytest

from syncengine.sandbox.pages.session import FREE_TRIES, Brake
from tests.sandbox.client import Client
from tests.sandbox.conftest import Management
from tests.sandbox.person import Person, person_of, signed_in


@pytest.fixture(params=["dataverse", "finops"], scope="module")
def client(request: pytest.FixtureRequest, new_client: Callable[..., Client]) -> Client:
    return new_client(request.param)


def fresh(new_client: Callable[..., Client]) -> Person:
    return person_of(new_client("finops"))


def test_right_name_and_password_open_the_tables(client: Client) -> None:
    person = person_of(client)
    assert person.sign_in().url.path == "/"
    assert "Training sandbox" in person.text
    assert client.info["name"] in person.text


@pytest.mark.parametrize("path", ["/", "/last-changes", "/settings", "/faults", "/make-changes", "/tables/x/rows/1"])
def test_a_stranger_is_asked_to_sign_in(client: Client, path: str) -> None:
    assert person_of(client).open(path).url.path == "/sign-in"


@pytest.mark.parametrize("typed", [{"password": "x"}, {"user_name": "x"}, {"user_name": "", "password": ""}])
def test_wrong_credentials_are_refused(new_client: Callable[..., Client], typed: dict[str, str]) -> None:
    person = fresh(new_client)
    answer = person.sign_in(**typed)
    assert answer.status_code == 403
    assert "do not match" in person.text
    assert person.open("/settings").url.path == "/sign-in"


def test_after_signing_in_the_page_asked_for_comes(client: Client) -> None:
    person = person_of(client)
    person.open("/last-changes")
    known = {name: client.info[name] for name in ("user_name", "password")}
    assert person.send("/sign-in", **known).url.path == "/last-changes"


@pytest.mark.parametrize("target", ["//evil.example/x", "https://evil.example", "/\\evil.example"])
def test_signing_in_never_leads_to_another_host(client: Client, target: str) -> None:
    answer = person_of(client).sign_in(next=target)
    assert answer.url.path == "/"


def test_signing_out_ends_the_session(client: Client) -> None:
    person = signed_in(client)
    assert person.send("/sign-out").url.path == "/sign-in"
    assert person.open("/settings").url.path == "/sign-in"


def test_a_session_is_kept_from_scripts_and_from_other_sites(client: Client) -> None:
    cookie = person_of(client).open("/sign-in").headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Max-Age=43200" in cookie
    assert "Secure" not in cookie


def test_an_altered_session_is_none(client: Client) -> None:
    person = signed_in(client)
    (cookie,) = person.http.cookies.jar
    assert cookie.value is not None
    person.http.cookies.set(cookie.name, f"{cookie.value[:-2]}xx", domain=cookie.domain, path="/")
    assert person.open("/settings").url.path == "/sign-in"


def test_a_session_of_one_sandbox_is_none_of_another(new_client: Callable[..., Client]) -> None:
    one, other = signed_in(new_client("finops")), person_of(new_client("finops"))
    (cookie,) = one.http.cookies.jar
    other.http.cookies.set(f"sandbox-{other.info['port']}", cookie.value or "")
    assert other.open("/settings").url.path == "/sign-in"


def test_a_new_password_ends_the_sessions(new_client: Callable[..., Client], management: Management) -> None:
    person = signed_in(new_client("finops"))
    changed = management.done("PATCH", f"sandboxes/{person.info['name']}", {"password": "another password"})
    assert changed["password"] == "another password"
    assert person.open("/settings").url.path == "/sign-in"
    assert person.sign_in(password="another password").url.path == "/"


def test_guessing_is_braked(new_client: Callable[..., Client]) -> None:
    person = fresh(new_client)
    statuses = [person.sign_in(password="guess").status_code for _ in range(FREE_TRIES + 1)]
    assert statuses == [403] * FREE_TRIES + [429]
    assert person.sign_in().status_code == 429
    assert "Too many wrong passwords" in person.text


def test_the_brake_lasts_longer_with_each_try_and_a_right_password_lifts_it() -> None:
    brake = Brake()
    waits = []
    for _ in range(FREE_TRIES + 3):
        brake.note("here", is_right=False)
        waits.append(brake.wait_s("here"))
    assert waits[: FREE_TRIES - 1] == [0.0] * (FREE_TRIES - 1)
    assert waits[FREE_TRIES - 1 :] == sorted(waits[FREE_TRIES - 1 :])
    assert waits[-1] > waits[FREE_TRIES - 1] > 0
    assert brake.wait_s("elsewhere") == 0
    brake.note("here", is_right=True)
    assert brake.wait_s("here") == 0


def test_a_form_without_its_token_is_refused(client: Client) -> None:
    person = signed_in(client)
    answer = person.send("/sign-out", form_token=None)
    assert answer.status_code == 400
    assert "Nothing was changed" in person.text
    assert person.open("/settings").url.path == "/settings"


def test_a_form_of_another_session_is_refused(client: Client) -> None:
    person, other = signed_in(client), signed_in(client)
    assert person.send("/sign-out", form_token=other.value("form_token")).status_code == 400


def test_signing_in_needs_a_token_too(client: Client) -> None:
    person = person_of(client)
    person.open("/sign-in")
    assert person.send("/sign-in", form_token="x").status_code == 400


def test_a_copy_has_a_password_of_its_own(client: Client, management: Management) -> None:
    copied = management.done("POST", f"sandboxes/{client.info['name']}/copy", {"name": f"copy {client.info['name']}"})
    assert copied["password"] != client.info["password"]
    assert copied["user_name"] == client.info["user_name"]


def test_the_person_is_a_user_of_dataverse(dataverse: Client) -> None:
    signed_in(dataverse)
    assert dataverse.rows("systemusers?$filter=fullname eq 'administrator'&$select=domainname")


def test_the_services_want_a_token_as_before(client: Client) -> None:
    person = signed_in(client)
    assert person.http.get(client.info["api_url"]).status_code == 401

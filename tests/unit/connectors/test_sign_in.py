import httpx
import pytest

from syncengine.connectors import http
from syncengine.connectors.http import HttpClient
from syncengine.errors import CredentialsError, UnreachableError
from tests.unit.connectors.make import ROOT, Script, answer, make_client, make_settings


@pytest.fixture(autouse=True)
def _no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http.time, "sleep", lambda _: None)


def test_token_is_asked_for_once_a_process() -> None:
    settings, script = make_settings(), Script(answer())
    for _ in range(2):
        client = HttpClient(settings, root=ROOT, headers={}, transport=script)
        client.get("a")
        client.get("b")
    assert len(script.sign_ins) == 1


def test_v2_endpoint_is_asked_by_scope_and_v1_by_resource() -> None:
    client, script = make_client(answer())
    client.get("a")
    assert b"scope=http%3A%2F%2Fservice.test%2F.default" in script.sign_ins[0].content
    client, script = make_client(answer(), token_url="http://login.test/tenant/oauth2/token")
    client.get("a")
    assert b"resource=http%3A%2F%2Fservice.test&" in script.sign_ins[0].content


def test_changed_secret_is_another_token() -> None:
    settings = make_settings()
    scripts = [Script(answer()), Script(answer())]
    for secret, script in zip(("one", "two"), scripts, strict=True):
        changed = make_settings(client_id=settings.client_id, secret=secret)
        HttpClient(changed, root=ROOT, headers={}, transport=script).get("a")
    assert [len(script.sign_ins) for script in scripts] == [1, 1]


def test_token_near_its_end_is_renewed() -> None:
    client, script = make_client(answer(), token=lambda _: answer(body={"access_token": "t", "expires_in": 0}))
    client.get("a")
    assert len(script.sign_ins) == 1
    client, script = make_client(answer(), token=lambda _: answer(body={"access_token": "t", "expires_in": -1}))
    client.get("a")
    client.get("a")
    assert len(script.sign_ins) == 2


def test_refused_secret_says_why_without_telling_it() -> None:
    body = {
        "error": "invalid_client",
        "error_description": "AADSTS7000215: Invalid client secret provided.\r\nTrace ID: x",
    }
    client, _ = make_client(answer(), token=answer(401, body))
    with pytest.raises(CredentialsError) as caught:
        client.get("a")
    assert str(caught.value).endswith("Invalid client secret provided.")
    assert caught.value.code == "AADSTS7000215"
    assert "s3cret" not in str(caught.value)


def test_silent_sign_in_service_is_unreachable() -> None:
    for token in (httpx.ConnectError("refused"), answer(503)):
        client, _ = make_client(answer(), token=token)
        with pytest.raises(UnreachableError, match=r"sign-in service login\.test"):
            client.get("a")


def test_answer_without_token_is_a_credentials_error() -> None:
    client, _ = make_client(answer(), token=httpx.Response(200, text="<html>"))
    with pytest.raises(CredentialsError, match="without a token"):
        client.get("a")


def test_settings_do_not_show_the_secret() -> None:
    assert "s3cret" not in repr(make_settings())

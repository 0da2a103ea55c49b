"""The token endpoint and what a token is good for. Source: Dataverse Web API documentation."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.sandbox.client import Client
from tests.sandbox.conftest import Management

FORM = {"grant_type": "client_credentials", "scope": "https://any/.default"}


@pytest.fixture(params=["dataverse", "finops"], scope="module")
def client(request: pytest.FixtureRequest, new_client: Callable[..., Client]) -> Client:
    return new_client(request.param)


def first(client: Client) -> str:
    return "WhoAmI" if client.info["kind"] == "dataverse" else "LegalEntities"


def test_right_credentials_give_a_token_with_its_lifetime(client: Client) -> None:
    answer = client.sign_in().json()
    assert answer["token_type"] == "Bearer"
    assert answer["expires_in"] == answer["ext_expires_in"] == 3599
    assert client.get(first(client)).status_code == 200


def test_the_older_endpoint_takes_a_resource(client: Client) -> None:
    url = client.info["token_url"].replace("/v2.0", "")
    form = {"grant_type": "client_credentials", "resource": client.info["base_url"]}
    credentials = {name: client.info[name] for name in ("client_id", "client_secret")}
    assert client.http.post(url, data={**form, **credentials}).json()["token_type"] == "Bearer"


@pytest.mark.parametrize(
    ("wrong", "status", "error", "code"),
    [
        ({"client_secret": "x"}, 401, "invalid_client", 7000215),
        ({"client_id": "0f3c1a52-6f0e-4d7a-9a0e-3a8f5d1c2b4e"}, 400, "unauthorized_client", 700016),
        ({"grant_type": "password"}, 400, "unsupported_grant_type", 70003),
        ({"scope": ""}, 400, "invalid_request", 900144),
    ],
)
def test_wrong_sign_in_is_refused_by_its_code(
    client: Client, wrong: dict[str, str], status: int, error: str, code: int
) -> None:
    credentials = {name: client.info[name] for name in ("client_id", "client_secret")}
    answer = client.http.post(client.info["token_url"], data={**FORM, **credentials, **wrong})
    body = answer.json()
    assert (answer.status_code, body["error"], body["error_codes"]) == (status, error, [code])
    assert body["error_description"].startswith(f"AADSTS{code}: ")
    assert {"timestamp", "trace_id", "correlation_id"} <= body.keys()


def test_another_tenant_is_not_known_here(client: Client) -> None:
    url = client.info["token_url"].replace(client.info["tenant_id"], "another")
    assert client.http.post(url, data=FORM).json()["error_codes"] == [90002]


@pytest.mark.parametrize("header", ["Bearer", "Bearer nonsense", "Bearer a.b.c", "Basic YTpi"])
def test_no_call_without_a_token_of_ours(client: Client, header: str) -> None:
    answer = client.get(first(client), Authorization=header)
    assert answer.status_code == 401


def test_a_token_ends_with_its_lifetime(management: Management, new_client: Callable[..., Client]) -> None:
    client = new_client("dataverse", settings={"token_lifetime_s": 0})
    assert client.get("WhoAmI").status_code == 401


def test_tokens_can_be_made_to_expire_at_once(management: Management, client: Client) -> None:
    client.sign_in()
    management.done("POST", f"sandboxes/{client.info['name']}/expire-tokens")
    assert client.get(first(client)).status_code == 401
    client.sign_in()
    assert client.get(first(client)).status_code == 200


def test_a_client_without_user_signs_in_and_is_nobody(management: Management, client: Client) -> None:
    made = management.done("POST", f"sandboxes/{client.info['name']}/clients", {"is_user": False})
    stranger = replace(client, client_id=made["client_id"], client_secret=made["client_secret"], token="")
    answer = stranger.get(first(client))
    assert answer.status_code == 403
    if client.info["kind"] == "dataverse":
        assert answer.json()["error"]["code"] == "0x80072560"
        assert answer.json()["error"]["message"] == "The user is not a member of the organization."


def test_the_token_endpoint_can_be_made_to_refuse(management: Management, client: Client) -> None:
    management.faults(client.info, refuses_tokens=True)
    assert client.sign_in().status_code == 401
    management.faults(client.info)
    assert client.sign_in().status_code == 200

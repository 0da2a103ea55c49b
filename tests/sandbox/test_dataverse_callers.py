"""Who calls, for whom, and what they may. Source: Dataverse Web API documentation, impersonation, privileges."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from tests.sandbox.client import END, Client, part
from tests.sandbox.conftest import Management
from tests.sandbox.hooks import attributes, registering
from tests.sandbox.receiver import receiving
from tests.sandbox.rows import error_of, make_account

ROOT = "/api/data/v9.2"
BULK = "accounts/Microsoft.Dynamics.CRM."
KIND = {"@odata.type": "Microsoft.Dynamics.CRM.account"}


@pytest.fixture
def client(new_client: Callable[..., Client]) -> Client:
    return new_client("dataverse")


@pytest.fixture
def other(client: Client) -> dict[str, str]:
    """Another user, by both of its ids."""
    object_id = str(uuid4())
    user_id = client.make("systemusers", {"fullname": "Ann", "azureactivedirectoryobjectid": object_id})
    return {"CallerObjectId": object_id, "MSCRMCallerID": user_id}


def lacking(management: Management, client: Client, *privileges: str) -> None:
    """Take privileges from the client's user."""
    name = client.info["name"]
    own = {"client_id": client.info["client_id"], "client_secret": client.info["client_secret"]}
    user_id = client.get("WhoAmI").json()["UserId"]
    clients = [{**own, "user_id": user_id, "missing_privileges": list(privileges)}]
    management.done("PATCH", f"sandboxes/{name}", {"clients": clients})


# --- acting for somebody


@pytest.mark.parametrize("header", ["CallerObjectId", "MSCRMCallerID"])
def test_a_call_acts_for_the_user_that_it_names(client: Client, other: dict[str, str], header: str) -> None:
    own = client.get("WhoAmI").json()["UserId"]
    assert client.call("GET", "WhoAmI", headers={header: other[header]}).json()["UserId"] == other["MSCRMCallerID"]
    with receiving() as receiver, registering(client) as hooks:
        made = make_account(client)
        hooks.step(hooks.endpoint(receiver.url), "Update")
        client.call("PATCH", f"accounts({made})", {"name": "B"}, {header: other[header]})
        (message,) = receiver.wait(1)
    assert (message["UserId"], message["InitiatingUserId"]) == (other["MSCRMCallerID"], own)
    assert attributes(message)["modifiedby"]["Id"] == other["MSCRMCallerID"]


@pytest.mark.parametrize("header", ["CallerObjectId", "MSCRMCallerID"])
def test_a_user_that_nobody_knows_is_refused(client: Client, header: str) -> None:
    answer = client.call("POST", "accounts", {"name": "A"}, {header: str(uuid4())})
    assert error_of(answer) == (403, "0x80072560")
    assert error_of(client.call("GET", "accounts", headers={header: "nobody"})) == (400, "0x80060888")


def test_a_disabled_user_is_not_acted_for(client: Client, other: dict[str, str]) -> None:
    client.patch(f"systemusers({other['MSCRMCallerID']})", {"isdisabled": True})
    answer = client.call("GET", "WhoAmI", headers={"MSCRMCallerID": other["MSCRMCallerID"]})
    assert error_of(answer) == (403, "0x80072560")


def test_parts_of_a_batch_act_for_users_of_their_own(client: Client, other: dict[str, str]) -> None:
    content = part("GET", f"{ROOT}/WhoAmI", MSCRMCallerID=other["MSCRMCallerID"]) + part("GET", f"{ROOT}/WhoAmI")
    answer = client.batch(content + part("GET", f"{ROOT}/WhoAmI", MSCRMCallerID=str(uuid4())) + END)
    assert answer.statuses == [200, 200, 403]
    assert other["MSCRMCallerID"] in answer.parts[0]
    assert other["MSCRMCallerID"] not in answer.parts[1]


def test_acting_for_others_needs_a_privilege(client: Client, other: dict[str, str], management: Management) -> None:
    lacking(management, client, "prvActOnBehalfOfAnotherUser")
    answer = client.call("GET", "WhoAmI", headers={"MSCRMCallerID": other["MSCRMCallerID"]})
    assert error_of(answer) == (403, "0x80040220")
    assert "is missing prvActOnBehalfOfAnotherUser privilege" in answer.text
    assert client.get("WhoAmI").status_code == 200


def test_both_users_need_the_privilege(client: Client, management: Management) -> None:
    name = client.info["name"]
    second = management.done("POST", f"sandboxes/{name}/clients", {"name": "Second", "is_user": True})
    user = client.rows(f"systemusers?$filter=applicationid eq {second['client_id']}")[0]["systemuserid"]
    own = {"client_id": client.info["client_id"], "client_secret": client.info["client_secret"]}
    clients = [
        {**own, "user_id": client.get("WhoAmI").json()["UserId"]},
        {**second, "user_id": user, "missing_privileges": ["prvCreate*"]},
    ]
    wanted = {"client_id", "client_secret", "user_id", "missing_privileges"}
    clients = [{key: value for key, value in one.items() if key in wanted} for one in clients]
    management.done("PATCH", f"sandboxes/{name}", {"clients": clients})
    assert client.post("accounts", {"name": "A"}).status_code == 204
    answer = client.call("POST", "accounts", {"name": "A"}, {"MSCRMCallerID": user})
    assert error_of(answer) == (403, "0x80048306")


# --- privileges


def test_an_application_without_a_user_or_role_is_no_member(client: Client) -> None:
    user = client.get("WhoAmI").json()["UserId"]
    (role,) = [one for one in client.rows("systemuserrolescollection") if one["systemuserid"] == user]
    assert client.delete(f"systemuserrolescollection({role['systemuserroleid']})").status_code == 204
    answer = client.get("WhoAmI")
    assert error_of(answer) == (403, "0x80072560")
    assert answer.json()["error"]["message"] == "The user is not a member of the organization."


@pytest.mark.parametrize(
    ("privilege", "method", "path", "body"),
    [
        ("prvReadAccount", "GET", "accounts", None),
        ("prvReadAccount", "GET", "accounts({id})", None),
        ("prvReadAccount", "GET", "accounts/$count", None),
        ("prvCreateAccount", "POST", "accounts", {"name": "A"}),
        ("prvCreateAccount", "PATCH", f"accounts({uuid4()})", {"name": "A"}),
        ("prvWriteAccount", "PATCH", "accounts({id})", {"name": "A"}),
        ("prvWriteAccount", "PUT", "accounts({id})/name", {"value": "A"}),
        ("prvDeleteAccount", "DELETE", "accounts({id})", None),
        ("prvCreateAccount", "POST", f"{BULK}CreateMultiple", {"Targets": [{**KIND, "name": "A"}]}),
        ("prvCreatemsdyn_vendor", "POST", "msdyn_vendors", {}),
    ],
)
def test_a_call_needs_the_privilege_for_its_table(
    client: Client, management: Management, privilege: str, method: str, path: str, body: Any
) -> None:
    path = path.format(id=make_account(client, name="kept"))
    lacking(management, client, privilege)
    answer = client.call(method, path, body)
    assert error_of(answer) == (403, "0x80040220")
    assert f"is missing {privilege} privilege" in answer.text
    lacking(management, client)
    assert [row["name"] for row in client.rows("accounts")] == ["kept"]


@pytest.mark.parametrize(
    ("header", "value", "privilege"),
    [
        ("MSCRM.BypassCustomPluginExecution", "true", "prvBypassCustomPlugins"),
        ("MSCRM.BypassBusinessLogicExecution", "CustomSync", "prvBypassCustomBusinessLogic"),
    ],
)
def test_leaving_out_custom_logic_needs_a_privilege(
    client: Client, management: Management, header: str, value: str, privilege: str
) -> None:
    lacking(management, client, privilege)
    assert error_of(client.call("POST", "accounts", {"name": "A"}, {header: value})) == (403, "0x80040220")
    assert client.post("accounts", {"name": "A"}).status_code == 204


# --- headers


def test_answers_name_request_and_server(client: Client) -> None:
    first, second = client.get("WhoAmI"), client.get("accounts(x)")
    for answer in (first, second):
        assert len(answer.headers["REQ_ID"]) == len(answer.headers["x-ms-service-request-id"]) == 36
        assert answer.headers["OData-Version"] == "4.0"
    assert first.headers["REQ_ID"] != second.headers["REQ_ID"]
    assert first.headers["Set-Cookie"].startswith("ARRAffinity=")


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("Consistency", "Strong"),
        ("If-None-Match", "null"),
        ("OData-MaxVersion", "4.0"),
        ("OData-Version", "4.0"),
        ("MSCRM.SolutionUniqueName", "DualWriteCore"),
        ("MSCRM.SuppressCallbackRegistrationExpanderJob", "true"),
        ("MSCRM.SuppressDuplicateDetection", "true"),
    ],
)
def test_headers_that_change_nothing_here_are_taken(client: Client, header: str, value: str) -> None:
    made = make_account(client)
    assert client.call("GET", f"accounts({made})", headers={header: value}).status_code == 200
    assert client.call("PATCH", f"accounts({made})", {"name": "B"}, {header: value}).status_code == 204


def test_the_solution_that_a_write_belongs_to_must_be_there(client: Client) -> None:
    values = {"name": "e", "contract": 8, "url": "http://127.0.0.1:9", "authtype": 4, "authvalue": "x"}
    header = "MSCRM.SolutionUniqueName"
    assert client.call("POST", "serviceendpoints", values, {header: "DualWriteCore"}).status_code == 204
    answer = client.call("POST", "serviceendpoints", values, {header: "Nothing"})
    assert error_of(answer) == (404, "0x80040217")


def test_a_feed_of_changes_needs_the_privilege_to_read(client: Client, management: Management) -> None:
    link = client.get("accounts", Prefer="odata.track-changes").json()["@odata.deltaLink"]
    lacking(management, client, "prvReadAccount")
    assert error_of(client.get(link)) == (403, "0x80040220")

"""Webhooks of the Web API: registration, messages, tries. Source: Dataverse Web API documentation."""

import re
from collections.abc import Iterator

import pytest

from tests.sandbox.client import Client
from tests.sandbox.conftest import Management
from tests.sandbox.hooks import Hooks, attributes, registering
from tests.sandbox.receiver import Receiver
from tests.sandbox.rows import make_account, make_company


@pytest.fixture
def hooks(dataverse: Client) -> Iterator[Hooks]:
    with registering(dataverse) as made:
        yield made


def test_a_create_is_told_with_its_values(hooks: Hooks, receiver: Receiver) -> None:
    client = hooks.client
    hooks.step(hooks.endpoint(receiver.url), "Create")
    company = make_company(client)
    made = make_account(
        client,
        name="A",
        creditlimit=10.5,
        customertypecode=3,
        **{"msdyn_company@odata.bind": f"/cdm_companies({company})"},
    )
    (message,) = receiver.wait(1)
    assert (message["MessageName"], message["PrimaryEntityName"]) == ("Create", "account")
    assert (message["PrimaryEntityId"], message["Mode"], message["Stage"], message["Depth"]) == (made, 1, 40, 1)
    assert message["OrganizationId"] == client.info["organization_id"]
    assert re.fullmatch(r"/Date\(\d+\+0000\)/", message["OperationCreatedOn"])
    values = attributes(message)
    assert values["name"] == "A"
    assert values["creditlimit"]["Value"] == 10.5
    assert values["creditlimit"]["__type"].startswith("Money:")
    assert values["customertypecode"] == {
        "__type": "OptionSetValue:http://schemas.microsoft.com/xrm/2011/Contracts",
        "Value": 3,
    }
    assert (values["msdyn_company"]["Id"], values["msdyn_company"]["LogicalName"]) == (company, "cdm_company")


def test_the_headers_name_organization_table_and_message(hooks: Hooks, receiver: Receiver) -> None:
    secret = '<settings><setting name="x-key" value="a&amp;b"/></settings>'
    hooks.step(hooks.endpoint(receiver.url, 5, secret), "Create")
    make_account(hooks.client)
    receiver.wait(1)
    headers = receiver.messages[0][0]
    assert headers["content-type"] == "application/json"
    assert headers["x-ms-dynamics-entity-name"] == "account"
    assert headers["x-ms-dynamics-request-name"] == "Create"
    assert {"x-ms-dynamics-organization", "x-ms-correlation-request-id"} <= headers.keys()
    assert headers["x-key"] == "a&b"


def test_an_update_tells_what_was_written_when_and_by_whom_and_a_delete_only_the_row(
    hooks: Hooks, receiver: Receiver
) -> None:
    made = make_account(hooks.client)
    endpoint = hooks.endpoint(receiver.url)
    hooks.step(endpoint, "Update")
    hooks.step(endpoint, "Delete")
    hooks.client.patch(f"accounts({made})", {"name": "B"})
    update = receiver.wait(1)[0]
    told = attributes(update)
    assert told.keys() == {"name", "accountid", "modifiedon", "modifiedby"}
    assert (told["name"], told["accountid"]) == ("B", made)
    assert re.fullmatch(r"/Date\(\d+\+0000\)/", told["modifiedon"])
    assert told["modifiedby"]["Id"] == hooks.client.get("WhoAmI").json()["UserId"]
    hooks.client.delete(f"accounts({made})")
    delete = receiver.wait(2)[1]
    assert (delete["MessageName"], delete["PrimaryEntityId"]) == ("Delete", made)
    assert delete["InputParameters"][0]["value"]["__type"].startswith("EntityReference:")


def test_an_update_of_other_columns_is_not_told(hooks: Hooks, receiver: Receiver) -> None:
    made = make_account(hooks.client)
    hooks.step(hooks.endpoint(receiver.url), "Update", filteringattributes="name, creditlimit")
    hooks.client.patch(f"accounts({made})", {"description": "x"})
    hooks.client.patch(f"accounts({made})", {"creditlimit": 5})
    assert [attributes(one)["creditlimit"]["Value"] for one in receiver.wait(1)] == [5]


def test_the_tag_of_a_write_comes_back(hooks: Hooks, receiver: Receiver) -> None:
    hooks.step(hooks.endpoint(receiver.url), "Create")
    hooks.client.post("accounts?tag=mark%201", {"name": "A"})
    hooks.client.post("accounts", {"name": "B"})
    found = {attributes(one)["name"]: one["SharedVariables"] for one in receiver.wait(2)}
    assert found == {"A": [{"key": "tag", "value": "mark 1"}], "B": []}


def test_rows_of_bulk_messages_and_batches_are_told_one_by_one(hooks: Hooks, receiver: Receiver) -> None:
    hooks.step(hooks.endpoint(receiver.url), "Create")
    rows = [{"@odata.type": "Microsoft.Dynamics.CRM.account", "name": f"n{place}"} for place in range(30)]
    hooks.client.post("accounts/Microsoft.Dynamics.CRM.CreateMultiple", {"Targets": rows})
    assert sorted(attributes(one)["name"] for one in receiver.wait(30)) == sorted(f"n{place}" for place in range(30))


def test_what_was_undone_is_not_told(hooks: Hooks, receiver: Receiver) -> None:
    hooks.step(hooks.endpoint(receiver.url), "Create")
    kind = {"@odata.type": "Microsoft.Dynamics.CRM.account"}
    rows = [{**kind, "name": "A"}, {**kind, "name": "x" * 200}]
    assert hooks.client.post("accounts/Microsoft.Dynamics.CRM.CreateMultiple", {"Targets": rows}).status_code == 400
    make_account(hooks.client, name="B")
    assert [attributes(one)["name"] for one in receiver.wait(1)] == ["B"]


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_gateway_error_is_tried_once_more(hooks: Hooks, receiver: Receiver, status: int) -> None:
    hooks.step(hooks.endpoint(receiver.url), "Create")
    receiver.statuses = [status]
    make_account(hooks.client)
    first, second = receiver.wait(2)
    assert first == second
    assert hooks.client.rows("asyncoperations") == []


@pytest.mark.parametrize("statuses", [[500], [502, 502]])
def test_a_message_that_nobody_takes_is_a_failed_job(
    hooks: Hooks, receiver: Receiver, management: Management, statuses: list[int]
) -> None:
    step = hooks.step(hooks.endpoint(receiver.url), "Create")
    receiver.statuses = list(statuses)
    make_account(hooks.client)
    receiver.wait(len(statuses))
    while hooks.waiting(management):
        pass
    (job,) = hooks.client.rows("asyncoperations")
    assert (job["statecode"], job["statuscode"], job["retrycount"]) == (3, 31, len(statuses) - 1)
    assert job["_owningextensionid_value"] == step
    assert len(receiver.messages) == len(statuses)


def test_an_address_where_nobody_answers_is_a_failed_job(hooks: Hooks, management: Management) -> None:
    hooks.step(hooks.endpoint("http://127.0.0.1:9/nobody"), "Create")
    make_account(hooks.client)
    while hooks.waiting(management):
        pass
    assert len(hooks.client.rows("asyncoperations")) == 1


def test_a_removed_or_disabled_step_is_silent(hooks: Hooks, receiver: Receiver) -> None:
    endpoint = hooks.endpoint(receiver.url)
    first, second = hooks.step(endpoint, "Create"), hooks.step(endpoint, "Create", "contact")
    hooks.client.delete(f"sdkmessageprocessingsteps({first})")
    hooks.client.patch(f"sdkmessageprocessingsteps({second})", {"statecode": 1, "statuscode": 2})
    make_account(hooks.client)
    hooks.client.make("contacts", {"lastname": "A"})
    hooks.client.patch(f"sdkmessageprocessingsteps({second})", {"statecode": 0, "statuscode": 1})
    hooks.client.make("contacts", {"lastname": "B"})
    assert [attributes(one)["lastname"] for one in receiver.wait(1)] == ["B"]


def test_a_look_up_with_several_targets_is_told_by_its_own_name(hooks: Hooks, receiver: Receiver) -> None:
    endpoint = hooks.endpoint(receiver.url)
    hooks.step(endpoint, "Create", "salesorder")
    hooks.step(endpoint, "Update", "salesorder", filteringattributes="customerid")
    account = make_account(hooks.client)
    bound = {"customerid_account@odata.bind": f"/accounts({account})"}
    order = hooks.client.make("salesorders", {"name": "O", **bound})
    hooks.client.patch(f"salesorders({order})", {"name": "P"})
    hooks.client.patch(f"salesorders({order})", {"customerid_contact@odata.bind": None})
    made, emptied = receiver.wait(2)
    customer = attributes(made)["customerid"]
    assert (customer["LogicalName"], customer["Id"]) == ("account", account)
    assert attributes(emptied).keys() == {"customerid", "salesorderid", "modifiedon", "modifiedby"}
    assert attributes(emptied)["customerid"] is None


def test_a_large_message_is_stripped(hooks: Hooks, receiver: Receiver, management: Management) -> None:
    table = {
        "set": "new_notes",
        "logical": "new_note",
        "label": "Note",
        "primary_id": "new_noteid",
        "primary_name": "new_text",
        "columns": [{"name": "new_text", "type": "text", "length": 400000}],
    }
    management.done("POST", f"sandboxes/{hooks.client.info['name']}/tables", {"tables": [table]})
    hooks.step(hooks.endpoint(receiver.url), "Create", "new_note")
    made = hooks.client.make("new_notes", {"new_text": "x" * 300000})
    (message,) = receiver.wait(1)
    assert message["PrimaryEntityId"] == made
    assert "InputParameters" not in message
    assert receiver.messages[0][0]["x-ms-dynamics-msg-size-exceeded"] == "true"


def test_key_and_query_credentials_stand_in_the_address(hooks: Hooks, receiver: Receiver) -> None:
    hooks.step(hooks.endpoint(receiver.url, 4, "a b"), "Create")
    query = '<settings><setting name="k" value="v&amp;w"/></settings>'
    hooks.step(hooks.endpoint(f"{receiver.url}?x=1", 6, query), "Create")
    make_account(hooks.client)
    receiver.wait(2)
    assert sorted(receiver.paths) == ["/hook?code=a%20b", "/hook?x=1&k=v%26w"]


def test_notifications_can_be_lost_on_purpose(hooks: Hooks, receiver: Receiver, management: Management) -> None:
    hooks.step(hooks.endpoint(receiver.url), "Create")
    management.faults(hooks.client.info, drop_every=3)
    for place in range(6):
        make_account(hooks.client, name=f"n{place}")
    assert sorted(attributes(one)["name"] for one in receiver.wait(4)) == ["n0", "n1", "n3", "n4"]
    management.faults(hooks.client.info, is_silent=True)
    make_account(hooks.client)
    management.faults(hooks.client.info)
    make_account(hooks.client, name="last")
    assert attributes(receiver.wait(5)[-1])["name"] == "last"


def test_an_update_that_changes_nothing_is_told_all_the_same(hooks: Hooks, receiver: Receiver) -> None:
    made = make_account(hooks.client, name="same")
    hooks.step(hooks.endpoint(receiver.url), "Update")
    hooks.client.patch(f"accounts({made})", {"name": "same"})
    assert attributes(receiver.wait(1)[0])["name"] == "same"


def test_a_receiver_that_takes_too_long_is_a_failed_job(
    hooks: Hooks, receiver: Receiver, management: Management
) -> None:
    path = f"sandboxes/{hooks.client.info['name']}"
    management.done("PATCH", path, {"webhook_time_limit_s": 0.2})
    hooks.step(hooks.endpoint(receiver.url), "Create")
    with receiver.changed:  # the receiver cannot answer while this is held
        make_account(hooks.client)
        while hooks.waiting(management):
            pass
    management.done("PATCH", path, {"webhook_time_limit_s": 60})
    (job,) = hooks.client.rows("asyncoperations")
    assert (job["statuscode"], job["retrycount"]) == (31, 0)


def test_the_context_names_the_unit_and_the_users(hooks: Hooks, receiver: Receiver) -> None:
    hooks.step(hooks.endpoint(receiver.url), "Create")
    make_account(hooks.client)
    message, who = receiver.wait(1)[0], hooks.client.get("WhoAmI").json()
    assert message["BusinessUnitId"] == who["BusinessUnitId"]
    assert message["UserId"] == message["InitiatingUserId"] == who["UserId"]
    assert (message["IsInTransaction"], message["IsolationMode"], message["ParentContext"]) == (False, 1, None)
    assert message["OutputParameters"] == [{"key": "id", "value": message["PrimaryEntityId"]}]

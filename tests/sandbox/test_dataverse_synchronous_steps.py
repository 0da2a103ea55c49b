"""Steps that answer within the write, images, jobs and depth. Source: Dataverse Web API documentation, webhooks."""

import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from tests.sandbox.client import END, Client, change_set
from tests.sandbox.conftest import Management
from tests.sandbox.hooks import Hooks, attributes, registering, values_of
from tests.sandbox.receiver import Receiver
from tests.sandbox.rows import error_of, make_account

NOW = {"mode": 0}
BEFORE, AFTER, BOTH = 0, 1, 2
ROOT = "/api/data/v9.2"


@pytest.fixture
def hooks(dataverse: Client) -> Iterator[Hooks]:
    with registering(dataverse) as made:
        yield made


@pytest.fixture
def refusing() -> Iterator[str]:
    """An endpoint that refuses in words of its own."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            text = b"Partner system says no."
            self.send_response(400)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/hook"
    server.shutdown()
    thread.join()
    server.server_close()


def setting(management: Management, client: Client, **values: Any) -> None:
    management.done("PATCH", f"sandboxes/{client.info['name']}", values)


# --- mode 0


def test_a_synchronous_step_is_asked_before_the_write_is_answered(hooks: Hooks, receiver: Receiver) -> None:
    hooks.step(hooks.endpoint(receiver.url), "Create", **NOW)
    made = make_account(hooks.client, name="A")
    (message,) = [body for _, body in receiver.messages]
    assert (message["Mode"], message["IsInTransaction"], message["PrimaryEntityId"]) == (0, True, made)
    assert attributes(message)["name"] == "A"


def test_what_a_synchronous_step_refuses_does_not_happen_and_its_words_are_told(hooks: Hooks, refusing: str) -> None:
    made = make_account(hooks.client, name="old")
    endpoint = hooks.endpoint(refusing)
    for message in ("Create", "Update", "Delete"):
        hooks.step(endpoint, message, **NOW)
    created = hooks.client.post("accounts", {"name": "refused by hook"})
    assert error_of(created) == (400, "0x80040265")
    assert created.json()["error"]["message"] == "Partner system says no."
    assert error_of(hooks.client.patch(f"accounts({made})", {"name": "new"})) == (400, "0x80040265")
    assert error_of(hooks.client.delete(f"accounts({made})")) == (400, "0x80040265")
    assert hooks.client.get(f"accounts({made})").json()["name"] == "old"
    assert hooks.client.rows("accounts?$filter=name eq 'refused by hook'") == []


def test_a_refused_row_of_a_bulk_message_undoes_all(hooks: Hooks, receiver: Receiver) -> None:
    hooks.step(hooks.endpoint(receiver.url), "Create", **NOW)
    receiver.statuses = [200, 409]
    kind = {"@odata.type": "Microsoft.Dynamics.CRM.account"}
    rows = [{**kind, "name": f"bulk hook {place}"} for place in range(3)]
    answer = hooks.client.post("accounts/Microsoft.Dynamics.CRM.CreateMultiple", {"Targets": rows})
    assert error_of(answer) == (400, "0x80040265")
    assert "non-success httpStatus code" in answer.text
    assert hooks.client.rows("accounts?$filter=startswith(name,'bulk hook')") == []


def test_a_refusal_undoes_the_change_set_and_nobody_else_is_told_of_it(hooks: Hooks, receiver: Receiver) -> None:
    endpoint = hooks.endpoint(receiver.url)
    hooks.step(endpoint, "Create", "contact", **NOW)
    hooks.step(endpoint, "Create", "account")
    receiver.statuses = [500]
    calls = (("POST", f"{ROOT}/accounts", '{"name": "set hook"}'), ("POST", f"{ROOT}/contacts", '{"lastname": "x"}'))
    answer = hooks.client.batch(change_set(*calls) + END)
    assert answer.statuses == [400]
    assert hooks.client.rows("accounts?$filter=name eq 'set hook'") == []
    make_account(hooks.client, name="later")
    receiver.wait(2)
    assert [attributes(body).get("name") for _, body in receiver.messages[1:]] == ["later"]


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_gateway_error_is_asked_once_more(hooks: Hooks, receiver: Receiver, status: int) -> None:
    hooks.step(hooks.endpoint(receiver.url), "Create", **NOW)
    receiver.statuses = [status]
    make_account(hooks.client)
    assert len(receiver.messages) == 2
    receiver.statuses = [status, status]
    assert error_of(hooks.client.post("accounts", {"name": "A"})) == (400, "0x80040265")


def test_an_endpoint_that_takes_too_long_fails_the_write(
    hooks: Hooks, receiver: Receiver, management: Management
) -> None:
    setting(management, hooks.client, webhook_time_limit_s=0.2)
    hooks.step(hooks.endpoint(receiver.url), "Create", **NOW)
    with receiver.changed:  # the receiver cannot answer while this is held
        started = time.monotonic()
        answer = hooks.client.post("accounts", {"name": "too slow"})
        assert time.monotonic() - started < 10
    setting(management, hooks.client, webhook_time_limit_s=60)
    assert error_of(answer) == (400, "0x80040265")
    assert "timed out at client side" in answer.text
    assert hooks.client.rows("accounts?$filter=name eq 'too slow'") == []


def test_an_endpoint_where_nobody_answers_fails_the_write(hooks: Hooks) -> None:
    hooks.step(hooks.endpoint("http://127.0.0.1:9/nobody"), "Create", **NOW)
    assert error_of(hooks.client.post("accounts", {"name": "A"})) == (400, "0x80040265")


def test_a_disabled_endpoint_is_not_asked(hooks: Hooks) -> None:
    endpoint = hooks.endpoint("http://127.0.0.1:9/nobody")
    hooks.step(endpoint, "Create", **NOW)
    hooks.client.patch(f"serviceendpoints({endpoint})", {"statecode": 1})
    make_account(hooks.client)


def test_steps_are_asked_in_the_order_of_their_rank(hooks: Hooks, receiver: Receiver) -> None:
    hooks.step(hooks.endpoint(f"{receiver.url}/second"), "Create", rank=2, **NOW)
    hooks.step(hooks.endpoint(f"{receiver.url}/first"), "Create", rank=1, **NOW)
    make_account(hooks.client)
    assert receiver.paths == ["/hook/first", "/hook/second"]


# --- bypassing


def test_custom_logic_is_left_out_for_those_who_may(hooks: Hooks, receiver: Receiver) -> None:
    endpoint = hooks.endpoint(receiver.url)
    hooks.step(endpoint, "Create", **NOW)
    hooks.step(endpoint, "Create", name="later")
    header = "MSCRM.BypassBusinessLogicExecution"
    for kinds in ("CustomSync,CustomAsync", "CustomSync", "CustomAsync"):
        answer = hooks.client.call("POST", "accounts", {"name": kinds}, {header: kinds})
        assert answer.status_code == 204
    hooks.client.call("POST", "accounts", {"name": "legacy"}, {"MSCRM.BypassCustomPluginExecution": "true"})
    told = sorted((attributes(one)["name"], one["Mode"]) for one in receiver.wait(3))
    assert told == [("CustomAsync", 0), ("CustomSync", 1), ("legacy", 1)]


def test_no_flow_is_set_off_and_web_hooks_still_are(hooks: Hooks, receiver: Receiver) -> None:
    hooks.step(hooks.endpoint(receiver.url), "Create")
    header = {"MSCRM.SuppressCallbackRegistrationExpanderJob": "true"}
    assert hooks.client.call("POST", "accounts", {"name": "A"}, header).status_code == 204
    receiver.wait(1)


def test_a_kind_of_logic_that_is_none_is_refused(dataverse: Client) -> None:
    answer = dataverse.call("POST", "accounts", {"name": "A"}, {"MSCRM.BypassBusinessLogicExecution": "Everything"})
    assert error_of(answer) == (400, "0x80060888")


# --- images


def test_images_hold_the_row_before_and_after_an_update(hooks: Hooks, receiver: Receiver) -> None:
    made = make_account(hooks.client, name="old", description="kept", creditlimit=5)
    step = hooks.step(hooks.endpoint(receiver.url), "Update")
    hooks.image(step, BEFORE, "before")
    hooks.image(step, AFTER, "after", "name,description")
    hooks.client.patch(f"accounts({made})", {"name": "new"})
    (message,) = receiver.wait(1)
    (before,), (after,) = message["PreEntityImages"], message["PostEntityImages"]
    assert (before["key"], after["key"]) == ("before", "after")
    assert values_of(before["value"])["name"] == "old"
    assert values_of(before["value"])["creditlimit"]["Value"] == 5
    assert values_of(after["value"]) == {"name": "new", "description": "kept"}
    assert before["value"]["LogicalName"] == "account"


def test_a_delete_tells_the_row_that_it_was(hooks: Hooks, receiver: Receiver) -> None:
    made = make_account(hooks.client, name="gone")
    hooks.image(hooks.step(hooks.endpoint(receiver.url), "Delete"), BOTH)
    hooks.client.delete(f"accounts({made})")
    (message,) = receiver.wait(1)
    assert values_of(message["PreEntityImages"][0]["value"])["name"] == "gone"
    assert message["PostEntityImages"] == []


def test_a_create_tells_the_row_that_it_is(hooks: Hooks, receiver: Receiver) -> None:
    hooks.image(hooks.step(hooks.endpoint(receiver.url), "Create"), BOTH)
    make_account(hooks.client, name="made")
    (message,) = receiver.wait(1)
    after = values_of(message["PostEntityImages"][0]["value"])
    assert (after["name"], after["statecode"]["Value"]) == ("made", 0)
    assert message["PreEntityImages"] == []


def test_rows_of_a_bulk_message_have_images_of_their_own(hooks: Hooks, receiver: Receiver) -> None:
    made = [make_account(hooks.client, name=f"old {place}") for place in range(3)]
    hooks.image(hooks.step(hooks.endpoint(receiver.url), "Update"), BOTH)
    kind = {"@odata.type": "Microsoft.Dynamics.CRM.account"}
    rows = [{**kind, "accountid": one, "name": f"new {place}"} for place, one in enumerate(made)]
    assert hooks.client.post("accounts/Microsoft.Dynamics.CRM.UpdateMultiple", {"Targets": rows}).status_code == 204
    told = {
        (values_of(one["PreEntityImages"][0]["value"])["name"], values_of(one["PostEntityImages"][0]["value"])["name"])
        for one in receiver.wait(3)
    }
    assert told == {(f"old {place}", f"new {place}") for place in range(3)}


# --- jobs, messages of no table


def test_a_job_that_is_done_stays_unless_it_is_to_be_deleted(
    hooks: Hooks, receiver: Receiver, management: Management
) -> None:
    step = hooks.step(hooks.endpoint(receiver.url), "Create", asyncautodelete=False)
    make_account(hooks.client)
    message = receiver.wait(1)[0]
    while hooks.waiting(management):
        pass
    (job,) = hooks.client.rows("asyncoperations")
    assert (job["statecode"], job["statuscode"], job["_owningextensionid_value"]) == (3, 30, step)
    assert job["correlationid"] == message["CorrelationId"]
    hooks.client.delete(f"asyncoperations({job['asyncoperationid']})")
    hooks.client.patch(f"sdkmessageprocessingsteps({step})", {"asyncautodelete": True})
    make_account(hooks.client)
    receiver.wait(2)
    while hooks.waiting(management):
        pass
    assert hooks.client.rows("asyncoperations") == []


def test_a_reference_that_is_set_or_emptied_is_an_update_and_an_association(hooks: Hooks, receiver: Receiver) -> None:
    endpoint = hooks.endpoint(receiver.url)
    for message in ("Associate", "Disassociate"):
        hooks.step(endpoint, message, "", **NOW)
    hooks.step(endpoint, "Update", filteringattributes="primarycontactid", **NOW)
    contact, account = hooks.client.make("contacts", {"lastname": "A"}), make_account(hooks.client)
    path = f"accounts({account})/primarycontactid/$ref"
    hooks.client.call("PUT", path, {"@odata.id": f"{hooks.client.info['api_url']}/contacts({contact})"})
    hooks.client.delete(path)
    told = [body for _, body in receiver.messages]
    assert [one["MessageName"] for one in told] == ["Update", "Associate", "Update", "Disassociate"]
    assert attributes(told[0])["primarycontactid"]["Id"] == contact
    parameters = {one["key"]: one["value"] for one in told[1]["InputParameters"]}
    assert parameters["Target"]["Id"] == account
    assert parameters["Relationship"]["SchemaName"] == "account_primarycontactid"
    assert [one["Id"] for one in parameters["RelatedEntities"]] == [contact]
    assert told[1]["SecondaryEntityName"] == "contact"


def test_a_step_of_no_table_hears_of_all(hooks: Hooks, receiver: Receiver) -> None:
    hooks.step(hooks.endpoint(receiver.url), "Create", "", **NOW)
    make_account(hooks.client)
    hooks.client.make("contacts", {"lastname": "A"})
    assert [body["PrimaryEntityName"] for _, body in receiver.messages] == ["account", "contact"]

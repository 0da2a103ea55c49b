"""Business events over HTTPS. Source: Finance and Operations OData documentation."""

import json
import re
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest

from tests.sandbox.client import END, Client, change_set
from tests.sandbox.conftest import Management
from tests.sandbox.receiver import Receiver
from tests.sandbox.rows import make_group, number


@pytest.fixture
def register(finops: Client, management: Management, receiver: Receiver) -> Iterator[Any]:
    path = f"sandboxes/{finops.info['name']}/endpoints"

    def make(**more: Any) -> None:
        body = {"name": "sync", "url": receiver.url, "secret_header": "X-Secret", "secret": "s", **more}
        management.done("POST", path, body)

    yield make
    management.call("DELETE", f"{path}/sync")


def path(group: str) -> str:
    return f"CustomerGroups(dataAreaId='usmf',CUSTOMERGROUPID='{group}')?cross-company=true"


def test_an_endpoint_is_tested_when_it_is_registered(register: Any, receiver: Receiver) -> None:
    register()
    (message,) = receiver.wait(1)
    assert message["EventId"] == ""
    assert receiver.messages[0][0]["x-secret"] == "s"


def test_writes_are_told_with_set_operation_key_and_version(finops: Client, register: Any, receiver: Receiver) -> None:
    register()
    group = make_group(finops)
    finops.patch(path(group), {"DESCRIPTION": "B"})
    etag = finops.get(path(group)).json()["@odata.etag"]
    finops.delete(path(group))
    messages = [one for one in receiver.wait(4) if one["EventId"]]
    found = {one["Operation"]: one for one in messages}
    assert found.keys() == {"Created", "Updated", "Deleted"}
    assert {one["EntitySetName"] for one in messages} == {"CustomerGroups"}
    assert all(one["KeyValues"] == {"dataAreaId": "usmf", "CUSTOMERGROUPID": group} for one in messages)
    assert found["Updated"]["RecordETag"] == etag
    assert len({one["EventId"] for one in messages}) == 3
    controls = [found[name]["ControlNumber"] for name in ("Created", "Updated", "Deleted")]
    assert controls == sorted(controls)
    envelope = found["Created"]
    assert envelope["BusinessEventLegalEntity"] == "USMF"
    assert {
        "BusinessEventId",
        "EventTime",
        "EventTimeIso8601",
        "MajorVersion",
        "ContextRecordSubject",
    } <= envelope.keys()


def test_only_the_chosen_sets_are_told(finops: Client, register: Any, receiver: Receiver) -> None:
    register(sets=["VendorGroups"])
    make_group(finops)
    finops.post("VendorGroups", {"dataAreaId": "usmf", "VENDORGROUPID": number()})
    assert [one["EntitySetName"] for one in receiver.wait(2)] == ["", "VendorGroups"]


def test_what_was_undone_is_not_told(finops: Client, register: Any, receiver: Receiver) -> None:
    register()
    body = f'{{"dataAreaId":"usmf","CUSTOMERGROUPID":"{number()}"}}'
    bad = "/data/CustomerGroups(dataAreaId='usmf',CUSTOMERGROUPID='none')?cross-company=true"
    finops.batch(change_set(("POST", "/data/CustomerGroups", body), ("DELETE", bad, "")) + END)
    group = make_group(finops)
    assert receiver.wait(2)[1]["KeyValues"]["CUSTOMERGROUPID"] == group


def test_a_message_is_tried_three_times_a_second_apart(
    finops: Client, register: Any, receiver: Receiver, management: Management
) -> None:
    register()
    receiver.wait(1)
    receiver.statuses = [500, 503, 400]
    begun = time.monotonic()
    make_group(finops)
    messages = receiver.wait(4)[1:]
    assert time.monotonic() - begun >= 2
    assert len({one["EventId"] for one in messages}) == 1
    last = make_group(finops)
    assert receiver.wait(5)[4]["KeyValues"]["CUSTOMERGROUPID"] == last


def errors(finops: Client, management: Management, count: int) -> list[dict[str, Any]]:
    """The errors list, once it is so long."""
    path, deadline = f"sandboxes/{finops.info['name']}/errors", time.monotonic() + 20
    while len(found := management.done("GET", path)["errors"]) != count:
        assert time.monotonic() < deadline, found
        time.sleep(0.05)
    listed: list[dict[str, Any]] = found
    return listed


def test_what_no_try_delivered_is_in_the_errors_list_and_can_be_sent_again(
    finops: Client, register: Any, receiver: Receiver, management: Management
) -> None:
    before = len(management.done("GET", f"sandboxes/{finops.info['name']}/errors")["errors"])
    register()
    receiver.wait(1)
    receiver.statuses = [500, 503, 400]
    group = make_group(finops)
    error = errors(finops, management, before + 1)[-1]
    assert (error["endpoint"], error["status"], error["tries"]) == ("sync", 400, 3)
    assert json.loads(error["payload"])["KeyValues"]["CUSTOMERGROUPID"] == group
    resend = f"sandboxes/{finops.info['name']}/errors/{error['id']}/resend"
    assert management.call("POST", resend).status_code == 202
    messages = receiver.wait(5)
    assert messages[4] == messages[1]
    assert len(errors(finops, management, before)) == before
    assert management.call("POST", resend).status_code == 404


def test_a_resent_event_goes_to_the_endpoint_as_it_is_registered_now(
    finops: Client, register: Any, receiver: Receiver, management: Management
) -> None:
    before = len(management.done("GET", f"sandboxes/{finops.info['name']}/errors")["errors"])
    register(url="http://127.0.0.1:9/nobody", sets=["CustomerGroups"])
    error = errors(finops, management, before + 1)[-1]
    assert error["status"] is None
    resend = f"sandboxes/{finops.info['name']}/errors/{error['id']}/resend"
    management.done("DELETE", f"sandboxes/{finops.info['name']}/endpoints/sync")
    answer = management.call("POST", resend)
    assert (answer.status_code, "register it again" in answer.json()["error"]) == (400, True)
    register()
    receiver.wait(1)
    assert management.call("POST", resend).status_code == 202
    assert [one["EventId"] for one in receiver.wait(2)] == ["", ""]


def test_control_numbers_grow_and_have_gaps(finops: Client, register: Any, receiver: Receiver) -> None:
    register()
    for _ in range(3):
        make_group(finops)
    found = sorted(one["ControlNumber"] for one in receiver.wait(4)[1:])
    assert len(set(found)) == 3
    assert all(later - earlier > 1 for earlier, later in pairwise(found))


def test_an_event_is_the_same_for_all_its_endpoints(
    finops: Client, register: Any, receiver: Receiver, management: Management
) -> None:
    register()
    register(name="second")
    receiver.wait(2)
    make_group(finops)
    one, other = receiver.wait(4)[2:]
    management.done("DELETE", f"sandboxes/{finops.info['name']}/endpoints/second")
    assert one == other


def test_an_endpoint_may_be_of_one_company(finops: Client, register: Any, receiver: Receiver) -> None:
    register(company="DEMF")
    make_group(finops, "usmf")
    theirs = make_group(finops, "demf")
    assert receiver.wait(2)[1]["KeyValues"] == {"dataAreaId": "demf", "CUSTOMERGROUPID": theirs}
    assert len(receiver.messages) == 2


def test_an_endpoint_may_be_of_some_operations(finops: Client, register: Any, receiver: Receiver) -> None:
    register(operations=["Updated"])
    group = make_group(finops)
    finops.patch(path(group), {"DESCRIPTION": "B"})
    assert receiver.wait(2)[1]["Operation"] == "Updated"


def test_an_event_of_a_company_has_ten_endpoints_at_most(
    new_client: Callable[..., Client], management: Management
) -> None:
    info = new_client("finops").info
    endpoints = f"sandboxes/{info['name']}/endpoints"

    def register(name: str, **more: Any) -> int:
        body = {"name": name, "url": "http://127.0.0.1:9/", "sets": ["CustomerGroups"], "company": "usmf", **more}
        return management.call("POST", endpoints, body).status_code

    assert {register(str(place)) for place in range(10)} == {201}
    assert [register("x"), register("x", company=""), register("x", sets=[])] == [400, 400, 400]
    assert (
        "at most 10 endpoints" in management.call("POST", endpoints, {"name": "x", "url": "http://x"}).json()["error"]
    )
    assert [register("3"), register("a", company="demf"), register("b", sets=["VendorGroups"])] == [201, 201, 201]
    assert register("c", kind="data") == 201
    management.done("PATCH", f"sandboxes/{info['name']}", {"max_endpoints": 11})
    assert register("x") == 201


def test_the_payload_has_the_fields_of_the_envelope(finops: Client, register: Any, receiver: Receiver) -> None:
    register()
    make_group(finops)
    message = receiver.wait(2)[1]
    assert {name: type(value) for name, value in message.items()} == {
        "BusinessEventId": str,
        "BusinessEventLegalEntity": str,
        "ContextRecordSubject": str,
        "ControlNumber": int,
        "EventId": str,
        "EventTime": str,
        "EventTimeIso8601": str,
        "InitiatingUserAADObjectId": str,
        "MajorVersion": int,
        "MinorVersion": int,
        "ParentContextRecordSubjects": list,
        "EntitySetName": str,
        "Operation": str,
        "KeyValues": dict,
        "RecordETag": str,
    }
    assert re.fullmatch(r"/Date\(\d+\)/", message["EventTime"])
    assert re.fullmatch(r"\{[0-9a-f-]{36}\}", message["InitiatingUserAADObjectId"])
    assert message["EventTimeIso8601"].endswith("Z")


def test_silent_edits_are_told_to_nobody(
    finops: Client, register: Any, receiver: Receiver, management: Management
) -> None:
    group = make_group(finops)
    before = finops.get(path(group)).json()
    register()
    rows = f"sandboxes/{finops.info['name']}/tables/CustomerGroups/rows"
    edit = {"filter": f"CUSTOMERGROUPID eq '{group}'", "values": {"DESCRIPTION": "silent"}}
    assert management.done("PATCH", rows, edit) == {"rows": 1}
    after = finops.get(path(group)).json()
    assert after["DESCRIPTION"] == "silent"
    assert after["@odata.etag"] != before["@odata.etag"]
    assert management.done("DELETE", rows, {"filter": f"CUSTOMERGROUPID eq '{group}'"}) == {"rows": 1}
    last = make_group(finops)
    assert receiver.wait(2)[1]["KeyValues"]["CUSTOMERGROUPID"] == last
    assert len(receiver.messages) == 2


def test_an_endpoint_is_listed_and_removed(finops: Client, register: Any, management: Management) -> None:
    register(sets=["CustomerGroups"])
    endpoints = f"sandboxes/{finops.info['name']}/endpoints"
    (found,) = management.done("GET", endpoints)["endpoints"]
    assert (found["name"], found["sets"]) == ("sync", ["CustomerGroups"])
    assert "secret" not in found
    assert management.call("DELETE", f"{endpoints}/sync").status_code == 204
    assert management.call("DELETE", f"{endpoints}/sync").status_code == 404
    assert management.call("POST", endpoints, {"name": "x", "url": "http://x", "sets": ["No"]}).status_code == 400


def test_an_event_tells_who_wrote(finops: Client, register: Any, receiver: Receiver, management: Management) -> None:
    made = management.done("POST", f"sandboxes/{finops.info['name']}/clients", {"name": "Another"})
    other = Client(info=finops.info, http=finops.http, client_id=made["client_id"], client_secret=made["client_secret"])
    register()
    receiver.wait(1)
    make_group(other)
    assert receiver.wait(2)[1]["InitiatingUserAADObjectId"] == f"{{{made['user_id']}}}"

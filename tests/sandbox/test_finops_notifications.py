"""Business events over HTTPS. Source: Finance and Operations OData documentation."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.sandbox.client import END, Client, change_set
from tests.sandbox.conftest import Management
from tests.sandbox.receiver import Receiver, receiving
from tests.sandbox.rows import make_group, number


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


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


def test_a_message_is_tried_three_times(
    finops: Client, register: Any, receiver: Receiver, management: Management
) -> None:
    register()
    receiver.wait(1)
    receiver.statuses = [500, 503, 400]
    make_group(finops)
    messages = receiver.wait(4)[1:]
    assert len({one["EventId"] for one in messages}) == 1
    last = make_group(finops)
    assert receiver.wait(5)[4]["KeyValues"]["CUSTOMERGROUPID"] == last


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

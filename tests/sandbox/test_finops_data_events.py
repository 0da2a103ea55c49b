"""Data events. Source: PROTOCOLS 6.2.5 and 2.2; data events overview."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.sandbox.client import END, Client, change_set
from tests.sandbox.conftest import Management
from tests.sandbox.hooks import values_of
from tests.sandbox.packages import address_of
from tests.sandbox.receiver import Receiver, receiving
from tests.sandbox.rows import make_group, number

LOGICAL = "mserp_custcustomergroupentity"


@pytest.fixture
def register(finops: Client, management: Management, receiver: Receiver) -> Iterator[Any]:
    path = f"sandboxes/{finops.info['name']}/endpoints"

    def make(name: str = "data", **more: Any) -> None:
        body = {"name": name, "url": receiver.url, "kind": "data", "sets": ["CustomerGroups"], **more}
        management.done("POST", path, body)
        receiver.wait(1)

    yield make
    for one in management.done("GET", path)["endpoints"]:
        management.call("DELETE", f"{path}/{one['name']}")


def parameters(message: dict[str, Any]) -> dict[str, Any]:
    return {one["key"]: one["value"] for one in message["InputParameters"]}


def told(receiver: Receiver, count: int) -> dict[str, dict[str, Any]]:
    """The messages behind the test message, by operation."""
    return {one["MessageName"].rpartition("_")[2]: one for one in receiver.wait(count + 1)[1:]}


def test_creates_updates_and_deletes_are_told_as_remote_execution_contexts(
    finops: Client, register: Any, receiver: Receiver
) -> None:
    register()
    group = make_group(finops)
    finops.patch(address_of(group), {"DESCRIPTION": "B"})
    finops.delete(address_of(group))
    found = told(receiver, 3)
    assert found.keys() == {"created", "updated", "deleted"}
    assert {one["MessageName"].rpartition("_")[0] for one in found.values()} == {LOGICAL}
    assert {one["PrimaryEntityName"] for one in found.values()} == {LOGICAL}
    assert len({one["PrimaryEntityId"] for one in found.values()}) == 1
    assert {"RequestId", "OperationId", "OperationCreatedOn", "OrganizationId", "Depth"} <= found["created"].keys()


def test_a_create_tells_all_values_with_names_in_lower_case(finops: Client, register: Any, receiver: Receiver) -> None:
    register()
    group = make_group(finops, DESCRIPTION="A")
    target = parameters(told(receiver, 1)["created"])["Target"]
    found = values_of(target)
    assert target["LogicalName"] == LOGICAL
    assert target["__type"].startswith("Entity:")
    assert (found["mserp_customergroupid"], found["mserp_description"], found["mserp_dataareaid"]) == (
        group,
        "A",
        "usmf",
    )
    assert found["mserp_issalestaxincludedinprice"]["Value"] == 200_000_000
    assert found[f"{LOGICAL}id"] == target["Id"]


def test_an_update_tells_the_changed_values_and_the_row_before(
    finops: Client, register: Any, receiver: Receiver
) -> None:
    group = make_group(finops, DESCRIPTION="A", ISSALESTAXINCLUDEDINPRICE="Yes")
    register()
    finops.patch(address_of(group), {"DESCRIPTION": "B", "ISSALESTAXINCLUDEDINPRICE": "Yes"})
    found = parameters(told(receiver, 1)["updated"])
    assert values_of(found["Target"]).keys() == {f"{LOGICAL}id", "mserp_description"}
    assert values_of(found["Target"])["mserp_description"] == "B"
    before = values_of(found["PreImage"])
    assert (before["mserp_description"], before["mserp_customergroupid"]) == ("A", group)
    assert before["mserp_issalestaxincludedinprice"]["Value"] == 200_000_001


def test_a_delete_tells_a_reference_and_the_row_before(finops: Client, register: Any, receiver: Receiver) -> None:
    group = make_group(finops)
    register()
    finops.delete(address_of(group))
    found = parameters(told(receiver, 1)["deleted"])
    assert found["Target"]["__type"].startswith("EntityReference:")
    assert values_of(found["PreImage"])["mserp_customergroupid"] == group


def test_date_times_without_a_value_are_left_out(finops: Client, register: Any, receiver: Receiver) -> None:
    register(sets=["VendorsV2"])
    finops.post("VendorGroups", {"dataAreaId": "usmf", "VENDORGROUPID": "10"})
    body = {"dataAreaId": "usmf", "VENDORACCOUNTNUMBER": number(), "VENDORGROUPID": "10"}
    assert finops.post("VendorsV2", body).status_code == 201
    path = f"VendorsV2(dataAreaId='usmf',VENDORACCOUNTNUMBER='{body['VENDORACCOUNTNUMBER']}')?cross-company=true"
    finops.patch(path, {"VENDORHOLDRELEASEDATE": "2026-11-21T12:00:00Z"})
    found = told(receiver, 2)
    assert "mserp_vendorholdreleasedate" not in values_of(parameters(found["created"])["Target"])
    assert values_of(parameters(found["updated"])["Target"])["mserp_vendorholdreleasedate"].startswith("/Date(")


def test_they_are_registered_apart_from_business_events(
    finops: Client, register: Any, receiver: Receiver, management: Management
) -> None:
    register()
    with receiving() as other:
        path = f"sandboxes/{finops.info['name']}/endpoints"
        management.done("POST", path, {"name": "business", "url": other.url, "sets": ["CustomerGroups"]})
        make_group(finops)
        assert "EntitySetName" in other.wait(2)[1]
        assert "InputParameters" in receiver.wait(2)[1]
        assert (len(other.messages), len(receiver.messages)) == (2, 2)


def test_only_the_chosen_operations_are_told(finops: Client, register: Any, receiver: Receiver) -> None:
    register(operations=["Deleted"])
    group = make_group(finops)
    finops.delete(address_of(group))
    assert told(receiver, 1).keys() == {"deleted"}
    assert len(receiver.messages) == 2


def test_set_based_writes_are_missed(finops: Client, register: Any, receiver: Receiver, management: Management) -> None:
    group = make_group(finops)
    register()
    rows = f"sandboxes/{finops.info['name']}/tables/CustomerGroups/rows"
    management.done("PATCH", rows, {"filter": f"CUSTOMERGROUPID eq '{group}'", "values": {"DESCRIPTION": "S"}})
    management.done("DELETE", rows, {"filter": f"CUSTOMERGROUPID eq '{group}'"})
    last = make_group(finops)
    target = parameters(receiver.wait(2)[1])["Target"]
    assert values_of(target)["mserp_customergroupid"] == last


def test_messages_may_be_named_as_plug_ins_know_them(
    finops: Client, register: Any, receiver: Receiver, management: Management
) -> None:
    path = f"sandboxes/{finops.info['name']}"
    management.done("PATCH", path, {"data_event_names": "on_external"})
    register()
    make_group(finops)
    management.done("PATCH", path, {"data_event_names": "mserp"})
    assert receiver.wait(2)[1]["MessageName"] == "OnExternalCreated"


@pytest.fixture
def limited(new_client: Callable[..., Client]) -> Client:
    """A sandbox that sends 10 data events in 0.6 s."""
    client = new_client("finops", settings={"data_event_scale": 500})
    client.post("LegalEntities", {"LEGALENTITYID": "usmf", "NAME": "USMF"})
    return client


def write_fifteen(client: Client) -> None:
    """In one transaction."""
    bodies = [json.dumps({"dataAreaId": "usmf", "CUSTOMERGROUPID": number()}) for _ in range(15)]
    answer = client.batch(change_set(*(("POST", "/data/CustomerGroups", body) for body in bodies)) + END)
    assert set(answer.statuses) == {201}


def test_events_over_the_limit_come_late(limited: Client, receiver: Receiver, management: Management) -> None:
    path = f"sandboxes/{limited.info['name']}/endpoints"
    management.done("POST", path, {"name": "data", "url": receiver.url, "kind": "data"})
    receiver.wait(1)
    begun = time.monotonic()
    write_fifteen(limited)
    receiver.wait(16)
    assert time.monotonic() - begun > 0.55


def test_events_over_the_limit_can_be_lost(limited: Client, receiver: Receiver, management: Management) -> None:
    path = f"sandboxes/{limited.info['name']}"
    management.done("PATCH", path, {"drops_data_events": True})
    management.done("POST", f"{path}/endpoints", {"name": "data", "url": receiver.url, "kind": "data"})
    receiver.wait(1)
    write_fifteen(limited)
    receiver.wait(11)
    time.sleep(0.7)
    make_group(limited)
    assert len(receiver.wait(12)) == 12

"""Code of the environment that changes rows when they are written: an echo that is not what was sent."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.sandbox.client import Client
from tests.sandbox.conftest import Management
from tests.sandbox.hooks import Hooks, attributes, registering
from tests.sandbox.receiver import receiving
from tests.sandbox.rows import error_of, make_account

BULK = "accounts/Microsoft.Dynamics.CRM."
KIND = {"@odata.type": "Microsoft.Dynamics.CRM.account"}


@pytest.fixture
def hooks(dataverse: Client, management: Management) -> Iterator[Hooks]:
    """Without plug-ins afterwards."""
    with registering(dataverse) as made:
        yield made
        management.faults(dataverse.info)


def plug(management: Management, client: Client, *plug_ins: dict[str, Any]) -> None:
    management.faults(client.info, plug_ins=[{"table": "accounts", **one} for one in plug_ins])


def row(client: Client, made: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"accounts({made})?$select=name,description,creditlimit,versionnumber").json()
    return found


def test_what_runs_before_is_part_of_the_write_and_of_its_event(hooks: Hooks, management: Management) -> None:
    client = hooks.client
    plug(management, client, {"column": "name", "suffix": " Ltd"}, {"column": "description", "value": "checked"})
    with receiving() as receiver:
        hooks.step(hooks.endpoint(receiver.url), "Create")
        made = make_account(client, name="Contoso")
        (message,) = receiver.wait(1)
        assert (attributes(message)["name"], attributes(message)["description"]) == ("Contoso Ltd", "checked")
        assert message["Depth"] == 1
    assert (row(client, made)["name"], row(client, made)["description"]) == ("Contoso Ltd", "checked")
    client.patch(f"accounts({made})", {"name": "Fabrikam Ltd"})
    assert row(client, made)["name"] == "Fabrikam Ltd"


def test_what_runs_after_is_a_write_of_its_own_one_deeper(hooks: Hooks, management: Management) -> None:
    client = hooks.client
    plug(management, client, {"column": "name", "suffix": "!", "is_after": True})
    with receiving() as receiver:
        endpoint = hooks.endpoint(receiver.url)
        hooks.step(endpoint, "Create", mode=0)
        hooks.step(endpoint, "Update", mode=0)
        made = make_account(client, name="Contoso")
        told = [(one["MessageName"], one["Depth"], attributes(one)["name"]) for _, one in receiver.messages]
        assert told == [("Create", 1, "Contoso"), ("Update", 2, "Contoso!")]
        path = f"accounts({made})?$select=name"
        answer = client.patch(path, {"name": "New"}, Prefer="return=representation").json()
    assert answer["name"] == "New!"
    assert answer["@odata.etag"] == row(client, made)["@odata.etag"]


def test_each_write_of_a_plug_in_raises_the_version_once(hooks: Hooks, management: Management) -> None:
    client = hooks.client
    made = make_account(client, name="A")
    before = row(client, made)["versionnumber"]
    plug(management, client, {"column": "description", "value": "seen", "is_after": True})
    client.patch(f"accounts({made})", {"name": "B"})
    first = row(client, made)["versionnumber"]
    client.patch(f"accounts({made})", {"name": "C"})
    second = row(client, made)["versionnumber"]
    assert first - before >= 2
    assert second == first + 1  # nothing was left to be changed


@pytest.mark.parametrize("is_after", [False, True])
def test_rows_of_bulk_messages_are_changed_too(hooks: Hooks, management: Management, is_after: bool) -> None:
    client = hooks.client
    plug(management, client, {"column": "name", "suffix": "?", "is_after": is_after})
    rows = [{**KIND, "name": f"n{place}"} for place in range(3)]
    ids = client.post(f"{BULK}CreateMultiple", {"Targets": rows}).json()["Ids"]
    assert [row(client, one)["name"] for one in ids] == ["n0?", "n1?", "n2?"]
    changes = [{**KIND, "accountid": one, "name": "same"} for one in ids[:2]]
    changes.append({**KIND, "accountid": ids[2], "creditlimit": 7})
    assert client.post(f"{BULK}UpdateMultiple", {"Targets": changes}).status_code == 204
    assert [row(client, one)["name"] for one in ids] == ["same?", "same?", "n2?"]
    upserts = [{**KIND, "@odata.id": f"accounts({ids[0]})", "name": "up"}]
    assert client.post(f"{BULK}UpsertMultiple", {"Targets": upserts}).status_code == 204
    assert row(client, ids[0])["name"] == "up?"


def test_the_write_of_a_plug_in_comes_with_the_next_feed_of_changes(hooks: Hooks, management: Management) -> None:
    client = hooks.client
    link = client.get("accounts?$select=name", Prefer="odata.track-changes").json()["@odata.deltaLink"]
    plug(management, client, {"column": "name", "suffix": "#", "is_after": True})
    make_account(client, name="fed")
    assert [one["name"] for one in client.rows(link)] == ["fed#"]


def test_it_is_left_out_for_those_who_bypass_it(hooks: Hooks, management: Management) -> None:
    plug(management, hooks.client, {"column": "name", "suffix": "!"})
    header = {"MSCRM.BypassCustomPluginExecution": "true", "Prefer": "return=representation"}
    assert hooks.client.call("POST", "accounts?$select=name", {"name": "A"}, header).json()["name"] == "A"


def test_only_the_operations_named_set_it_off(hooks: Hooks, management: Management) -> None:
    plug(management, hooks.client, {"column": "name", "suffix": "!", "operations": ["update"]})
    made = make_account(hooks.client, name="A")
    assert row(hooks.client, made)["name"] == "A"
    hooks.client.patch(f"accounts({made})", {"name": "B"})
    assert row(hooks.client, made)["name"] == "B!"


def test_two_that_undo_each_other_are_stopped_at_depth_eight(hooks: Hooks, management: Management) -> None:
    client = hooks.client
    made = make_account(client, name="A")
    with receiving() as receiver:
        hooks.step(hooks.endpoint(receiver.url), "Update", mode=0)
        plug(
            management,
            client,
            {"column": "name", "suffix": "x", "is_after": True, "operations": ["update"]},
            {"column": "description", "value": "a", "is_after": True},
            {"column": "description", "value": "b", "is_after": True},
        )
        answer = client.patch(f"accounts({made})", {"name": "B"})
        assert max(one["Depth"] for _, one in receiver.messages) == 8
    assert error_of(answer) == (400, "0x80044182")
    assert "included an infinite loop" in answer.text
    assert row(client, made)["name"] == "A"


def test_a_value_that_does_not_fit_fails_the_write(hooks: Hooks, management: Management) -> None:
    plug(management, hooks.client, {"column": "creditlimit", "value": "much"})
    assert error_of(hooks.client.post("accounts", {"name": "A"})) == (400, "0x80048d19")

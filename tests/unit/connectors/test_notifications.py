import json
from datetime import UTC, datetime
from typing import Any

import pytest

from syncengine.connectors.base import EVENT_SCHEMA
from syncengine.connectors.dataverse import notifications as dataverse
from syncengine.connectors.finops import notifications as finops
from syncengine.errors import PermanentError
from tests.unit.connectors.make import make_accounts, make_customers

ACCOUNT = "AA000000-0000-0000-0000-000000000001"
NOON = datetime(2026, 11, 21, 3, tzinfo=UTC)


def context(**overrides: Any) -> bytes:
    values: dict[str, Any] = {
        "MessageName": "Update",
        "PrimaryEntityName": "account",
        "PrimaryEntityId": ACCOUNT,
        "OperationId": "op-1",
        "RequestId": "rq-1",
        "OperationCreatedOn": "/Date(1795230000000+0000)/",
        "SharedVariables": [{"key": "IsAutoTransact", "value": True}, {"key": "tag", "value": "MARK"}],
        "InputParameters": [{"key": "Target", "value": {"__type": "Entity:x", "Attributes": []}}],
    }
    return json.dumps(values | overrides).encode()


def business_event(**overrides: Any) -> bytes:
    values: dict[str, Any] = {
        "BusinessEventId": "TwofoldRowChanged",
        "EventId": "ev-1",
        "EventTime": "/Date(1795230000000)/",
        "EventTimeIso8601": "2026-11-21T03:00:00Z",
        "ControlNumber": 5637167104,
        "EntitySetName": "CustomersV3",
        "Operation": "Updated",
        "KeyValues": {"dataAreaId": "USMF", "CustomerAccount": "C 1|x "},
        "RecordETag": 'W/"1"',
    }
    return json.dumps(values | overrides).encode()


@pytest.mark.parametrize(("message", "operation"), [("Create", "upsert"), ("Update", "upsert"), ("Delete", "delete")])
def test_execution_context_is_an_event(message: str, operation: str) -> None:
    events = dataverse.read_notification(context(MessageName=message), [make_accounts()])
    assert dict(events.schema) == EVENT_SCHEMA
    assert events.rows() == [("accounts", ACCOUNT.lower(), operation, None, NOON, "MARK", "op-1")]


def test_stripped_context_is_an_event_too() -> None:
    body = json.dumps({"MessageName": "Create", "PrimaryEntityName": "account", "PrimaryEntityId": ACCOUNT}).encode()
    assert dataverse.read_notification(body, [make_accounts()]).rows() == [
        ("accounts", ACCOUNT.lower(), "upsert", None, None, None, None)
    ]


@pytest.mark.parametrize("change", [{"PrimaryEntityName": "contact"}, {"MessageName": "Associate"}])
def test_other_tables_and_messages_are_no_events(change: dict[str, str]) -> None:
    assert dataverse.read_notification(context(**change), [make_accounts()]).is_empty()


@pytest.mark.parametrize("moment", ["", None, "yesterday", "/Date(99999999999999999999)/"])
def test_odd_times_are_no_times(moment: str | None) -> None:
    events = dataverse.read_notification(context(OperationCreatedOn=moment), [make_accounts()])
    assert events["changed_at"].to_list() == [None]


@pytest.mark.parametrize(("told", "operation"), [("Created", "upsert"), ("Updated", "upsert"), ("Deleted", "delete")])
def test_business_event_is_an_event_with_the_row_id_of_its_key(told: str, operation: str) -> None:
    events = finops.read_notification(business_event(Operation=told), [make_customers()])
    assert dict(events.schema) == EVENT_SCHEMA
    assert events.rows() == [("CustomersV3", "usmf|c 1\\|x", operation, 'W/"1"', NOON, None, "ev-1")]


@pytest.mark.parametrize("change", [{"EventId": ""}, {"EntitySetName": "Other"}, {"Operation": "Merged"}])
def test_test_messages_and_other_tables_are_no_events(change: dict[str, str]) -> None:
    assert finops.read_notification(business_event(**change), [make_customers()]).is_empty()


def test_key_that_does_not_fit_is_a_named_problem() -> None:
    for key in ([], {"dataAreaId": 5, "CustomerAccount": {}}):
        with pytest.raises(PermanentError):
            finops.read_notification(business_event(KeyValues=key), [make_customers()])


def test_administrator_is_told_what_to_enter_where() -> None:
    (subscription,) = finops.subscribe([make_customers()], url="https://us.test/hook")
    assert not subscription.is_ours
    assert "https://us.test/hook" in subscription.note
    assert "CustomersV3" in subscription.note

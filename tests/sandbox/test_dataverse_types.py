"""Values as the service takes, stores and shows them. Source: Dataverse Web API documentation, column data types."""

from typing import Any
from uuid import uuid4

import pytest

from tests.sandbox.client import Client
from tests.sandbox.conftest import Management
from tests.sandbox.hooks import attributes, registering
from tests.sandbox.receiver import receiving
from tests.sandbox.rows import error_of, make_account, number

CRM = "Microsoft.Dynamics.CRM."


@pytest.fixture(scope="module")
def kinds(dataverse: Client, management: Management) -> str:
    columns: list[dict[str, Any]] = [
        {"name": "new_name", "type": "text", "length": 5},
        {"name": "new_amount", "type": "decimal", "scale": 2, "is_money": True},
        {"name": "new_rate", "type": "decimal", "scale": 10},
        {"name": "new_few", "type": "integer", "minimum": -5, "maximum": 5},
        {"name": "new_day", "type": "date"},
        {"name": "new_local", "type": "datetime"},
        {"name": "new_wall", "type": "datetime", "is_zone_independent": True},
        {"name": "new_id", "type": "uuid"},
        {"name": "new_days", "type": "choice", "is_multiple": True, "choices": {"1": "Mon", "2": "Tue", "3": "Wed"}},
    ]
    names = {"set": "new_kinds", "logical": "new_kind", "label": "Kind", "primary_id": "new_kindid"}
    table = {**names, "primary_name": "new_name", "columns": columns}
    management.done("POST", f"sandboxes/{dataverse.info['name']}/tables", {"tables": [table]})
    return "new_kinds"


@pytest.mark.parametrize(
    ("column", "sent", "stored"),
    [
        ("new_amount", 1.005, 1.01),
        ("new_amount", 2.344, 2.34),
        ("new_amount", -0.001, 0),
        ("new_rate", 0.12345678915, 0.1234567892),
        ("new_rate", 5, 5),
        ("new_few", -5, -5),
        ("new_day", "2026-11-21", "2026-11-21"),
        ("new_local", "2026-11-21T03:00:00Z", "2026-11-21T03:00:00Z"),
        ("new_local", "2026-11-21T03:00:00.9Z", "2026-11-21T03:00:00Z"),
        ("new_local", "2026-11-21T03:00:00+02:00", "2026-11-21T01:00:00Z"),
        ("new_wall", "2026-11-21T03:00:00Z", "2026-11-21T03:00:00Z"),
        ("new_wall", "2026-11-21T03:00:00+02:00", "2026-11-21T03:00:00Z"),
        ("new_wall", "2026-11-21T03:00:00", "2026-11-21T03:00:00Z"),
        ("new_id", "0F8FAD5B-D9CB-469F-A165-70867728950E", "0f8fad5b-d9cb-469f-a165-70867728950e"),
        ("new_days", "3,1", "1,3"),
        ("new_days", "2, 2", "2"),
        ("new_days", "", None),
        ("new_name", "äöü𝄞x", "äöü𝄞x"),
    ],
)
def test_a_value_is_shown_as_the_service_stores_it(
    dataverse: Client, kinds: str, column: str, sent: Any, stored: Any
) -> None:
    made = dataverse.make(kinds, {column: sent})
    assert dataverse.get(f"{kinds}({made})?$select={column}").json()[column] == stored


@pytest.mark.parametrize(
    ("column", "value", "code"),
    [
        ("new_name", "123456", "0x80044331"),
        ("new_few", 6, "0x8004432f"),
        ("new_amount", 922337203685478, "0x80044330"),
        ("new_rate", 100000000001, "0x80044330"),
        ("new_rate", 1e300, "0x80044330"),
        ("new_days", "1,4", "0x8004431A"),
        ("new_days", "1;2", "0x80048d19"),
        ("new_days", 1, "0x80048d19"),
        ("new_day", "2026-11-21T03:00:00Z", "0x80048d19"),
        ("new_local", "2026-11-21", "0x80048d19"),
        ("new_local", "2026-11-21T03:00:00", "0x80048d19"),
        ("new_local", "1752-12-31T23:59:59Z", "0x80040239"),
        ("new_id", "{0f8fad5b-d9cb-469f-a165-70867728950e}", "0x80048d19"),
        ("new_id", 5, "0x80048d19"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_by_its_code(
    dataverse: Client, kinds: str, column: str, value: Any, code: str
) -> None:
    assert error_of(dataverse.post(kinds, {column: value})) == (400, code)
    target = {"@odata.type": f"{CRM}new_kind", column: value}
    bulk = dataverse.post(f"{kinds}/{CRM}CreateMultiple", {"Targets": [target]})
    assert error_of(bulk) == (400, code)


def test_ids_are_told_in_small_letters_wherever_they_come_from(dataverse: Client) -> None:
    own = str(uuid4())
    answer = dataverse.post("accounts", {"accountid": own.upper()})
    assert answer.headers["OData-EntityId"].endswith(f"accounts({own})")
    assert dataverse.get(f"accounts({own.upper()})").json()["accountid"] == own


def test_several_choices_are_told_filtered_and_described(dataverse: Client, kinds: str) -> None:
    name = number()[-5:]
    made = dataverse.make(kinds, {"new_name": name, "new_days": "3,1"})
    formatted = "new_days@OData.Community.Display.V1.FormattedValue"
    row = dataverse.get(f"{kinds}({made})", Prefer='odata.include-annotations="*"').json()
    assert row[formatted] == "Mon; Wed"
    for call, found in (("ContainValues", "['3']"), ("DoesNotContainValues", "['2']")):
        text = f"new_name eq '{name}' and {CRM}{call}(PropertyName='new_days',PropertyValues={found})"
        assert len(dataverse.rows(f"{kinds}?$filter={text}")) == 1
    refused = dataverse.get(f"{kinds}?$filter={CRM}ContainValues(PropertyName='new_name',PropertyValues=['1'])")
    assert error_of(refused) == (400, "0x80060888")
    path = f"EntityDefinitions(LogicalName='new_kind')/Attributes/{CRM}MultiSelectPicklistAttributeMetadata"
    (told,) = dataverse.rows(f"{path}?$expand=OptionSet")
    assert (told["LogicalName"], told["AttributeType"]) == ("new_days", "MultiSelectPicklist")
    assert [one["Value"] for one in told["OptionSet"]["Options"]] == [1, 2, 3]


def test_several_choices_are_told_to_steps_one_by_one(dataverse: Client, kinds: str) -> None:
    with receiving() as receiver, registering(dataverse) as hooks:
        hooks.step(hooks.endpoint(receiver.url), "Create", "new_kind")
        dataverse.make(kinds, {"new_days": "1,2"})
        (message,) = receiver.wait(1)
    assert [one["Value"] for one in attributes(message)["new_days"]] == [1, 2]


def test_moments_tell_how_they_behave(dataverse: Client, kinds: str) -> None:
    path = f"EntityDefinitions(LogicalName='new_kind')/Attributes/{CRM}DateTimeAttributeMetadata"
    told = {row["LogicalName"]: (row["Format"], row["DateTimeBehavior"]["Value"]) for row in dataverse.rows(path)}
    assert told["new_day"] == ("DateOnly", "DateOnly")
    assert told["new_local"] == ("DateAndTime", "UserLocal")
    assert told["new_wall"] == ("DateAndTime", "TimeZoneIndependent")


def test_the_version_is_the_number_in_the_etag(dataverse: Client) -> None:
    row = dataverse.get(f"accounts({make_account(dataverse)})?$select=versionnumber").json()
    assert row["@odata.etag"] == f'W/"{row["versionnumber"]}"'

"""Elastic tables: rows of a bulk message stand alone, pages are small. Source: Dataverse Web API documentation."""

import json
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.sandbox.client import Client
from tests.sandbox.conftest import Management
from tests.sandbox.rows import error_of, number

KIND = {"@odata.type": "Microsoft.Dynamics.CRM.new_reading"}
DETAILS = "@Microsoft.PowerApps.CDS.ErrorDetails.Plugin.BulkApiErrorDetails"
ASKED = {"Prefer": 'odata.include-annotations="Microsoft.PowerApps.CDS.ErrorDetails.*"'}


@pytest.fixture(scope="module")
def readings(dataverse: Client, management: Management) -> str:
    columns = [{"name": "new_name", "type": "text", "length": 20}, {"name": "new_value", "type": "integer"}]
    names = {"set": "new_readings", "logical": "new_reading", "label": "Reading", "primary_id": "new_readingid"}
    keys = [{"name": "by_name", "columns": ["new_name"]}]
    table = {**names, "primary_name": "new_name", "columns": columns, "keys": keys, "is_elastic": True}
    management.done("POST", f"sandboxes/{dataverse.info['name']}/tables", {"tables": [table]})
    return "new_readings"


def send(client: Client, message: str, targets: Any, headers: dict[str, str] | None = None) -> httpx.Response:
    return client.call("POST", f"new_readings/Microsoft.Dynamics.CRM.{message}", {"Targets": targets}, headers)


def targets(count: int, **more: Any) -> list[dict[str, Any]]:
    return [{**KIND, "new_name": number(), **more} for _ in range(count)]


def test_a_hundred_rows_are_taken_in_a_call_and_named_in_their_order(dataverse: Client, readings: str) -> None:
    rows = targets(100)
    answer = send(dataverse, "CreateMultiple", rows)
    assert answer.status_code == 200
    assert answer.json()["@odata.context"].endswith("CreateMultipleResponse")
    last = dataverse.get(f"{readings}({answer.json()['Ids'][99]})").json()
    assert last["new_name"] == rows[99]["new_name"]
    assert error_of(send(dataverse, "CreateMultiple", targets(101))) == (400, "0x80048d19")


def test_rows_that_fail_leave_the_others_and_are_named(dataverse: Client, readings: str) -> None:
    good, bad, taken = targets(1)[0], {**KIND, "new_name": "x" * 30}, targets(1)[0]
    send(dataverse, "CreateMultiple", [taken])
    answer = send(dataverse, "CreateMultiple", [good, bad, {**taken, "new_value": 1}], ASKED)
    assert answer.status_code == 500
    details = json.loads(answer.json()["error"][DETAILS])
    assert [one["RequestIndex"] for one in details] == [0, 1, 2]
    assert [one["StatusCode"] for one in details] == [200, 400, 412]
    assert dataverse.get(f"{readings}({details[0]['Id']})").json()["new_name"] == good["new_name"]


def test_details_are_told_when_asked_for(dataverse: Client, readings: str) -> None:
    answer = send(dataverse, "CreateMultiple", [{**KIND, "new_name": "x" * 30}])
    assert (answer.status_code, answer.json()["error"].keys()) == (500, {"code", "message"})


def test_updates_and_upserts_succeed_in_part(dataverse: Client, readings: str) -> None:
    made = send(dataverse, "CreateMultiple", targets(2)).json()["Ids"]
    missing = str(uuid4())
    rows = [{**KIND, "new_readingid": one, "new_value": 5} for one in (made[0], missing, made[1])]
    details = json.loads(send(dataverse, "UpdateMultiple", rows, ASKED).json()["error"][DETAILS])
    assert [(one["Id"], one["StatusCode"]) for one in details] == [(made[0], 204), (missing, 404), (made[1], 204)]
    assert [dataverse.get(f"{readings}({one})").json()["new_value"] for one in made] == [5, 5]
    keyed = {**KIND, "@odata.id": f"new_readings(new_name='{number()}')", "new_value": 9}
    wrong = {**KIND, "@odata.id": "new_readings(new_name='a')", "new_value": "x"}
    assert send(dataverse, "UpsertMultiple", [keyed]).status_code == 204
    assert send(dataverse, "UpsertMultiple", [keyed, wrong]).status_code == 500


def test_rows_are_deleted_in_one_call(dataverse: Client, readings: str) -> None:
    made = send(dataverse, "CreateMultiple", targets(3)).json()["Ids"]
    rows = [{**KIND, "new_readingid": one} for one in made[:2]]
    assert send(dataverse, "DeleteMultiple", rows).status_code == 204
    assert [dataverse.get(f"{readings}({one})").status_code for one in made] == [404, 404, 200]


def test_a_page_holds_five_hundred_rows_at_most(dataverse: Client, readings: str) -> None:
    for _ in range(6):
        assert send(dataverse, "CreateMultiple", targets(100)).status_code == 200
    answer = dataverse.get(f"{readings}?$select=new_name", Prefer="odata.maxpagesize=5000").json()
    assert len(answer["value"]) == 500
    assert "@odata.nextLink" in answer
    assert len(dataverse.rows(f"{readings}?$top=700")) == 500


def test_the_filters_of_messages_tell_that_rows_can_be_deleted_together(dataverse: Client, readings: str) -> None:
    path = "sdkmessagefilters?$filter=sdkmessageid/name eq 'DeleteMultiple' and primaryobjecttypecode eq"
    assert len(dataverse.rows(f"{path} 'new_reading'")) == 1
    assert dataverse.rows(f"{path} 'account'") == []


def test_no_rows_are_no_work(dataverse: Client, readings: str) -> None:
    assert send(dataverse, "CreateMultiple", []).json()["Ids"] == []
    assert send(dataverse, "DeleteMultiple", []).status_code == 204

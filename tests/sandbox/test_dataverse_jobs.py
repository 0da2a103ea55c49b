"""The action BulkDelete: a job that deletes what queries find. Source: Dataverse Web API documentation."""

from typing import Any

import pytest

from tests.sandbox.client import Client
from tests.sandbox.conftest import Management
from tests.sandbox.rows import error_of, make_account

PATH = "asyncoperations({job})?$select=name,operationtype,statecode,statuscode,friendlymessage"


def delete(client: Client, table: str, *conditions: tuple[str, str, list[Any]], operator: str = "And") -> Any:
    found = [
        {
            "AttributeName": name,
            "Operator": how,
            "Values": [{"Value": value, "Type": "System.String"} for value in values],
        }
        for name, how, values in conditions
    ]
    query = {"EntityName": table, "Criteria": {"FilterOperator": operator, "Conditions": found}}
    return client.post("BulkDelete", {"JobName": "Clean up", "QuerySet": [query], "RecurrencePattern": ""})


def job_of(client: Client, answer: Any) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    job: dict[str, Any] = client.get(PATH.format(job=answer.json()["JobId"])).json()
    return job


def names(client: Client, like: str) -> list[str]:
    return sorted(row["name"] for row in client.rows(f"accounts?$select=name&$filter=startswith(name,'{like}')"))


def test_rows_with_these_ids_are_deleted(dataverse: Client) -> None:
    first, second, third = (make_account(dataverse, name=f"ids {place}") for place in range(3))
    job = job_of(dataverse, delete(dataverse, "account", ("accountid", "In", [first, third])))
    assert (job["name"], job["operationtype"], job["statecode"], job["statuscode"]) == ("Clean up", 13, 3, 30)
    assert names(dataverse, "ids") == ["ids 1"]
    assert dataverse.get(f"accounts({second})").status_code == 200


@pytest.mark.parametrize(("operator", "left"), [("And", ["or 2", "or 3"]), ("Or", ["or 3"])])
def test_conditions_are_joined(dataverse: Client, operator: str, left: list[str]) -> None:
    for place in (1, 2, 3):
        make_account(dataverse, name=f"or {place}", numberofemployees=place)
    conditions = (("name", "Equal", ["or 1"]), ("numberofemployees", "LessThan", [3]))
    job_of(dataverse, delete(dataverse, "account", *conditions, operator=operator))
    assert names(dataverse, "or ") == left
    job_of(dataverse, delete(dataverse, "account", ("name", "In", left)))


def test_what_is_refused_stays_and_is_told(dataverse: Client, management: Management) -> None:
    contact = dataverse.make("contacts", {"lastname": "Held"})
    free = dataverse.make("contacts", {"lastname": "Free"})
    dataverse.make("salesorders", {"name": "O", "customerid_contact@odata.bind": f"/contacts({contact})"})
    before = management.work(dataverse.info)["deletes"]
    job = job_of(dataverse, delete(dataverse, "contact", ("contactid", "In", [contact, free])))
    assert job["friendlymessage"] == "1 records could not be deleted."
    assert [row["lastname"] for row in dataverse.rows("contacts?$filter=lastname eq 'Held' or lastname eq 'Free'")] == [
        "Held"
    ]
    assert management.work(dataverse.info)["deletes"] == before + 1


def test_deletes_reach_the_delta_feed(dataverse: Client) -> None:
    made = make_account(dataverse, name="gone")
    link = dataverse.get("accounts?$select=name", Prefer="odata.track-changes").json()["@odata.deltaLink"]
    job_of(dataverse, delete(dataverse, "account", ("accountid", "Equal", [made])))
    assert [(row["id"], row["reason"]) for row in dataverse.rows(link)] == [(made, "deleted")]


def test_a_table_that_nobody_used_has_nothing_to_delete(dataverse: Client) -> None:
    assert job_of(dataverse, delete(dataverse, "msdyn_warranty"))["friendlymessage"] is None


@pytest.mark.parametrize(
    ("table", "conditions", "refusal"),
    [
        ("nothing", (), (400, "0x80048d19")),
        ("account", (("nothing", "Equal", ["x"]),), (400, "0x80060888")),
        ("account", (("name", "Like", ["x"]),), (400, "0x80060888")),
        ("account", (("numberofemployees", "Equal", ["x"]),), (400, "0x80060888")),
        ("account", (("accountid", "In", ["0f3c1a52-6f0e-4d7a-9a0e-3a8f5d1c2bxx"]),), (400, "0x80060888")),
    ],
)
def test_a_query_that_is_none_is_refused(dataverse: Client, table: str, conditions: Any, refusal: Any) -> None:
    assert error_of(delete(dataverse, table, *conditions)) == refusal


@pytest.mark.parametrize("body", ["", "{}", '{"QuerySet": 1}', '{"QuerySet": [{"EntityName": 1}]}'])
def test_a_body_that_is_none_is_refused(dataverse: Client, body: str) -> None:
    assert error_of(dataverse.post("BulkDelete", body)) == (400, "0x80048d19")
    assert dataverse.get("BulkDelete").status_code == 405

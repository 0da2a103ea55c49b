"""Bulk messages of the Web API: all rows or none. Source: Dataverse Web API documentation."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.sandbox.client import Client
from tests.sandbox.conftest import Management
from tests.sandbox.rows import error_of, make_account, make_company, number


@pytest.fixture(scope="module")
def company(dataverse: Client) -> str:
    return make_company(dataverse, "bulk")


def target(company: str, **values: Any) -> dict[str, Any]:
    bound = {"msdyn_company@odata.bind": f"/cdm_companies({company})"}
    return {"@odata.type": "Microsoft.Dynamics.CRM.account", **bound, **values}


def keyed(company: str, own: str, **values: Any) -> dict[str, Any]:
    address = f"accounts(accountnumber='{own}',_msdyn_company_value={company})"
    return {"@odata.type": "Microsoft.Dynamics.CRM.account", "@odata.id": address, **values}


def send(dataverse: Client, message: str, targets: Any) -> httpx.Response:
    return dataverse.post(f"accounts/Microsoft.Dynamics.CRM.{message}", {"Targets": targets})


def accounts(dataverse: Client, own: list[str]) -> dict[str, dict[str, Any]]:
    values = ",".join(f"'{one}'" for one in own)
    text = f"Microsoft.Dynamics.CRM.In(PropertyName='accountnumber',PropertyValues=[{values}])"
    return {row["accountnumber"]: row for row in dataverse.rows(f"accounts?$filter={text}")}


def test_created_rows_are_named_in_their_order(dataverse: Client, company: str) -> None:
    own = [number() for _ in range(5)]
    answer = send(dataverse, "CreateMultiple", [target(company, accountnumber=one, name=f"n{one}") for one in own])
    assert answer.status_code == 200
    found = accounts(dataverse, own)
    assert answer.json()["Ids"] == [found[one]["accountid"] for one in own]
    assert {row["_msdyn_company_value"] for row in found.values()} == {company}


def test_rows_of_one_message_may_have_different_columns(dataverse: Client, company: str) -> None:
    own = [number(), number()]
    rows = [
        target(company, accountnumber=own[0], name="A", accountid=str(uuid4())),
        target(company, accountnumber=own[1], creditlimit=5, msdyn_onetimecustomer=True),
    ]
    assert send(dataverse, "CreateMultiple", rows).json()["Ids"][0] == rows[0]["accountid"]
    found = accounts(dataverse, own)
    assert [found[one]["name"] for one in own] == ["A", None]
    assert [found[one]["creditlimit"] for one in own] == [None, 5]
    assert [found[one]["msdyn_onetimecustomer"] for one in own] == [False, True]
    assert {row["statecode"] for row in found.values()} == {0}


@pytest.mark.parametrize(
    ("bad", "status", "code"),
    [
        ({"name": "x" * 161}, 400, "0x80044331"),
        ({"nothing": 1}, 400, "0x80048d19"),
        ({"msdyn_company@odata.bind": f"/cdm_companies({uuid4()})"}, 404, "0x80040217"),
        ({"@odata.type": "Microsoft.Dynamics.CRM.contact"}, 400, "0x80048d19"),
    ],
)
def test_one_bad_row_undoes_all(dataverse: Client, company: str, bad: dict[str, Any], status: int, code: str) -> None:
    own = number()
    rows = [target(company, accountnumber=own), {**target(company, accountnumber=number()), **bad}]
    assert error_of(send(dataverse, "CreateMultiple", rows)) == (status, code)
    assert accounts(dataverse, [own]) == {}


def test_a_taken_key_undoes_all(dataverse: Client, company: str) -> None:
    own, new = number(), number()
    send(dataverse, "CreateMultiple", [target(company, accountnumber=own)])
    rows = [target(company, accountnumber=new), target(company, accountnumber=own.lower())]
    assert error_of(send(dataverse, "CreateMultiple", rows)) == (412, "0x80060892")
    assert accounts(dataverse, [new]) == {}


def test_updates_name_their_rows_by_id(dataverse: Client, company: str) -> None:
    made = [make_account(dataverse, name="old", description="kept") for _ in range(3)]
    kind = {"@odata.type": "Microsoft.Dynamics.CRM.account"}
    rows = [{**kind, "accountid": made[0], "name": "a"}, {**kind, "accountid": made[1], "name": "b"}]
    rows.append({**kind, "accountid": made[2], "creditlimit": 7})
    assert send(dataverse, "UpdateMultiple", rows).status_code == 204
    found = [dataverse.get(f"accounts({one})").json() for one in made]
    assert [row["name"] for row in found] == ["a", "b", "old"]
    assert [row["creditlimit"] for row in found] == [None, None, 7]
    assert {row["description"] for row in found} == {"kept"}


def test_an_update_of_a_missing_row_undoes_all(dataverse: Client) -> None:
    made = make_account(dataverse, name="old")
    kind = {"@odata.type": "Microsoft.Dynamics.CRM.account"}
    rows = [{**kind, "accountid": made, "name": "new"}, {**kind, "accountid": str(uuid4()), "name": "new"}]
    assert error_of(send(dataverse, "UpdateMultiple", rows)) == (404, "0x80040217")
    assert dataverse.get(f"accounts({made})").json()["name"] == "old"


def test_upserts_update_what_is_there_and_make_the_rest(dataverse: Client, company: str) -> None:
    there, new, own = number(), number(), str(uuid4())
    send(dataverse, "CreateMultiple", [target(company, accountnumber=there, name="old")])
    kind = {"@odata.type": "Microsoft.Dynamics.CRM.account"}
    rows = [
        keyed(company, there.lower(), name="changed"),
        keyed(company, new, name="made"),
        {**kind, "@odata.id": f"accounts({own})", "name": "by id"},
    ]
    answer = send(dataverse, "UpsertMultiple", rows)
    assert (answer.status_code, answer.content) == (204, b"")
    found = accounts(dataverse, [there, new])
    assert (found[there]["name"], found[new]["name"]) == ("changed", "made")
    assert found[new]["_msdyn_company_value"] == company
    assert dataverse.get(f"accounts({own})").json()["name"] == "by id"


def test_two_targets_for_one_row_are_refused(dataverse: Client, company: str) -> None:
    own = number()
    rows = [keyed(company, own, name="a"), keyed(company, own.lower(), name="b")]
    assert error_of(send(dataverse, "UpsertMultiple", rows)) == (412, "0x80060892")
    send(dataverse, "CreateMultiple", [target(company, accountnumber=own)])
    assert send(dataverse, "UpsertMultiple", rows).status_code == 400


@pytest.mark.parametrize("targets", [None, 5, ["x"], [{}], [{"@odata.type": 5}]])
@pytest.mark.parametrize("message", ["CreateMultiple", "UpdateMultiple", "UpsertMultiple"])
def test_targets_that_are_no_records_are_refused(dataverse: Client, message: str, targets: Any) -> None:
    assert error_of(send(dataverse, message, targets)) == (400, "0x80048d19")


@pytest.mark.parametrize(
    "address", ["contacts(accountnumber='x')", "accounts", 5, "accounts(nothing='x')", "accounts('"]
)
def test_an_upsert_needs_the_address_of_a_row(dataverse: Client, address: Any) -> None:
    rows = [{"@odata.type": "Microsoft.Dynamics.CRM.account", "@odata.id": address}]
    assert send(dataverse, "UpsertMultiple", rows).status_code == 400


def test_no_rows_are_no_work(dataverse: Client) -> None:
    assert send(dataverse, "CreateMultiple", []).json()["Ids"] == []
    assert send(dataverse, "UpsertMultiple", []).status_code == 204


def test_delete_multiple_and_system_tables_have_no_bulk_messages(dataverse: Client) -> None:
    answer = send(dataverse, "DeleteMultiple", [])
    assert answer.json()["error"]["message"] == "DeleteMultiple has not yet been implemented."
    assert dataverse.post("solutions/Microsoft.Dynamics.CRM.CreateMultiple", {"Targets": []}).status_code == 404


def test_the_filters_of_messages_tell_who_takes_them(dataverse: Client) -> None:
    messages = {row["name"]: row["sdkmessageid"] for row in dataverse.rows("sdkmessages")}
    path = f"sdkmessagefilters?$filter=_sdkmessageid_value eq {messages['CreateMultiple']} and primaryobjecttypecode eq"
    assert len(dataverse.rows(f"{path} 'account'")) == 1
    assert dataverse.rows(f"{path} 'solution'") == []


def test_rows_of_bulk_messages_count_one_by_one(dataverse: Client, management: Management, company: str) -> None:
    before = management.work(dataverse.info)
    own = [number() for _ in range(10)]
    send(dataverse, "CreateMultiple", [target(company, accountnumber=one) for one in own])
    send(dataverse, "UpsertMultiple", [keyed(company, one, name="x") for one in [*own[:4], number()]])
    after = management.work(dataverse.info)
    assert after["creates"] - before["creates"] == 11
    assert after["updates"] - before["updates"] == 4


def test_the_words_of_delete_multiple_are_those_of_the_service(dataverse: Client) -> None:
    made = make_account(dataverse)
    targets = [{"@odata.type": "Microsoft.Dynamics.CRM.account", "accountid": made}]
    answer = send(dataverse, "DeleteMultiple", targets)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == "DeleteMultiple has not yet been implemented."
    assert dataverse.get(f"accounts({made})").status_code == 200

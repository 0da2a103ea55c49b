"""How writes are sent and sorted, against scripted answers."""

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import httpx
import polars as pl
import pytest

from syncengine.catalog import Table
from syncengine.connectors import http
from syncengine.connectors.base import Outcome, WriteBatch
from syncengine.connectors.dataverse.connector import DataverseConnector
from syncengine.connectors.finops.connector import FinopsConnector
from syncengine.errors import CredentialsError
from syncengine.frames import CHANGED, RECORD, ROW_ID, VERSION, schema_of
from tests.unit.connectors.make import (
    Reply,
    Script,
    answer,
    batch_answer,
    make_accounts,
    make_customers,
    make_settings,
    sent_calls,
)

SYSTEM = {RECORD: pl.UInt32, ROW_ID: pl.String, VERSION: pl.String, CHANGED: pl.List(pl.String)}


@pytest.fixture(autouse=True)
def _no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http.time, "sleep", lambda _: None)


def rows(table: Table, *given: dict[str, Any]) -> pl.DataFrame:
    names = [column.name for column in table.columns]
    data = {name: dtype for name, dtype in schema_of(table, names).items() if not name.startswith("_")}
    return pl.DataFrame([{RECORD: place, **row} for place, row in enumerate(given)], schema={**SYSTEM, **data})


def make_batch(table: Table, **parts: Any) -> WriteBatch:
    frames = {name: rows(table, *parts.pop(name, ())) for name in ("creates", "updates", "deletes")}
    return WriteBatch(table=table, stored=parts.pop("stored", (table.columns[2].name,)), **frames, **parts)


def dataverse(batch: WriteBatch, *replies: Reply) -> tuple[Outcome, Script]:
    script = Script(*replies)
    return DataverseConnector(make_settings(), transport=script).write(batch), script


def finops(batch: WriteBatch, *replies: Reply) -> tuple[Outcome, Script]:
    script = Script(*replies)
    return FinopsConnector(make_settings(kind="finops"), transport=script).write(batch), script


def stored(number: str, name: str, version: str = 'W/"2"') -> dict[str, str]:
    return {"@odata.etag": version, "accountid": number, "name": name}


def problem(code: str, message: str = "m") -> dict[str, Any]:
    return {"error": {"code": code, "message": message}}


def creates(count: int) -> Sequence[dict[str, str]]:
    return [{ROW_ID: f"id-{number}", "name": f"n{number}"} for number in range(count)]


ACCOUNTS, CUSTOMERS = make_accounts(), make_customers()


def test_live_writes_go_in_one_call_and_bring_the_stored_values() -> None:
    batch = make_batch(ACCOUNTS, creates=creates(2), mark="m")
    outcome, script = dataverse(batch, batch_answer((201, stored("id-0", "x")), (201, stored("id-1", "n1"))))
    assert outcome.written.select(RECORD, ROW_ID, VERSION, "name").rows() == [
        (0, "id-0", 'W/"2"', "x"),
        (1, "id-1", 'W/"2"', "n1"),
    ]
    assert len(script.requests) == 1
    assert script.requests[0].headers["prefer"] == "odata.continue-on-error"
    method, url, headers, _ = sent_calls(script.requests[0])[0]
    assert (method, headers["if-none-match"]) == ("PATCH", "*")
    assert url.startswith("http://service.test/api/data/v9.2/accounts(id-0)?$select=name,accountid,modifiedon&tag=m")


def test_outcome_frames_have_their_schema_even_when_empty() -> None:
    outcome, script = dataverse(make_batch(ACCOUNTS), answer())
    assert outcome.written.schema == pl.Schema({RECORD: pl.UInt32, **schema_of(ACCOUNTS, ("name",))})
    assert (outcome.refused.height, outcome.later.height, script.requests) == (0, 0, [])


def test_refused_rows_stand_apart_and_the_others_are_written() -> None:
    parts = (201, stored("id-0", "n0")), (412, problem("0x80060892", "Taken.")), (400, problem("0x80044331"))
    outcome, _ = dataverse(make_batch(ACCOUNTS, creates=creates(3)), batch_answer(*parts))
    assert outcome.written[RECORD].to_list() == [0]
    assert outcome.refused.select(RECORD, "code", "message", "error_class").rows() == [
        (1, "0x80060892", "Taken.", "duplicate"),
        (2, "0x80044331", "m", "data"),
    ]


def test_lost_answer_postpones_every_record_and_is_not_repeated() -> None:
    outcome, script = dataverse(make_batch(ACCOUNTS, creates=creates(3)), httpx.ReadTimeout("slow"))
    assert outcome.later[RECORD].to_list() == [0, 1, 2]
    assert outcome.later["due_at"].null_count() == 0
    assert len(script.requests) == 1


def test_batch_cut_short_postpones_what_has_no_answer() -> None:
    outcome, _ = dataverse(make_batch(ACCOUNTS, creates=creates(3)), batch_answer((201, stored("id-0", "n0"))))
    assert outcome.written[RECORD].to_list() == [0]
    assert outcome.later[RECORD].to_list() == [1, 2]


def test_batch_that_stopped_at_a_failure_is_read_all_the_same() -> None:
    reply = batch_answer((201, stored("id-0", "n0")), (400, problem("0x80044331")), overall=400)
    outcome, _ = dataverse(make_batch(ACCOUNTS, creates=creates(3)), reply)
    assert [frame[RECORD].to_list() for frame in (outcome.written, outcome.refused, outcome.later)] == [[0], [1], [2]]


def test_throttled_part_is_postponed_to_the_time_named() -> None:
    reply = batch_answer((429, problem("0x80072322")), (503, problem("0x80044151")), headers={"Retry-After": "300"})
    outcome, _ = dataverse(make_batch(ACCOUNTS, creates=creates(2)), reply)
    first, second = outcome.later["due_at"]
    assert outcome.refused.is_empty()
    assert (first - second).total_seconds() > 200


def test_throttled_batch_is_postponed_as_a_whole() -> None:
    outcome, script = dataverse(make_batch(ACCOUNTS, creates=creates(2)), answer(429, retry_after="60"))
    assert outcome.later.height == 2
    assert len(script.requests) == 1


def test_refused_credentials_raise_while_nothing_is_done() -> None:
    with pytest.raises(CredentialsError):
        dataverse(make_batch(ACCOUNTS, creates=creates(2)), answer(401))


def test_refused_credentials_later_lose_nothing_that_was_done() -> None:
    made = batch_answer(*((201, stored(f"id-{number}", "n")) for number in range(1_000)))
    outcome, _ = dataverse(make_batch(ACCOUNTS, creates=creates(1_500)), made, answer(401))
    assert (outcome.written.height, outcome.later.height) == (1_000, 500)


def test_too_large_batch_is_sent_in_halves() -> None:
    one, two = batch_answer((201, stored("id-0", "a"))), batch_answer((201, stored("id-1", "b")))
    outcome, _ = dataverse(make_batch(ACCOUNTS, creates=creates(2)), answer(413), one, two)
    assert outcome.written["name"].to_list() == ["a", "b"]


def test_answers_without_a_body_are_read_back_in_one_call() -> None:
    update = {ROW_ID: "id-0", VERSION: 'W/"1"', CHANGED: ["name"], "name": "x"}
    read = batch_answer((200, {"value": [stored("id-0", "X")]}))
    outcome, script = dataverse(make_batch(ACCOUNTS, updates=[update]), batch_answer((204, None)), read)
    assert outcome.written.select(ROW_ID, "name").rows() == [("id-0", "X")]
    assert len(script.requests) == 2


def test_row_that_vanished_before_it_was_read_back_is_missing() -> None:
    update = {ROW_ID: "id-0", VERSION: None, CHANGED: ["name"], "name": "x"}
    read = batch_answer((200, {"value": []}))
    outcome, _ = dataverse(make_batch(ACCOUNTS, updates=[update]), batch_answer((204, None)), read)
    assert outcome.refused["error_class"].to_list() == ["missing"]


def test_failed_read_back_postpones_what_was_written() -> None:
    update = {ROW_ID: "id-0", VERSION: None, CHANGED: ["name"], "name": "x"}
    outcome, _ = dataverse(
        make_batch(ACCOUNTS, updates=[update]), batch_answer((204, None)), answer(429, retry_after="9")
    )
    assert outcome.later.height == 1


def test_delete_of_a_row_that_is_gone_is_written() -> None:
    deletes = [{ROW_ID: "id-0", VERSION: 'W/"1"'}, {ROW_ID: "id-1"}, {ROW_ID: "id-2"}]
    parts = (204, None), (404, problem("0x80040217")), (412, problem("0x80060882"))
    outcome, script = dataverse(make_batch(ACCOUNTS, deletes=deletes), batch_answer(*parts))
    assert outcome.written.rows() == [(0, "id-0", None, None, None), (1, "id-1", None, None, None)]
    assert outcome.refused["error_class"].to_list() == ["conflict"]
    assert [headers.get("if-match") for _, _, headers, _ in sent_calls(script.requests[0])] == ['W/"1"', None, None]


def test_load_is_one_bulk_message_and_one_read_back() -> None:
    read = batch_answer((200, {"value": [stored("id-1", "b"), stored("id-0", "a")]}))
    batch = make_batch(ACCOUNTS, creates=creates(2), is_load=True)
    outcome, script = dataverse(batch, answer(body={"Ids": ["ID-0", "ID-1"]}), read)
    assert sorted(outcome.written.select(RECORD, "name").rows()) == [(0, "a"), (1, "b")]
    assert [request.url.path.rpartition("/")[2] for request in script.requests] == [
        "Microsoft.Dynamics.CRM.CreateMultiple",
        "$batch",
    ]


def test_refused_bulk_message_names_the_guilty_rows_in_one_more_call() -> None:
    single = batch_answer((201, stored("id-0", "a")), (400, problem("0x80044331")))
    batch = make_batch(ACCOUNTS, creates=creates(2), is_load=True)
    outcome, script = dataverse(batch, answer(400, problem("0x80044331")), single)
    assert (outcome.written[RECORD].to_list(), outcome.refused[RECORD].to_list()) == ([0], [1])
    assert len(script.requests) == 2


def test_lost_bulk_answer_is_postponed_not_repeated() -> None:
    batch = make_batch(ACCOUNTS, creates=creates(2), is_load=True)
    outcome, script = dataverse(batch, httpx.RemoteProtocolError("cut"))
    assert (outcome.later.height, len(script.requests)) == (2, 1)


def test_written_bulk_is_never_raised_away_by_a_failing_read_back() -> None:
    batch = make_batch(ACCOUNTS, creates=creates(2), is_load=True)
    outcome, _ = dataverse(batch, answer(body={"Ids": ["a", "b"]}), answer(401))
    assert outcome.later.height == 2


def test_finops_creates_bring_their_stored_values_and_assigned_key() -> None:
    row = {"@odata.etag": "W/1", "dataAreaId": "USMF", "CustomerAccount": "C-000001", "Name": "A "}
    batch = make_batch(CUSTOMERS, creates=[{"dataAreaId": "usmf", "Name": "A", "CreditLimit": Decimal("1.50")}])
    outcome, script = finops(batch, batch_answer((201, row)))
    assert outcome.written.select(ROW_ID, VERSION, "Name").rows() == [("usmf|c-000001", "W/1", "A")]
    method, url, _, body = sent_calls(script.requests[0])[0]
    assert (method, url) == ("POST", "http://service.test/data/CustomersV3?cross-company=true")
    assert json.loads(body) == {"dataAreaId": "usmf", "Name": "A", "CreditLimit": 1.5}


def test_finops_update_clears_by_stand_ins_and_never_sends_the_key() -> None:
    names = ["CustomerAccount", "Name", "CreditLimit", "Opened", "OnHold"]
    update = {ROW_ID: "usmf|c 1", VERSION: "W/1", CHANGED: names, "CustomerAccount": "C 1"}
    read = batch_answer((200, {"value": [{"dataAreaId": "usmf", "CustomerAccount": "C 1"}]}))
    outcome, script = finops(make_batch(CUSTOMERS, updates=[update]), batch_answer((204, None)), read)
    assert outcome.written[ROW_ID].to_list() == ["usmf|c 1"]
    _, url, headers, body = sent_calls(script.requests[0])[0]
    assert url.endswith("/data/CustomersV3(dataAreaId='usmf',CustomerAccount='c%201')?cross-company=true")
    assert headers["if-match"] == "W/1"
    assert json.loads(body) == {"Name": "", "CreditLimit": 0.0, "Opened": "1900-01-01T12:00:00Z", "OnHold": "No"}


def test_finops_rule_error_of_status_500_refuses_the_row() -> None:
    body = problem("") | {
        "error": {"innererror": {"message": "Infolog: Error: No.", "type": "X.AxODataWriteException"}}
    }
    outcome, _ = finops(make_batch(CUSTOMERS, creates=[{"Name": "A"}]), batch_answer((500, body)))
    assert outcome.refused.select("code", "message", "error_class").row(0) == (
        "AxODataWriteException",
        "No.",
        "business",
    )

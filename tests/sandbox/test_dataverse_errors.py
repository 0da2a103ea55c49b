"""The table of errors, each as a client meets it, and the rows of the write matrix that others leave out.

Source: Dataverse Web API documentation, compose HTTP requests and handle errors.
"""

import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Barrier, BrokenBarrierError, Thread
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from tests.sandbox.client import END, Client, change_set
from tests.sandbox.conftest import Management
from tests.sandbox.hooks import registering
from tests.sandbox.rows import error_of, make_account, make_company, number

ROOT = "/api/data/v9.2"


def schema(client: Client) -> str:
    path = "RetrieveCurrentOrganization(AccessType=Microsoft.Dynamics.CRM.EndpointAccessType'Default')"
    return f"sandbox_{client.get(path).json()['Detail']['UrlName'].removeprefix('sandbox')}"


# --- the write matrix


def test_a_create_whose_primary_key_is_taken_is_refused(dataverse: Client) -> None:
    own = make_account(dataverse)
    assert error_of(dataverse.post("accounts", {"accountid": own})) == (412, "0x80040237")


def test_an_update_by_key_of_what_is_not_there_is_refused(dataverse: Client) -> None:
    path = f"uoms(msdyn_symbol='{number()}')"
    assert error_of(dataverse.patch(path, {"name": "x"}, If_Match="*")) == (404, "0x80060891")
    assert error_of(dataverse.delete(path)) == (404, "0x80060891")


def test_create_only_by_key_refuses_what_is_there(dataverse: Client) -> None:
    path = f"uoms(msdyn_symbol='{number()}')"
    assert dataverse.patch(path, {"name": "x"}, If_None_Match="*").status_code == 204
    answer = dataverse.patch(path, {"name": "y"}, If_None_Match="*")
    assert answer.status_code == 412
    assert answer.json()["error"]["message"] == "A record with matching key values already exists."


def test_the_values_of_the_key_in_the_address_win(dataverse: Client) -> None:
    symbol = number()
    path = f"uoms(msdyn_symbol='{symbol}')"
    for status in (201, 200):
        body = {"name": "x", "msdyn_symbol": "other"}
        answer = dataverse.patch(path, body, Prefer="return=representation")
        assert (answer.status_code, answer.json()["msdyn_symbol"]) == (status, symbol)
    target = {"@odata.type": "Microsoft.Dynamics.CRM.uom", "@odata.id": path, "msdyn_symbol": "other", "name": "z"}
    assert dataverse.post("uoms/Microsoft.Dynamics.CRM.UpsertMultiple", {"Targets": [target]}).status_code == 204
    assert dataverse.get(path).json()["name"] == "z"


def test_only_a_representation_tells_an_update_from_a_create(dataverse: Client) -> None:
    own = uuid4()
    first, second = (dataverse.patch(f"accounts({own})", {"name": "A"}) for _ in range(2))
    assert (first.status_code, second.status_code) == (204, 204)
    assert first.headers["OData-EntityId"] == second.headers["OData-EntityId"]


def test_a_delete_may_name_the_version_that_it_means(dataverse: Client) -> None:
    made = make_account(dataverse)
    etag = dataverse.get(f"accounts({made})").json()["@odata.etag"]
    dataverse.patch(f"accounts({made})", {"name": "newer"})
    assert error_of(dataverse.delete(f"accounts({made})", If_Match=etag)) == (412, "0x80060882")
    etag = dataverse.get(f"accounts({made})").json()["@odata.etag"]
    assert dataverse.delete(f"accounts({made})", If_Match=etag).status_code == 204


def test_a_property_of_a_row_that_is_not_there_is_not_written(dataverse: Client) -> None:
    missing = uuid4()
    assert error_of(dataverse.call("PUT", f"accounts({missing})/name", {"value": "x"})) == (404, "0x80040217")
    assert error_of(dataverse.delete(f"accounts({missing})/name")) == (404, "0x80040217")


@pytest.mark.parametrize("body", [{}, [], {"value": 5}])
def test_a_property_is_put_with_its_value(dataverse: Client, body: Any) -> None:
    made = make_account(dataverse)
    assert error_of(dataverse.call("PUT", f"accounts({made})/name", body)) == (400, "0x80048d19")


# --- the table of errors


def test_a_call_without_a_token_is_told_to_renew_it(dataverse: Client) -> None:
    stranger = Client(info=dataverse.info, http=dataverse.http, token="x.y.z")
    answer = stranger.get("accounts")
    assert (answer.status_code, answer.content) == (401, b"")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    ("method", "path", "body", "refusal", "text"),
    [
        ("POST", "accounts", {"nothing": 1}, (400, "0x80048d19"), "does not exist on type"),
        ("POST", "accounts", {"name": 1}, (400, "0x80048d19"), "Cannot convert the literal"),
        ("GET", "accounts?$select=nothing", None, (400, "0x80060888"), "Could not find a property named 'nothing'"),
        ("GET", "accounts(name='x')", None, (400, "0x80060888"), "The key in the request URI is not valid"),
        ("POST", "accounts", {"name": "x" * 999}, (400, "0x80044331"), "exceeded the maximum allowed length of '160'"),
        ("POST", "accounts", {"customertypecode": 99}, (400, "0x8004431A"), "outside the valid range"),
        ("POST", "accounts", {"numberofemployees": 2**40}, (400, "0x8004432f"), "outside the valid range"),
        ("POST", "accounts", {"creditlimit": 1e20}, (400, "0x80044330"), "outside the valid range"),
        ("GET", f"accounts({uuid4()})", None, (404, "0x80040217"), "Does Not Exist"),
        ("GET", "uoms(msdyn_symbol='none')", None, (404, "0x80060891"), "specified key values does not exist"),
        ("GET", "nothings", None, (404, "0x8006088a"), "Resource not found for the segment 'nothings'."),
    ],
)
def test_each_refusal_has_its_status_code_and_words(
    dataverse: Client, method: str, path: str, body: Any, refusal: tuple[int, str], text: str
) -> None:
    answer = dataverse.call(method, path, body)
    assert error_of(answer) == refusal
    assert text in answer.json()["error"]["message"]
    assert answer.headers["Content-Type"].startswith("application/json")


def test_a_bind_to_no_row_is_told_by_id_and_by_key(dataverse: Client) -> None:
    by_key = dataverse.post("accounts", {"msdyn_company@odata.bind": "/cdm_companies(cdm_companycode='none')"})
    assert error_of(by_key) == (404, "0x80060891")


def test_a_row_that_is_still_referenced_stays(dataverse: Client) -> None:
    company = make_company(dataverse)
    make_account(dataverse, **{"msdyn_company@odata.bind": f"/cdm_companies({company})"})
    answer = dataverse.delete(f"cdm_companies({company})")
    assert error_of(answer) == (400, "0x80040227")
    assert "associated with another object" in answer.text


def test_a_body_that_is_too_large_is_refused(dataverse: Client) -> None:
    """By what it says of its length: nobody waits for all of it."""
    dataverse.sign_in()
    address = urlsplit(dataverse.info["base_url"])
    head = (
        f"POST {ROOT}/accounts HTTP/1.1\r\nHost: {address.netloc}\r\nAuthorization: Bearer {dataverse.token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {200 * 1024 * 1024}\r\n\r\n"
    )
    with socket.create_connection((str(address.hostname), address.port or 80), timeout=20) as connection:
        connection.sendall(head.encode())
        answer = connection.recv(65536).decode()
    assert answer.startswith("HTTP/1.1 413 ")


@pytest.fixture
def meeting(dataverse: Client) -> Iterator[str]:
    """An endpoint that lets two messages go when both are there."""
    barrier = Barrier(2)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            try:
                barrier.wait(timeout=5)
            except BrokenBarrierError:
                pass
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/hook"
    server.shutdown()
    thread.join()
    server.server_close()


def test_two_change_sets_that_wait_for_each_other_are_a_deadlock(dataverse: Client, meeting: str) -> None:
    first, second = make_account(dataverse), make_account(dataverse)

    def crossing(one: str, other: str) -> list[int]:
        calls = [("PATCH", f"{ROOT}/accounts({each})", '{"description": "x"}') for each in (one, other)]
        answer = dataverse.batch(change_set(*calls) + END)
        deadlocks.append("Sql Number: 1205" in answer.answer.text and "0x80044151" in answer.answer.text)
        return answer.statuses

    deadlocks: list[bool] = []
    with registering(dataverse) as hooks:
        hooks.step(hooks.endpoint(meeting), "Update", mode=0)
        with ThreadPoolExecutor(2) as pool:
            done = [pool.submit(crossing, *pair) for pair in ((first, second), (second, first))]
            statuses = sorted(one.result() for one in done)
    assert statuses == [[204, 204], [500]]
    assert sorted(deadlocks) == [False, True]


def test_a_statement_that_is_ended_is_a_time_out(dataverse: Client, postgres_url: str, sandbox_database: str) -> None:
    made = make_account(dataverse)
    table = sql.Identifier(schema(dataverse), "accounts")
    with psycopg.connect(sandbox_database) as holder, ThreadPoolExecutor(1) as pool:
        holder.execute(sql.SQL("SELECT FROM {} WHERE accountid = %s FOR UPDATE").format(table), (made,))
        waiting = pool.submit(dataverse.patch, f"accounts({made})", {"name": "B"})
        cancelled = False
        while not cancelled:
            found = holder.execute(
                "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                " AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
            ).fetchone()
            cancelled = bool(found and found[0])
        answer = waiting.result()
    assert error_of(answer) == (500, "0x80044151")


def test_a_refusal_by_a_rule_is_a_business_error(dataverse: Client, management: Management) -> None:
    management.faults(dataverse.info, rules=[{"table": "accounts", "message": "No."}])
    answer = dataverse.post("accounts", {"name": "A"})
    header = {"MSCRM.BypassCustomPluginExecution": "true"}
    passed = dataverse.call("POST", "accounts", {"name": "A"}, header)
    management.faults(dataverse.info)
    assert error_of(answer) == (400, "0x80040265")
    assert passed.status_code == 204


def test_too_many_calls_are_told_how_long_to_wait(new_client: Callable[..., Client], management: Management) -> None:
    client = new_client("dataverse")
    client.get("WhoAmI")
    management.faults(client.info, throttle=1, retry_after_s=3)
    answer = client.get("WhoAmI")
    assert error_of(answer) == (429, "0x80072322")
    assert answer.headers["Retry-After"] == "3"
    assert "Number of requests exceeded the limit of 6000 over time window of 300 seconds." in answer.text

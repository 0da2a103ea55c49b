"""A server that ends and starts again, or is killed: nothing is lost."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psycopg
import pytest

from syncengine.sandbox.origins import PortTaken
from syncengine.sandbox.server import Options, SandboxServer
from tests.sandbox.client import Client
from tests.sandbox.conftest import Management
from tests.sandbox.packages import address_of, begin_import, ended, package, status
from tests.sandbox.receiver import receiving
from tests.sandbox.rows import make_account, number

PROJECT = Path(__file__).resolve().parents[2]
LIMIT_S = 30


@pytest.fixture
def database(new_database: Callable[[], str]) -> str:
    return new_database()


@contextmanager
def running(database: str, http: httpx.Client) -> Iterator[Management]:
    server = SandboxServer(Options(database_url=database, token="t", port=0))
    assert server.start() == []
    try:
        yield Management(url=server.url, token="t", http=http)
    finally:
        server.stop()


def test_sandboxes_come_back_on_their_ports_with_rows_settings_and_counts(database: str, http: httpx.Client) -> None:
    with running(database, http) as management:
        client = Client(info=management.create("dataverse"), http=http)
        made = make_account(client, name="A")
        management.done("PATCH", f"sandboxes/{client.info['name']}", {"data_centre": "asia"})
        management.faults(client.info, latency_s=0.001)
    with running(database, http) as management:
        (info,) = management.done("GET", "sandboxes")["sandboxes"]
        assert (info["port"], info["data_centre"]) == (client.info["port"], "asia")
        assert client.get(f"accounts({made})").json()["name"] == "A"
        assert management.work(info)["creates"] == 1
        assert management.done("GET", f"sandboxes/{info['name']}/faults")["latency_s"] == 0.001


def test_a_sandbox_whose_port_was_taken_is_told_and_the_others_run(database: str, http: httpx.Client) -> None:
    with running(database, http) as management:
        first, second = management.create("finops"), management.create("finops")
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", first["port"]))
        taken.listen()
        server = SandboxServer(Options(database_url=database, token="t", port=0))
        (problem,) = server.start()
        assert problem == f'Sandbox "{first["name"]}" is not running: Port {first["port"]} is taken.'
        assert Client(info=second, http=http).sign_in().status_code == 200
        server.stop()


def test_a_taken_management_port_stops_the_start(database: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        server = SandboxServer(Options(database_url=database, token="t", port=taken.getsockname()[1]))
        with pytest.raises(PortTaken, match="is taken"):
            server.start()
        server.stop()


def test_a_killed_process_loses_no_message_and_its_command_stops_by_signal(
    database: str, http: httpx.Client, tmp_path: Path
) -> None:
    with receiving() as receiver:
        process, management = _start_command(database, http, tmp_path)
        try:
            client = Client(info=management.create("finops"), http=http)
            client.post("LegalEntities", {"LEGALENTITYID": "usmf", "NAME": "C"})
            endpoints = f"sandboxes/{client.info['name']}/endpoints"
            management.done("POST", endpoints, {"name": "sync", "url": receiver.url})
            receiver.wait(1)
            receiver.statuses = [500]
            client.post("CustomerGroups", {"dataAreaId": "usmf", "CUSTOMERGROUPID": "10"})
            receiver.wait(2)
        finally:
            process.kill()
            process.wait()
        process, management = _start_command(database, http, tmp_path)
        message = receiver.wait(3)[2]
        assert message["KeyValues"] == {"dataAreaId": "usmf", "CUSTOMERGROUPID": "10"}
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=LIMIT_S) == 0


def test_a_database_that_was_away_is_used_again(database: str, postgres_url: str, http: httpx.Client) -> None:
    """Calls are answered by the service's own 503 until it is back; waiting messages go out."""
    with receiving() as receiver, running(database, http) as management:
        client = Client(info=management.create("finops"), http=http)
        client.post("LegalEntities", {"LEGALENTITYID": "usmf", "NAME": "C"})
        endpoints = f"sandboxes/{client.info['name']}/endpoints"
        management.done("POST", endpoints, {"name": "sync", "url": receiver.url})
        receiver.wait(1)
        _cut_connections(postgres_url, database)
        body = {"dataAreaId": "usmf", "CUSTOMERGROUPID": "10"}
        statuses = [client.post("CustomerGroups", body).status_code]
        while statuses[-1] != 201 and len(statuses) < 60:
            statuses.append(client.post("CustomerGroups", body).status_code)
        assert set(statuses) <= {503, 201}
        assert receiver.wait(2)[1]["KeyValues"]["CUSTOMERGROUPID"] == "10"


def _cut_connections(postgres_url: str, database: str) -> None:
    name = psycopg.conninfo.conninfo_to_dict(database)["dbname"]
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))


def _start_command(database: str, http: httpx.Client, folder: Path) -> tuple[subprocess.Popen[bytes], Management]:
    port_file = folder / "port"
    if not port_file.exists():
        port_file.write_text(str(_free_port()))
    port = int(port_file.read_text())
    environment = {
        **os.environ,
        "SANDBOX_DATABASE_URL": database,
        "TWOFOLD_SANDBOX_TOKEN": "t",
        "TWOFOLD_SANDBOX_PORT": str(port),
        "TWOFOLD_VAR": str(folder / "var"),
    }
    process = subprocess.Popen(
        [sys.executable, "manage.py", "sandbox", "serve"], cwd=PROJECT, env=environment, stdout=subprocess.DEVNULL
    )
    management = Management(url=f"http://127.0.0.1:{port}", token="t", http=http)
    deadline = time.monotonic() + LIMIT_S
    while True:
        try:
            management.done("GET", "sandboxes")
            return process, management
        except httpx.ConnectError:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_an_import_that_was_under_way_runs_again(database: str, http: httpx.Client) -> None:
    group = number()
    with running(database, http) as management:
        client = Client(info=management.create("finops", settings={"package_wait_s": 600}), http=http)
        client.post("LegalEntities", {"LEGALENTITYID": "usmf", "NAME": "USMF"})
        content = package("restart", "Customer groups", f"CUSTOMERGROUPID\r\n{group}\r\n")
        execution_id = begin_import(client, content, "restart")
        deadline = time.monotonic() + LIMIT_S
        while status(client, execution_id) != "Executing":
            assert time.monotonic() < deadline
        management.done("PATCH", f"sandboxes/{client.info['name']}", {"package_wait_s": 0})
    with running(database, http):
        assert ended(client, execution_id) == "Succeeded"
        assert client.get(address_of(group)).status_code == 200

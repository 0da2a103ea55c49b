"""The life of the process group, as `script/server` runs it: real processes, real services."""

import json
import re
import signal
import sys
from collections.abc import Iterator
from dataclasses import asdict

import httpx
import psutil
import psycopg
import pytest
import redis
from celery import Celery

from portal.addresses import broker_url
from portal.stack import keys
from tests.stack import Stack, refusal, run_stack, wait_until

MEMBERS = ("web", "sync", "worker-control")


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with run_stack(members=MEMBERS) as running:
        yield running


def sign_in(stack: Stack) -> httpx.Response:
    with httpx.Client(base_url=stack.portal_url, follow_redirects=False) as client:
        page = client.get("/accounts/login/")
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
        assert token
        words = {"username": "admin", "password": stack.admin_password, "csrfmiddlewaretoken": token.group(1)}
        return client.post("/accounts/login/", data=words, headers={"Referer": stack.portal_url})


def test_administrator_signs_in_with_the_printed_password(stack: Stack) -> None:
    answer = sign_in(stack)
    assert answer.status_code == 302
    assert "twofold_session" in answer.cookies


def test_portal_address_and_password_are_printed_once(stack: Stack) -> None:
    assert stack.output.count(f"The portal is at {stack.portal_url}") == 1
    assert stack.output.count("with the password") == 1


def test_each_line_carries_its_members_name(stack: Stack) -> None:
    wait_until(what="the worker's first line", found=lambda: "worker-control | " in stack.output)
    assert all(re.match(r"[a-z-]+ +\| ", line) for line in stack.output.splitlines())


def test_both_web_servers_can_append(stack: Stack) -> None:
    for url in (stack.portal_url, stack.public_url):
        answer = httpx.get(f"{url}/readyz")
        assert (answer.status_code, answer.text) == (200, "ready\n")


def test_services_listen_on_sockets_only(stack: Stack) -> None:
    for name in ("postgres", "valkey"):
        process = psutil.Process(stack.pids[name])
        assert [
            c for c in process.net_connections() if c.status == psutil.CONN_LISTEN and c.family.name != "AF_UNIX"
        ] == []


def test_no_password_is_seen_in_the_process_list(stack: Stack) -> None:
    secrets = [value for name, value in stack.state.environment.items() if "KEY" in name or "TOKEN" in name]
    secrets += re.findall(r":([^:@/]{20,})@", " ".join(stack.state.environment.values()))
    lines = "\n".join(" ".join(process.cmdline()) for process in stack.processes())
    assert len(secrets) >= 6
    assert [secret for secret in secrets if secret in lines] == []


def test_portal_role_is_no_superuser(stack: Stack) -> None:
    with psycopg.connect(stack.database_url) as connection:
        assert connection.info.parameter_status("is_superuser") == "off"


def test_second_group_on_the_same_folder_is_refused(stack: Stack) -> None:
    environ = {**stack.environ, "TWOFOLD_PORT": "0"}
    assert "Twofold runs already with" in refusal([sys.executable, "-m", "portal.stack", "web"], environ)


def test_killed_worker_starts_again_with_one_line(stack: Stack) -> None:
    stack.wait_for_another("worker-control", than=stack.kill("worker-control"))
    assert stack.output.count("worker-control stopped (killed by SIGKILL); it starts again in 1 s") == 1


def test_flushed_broker_takes_messages_again(stack: Stack) -> None:
    stack.flush_valkey()
    with Celery(broker=broker_url(stack.redis_url)) as app, redis.Redis.from_url(stack.redis_url) as client:
        app.send_task("celery.backend_cleanup", queue="control")
        wait_until(what="an empty queue", found=lambda: client.llen("control") == 0 and not client.exists("unacked"))
    assert "worker-control" in stack.pids


@pytest.mark.parametrize("member", ["web", "postgres", "valkey"])
def test_portal_answers_again_after_a_kill(stack: Stack, member: str) -> None:
    stack.wait_for_another(member, than=stack.kill(member))
    wait_until(what="the portal", found=lambda: is_ready(stack))
    assert sign_in(stack).status_code == 302


def is_ready(stack: Stack) -> bool:
    try:
        return httpx.get(f"{stack.portal_url}/readyz").status_code == 200
    except httpx.TransportError:
        return False


def test_kill_9_leaves_no_process_and_loses_no_data(stack: Stack) -> None:
    assert stack.process
    family = stack.processes()
    stack.process.kill()
    stack.process.wait()
    _, alive = psutil.wait_procs(family, timeout=5)
    assert alive == []
    stack.start()
    assert sign_in(stack).status_code == 302
    assert stack.output.count("with the password") == 1


def test_restart_keeps_ports_and_data(stack: Stack) -> None:
    before = stack.portal_url
    stack.restart_all()
    assert stack.portal_url == before
    assert sign_in(stack).status_code == 302


def test_ctrl_c_stops_everything_within_ten_seconds(stack: Stack) -> None:
    assert stack.process
    family = stack.processes()
    stack.process.send_signal(signal.SIGINT)
    _, alive = psutil.wait_procs(family, timeout=10)
    assert alive == []
    assert stack.process.wait() == 0
    assert not (stack.var / "state.json").exists()


def test_keys_of_another_installation_are_told(stack: Stack) -> None:
    """The group is stopped by now; its database knows the passwords of the keys that it was made with."""
    assert stack.has_died()
    (stack.var / "keys.json").write_text(json.dumps(asdict(keys.make())))
    said = refusal([sys.executable, "-m", "portal.stack", "web"], {**stack.environ, "TWOFOLD_PORT": "0"})
    assert (
        said == f"twofold: {stack.var / 'postgres'} was made with other keys: restore the keys.json that belongs to it."
    )

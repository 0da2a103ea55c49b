"""A complete process group for one test, as `script/server` runs it: own folder, own services, free ports.

with run_stack(members=("web", "worker", "sandbox")) as stack:
    httpx.get(stack.portal_url)
    stack.kill("worker-live")
"""

import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import psutil
import redis

from portal.stack import spawn, state
from portal.stack.accounts import Account
from portal.stack.paths import PROJECT
from portal.stack.spawn import Program
from portal.stack.state import State

OURS = ("DATABASE_URL", "SANDBOX_DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE")
ANSWERING = ("web", "sync", "sandbox")
LIMIT_S = 120.0
PORTS = 20  # that a group may need

T = TypeVar("T")


def wait_until(*, what: str, found: Callable[[], T], limit_s: float = LIMIT_S) -> T:
    """The first true answer of a question that is asked again and again; a failure says what was waited for."""
    until = time.monotonic() + limit_s
    while not (answer := found()):
        assert time.monotonic() < until, f"waited {limit_s} s for {what}"
        time.sleep(0.05)
    return answer


@dataclass(slots=True, kw_only=True)
class Stack:
    folder: Path
    members: Sequence[str] = ()
    environ: dict[str, str] = field(default_factory=dict)
    python: str = sys.executable
    account: Account | None = None  # who starts it; none: who runs the tests
    process: subprocess.Popen[bytes] | None = None
    admin_password: str = ""

    @property
    def var(self) -> Path:
        return Path(self.environ["TWOFOLD_VAR"])

    @property
    def output(self) -> str:
        """Everything that the group has printed."""
        log = self.folder / "output.log"
        return log.read_text(errors="replace") if log.exists() else ""

    @property
    def state(self) -> State:
        return wait_until(what="the group's state", found=self.shown)

    @property
    def portal_url(self) -> str:
        return self.state.portal_url

    @property
    def public_url(self) -> str:
        """Where environments call back."""
        return self.state.environment["TWOFOLD_PUBLIC_URL"]

    @property
    def sandbox_url(self) -> str:
        """The sandboxes' management address."""
        return f"http://127.0.0.1:{self.state.environment['TWOFOLD_SANDBOX_PORT']}"

    @property
    def sandbox_token(self) -> str:
        return self.state.environment["TWOFOLD_SANDBOX_TOKEN"]

    @property
    def database_url(self) -> str:
        return self.state.environment["DATABASE_URL"]

    @property
    def sandbox_database_url(self) -> str:
        return self.state.environment["SANDBOX_DATABASE_URL"]

    @property
    def redis_url(self) -> str:
        return self.state.environment["REDIS_URL"]

    @property
    def pids(self) -> dict[str, int]:
        """Process ids by member, of those that run now; the services are among them."""
        return self.state.members

    def start(self) -> None:
        """Start the group and wait until its servers answer."""
        self.process = spawn.start(
            Program(
                name="stack",
                argv=(self.python, "-m", "portal.stack", *self.members),
                environ=self.environ,
                account=self.account,
                log=self.folder / "output.log",
                end_signal=signal.SIGTERM,
            )
        )
        self.wait_until_ready()
        if match := re.search(r"with the password (\S+)", self.output):
            self.admin_password = match.group(1)

    def wait_until_ready(self, *names: str) -> None:
        """Until these (by default the servers) have answered since the group started."""
        wanted = set(names or [name for name in ANSWERING if not self.members or name in self.members])
        try:
            wait_until(what=f"{wanted} to answer", found=lambda: self.has_died() or self.has_answered(wanted))
        except AssertionError as exc:
            raise AssertionError(f"{exc}\n{self.output[-4000:]}") from None
        assert not self.has_died(), self.output

    def shown(self) -> State | None:
        """What the group shows of itself; what a killed one left does not count."""
        found = state.read(self.var / "state.json")
        return found if found and self.process and found.pid == self.process.pid else None

    def has_answered(self, names: set[str]) -> bool:
        found = self.shown()
        return found is not None and names <= set(found.ready)

    def has_died(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def kill(self, member: str, number: signal.Signals = signal.SIGKILL) -> int:
        """Send a signal to a member; gives its process id."""
        pid = self.pids[member]
        os.kill(pid, number)
        return pid

    def wait_for_another(self, member: str, than: int) -> int:
        """The process id of a member once it was started again."""
        return wait_until(
            what=f"{member} to start again", found=lambda: (pid := self.pids.get(member, than)) != than and pid
        )

    def restart(self, member: str) -> int:
        """End a member in an orderly way and wait for its successor."""
        return self.wait_for_another(member, than=self.kill(member, signal.SIGTERM))

    def restart_all(self) -> None:
        """Stop every process, the services too, and start all again on the same ports and data."""
        self.stop()
        self.start()

    def flush_valkey(self) -> None:
        with redis.Redis.from_url(self.redis_url) as client:
            client.flushall()

    def processes(self) -> list[psutil.Process]:
        """All processes of the group, the group's own among them."""
        assert self.process is not None
        own = psutil.Process(self.process.pid)
        return [own, *own.children(recursive=True)]

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End the group; no process of it may stay behind."""
        if self.process is None or self.has_died():
            return
        before = self.processes()
        self.process.send_signal(number)
        _, alive = psutil.wait_procs(before, timeout=12)
        self.process.wait()
        assert not alive, f"still running: {alive}"


def free_ports() -> range:
    """A row of ports that nobody listens on, the last ones for sandboxes. Below those that the system gives to outgoing
    connections, so that a group that stops finds its own again."""
    blocks = range(15_000, 32_000, PORTS)
    for _ in range(100):
        first = secrets.choice(blocks)
        block = range(first, first + PORTS)
        if all(map(is_free, block)):
            return block
    raise AssertionError("no free row of ports")


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def fresh_environment(folder: Path, extra: Mapping[str, str]) -> dict[str, str]:
    """The environment of a person who just types `script/server`, but for the folder and the ports."""
    kept = {name: value for name, value in os.environ.items() if name not in OURS and not name.startswith("TWOFOLD_")}
    names = ("TWOFOLD_PORT", "TWOFOLD_SYNC_PORT", "TWOFOLD_SANDBOX_PORT")
    ports = {name: str(port) for name, port in zip(names, free_ports(), strict=False)}
    return {**kept, **ports, "TWOFOLD_VAR": str(folder / "var"), "PYTHONPATH": str(PROJECT), **extra}


@contextmanager
def run_stack(
    *,
    members: Sequence[str] = (),
    environ: Mapping[str, str] | None = None,
    python: str = sys.executable,
    account: Account | None = None,
) -> Iterator[Stack]:
    """A running group of these members (none named: all); everything of it goes at the end."""
    folder = Path(tempfile.mkdtemp(prefix="twofold-stack-"))
    folder.chmod(0o711)
    if account is not None:
        os.chown(folder, account.uid, account.gid)
    wishes = fresh_environment(folder, environ or {})
    stack = Stack(folder=folder, members=members, environ=wishes, python=python, account=account)
    try:
        stack.start()
        yield stack
    finally:
        stack.stop()
        shutil.rmtree(folder, ignore_errors=True)


def refusal(command: Sequence[str], environ: Mapping[str, str], folder: Path = PROJECT) -> str:
    """The one line in which a group that cannot start says why."""
    answer = subprocess.run(command, env=environ, cwd=folder, capture_output=True, text=True, timeout=60)
    assert answer.returncode == 1, answer
    lines = [text for text in answer.stderr.splitlines() if text]
    assert len(lines) == 1, answer
    return lines[0]

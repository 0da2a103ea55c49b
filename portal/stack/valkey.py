"""The embedded Valkey: the broker's queues and the cache, in memory only. Losing what is in it loses nothing."""

import os
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from portal.stack import spawn
from portal.stack.accounts import Account, give
from portal.stack.errors import StackError
from portal.stack.paths import replace_text
from portal.stack.spawn import Program

SOCKET = "valkey.sock"
START_LIMIT_S = 10

SETTINGS = """\
port 0
daemonize no
save ""
appendonly no
loglevel warning
maxmemory 256mb
maxmemory-policy volatile-lru
unixsocketperm 700
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    program: Path
    sockets: Path
    log: Path
    account: Account | None = None


def url(server: Server, password: str) -> str:
    return url_of(server.sockets, password)


def url_of(sockets: Path, password: str) -> str:
    return f"unix://:{quote(password, safe='')}@{quote(str(sockets / SOCKET))}?db=0"


def prepare(server: Server, password: str) -> None:
    """Write the configuration, in a folder that only the service user enters: a password has no place in `ps`."""
    give(server.sockets, server.account)
    text = f'{SETTINGS}unixsocket "{server.sockets / SOCKET}"\nrequirepass "{password}"\n'
    replace_text(server.sockets / "valkey.conf", text, mode=0o644)


def program(server: Server) -> Program:
    return Program(
        name="valkey",
        argv=(str(server.program), str(server.sockets / "valkey.conf")),
        environ={"PATH": os.defpath, "LC_ALL": "C"},
        account=server.account,
        cwd=server.sockets,
        log=server.log,
        stop_stage=2,
    )


def start(server: Server, password: str) -> subprocess.Popen[bytes]:
    """The running server, once it answers.

    Raises: StackError when it does not start.
    """
    process = spawn.start(program(server))
    until = time.monotonic() + START_LIMIT_S
    while process.poll() is None and time.monotonic() < until:
        if answers(server.sockets / SOCKET, password):
            return process
        time.sleep(0.02)
    spawn.stop(process, signal.SIGKILL, 1)
    raise StackError(f"Valkey does not start: {spawn.last_line(server.log)} (see {server.log})")


def answers(path: Path, password: str) -> bool:
    try:
        return ask(path, password, "PING").startswith(b"+PONG")
    except OSError:
        return False


def ask(path: Path, password: str, command: str) -> bytes:
    """The answer to one command, spoken plainly: this process needs no client library for two words."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(1)
        connection.connect(str(path))
        connection.sendall(f"AUTH {password}\r\n{command}\r\n".encode())
        answer = b""
        while answer.count(b"\r\n") < 2:
            received = connection.recv(200)
            if not received:
                break
            answer += received
    return answer.partition(b"\r\n")[2]

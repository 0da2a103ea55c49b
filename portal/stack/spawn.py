"""Start one program so that it cannot outlive this process."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from portal.stack import bound
from portal.stack.accounts import Account
from portal.stack.paths import PROJECT


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    name: str
    argv: tuple[str, ...]
    environ: Mapping[str, str] = field(default_factory=dict)
    account: Account | None = None
    cwd: Path = PROJECT
    log: Path | None = None  # gets the output; none: the console
    descriptors: tuple[int, ...] = ()  # open sockets that it inherits
    stop_signal: signal.Signals = signal.SIGTERM
    end_signal: signal.Signals = signal.SIGKILL  # what it gets when this process dies, or its patience
    stop_stage: int = 0  # lower ones stop first


def start(program: Program) -> subprocess.Popen[bytes]:
    """The running program, leader of a session of its own: a Ctrl-C at the terminal reaches this process alone.

    Its output is in `stdout`, unless it goes to a log file.
    """
    if program.log is None:
        return launch(program, subprocess.PIPE)
    with open_log(program.log) as log:
        return launch(program, log)


def launch(program: Program, output: int | IO[bytes]) -> subprocess.Popen[bytes]:
    account = program.account
    identity = (str(account.uid), str(account.gid)) if account else ("-", "-")
    wrapper = (sys.executable, "-I", "-S", bound.__file__, str(os.getpid()), str(int(program.end_signal)), *identity)
    return subprocess.Popen(
        [*wrapper, *program.argv],
        env=dict(program.environ),
        cwd=program.cwd,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        pass_fds=program.descriptors,
        start_new_session=True,
    )


def open_log(path: Path, limit_bytes: int = 10_000_000) -> IO[bytes]:
    """A log file to append to; the old one is kept once it is long."""
    if path.exists() and path.stat().st_size > limit_bytes:
        path.replace(path.with_suffix(".old.log"))
    return path.open("ab")


def last_line(path: Path) -> str:
    """The last line of a log that says why, for a message."""
    with path.open("rb") as log:
        log.seek(max(0, path.stat().st_size - 4000))
        lines = [line for line in log.read().decode(errors="replace").splitlines() if line.strip()]
    telling = [line for line in lines if any(word in line for word in ("FATAL", "PANIC", "ERROR", "# "))]
    return (telling or lines or ["no output"])[-1].strip()


def stop(process: subprocess.Popen[bytes], number: signal.Signals, patience_s: float) -> None:
    """End a program in an orderly way, and whatever it left in its session when that takes too long."""
    if process.poll() is None:
        process.send_signal(number)
        try:
            process.wait(patience_s)
        except subprocess.TimeoutExpired:
            end_session(process)
    if process.stdout is not None:
        process.stdout.close()


def end_session(process: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()

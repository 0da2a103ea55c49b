"""What has to be true before the group starts: tables as the code wants them, static files, an administrator."""

import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

from portal.stack import done, spawn
from portal.stack.errors import StackError
from portal.stack.members import FIRST_STEPS, MANAGE
from portal.stack.paths import Layout
from portal.stack.spawn import Program


def prepare(place: Layout, environ: Mapping[str, str], *, wants_demo: bool) -> str:
    """Do what is not done yet. Gives what to tell about a new administrator, nothing when there is one already."""
    bring_up_to_date(place, environ)
    if done.has_administrator(environ["DATABASE_URL"]):
        return ""
    done.note(place, pending=[step.name for step in FIRST_STEPS if wants_demo or step.name != "demo"])
    return run(place, environ, "first_administrator")


def bring_up_to_date(place: Layout, environ: Mapping[str, str]) -> None:
    """Tables and static files, at the same time; skipped where nothing changed since the last start."""
    static = done.static_fingerprint()
    work: dict[str, subprocess.Popen[bytes]] = {}
    try:
        if done.read(place).get("static") != static or not (place.static / "staticfiles.json").exists():
            work["collectstatic"] = manage(
                {**environ, "TWOFOLD_COLLECT": "1"}, "collectstatic", "--no-input", "--clear"
            )
        if done.read(place).get("migrations") != done.migrations_fingerprint(environ["DATABASE_URL"]):
            work["migrate"] = manage(environ, "migrate", "--no-input")
        for name, process in work.items():
            finish(process, place.logs / f"{name}.log")
        if "collectstatic" in work:
            done.note(place, static=static)
        if "migrate" in work:
            done.note(place, migrations=done.migrations_fingerprint(environ["DATABASE_URL"]))
    finally:
        abandon(work.values())


def run(place: Layout, environ: Mapping[str, str], command: str) -> str:
    process = manage(environ, command)
    try:
        return finish(process, place.logs / f"{command}.log")
    finally:
        abandon([process])


def abandon(processes: Iterable[subprocess.Popen[bytes]]) -> None:
    """End what still runs when something else failed or a person lost patience."""
    for process in processes:
        if process.poll() is None:
            spawn.end_session(process)


def manage(environ: Mapping[str, str], command: str, *arguments: str) -> subprocess.Popen[bytes]:
    argv = (*MANAGE, command, *arguments, "--skip-checks", "--verbosity", "0")
    return spawn.start(Program(name=command, argv=argv, environ=environ))


def finish(process: subprocess.Popen[bytes], log: Path) -> str:
    """What a command printed.

    Raises: StackError with its last line when it failed; all of it is in the log.
    """
    output = process.communicate()[0].decode(errors="replace").strip()
    if process.returncode != 0:
        log.write_text(f"{output}\n", encoding="utf-8")
        raise StackError(f"{log.stem} failed: {output.rpartition(chr(10))[2] or 'without a word'} (see {log})")
    return output

"""The table of processes: what each member of the group runs."""

import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from portal.stack.spawn import Program

PYTHON = sys.executable
GUNICORN = (PYTHON, "-m", "gunicorn", "--config", "python:portal.stack.gunicorn_settings")
CELERY = (PYTHON, "-m", "celery", "--quiet", "--app", "portal.celery")
WORKER = (*CELERY, "worker", "--pool", "solo", "--without-gossip", "--without-mingle", "--without-heartbeat")
MANAGE = (PYTHON, "manage.py")

COMMANDS: Mapping[str, tuple[str, ...]] = {
    "web": (*GUNICORN, "--bind", "fd://{web}", "--workers", "2", "--threads", "8", "portal.wsgi"),
    "sync": (*GUNICORN, "--bind", "fd://{sync}", "--workers", "1", "--threads", "16", "portal.wsgi_sync"),
    "worker-live": (*WORKER, "--queues", "live", "--hostname", "live@%h"),
    "worker-load": (*WORKER, "--queues", "load", "--hostname", "load@%h"),
    "worker-control": (*WORKER, "--queues", "control", "--hostname", "control@%h"),
    "beat": (*CELERY, "beat", "--pidfile", "", "--schedule", ""),
    "capture": (*MANAGE, "capture"),
    "sandbox": (*MANAGE, "sandbox", "serve"),
}
STOPS_LATER = {"sandbox": 1}  # the others may be in the middle of a call to it


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Something done once in the life of an installation, when the members that it needs answer."""

    name: str
    command: tuple[str, ...]
    needs: frozenset[str]


FIRST_STEPS = (Step(name="demo", command=(*MANAGE, "demo"), needs=frozenset({"web", "sandbox"})),)


def program(name: str, environ: Mapping[str, str], doors: Mapping[str, socket.socket]) -> Program:
    """A member, with the open sockets that its command line names."""
    descriptors = {door: taken.fileno() for door, taken in doors.items()}
    return Program(
        name=name,
        argv=tuple(word.format(**descriptors) if word.startswith("fd://") else word for word in COMMANDS[name]),
        environ=environ,
        descriptors=(descriptors[name],) if name in descriptors else (),
        stop_stage=STOPS_LATER.get(name, 0),
    )


def step_program(step: Step, environ: Mapping[str, str]) -> Program:
    return Program(name=step.name, argv=step.command, environ=environ)

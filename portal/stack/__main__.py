"""Run Twofold on this machine: `python -m portal.stack [PROCESS ...]`, started by `script/server`."""

import fcntl
import os
import signal
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from portal.stack import keys, options, output, paths, ports, prepare, services, state
from portal.stack.errors import StackError
from portal.stack.group import LABEL, Group
from portal.stack.keys import Keys
from portal.stack.launch import Launch
from portal.stack.options import Options
from portal.stack.paths import Layout
from portal.stack.services import Services
from portal.stack.wakeups import STOPPING

WIDTH = max(len(name) for name in options.MEMBERS)


def main(arguments: Sequence[str]) -> int:
    for number in STOPPING:
        signal.signal(number, signal.default_int_handler)  # until the group listens itself
    try:
        run(arguments)
    except StackError as exc:
        print(f"{LABEL}: {exc}", file=sys.stderr)  # noqa: T201 - the one line for a person
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def run(arguments: Sequence[str]) -> None:
    wanted = options.read(os.environ, arguments)
    place = paths.layout(os.environ)
    paths.make_folders(place)
    with only_one(place), opened_doors(wanted) as doors:
        run_group(place, wanted, doors)


@contextmanager
def only_one(place: Layout) -> Iterator[None]:
    """Hold the folder: two groups on one database server's files would ruin them."""
    with place.lock.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            raise StackError(f"Twofold runs already with {place.var}: stop it, or set TWOFOLD_VAR.") from exc
        yield


@contextmanager
def opened_doors(wanted: Options) -> Iterator[dict[str, socket.socket]]:
    """The sockets of the two web servers, taken before anything starts."""
    doors: dict[str, socket.socket] = {}
    try:
        for name, port, variable in (
            ("web", wanted.port, "TWOFOLD_PORT"),
            ("sync", wanted.sync_port, "TWOFOLD_SYNC_PORT"),
        ):
            if name in wanted.members:
                doors[name] = ports.bound(wanted.host, port, variable)
        yield doors
    finally:
        for door in doors.values():
            door.close()


def run_group(place: Layout, wanted: Options, doors: Mapping[str, socket.socket]) -> None:
    given = environment(place, wanted, doors, keys.load_or_make(place))
    shown = state.State(pid=os.getpid(), portal_url=given["TWOFOLD_PORTAL_URL"], environment=given)
    group = Group(output.console(os.environ, WIDTH), shown, place.state)
    serving = services.plan(place, wanted, os.environ)
    welcome = Welcome(group, given["TWOFOLD_PORTAL_URL"])
    try:
        serve(serving, wanted, group, given)
        environ = {**os.environ, **given}
        welcome.administrator = prepare.prepare(place, environ, wants_demo=wanted.wants_demo)
        group.take_over(serving.running)
        launch = Launch(
            place=place,
            wanted=wanted,
            group=group,
            environ=environ,
            doors=doors,
            probes=probes(given, wanted),
            welcome=welcome.show,
        )
        launch.begin()
        group.loop()
    finally:
        welcome.show_what_must_not_be_lost()
        group.stop()
        serving.stop()


def environment(place: Layout, wanted: Options, doors: Mapping[str, socket.socket], generated: Keys) -> dict[str, str]:
    """What every member is told: ports as they really are, keys given or generated, the addresses people use."""
    port = ports.number(doors["web"]) if "web" in doors else wanted.port
    sync_port = ports.number(doors["sync"]) if "sync" in doors else wanted.sync_port
    sandbox_port = wanted.sandbox_port
    if "sandbox" in wanted.members:
        sandbox_port = ports.free("127.0.0.1", wanted.sandbox_port, "TWOFOLD_SANDBOX_PORT")
    host = ports.reachable_host(wanted.host)
    return {
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "PYTHONUNBUFFERED": "1",
        "TWOFOLD_VAR": str(place.var),
        "TWOFOLD_HOST": wanted.host,
        "TWOFOLD_PORT": str(port),
        "TWOFOLD_SYNC_PORT": str(sync_port),
        "TWOFOLD_SANDBOX_PORT": str(sandbox_port),
        "TWOFOLD_PORTAL_URL": wanted.portal_url or f"http://{host}:{port}",
        "TWOFOLD_PUBLIC_URL": wanted.public_url or f"http://{host}:{sync_port}",
        "TWOFOLD_SECRET_KEY": os.environ.get("TWOFOLD_SECRET_KEY") or generated.secret,
        "TWOFOLD_ENCRYPTION_KEY": os.environ.get("TWOFOLD_ENCRYPTION_KEY") or generated.encryption,
        "TWOFOLD_SANDBOX_TOKEN": os.environ.get("TWOFOLD_SANDBOX_TOKEN") or generated.sandbox,
    }


def probes(given: Mapping[str, str], wanted: Options) -> dict[str, str]:
    """Where members answer when they are up."""
    host = ports.reachable_host(wanted.host)
    return {
        "web": f"http://{host}:{given['TWOFOLD_PORT']}/healthz",
        "sync": f"http://{host}:{given['TWOFOLD_SYNC_PORT']}/healthz",
        "sandbox": f"http://127.0.0.1:{given['TWOFOLD_SANDBOX_PORT']}/",
    }


def serve(serving: Services, wanted: Options, group: Group, given: dict[str, str]) -> None:
    services.start(serving, wanted, keys.load_or_make(serving.place))
    given.update(serving.addresses)
    if line := services.whose(serving):
        group.say(line)


class Welcome:
    """Where to go and how to sign in; the first administrator's password is shown once."""

    def __init__(self, group: Group, url: str) -> None:
        self.group = group
        self.url = url
        self.administrator = ""

    def show(self) -> None:
        self.group.say(f"The portal is at {self.url}")
        self.show_what_must_not_be_lost()
        self.group.say("Ctrl-C stops everything")

    def show_what_must_not_be_lost(self) -> None:
        if self.administrator:
            self.group.say(self.administrator)
            self.administrator = ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

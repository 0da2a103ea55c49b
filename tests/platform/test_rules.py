"""The rules of the process group that need no process."""

import io
import os
import signal
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.addresses import broker_url, cache_url, database_settings
from portal.stack import annex, done, members, options, output, paths, postgres, restarts, state
from portal.stack.errors import StackError
from portal.stack.group import Group
from portal.stack.output import Console, Lines
from portal.stack.paths import Layout
from portal.stack.spawn import Program
from tests.stack import wait_until


def test_delays_grow_to_half_a_minute() -> None:
    assert [restarts.delay_s(deaths) for deaths in range(1, 8)] == [1, 2, 4, 8, 16, 30, 30]


@given(st.integers(min_value=1, max_value=100_000))
def test_no_delay_is_longer_than_half_a_minute(deaths: int) -> None:
    assert 1 <= restarts.delay_s(deaths) <= 30


def test_member_that_lived_a_minute_starts_with_a_clean_record() -> None:
    assert restarts.deaths(5, lived_s=61) == 1
    assert restarts.deaths(5, lived_s=59) == 6


@pytest.mark.parametrize(
    ("returncode", "last_line", "told"),
    [(-9, "x", "killed by SIGKILL"), (0, "x", "ended"), (3, "boom", "exit code 3: boom"), (3, "", "exit code 3")],
)
def test_reason_of_an_end(returncode: int, last_line: str, told: str) -> None:
    assert restarts.reason(returncode, last_line) == told


def test_lines_are_cut_however_they_arrive() -> None:
    stream = io.StringIO()
    lines = Lines(Console(stream, {}, 4), "web")
    for piece in (b"on", b"e\ntw", b"o\n\nthree"):
        lines.feed(piece)
    lines.end()
    assert stream.getvalue() == "web  | one\nweb  | two\nweb  | three\n"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_colour_is_for_terminals_that_want_it() -> None:
    assert Console(Terminal(), {}, 3).has_colour
    assert not Console(Terminal(), {"NO_COLOR": "1"}, 3).has_colour
    assert not Console(io.StringIO(), {}, 3).has_colour


def test_console_that_went_away_stops_nothing(tmp_path: Path) -> None:
    stream = (tmp_path / "x").open("w")
    console = output.Console(stream, {}, 3)
    stream.close()
    console.plain("hello")
    assert console.is_gone


def make_group(folder: Path, stream: io.StringIO) -> Group:
    shown = state.State(pid=os.getpid(), portal_url="", environment={})
    return Group(Console(stream, {}, 3), shown, folder / "state.json")


def test_crash_loop_tells_why_once_and_then_only_the_last_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restarts, "delay_s", lambda deaths: 0.01)
    stream = io.StringIO()
    group = make_group(tmp_path, stream)
    group.add(Program(name="web", argv=("/bin/sh", "-c", "echo one; echo boom; exit 3"), environ={}))
    wait_until(what="five crashes", found=lambda: group.turn(0.01) or stream.getvalue().count("stopped") >= 5)
    group.stop()
    assert stream.getvalue().count("web | one") == 2
    assert stream.getvalue().count("web stopped (exit code 3: boom); it starts again in 0.01 s") >= 5


def test_deaf_member_is_ended_by_force(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portal.stack.group.STOP_PATIENCE_S", (0.3, 0.1, 0.1))
    stream = io.StringIO()
    group = make_group(tmp_path, stream)
    group.add(
        Program(name="web", argv=("/bin/sh", "-c", "trap '' TERM; echo up; while :; do sleep 1; done"), environ={})
    )
    wait_until(what="the member", found=lambda: group.turn(0.01) or "up" in stream.getvalue())
    process = group.members["web"].process
    began = time.monotonic()
    group.stop()
    assert process.returncode == -signal.SIGKILL
    assert time.monotonic() - began < 3


def test_members_stop_before_the_services_that_they_need(tmp_path: Path) -> None:
    stream = io.StringIO()
    group = make_group(tmp_path, stream)
    script = "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.05; done"
    for name, stage in (("db", 2), ("box", 1), ("web", 0)):
        group.add(Program(name=name, argv=("/bin/sh", "-c", script), environ={}, stop_stage=stage))
    wait_until(what="all", found=lambda: group.turn(0.01) or stream.getvalue().count("up") == 3)
    group.stop()
    assert [line.split()[0] for line in stream.getvalue().splitlines() if "bye" in line] == ["web", "box", "db"]


def test_program_that_runs_once_is_not_restarted(tmp_path: Path) -> None:
    group = make_group(tmp_path, io.StringIO())
    codes: list[int] = []
    group.add(Program(name="demo", argv=(sys.executable, "-c", "raise SystemExit(4)"), environ={}), on_end=codes.append)
    wait_until(what="its end", found=lambda: group.turn(0.01) or codes)
    assert (codes, group.members) == ([4], {})
    group.stop()


def test_no_arguments_mean_all_members() -> None:
    assert options.chosen([]) == options.MEMBERS
    assert options.chosen(["worker", "web"]) == ("web", "worker-live", "worker-load", "worker-control")


def test_every_member_has_a_command() -> None:
    assert tuple(members.COMMANDS) == options.MEMBERS


@pytest.mark.parametrize("text", ["-1", "65536", "8000 ", "٣"])
def test_ports_are_plain_numbers(text: str) -> None:
    with pytest.raises(StackError, match="TWOFOLD_PORT"):
        options.port({"TWOFOLD_PORT": text}, "TWOFOLD_PORT", 8000)


def test_socket_address_reaches_django_and_celery() -> None:
    found = database_settings("postgresql://me:p%40ss@/db?host=%2Frun%2Fx&sslmode=disable")
    assert (found["HOST"], found["USER"], found["PASSWORD"], found["NAME"]) == ("/run/x", "me", "p@ss", "db")
    assert found["OPTIONS"] == {"sslmode": "disable"}
    assert broker_url("unix://:pw@/run/v.sock?db=2") == "redis+socket://:pw@/run/v.sock?virtual_host=2"
    assert broker_url("rediss://h:1/3") == "rediss://h:1/3"


def test_cache_lies_beside_the_queues() -> None:
    assert cache_url("unix://:pw@/run/v.sock?db=0") == "unix://:pw@/run/v.sock?db=1"
    assert cache_url("redis://h:6379") == "redis://h:6379/1"
    assert cache_url("redis://h:6379/4") == "redis://h:6379/5"


def test_replaced_file_is_private_and_never_written_through_a_link(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("kept")
    (tmp_path / "file").symlink_to(victim)
    paths.replace_text(tmp_path / "file", "new")
    assert (victim.read_text(), (tmp_path / "file").read_text()) == ("kept", "new")
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600


def test_state_of_a_dead_group_is_not_used(tmp_path: Path) -> None:
    shown = state.State(pid=2**22 + 1, portal_url="", environment={"DATABASE_URL": "old"})
    state.save(tmp_path / "state.json", shown)
    assert state.effective_environment(tmp_path / "state.json", {}) == {}
    shown.pid = os.getpid()
    state.save(tmp_path / "state.json", shown)
    assert state.effective_environment(tmp_path / "state.json", {"A": "b"}) == {"DATABASE_URL": "old", "A": "b"}


def test_lock_file_with_a_number_that_another_process_got_is_forgotten(tmp_path: Path) -> None:
    cluster = postgres.Cluster(data=tmp_path, sockets=tmp_path, programs=tmp_path, log=tmp_path / "log")
    lock = tmp_path / "postmaster.pid"
    lock.write_text(f"{os.getpid()}\n{tmp_path}\n")
    postgres.forget_reused_pid(cluster)
    assert not lock.exists()
    lock.write_text("4194305\n")
    postgres.forget_reused_pid(cluster)
    assert lock.exists()


def test_annex_path_may_not_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert annex.is_ours(tmp_path / "real")
    assert not annex.is_ours(tmp_path / "link")


def test_notes_of_what_is_done_survive_damage(tmp_path: Path) -> None:
    place = Layout(var=tmp_path)
    place.done.write_text("{half")
    done.note(place, static="a")
    done.note(place, pending=["demo"])
    assert done.read(place) == {"static": "a", "pending": ["demo"]}


class Answers(BaseHTTPRequestHandler):
    """A server that fails at first."""

    codes: ClassVar[list[int]] = []

    def do_GET(self) -> None:
        self.send_response(self.codes.pop(0) if self.codes else 404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def test_probe_waits_longer_after_each_error_page_and_takes_a_refusal_for_an_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portal.stack.probe.AFTER_FAILURE_S", (0.05, 0.1))
    monkeypatch.setattr(Answers, "codes", [500, 503])
    group = make_group(tmp_path, io.StringIO())
    answered: list[str] = []
    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        serving = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        group.when_answers(f"http://127.0.0.1:{server.server_port}/", lambda: answered.append("yes"))
        wait_until(what="an answer", found=lambda: group.turn(0.01) or answered)
        server.shutdown()
        serving.join()
    group.stop()
    assert (answered, Answers.codes, group.probes) == (["yes"], [], [])

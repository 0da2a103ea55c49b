"""The group of running programs: started together, restarted one by one, stopped in order.

Life: `add` programs, `loop` until a signal asks to stop, `stop`. One thread: a selector waits for output, answers of
probes and signals, so nothing here blocks. Guarantee: when `stop` returns, no program of the group lives; when this
process is killed, the kernel ends them (see `bound`).
"""

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from portal.stack import restarts, spawn, state
from portal.stack.output import Console, Lines
from portal.stack.probe import Probe
from portal.stack.spawn import Program
from portal.stack.state import State
from portal.stack.wakeups import Wakeups

LABEL = "twofold"
STOP_PATIENCE_S = (3.5, 1.5, 4.0)  # by stop stage: under 10 s in all, with LAST_S after each for the deaf ones
LAST_S = 0.4


@dataclass(slots=True, kw_only=True)
class Running:
    program: Program
    lines: Lines
    process: subprocess.Popen[bytes]
    started_at: float
    deaths: int = 0
    due_at: float | None = None  # when it starts again, while it is dead
    on_end: Callable[[int], None] | None = None  # for a program that runs once


class Group:
    def __init__(self, console: Console, shown: State, shown_in: Path) -> None:
        self.console = console
        self.shown = shown
        self.shown_in = shown_in
        self.selector = selectors.DefaultSelector()
        self.members: dict[str, Running] = {}
        self.probes: list[Probe] = []
        self.timers: list[tuple[float, Callable[[], None]]] = []
        self.asked_to_stop = 0

    # --- starting

    def add(self, program: Program, on_end: Callable[[int], None] | None = None) -> None:
        """Start a program. It is restarted for ever, unless it has an `on_end`: then it runs once."""
        self.adopt(program, spawn.start(program), on_end)

    def adopt(
        self, program: Program, process: subprocess.Popen[bytes], on_end: Callable[[int], None] | None = None
    ) -> None:
        """Take over a program that runs already."""
        member = Running(
            program=program,
            lines=Lines(self.console, program.name),
            process=process,
            started_at=time.monotonic(),
            on_end=on_end,
        )
        self.members[program.name] = member
        self.listen(member)

    def listen(self, member: Running) -> None:
        output = member.process.stdout
        if output is not None:
            os.set_blocking(output.fileno(), False)
            self.selector.register(output, selectors.EVENT_READ, member)
        self.shown.members[member.program.name] = member.process.pid
        self.show()

    def take_over(self, running: list[tuple[Program, subprocess.Popen[bytes]]]) -> None:
        """Adopt all; the list is empty afterwards, as nobody else may stop them now."""
        while running:
            self.adopt(*running.pop(0))

    def at(self, moment: float, then: Callable[[], None]) -> None:
        """Call something at a time of the monotonic clock."""
        self.timers.append((moment, then))

    def when_answers(self, url: str, then: Callable[[], None]) -> None:
        self.probes.append(Probe(url=url, on_answer=then))

    def mark_ready(self, name: str) -> None:
        self.shown.ready.append(name)
        self.show()

    def show(self) -> None:
        state.save(self.shown_in, self.shown)

    def say(self, text: str) -> None:
        self.console.line(LABEL, text)

    # --- running

    def loop(self) -> None:
        """Run until SIGINT, SIGTERM or SIGHUP."""
        with Wakeups(self.selector, self.count_signal):
            while not self.asked_to_stop:
                self.turn(1.0)

    def count_signal(self) -> None:
        self.asked_to_stop += 1

    def turn(self, timeout_s: float) -> None:
        for probe in self.probes:
            probe.turn(self.selector)
        for key, _ in self.selector.select(0.05 if self.probes else timeout_s):
            self.hear(key)
        self.bury()
        if not self.asked_to_stop:
            self.revive()
            self.ring()

    def hear(self, key: selectors.SelectorKey) -> None:
        if isinstance(key.data, Running):
            self.read(key.data)
        elif isinstance(key.data, Probe):
            if key.data.heard(self.selector):
                self.probes.remove(key.data)
                key.data.on_answer()
        else:
            os.read(key.fd, 100)

    def read(self, member: Running) -> None:
        """Pass on what a program wrote; at the end of its output only the selector has to know."""
        output = member.process.stdout
        assert output is not None
        try:
            data = os.read(output.fileno(), 65536)
        except BlockingIOError:
            return
        if data:
            member.lines.feed(data)
        else:
            self.hang_up(member)

    def hang_up(self, member: Running) -> None:
        output = member.process.stdout
        if output is not None and not output.closed:
            self.selector.unregister(output)
            output.close()
            member.lines.end()

    def bury(self) -> None:
        """Find programs that ended, and say when they start again."""
        for member in list(self.members.values()):
            if member.due_at is None and member.process.poll() is not None:
                self.drain(member)
                spawn.end_session(member.process)  # what it left behind
                self.shown.members.pop(member.program.name, None)
                self.after_end(member)
                self.show()
            elif member.lines.is_held and self.lived_s(member) > restarts.QUICK_S:
                member.lines.release()

    def drain(self, member: Running) -> None:
        output = member.process.stdout
        while output is not None and not output.closed:
            try:
                data = os.read(output.fileno(), 65536)
            except BlockingIOError:
                data = b""
            if not data:
                self.hang_up(member)
                return
            member.lines.feed(data)

    def after_end(self, member: Running) -> None:
        if member.on_end is not None:
            del self.members[member.program.name]
            member.on_end(member.process.returncode)
        elif self.asked_to_stop:
            del self.members[member.program.name]
        else:
            self.plan_restart(member)

    def plan_restart(self, member: Running) -> None:
        member.deaths = restarts.deaths(member.deaths, self.lived_s(member))
        delay_s = restarts.delay_s(member.deaths)
        member.due_at = time.monotonic() + delay_s
        if member.deaths > 1:  # it has said why, once: from now on it tells only its last words
            member.lines.hold()
        last_line = spawn.last_line(member.program.log) if member.program.log else member.lines.last
        why = restarts.reason(member.process.returncode, last_line)
        self.say(f"{member.program.name} stopped ({why}); it starts again in {delay_s:g} s")

    def revive(self) -> None:
        for member in self.members.values():
            if member.due_at is not None and time.monotonic() >= member.due_at:
                member.due_at = None
                member.process = spawn.start(member.program)
                member.started_at = time.monotonic()
                self.listen(member)

    def ring(self) -> None:
        now = time.monotonic()
        due = [then for moment, then in self.timers if moment <= now]
        self.timers = [(moment, then) for moment, then in self.timers if moment > now]
        for then in due:
            then()

    def lived_s(self, member: Running) -> float:
        return time.monotonic() - member.started_at

    # --- stopping

    def stop(self) -> None:
        """End all programs, those first that others do not need; the deaf ones by force."""
        self.asked_to_stop = max(1, self.asked_to_stop)
        if self.members:
            self.say("Stopping")
        for probe in self.probes:
            probe.close(self.selector)
        self.probes.clear()
        self.members = {name: member for name, member in self.members.items() if member.due_at is None}
        with Wakeups(self.selector, self.count_signal):
            for stage, patience_s in enumerate(STOP_PATIENCE_S):
                self.stop_stage([m for m in self.members.values() if m.program.stop_stage == stage], patience_s)
        self.shown_in.unlink(missing_ok=True)
        self.say("Stopped")

    def stop_stage(self, leaving: list[Running], patience_s: float) -> None:
        for member in leaving:
            self.send(member, member.program.stop_signal)
        self.wait_for_end(leaving, patience_s)
        for member in leaving:
            if member.process.poll() is None:
                self.say(f"{member.program.name} has not stopped in time and is ended by force")
                self.send(member, member.program.end_signal)
        self.wait_for_end(leaving, LAST_S)
        for member in leaving:
            if member.process.poll() is None:
                spawn.end_session(member.process)
        self.bury()

    def wait_for_end(self, leaving: list[Running], patience_s: float) -> None:
        """Until they have ended, their time is up, or a second signal tells to hurry."""
        until = time.monotonic() + patience_s
        while any(member.process.poll() is None for member in leaving):
            if time.monotonic() > until or self.asked_to_stop > 1:
                return
            self.turn(0.05)

    def send(self, member: Running, number: signal.Signals) -> None:
        if member.process.poll() is None:
            member.process.send_signal(number)

"""The order in which the members of the group come up.

1. `web`, alone: on two cores eight starting Pythons would keep people waiting for the first page.
2. When it answers, or after a while without an answer: all the others, together.
3. What is done once in an installation's life, each step when the members that it needs answer.
"""

import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from portal.stack import done, members
from portal.stack.group import Group
from portal.stack.members import FIRST_STEPS, Step
from portal.stack.options import Options
from portal.stack.paths import Layout

HEAD_START_S = 6.0


@dataclass(slots=True, kw_only=True)
class Launch:
    place: Layout
    wanted: Options
    group: Group
    environ: Mapping[str, str]  # of every member
    doors: Mapping[str, socket.socket]
    probes: Mapping[str, str]  # where a member answers, by name
    welcome: Callable[[], None]  # tells people where to go
    began_at: float = field(default_factory=time.monotonic)
    is_complete: bool = False

    def begin(self) -> None:
        if "web" not in self.wanted.members:
            self.complete()
            return
        self.start("web")
        self.group.at(self.began_at + HEAD_START_S, self.complete)

    def start(self, name: str) -> None:
        self.group.add(members.program(name, self.environ, self.doors))
        if name in self.probes:
            self.group.when_answers(self.probes[name], partial(self.answered, name))

    def answered(self, name: str) -> None:
        self.group.mark_ready(name)
        if name == "web":
            self.welcome()
            self.complete()
        self.take_steps()

    def complete(self) -> None:
        """Start the others, once."""
        if self.is_complete:
            return
        self.is_complete = True
        for name in self.wanted.members:
            if name != "web":
                self.start(name)

    def take_steps(self) -> None:
        pending = done.read(self.place).get("pending", [])
        for step in FIRST_STEPS:
            if (
                step.name in pending
                and step.name not in self.group.members
                and step.needs <= set(self.group.shown.ready)
            ):
                program = members.step_program(step, self.environ)
                self.group.add(program, on_end=partial(self.step_ended, step))

    def step_ended(self, step: Step, returncode: int) -> None:
        """Note what is done; what failed is tried again at the next start."""
        if returncode == 0:
            pending = [name for name in done.read(self.place).get("pending", []) if name != step.name]
            done.note(self.place, pending=pending)
            self.group.mark_ready(step.name)
        elif not self.group.asked_to_stop:
            self.group.say(f"{step.name} failed (exit code {returncode}); it is tried again at the next start")

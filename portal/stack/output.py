"""Readable output of many programs on one console: each line with the name of its program in front."""

import sys
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TextIO

COLOURS = (36, 32, 33, 35, 34, 92, 96, 93, 95, 94)
HELD_LINES = 20


class Console:
    """Writes labelled lines; with colour on a terminal, plain otherwise."""

    def __init__(self, stream: TextIO, environ: Mapping[str, str], width: int) -> None:
        self.stream = stream
        self.width = width
        self.has_colour = stream.isatty() and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"
        self.colours: dict[str, int] = {}
        self.is_gone = False

    def line(self, label: str, text: str) -> None:
        name = label.ljust(self.width)
        if self.has_colour:
            colour = self.colours.setdefault(label, COLOURS[len(self.colours) % len(COLOURS)])
            name = f"\x1b[{colour}m{name}\x1b[0m"
        self.plain(f"{name} | {text}")

    def plain(self, text: str) -> None:
        """One line; a console that has gone away is no reason to stop."""
        if self.is_gone:
            return
        try:
            self.stream.write(f"{text}\n")
            self.stream.flush()
        except (OSError, ValueError):
            self.is_gone = True


@dataclass(slots=True)
class Lines:
    """Cuts a program's output into lines. While held back, only the last ones are kept."""

    console: Console
    label: str
    rest: bytes = b""
    last: str = ""
    is_held: bool = False
    held: deque[str] = field(default_factory=lambda: deque(maxlen=HELD_LINES))

    def feed(self, data: bytes) -> None:
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            self.show(line)

    def end(self) -> None:
        """Show what came without a line end."""
        if self.rest:
            self.show(self.rest)
            self.rest = b""

    def show(self, line: bytes) -> None:
        text = line.decode(errors="replace").rstrip()
        if not text:
            return
        self.last = text
        if self.is_held:
            self.held.append(text)
        else:
            self.console.line(self.label, text)

    def hold(self) -> None:
        self.is_held = True
        self.held.clear()

    def release(self) -> None:
        self.is_held = False
        for text in self.held:
            self.console.line(self.label, text)
        self.held.clear()


def console(environ: Mapping[str, str], width: int) -> Console:
    return Console(sys.stdout, environ, width)

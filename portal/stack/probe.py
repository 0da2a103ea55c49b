"""Asks an address over HTTP until it answers, without ever waiting."""

import selectors
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

AGAIN_S = 0.05
AFTER_FAILURE_S = (1.0, 10.0)  # the pause after an error page, doubled each time: each one fills the log
PATIENCE_S = 3.0


@dataclass(slots=True, kw_only=True, eq=False)
class Probe:
    """One question that is put again and again. Who refuses is there; who fails (500 and above) is not yet."""

    url: str
    on_answer: Callable[[], None]
    connection: socket.socket | None = None
    due_at: float = 0.0
    failures: int = 0

    def turn(self, selector: selectors.BaseSelector) -> None:
        """Ask, when it is time to."""
        now = time.monotonic()
        if now < self.due_at:
            return
        self.close(selector)
        self.due_at = now + AGAIN_S
        connection = self.ask()
        if connection is not None:
            self.connection, self.due_at = connection, now + PATIENCE_S
            selector.register(connection, selectors.EVENT_READ, self)

    def ask(self) -> socket.socket | None:
        parts = urlsplit(self.url)
        try:
            connection = socket.create_connection((parts.hostname or "", parts.port or 80), timeout=0.2)
            connection.sendall(f"GET {parts.path or '/'} HTTP/1.0\r\nHost: {parts.netloc}\r\n\r\n".encode())
        except OSError:
            return None
        return connection

    def heard(self, selector: selectors.BaseSelector) -> bool:
        """Whether what came is an answer; a connection that was only closed is none."""
        connection = self.connection
        try:
            data = connection.recv(12) if connection else b""
        except OSError:
            data = b""
        self.close(selector)
        if not data.startswith(b"HTTP/"):
            self.due_at = time.monotonic() + AGAIN_S
            return False
        if data[9:10] >= b"5":
            self.fail()
            return False
        return True

    def fail(self) -> None:
        shortest, longest = AFTER_FAILURE_S
        self.due_at = time.monotonic() + min(longest, shortest * 2 ** min(self.failures, 10))
        self.failures += 1

    def close(self, selector: selectors.BaseSelector) -> None:
        if self.connection is not None:
            selector.unregister(self.connection)
            self.connection.close()
            self.connection = None

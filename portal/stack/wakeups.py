"""Signals that reach a waiting selector."""

import os
import selectors
import signal
from collections.abc import Callable

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Wakeups:
    """While active, signals that ask to stop are told, and they wake the selector, as does the end of a child."""

    def __init__(self, selector: selectors.BaseSelector, tell: Callable[[], None]) -> None:
        self.selector = selector
        self.tell = tell
        self.read_end, self.write_end = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self.before: dict[signal.Signals, object] = {}

    def __enter__(self) -> None:
        for number in STOPPING:
            self.before[number] = signal.signal(number, lambda *_: self.tell())
        self.before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self.write_end, warn_on_full_buffer=False)
        self.selector.register(self.read_end, selectors.EVENT_READ, None)

    def __exit__(self, *_: object) -> None:
        self.selector.unregister(self.read_end)
        signal.set_wakeup_fd(-1)
        for number, handler in self.before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        os.close(self.read_end)
        os.close(self.write_end)

"""Service protection: how much one user may ask of a sandbox within a sliding window.

Source: Dataverse service protection API limits: number of requests, execution time and concurrent requests, each per
user and web server (a sandbox is one server).

A user over a limit is refused until the window has room again, and longer if it goes on asking.
"""

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated

import msgspec

LONGER_PART = 300  # each call that is refused makes the wait longer by this part of the window


class Limit(StrEnum):
    REQUESTS = "requests"
    EXECUTION = "execution"
    CONCURRENCY = "concurrency"


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """0 is no limit. `scale` makes the window, and what fits into it, that many times smaller: waits get short."""

    requests: Annotated[int, msgspec.Meta(ge=0)] = 6_000
    execution_s: Annotated[float, msgspec.Meta(ge=0)] = 1_200.0
    concurrency: Annotated[int, msgspec.Meta(ge=0)] = 52
    window_s: Annotated[float, msgspec.Meta(gt=0)] = 300.0
    scale: Annotated[float, msgspec.Meta(gt=0)] = 1.0

    @property
    def scaled_requests(self) -> float:
        return max(self.requests / self.scale, 1) if self.requests else math.inf

    @property
    def scaled_execution_s(self) -> float:
        return self.execution_s / self.scale if self.execution_s else math.inf

    @property
    def scaled_window_s(self) -> float:
        return self.window_s / self.scale


class Exceeded(Exception):
    """A call too many."""

    def __init__(self, limit: Limit, retry_after_s: int) -> None:
        super().__init__(limit)
        self.limit = limit
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Remaining:
    """What a user has left in the window."""

    requests: int
    execution_s: float


@dataclass(slots=True)
class _Usage:
    """One user's calls of the last window: when each began and, once it has ended, what it took."""

    calls: deque[list[float]] = field(default_factory=deque)
    execution_s: float = 0.0
    running: int = 0
    refused_until: float = 0.0
    refused_for: Limit = Limit.REQUESTS

    def forget(self, before: float) -> None:
        while self.calls and self.calls[0][0] <= before:
            self.execution_s -= self.calls.popleft()[1]


class Limiter:
    """Counts the calls of all users of a sandbox. `clock` gives seconds that only grow."""

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self.limits = limits
        self._clock = clock
        self._lock = threading.Lock()
        self._users: dict[str, _Usage] = {}

    @contextmanager
    def call(self, user_id: str) -> Iterator[None]:
        """Around a call of this user. Raises: Exceeded."""
        begun = self._begin(user_id)
        try:
            yield
        finally:
            self._end(user_id, begun)

    def remaining(self, user_id: str) -> Remaining:
        limits = self.limits
        with self._lock:
            usage = self._usage(user_id, self._clock())
            requests = limits.scaled_requests - len(usage.calls)
            execution_s = limits.scaled_execution_s - usage.execution_s
        return Remaining(
            requests=max(int(requests), 0) if requests < math.inf else limits.requests,
            execution_s=max(execution_s, 0.0) if execution_s < math.inf else limits.execution_s,
        )

    def _begin(self, user_id: str) -> list[float]:
        with self._lock:
            now = self._clock()
            usage = self._usage(user_id, now)
            exceeded = self._exceeded(usage, now)
            if exceeded is not None:
                raise exceeded
            begun = [now, 0.0]
            usage.calls.append(begun)
            usage.running += 1
            return begun

    def _end(self, user_id: str, begun: list[float]) -> None:
        with self._lock:
            usage = self._users[user_id]
            usage.running -= 1
            begun[1] = self._clock() - begun[0]
            if usage.calls and usage.calls[0][0] <= begun[0]:  # else it has left the window
                usage.execution_s += begun[1]

    def _usage(self, user_id: str, now: float) -> _Usage:
        usage = self._users.setdefault(user_id, _Usage())
        usage.forget(now - self.limits.scaled_window_s)
        return usage

    def _exceeded(self, usage: _Usage, now: float) -> Exceeded | None:
        """Why the next call is refused; asking makes the wait longer."""
        window_s = self.limits.scaled_window_s
        if self.limits.concurrency and usage.running >= self.limits.concurrency:
            return Exceeded(Limit.CONCURRENCY, 1)
        limit = self._full(usage)
        if limit is not None:
            usage.refused_for = limit
            usage.refused_until = max(usage.refused_until, usage.calls[0][0] + window_s)
        elif now >= usage.refused_until:
            return None
        usage.refused_until = min(usage.refused_until + window_s / LONGER_PART, now + window_s)
        return Exceeded(usage.refused_for, math.ceil(usage.refused_until - now))

    def _full(self, usage: _Usage) -> Limit | None:
        if len(usage.calls) >= self.limits.scaled_requests:
            return Limit.REQUESTS
        return Limit.EXECUTION if usage.execution_s >= self.limits.scaled_execution_s else None

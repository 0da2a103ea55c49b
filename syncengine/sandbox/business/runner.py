"""Makes random changes in a thread of its own, one wish at a time, and tells how far it is."""

import threading
import time
from collections import Counter
from datetime import UTC, datetime

import msgspec
import psycopg

from syncengine.sandbox import inside
from syncengine.sandbox.business import plan
from syncengine.sandbox.business.plan import CREATE, DELETE, UPDATE, Change
from syncengine.sandbox.business.wishes import Wish
from syncengine.sandbox.calls import Answer, ServiceError
from syncengine.sandbox.site import Site

WRITER = "random changes"
_METHODS = {CREATE: "POST", UPDATE: "PATCH", DELETE: "DELETE"}


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """`skipped` are those for which no row would do; `problem` is what the service last refused."""

    wish: Wish
    is_running: bool
    is_stopped: bool
    done: int
    creates: int
    updates: int
    deletes: int
    refused: int
    skipped: int
    problem: str
    started_at: datetime
    seconds: float


class Busy(Exception):
    """Changes are being made already."""


class Runner:
    """The random changes of one sandbox."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._lock = threading.Lock()
        self._is_stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._wish: Wish | None = None
        self._counts: Counter[str] = Counter()
        self._problem = ""
        self._started_at = datetime.now(UTC)
        self._begun = self._ended = 0.0

    def start(self, wish: Wish) -> None:
        """Raises: Busy; BadWish when no table has rows."""
        with self._lock:
            if self.is_running:
                raise Busy("Random changes are being made already. Stop them first.")
            plan.check(self._site, wish)
            self._wish, self._problem = wish, ""
            self._counts.clear()
            self._is_stopped.clear()
            self._started_at, self._begun = datetime.now(UTC), time.monotonic()
            self._thread = threading.Thread(target=self._run, args=(wish,), name=WRITER, daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Ends after the change at hand."""
        self._is_stopped.set()
        thread = self._thread
        if thread is not None:
            thread.join(timeout=5)

    @property
    def is_running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    @property
    def progress(self) -> Progress | None:
        """How far the last wish is; None before the first."""
        wish, counts = self._wish, Counter(self._counts)
        if wish is None:
            return None
        is_running = self.is_running
        return Progress(
            wish=wish,
            is_running=is_running,
            is_stopped=self._is_stopped.is_set(),
            done=sum(counts.values()),
            creates=counts[CREATE],
            updates=counts[UPDATE],
            deletes=counts[DELETE],
            refused=counts["refused"],
            skipped=counts["skipped"],
            problem=self._problem,
            started_at=self._started_at,
            seconds=round((time.monotonic() if is_running else self._ended) - self._begun, 3),
        )

    def _run(self, wish: Wish) -> None:
        try:
            for number, change in enumerate(plan.changes(self._site, wish), start=1):
                self._counts[self._make(change)] += 1
                due_s = self._begun + number / wish.rate - time.monotonic() if wish.rate else 0.0
                if self._is_stopped.wait(timeout=max(due_s, 0.0)):
                    break
        except (psycopg.Error, ServiceError) as error:
            self._problem = f"The changes ended early: {error}"
        finally:
            self._ended = time.monotonic()

    def _make(self, change: Change | None) -> str:
        """What became of it."""
        if change is None:
            return "skipped"
        made = send(self._site, change)
        if made is None:
            return "skipped"
        found = inside.refusal(made)
        if found is None:
            return change.operation
        self._problem = f"{change.shape.name}: {found.message}"
        return "refused"


def send(site: Site, change: Change) -> Answer | None:
    """The service's answer to this change; None when its row has gone meanwhile."""
    if change.operation == CREATE:
        return inside.ask(site, "POST", change.shape.name, change.body, writer=WRITER)
    key = inside.key_of(site, change.shape, change.row_id)
    if key is None:
        return None
    body = change.body if change.operation == UPDATE else None
    return inside.ask(site, _METHODS[change.operation], inside.address(change.shape, key), body, writer=WRITER)

"""How often a sandbox was called: what tests prove with that a change did not come back as an echo."""

import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum


class Work(StrEnum):
    """What a call did. Parts of batches and rows of bulk messages count one by one."""

    READS = "reads"
    CREATES = "creates"
    UPDATES = "updates"
    DELETES = "deletes"


class Counts:
    def __init__(self, counts: Mapping[str, int]) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter(counts)
        self._waiting: Counter[str] = Counter()
        self.has_changed = False

    def add_call(self, method: str) -> None:
        self._add(f"method.{method}", 1)

    def add_work(self, work: Work, client_id: str, rows: int = 1) -> None:
        self._add(f"work.{work}", rows)
        self._add(f"client.{client_id}.{work}", rows)

    @contextmanager
    def kept_waiting(self, what: str) -> Iterator[None]:
        """Counts a call as waiting while the sandbox takes its time with it."""
        with self._lock:
            self._waiting[what] += 1
        try:
            yield
        finally:
            with self._lock:
                self._waiting[what] -= 1

    def clear(self) -> None:
        with self._lock:
            self._counts.clear()
            self.has_changed = True

    def raw(self) -> dict[str, int]:
        """As they are stored."""
        with self._lock:
            return dict(self._counts)

    def as_dict(self) -> dict[str, object]:
        """Calls by method, work by kind, work by client and kind, and the calls that wait now for a slow sandbox."""
        with self._lock:
            counts, waiting = dict(self._counts), dict(self._waiting)
        clients: dict[str, dict[str, int]] = {}
        for name, number in counts.items():
            if name.startswith("client."):
                client_id, _, work = name.removeprefix("client.").rpartition(".")
                clients.setdefault(client_id, {})[work] = number
        return {
            "methods": {name.removeprefix("method."): n for name, n in counts.items() if name.startswith("method.")},
            "work": {str(work): counts.get(f"work.{work}", 0) for work in Work},
            "clients": clients,
            "waiting": {what: number for what, number in waiting.items() if number},
        }

    def _add(self, name: str, number: int) -> None:
        with self._lock:
            self._counts[name] += number
            self.has_changed = True

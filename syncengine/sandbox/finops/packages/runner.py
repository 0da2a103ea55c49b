"""The threads that run a sandbox's imports and exports. The rows of `_execution` are the queue; `ring` wakes a thread.

A thread ends when nothing is left to run. What a process had begun when it ended runs again with the next ring.
"""

import threading
import time
from collections.abc import Callable, Mapping
from uuid import uuid4
from weakref import WeakKeyDictionary

import psycopg

from syncengine.sandbox import change_log
from syncengine.sandbox.finops.packages import executions, exports, imports
from syncengine.sandbox.finops.packages.executions import Direction, Execution, Result
from syncengine.sandbox.site import Site

THREADS = 2
WORK: Mapping[Direction, Callable[[Site, Execution], Result]] = {
    Direction.IMPORT: imports.run,
    Direction.EXPORT: exports.run,
}
_runners: "WeakKeyDictionary[Site, _Runner]" = WeakKeyDictionary()
_lock = threading.Lock()


def ring(site: Site) -> None:
    """Something may wait to be run."""
    with _lock:
        runner = _runners.get(site)
        if runner is None:
            runner = _runners[site] = _Runner()
    runner.ring(site)


class _Runner:
    def __init__(self) -> None:
        self._id = uuid4()
        self._lock = threading.Lock()
        self._running = 0
        self._is_rung = False
        self._has_taken_back = False

    def ring(self, site: Site) -> None:
        with self._lock:
            self._is_rung = True
            if self._running >= THREADS:
                return
            self._running += 1
        threading.Thread(target=self._run, args=(site,), name=f"{site.record.name} packages", daemon=True).start()

    def _run(self, site: Site) -> None:
        try:
            self._take_back(site)
            while self._is_wanted():
                while execution := executions.claim(site, self._id):
                    self._execute(site, execution)
        except psycopg.Error:  # the database is away or the sandbox gone: what was begun runs with the next ring
            self._lose()

    def _lose(self) -> None:
        """A thread ends before its work does. With the last one this runner is another, which takes that work back."""
        with self._lock:
            self._running -= 1
            if not self._running:
                self._id, self._has_taken_back = uuid4(), False

    def _take_back(self, site: Site) -> None:
        with self._lock:
            is_first, self._has_taken_back = not self._has_taken_back, True
        if is_first:
            executions.take_back(site, self._id)

    def _is_wanted(self) -> bool:
        """Whether the queue is to be looked at again; the thread counts as ended when it is not."""
        with self._lock:
            is_rung, self._is_rung = self._is_rung, False
            self._running -= 0 if is_rung else 1
            return is_rung

    def _execute(self, site: Site, execution: Execution) -> None:
        if site.settings.package_wait_s:
            time.sleep(site.settings.package_wait_s)
        with change_log.written_by(imports.CLIENT):
            result = WORK[execution.direction](site, execution)
        executions.end(site, execution, result)

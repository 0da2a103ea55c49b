"""The whole server: the management origin and all sandboxes, until it is told to stop."""

import signal
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import psycopg

from syncengine.sandbox import management
from syncengine.sandbox.host import Host, open_pool
from syncengine.sandbox.origins import Origin, open_origin

SAVE_COUNTS_S = 1.0
SWITCH_S = 0.001  # threads take turns so often that a short call does not wait for a long one's bulk of rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """`port` is that of the management; sandboxes get ports of their own from the next one on. 0 is any free port.

    `certificates` is the folder of the certificate for HTTPS; with `is_secure` all sandboxes speak it.
    """

    database_url: str = field(repr=False)
    token: str = field(repr=False)
    address: str = "127.0.0.1"
    port: int = 8070
    certificates: Path | None = None
    is_secure: bool = False


class SandboxServer:
    """Origins in threads of this process, from `start` to `stop`."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._pool = open_pool(options.database_url)
        self.host = Host(
            self._pool,
            options.address,
            options.port + 1 if options.port else 0,
            certificates=options.certificates,
            is_secure=options.is_secure,
        )
        self._management: Origin | None = None
        self._is_stopped = threading.Event()
        self._saver = threading.Thread(target=self._save_counts, name="counts", daemon=True)

    @property
    def url(self) -> str:
        """The management's address."""
        assert self._management is not None
        return f"http://{self._options.address}:{self._management.server.bind_addr[1]}"

    def start(self) -> list[str]:
        """Gives a line for each sandbox that could not start. Raises: PortTaken for the management's port."""
        sys.setswitchinterval(SWITCH_S)
        self._pool.wait(timeout=30)
        problems = self.host.open_all()
        app = management.application(self.host, self._options.token)
        self._management = open_origin(app, self._options.address, self._options.port, "management")
        self._saver.start()
        return problems

    def stop(self) -> None:
        self._is_stopped.set()
        if self._management is not None:
            self._management.close()
        self.host.close_all()
        self._pool.close()

    def wait(self) -> None:
        """Until SIGTERM or SIGINT."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._tell)
        while not self._is_stopped.wait(timeout=3600):
            pass

    def _tell(self, number: int, frame: FrameType | None) -> None:
        self._is_stopped.set()

    def _save_counts(self) -> None:
        while not self._is_stopped.wait(timeout=SAVE_COUNTS_S):
            try:
                self.host.save_counts()
            except psycopg.Error:  # the database is away: the counts are kept and saved later
                continue

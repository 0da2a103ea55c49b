"""Settings of both web servers; what differs between them is in the table of members."""

import os
import signal
from typing import Any

from portal.stack import bound

worker_class = "gthread"
timeout = 150  # synchronous requests may take up to 110 s
graceful_timeout = 3  # the group waits 3.5 s
keepalive = 20
loglevel = "warning"
control_socket_disable = True
preload_app = False  # a process that used polars must not fork


def post_fork(server: Any, worker: Any) -> None:
    """A worker ends with its master, however that ends: else it would hold the port for a while."""
    bound.die_with(os.getppid(), signal.SIGKILL)

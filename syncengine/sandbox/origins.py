"""Servers on ports, each in a thread of its own, in HTTP or HTTPS."""

import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from cheroot.errors import FatalSSLAlert
from cheroot.makefile import StreamReader, StreamWriter
from cheroot.ssl import Adapter
from cheroot.workers.threadpool import ThreadPool
from cheroot.wsgi import Gateway_10, Server

from syncengine.sandbox.certificates import Certificate
from syncengine.sandbox.web import HANG_UP, Wsgi

MIN_THREADS = 8
MAX_THREADS = 64  # more than the calls that one user may have at once
BACKLOG = 128
IDLE_S = 65  # how long a connection may stay open without a call


class PortTaken(OSError):
    """Somebody else listens on the port."""


@dataclass(slots=True, kw_only=True)
class Origin:
    """A server on a port, in a thread of its own."""

    server: Server
    thread: threading.Thread

    def close(self) -> None:
        self.server.stop()
        self.thread.join(timeout=5)


def open_origin(app: Wsgi, host: str, port: int, name: str, certificate: Certificate | None = None) -> Origin:
    """With a certificate it speaks HTTPS. Raises: PortTaken."""
    if port and not is_free(host, port):
        raise PortTaken(f"Port {port} is taken")
    server = Server(
        (host, port),
        app,
        server_name=host,
        request_queue_size=BACKLOG,
        timeout=IDLE_S,
        shutdown_timeout=1,
    )
    server.keep_alive_conn_limit = BACKLOG
    server.gateway = _Gateway
    server.requests = _Threads(server, min=MIN_THREADS, max=MAX_THREADS)
    if certificate is not None:
        server.ssl_adapter = _Tls(certificate)
    try:
        server.prepare()
    except OSError as error:
        raise PortTaken(f"Port {port} is taken") from error
    thread = threading.Thread(target=server.serve, name=name, daemon=True)
    thread.start()
    return Origin(server=server, thread=thread)


def is_free(address: str, port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True


def any_port(address: str) -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])


class _Threads(ThreadPool):
    """Grows when a call comes and nobody is free. cheroot's own `grow` makes the caller wait for the new thread."""

    _threads: list[threading.Thread]
    _spawn_worker: Callable[[], threading.Thread]

    def put(self, obj: Any) -> None:
        if self.idle <= self.qsize and len(self._threads) < self.max:
            self._threads.append(self._spawn_worker())
        super().put(obj)


class _Gateway(Gateway_10):
    """Lets the application end a connection without an answer."""

    def get_environ(self) -> dict[str, Any]:  # type: ignore[override]  # typed as if it gave nothing
        environ: dict[str, Any] = super().get_environ()  # type: ignore[no-untyped-call]
        return {**environ, HANG_UP: self._hang_up}

    def _hang_up(self) -> None:
        self.req.close_connection = True
        with suppress(OSError):  # the client was quicker
            self.req.conn.socket.shutdown(socket.SHUT_RDWR)


class _Socket(ssl.SSLSocket):
    """A client that breaks off, or that speaks no TLS, is a lost connection and no matter for the log."""

    def recv_into(self, *args: Any, **options: Any) -> int:
        try:
            return super().recv_into(*args, **options)
        except ssl.SSLError as error:
            raise FatalSSLAlert(*error.args) from error

    def send(self, *args: Any, **options: Any) -> int:
        try:
            return super().send(*args, **options)
        except ssl.SSLError as error:
            raise FatalSSLAlert(*error.args) from error


class _Tls(Adapter):
    """Greets a client with its first bytes, in a thread of the connection: a silent one holds up nobody."""

    def __init__(self, certificate: Certificate) -> None:
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.context.load_cert_chain(certificate.path, certificate.key)
        self.context.sslsocket_class = _Socket

    def bind(self, sock: socket.socket) -> socket.socket:
        return sock

    def wrap(self, sock: socket.socket) -> tuple[ssl.SSLSocket, dict[str, Any]]:
        wrapped = self.context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        return wrapped, self.get_environ()

    def get_environ(self) -> dict[str, Any]:
        return {"wsgi.url_scheme": "https", "HTTPS": "on"}

    def makefile(self, sock: ssl.SSLSocket, mode: str = "r", bufsize: int = -1) -> StreamReader | StreamWriter:
        return (StreamReader if "r" in mode else StreamWriter)(sock, mode, bufsize)

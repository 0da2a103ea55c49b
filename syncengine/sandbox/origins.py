"""Servers on ports, each in a thread of its own, in HTTP or HTTPS."""

import socket
import ssl
import threading
from dataclasses import dataclass
from typing import Any

from cheroot.errors import FatalSSLAlert
from cheroot.makefile import StreamReader, StreamWriter
from cheroot.ssl import Adapter
from cheroot.wsgi import Server

from syncengine.sandbox.certificates import Certificate
from syncengine.sandbox.web import Wsgi

THREADS = 16
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
        numthreads=THREADS,
        max=THREADS,
        server_name=host,
        request_queue_size=BACKLOG,
        timeout=IDLE_S,
        shutdown_timeout=1,
    )
    server.keep_alive_conn_limit = BACKLOG
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

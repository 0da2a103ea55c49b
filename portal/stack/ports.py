"""The sockets that people and environments connect to."""

import errno
import os
import socket

from portal.stack.errors import StackError


def bound(host: str, port: int, variable: str) -> socket.socket:
    """A socket on its port, not yet listening. It stays with this process, so that a restarted member finds it free.

    Raises: StackError that names the variable to set.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as exc:
        raise StackError(f"TWOFOLD_HOST={host} is no address of this machine.") from exc
    door = socket.socket(family, kind, protocol)
    try:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        door.bind(address)
    except OSError as exc:
        door.close()
        raise refused(exc, host, port, variable) from exc
    return door


def refused(exc: OSError, host: str, port: int, variable: str) -> StackError:
    if exc.errno == errno.EADDRINUSE:
        return StackError(f"Port {port} is taken: stop what uses it, or set {variable} to another (0: any free one).")
    if exc.errno == errno.EACCES:
        return StackError(f"Port {port} needs more rights: set {variable} to one above 1023.")
    if exc.errno == errno.EADDRNOTAVAIL:
        return StackError(f"TWOFOLD_HOST={host} is no address of this machine.")
    return StackError(f"Cannot listen on {host}, port {port}: {os.strerror(exc.errno or 0)}.")


def free(host: str, port: int, variable: str) -> int:
    """The number of a port that another program will open itself: proven free a moment ago."""
    with bound(host, port, variable) as door:
        return number(door)


def number(door: socket.socket) -> int:
    return int(door.getsockname()[1])


def reachable_host(host: str) -> str:
    """Where this machine reaches a server that listens on a host, as it stands in a URL."""
    if host in ("0.0.0.0", ""):  # noqa: S104 - compared, not bound
        return "127.0.0.1"
    if host == "::":
        return "[::1]"
    return f"[{host}]" if ":" in host else host

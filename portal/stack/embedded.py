"""Which services this installation runs itself, where their sockets lie, and how the portal reaches them."""

import os
from pathlib import Path

from portal.stack import postgres, valkey
from portal.stack.accounts import Account, can, give
from portal.stack.annex import open_annex
from portal.stack.paths import Layout

MAX_SOCKET_BYTES = 106  # a socket's name, in the kernel's structure, with the zero at its end: 108


def socket_folder(place: Layout, account: Account | None) -> Path:
    """The folder of the sockets: under `var/` if its names are short enough and the service user can get there."""
    give(place.sockets, account)
    longest = place.sockets / postgres.SOCKET
    if len(os.fsencode(longest)) <= MAX_SOCKET_BYTES and can(account, "-x", place.sockets):
        return place.sockets
    folder = open_annex(place, account) / "sockets"
    give(folder, account)
    return folder


def cluster(place: Layout, account: Account | None, *, sockets: Path, programs: Path) -> postgres.Cluster:
    return postgres.Cluster(
        data=place.postgres, sockets=sockets, programs=programs, log=place.logs / "postgres.log", account=account
    )


def valkey_server(place: Layout, account: Account | None, *, sockets: Path, program: Path) -> valkey.Server:
    return valkey.Server(program=program, sockets=sockets, log=place.logs / "valkey.log", account=account)

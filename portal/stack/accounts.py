"""The system user that PostgreSQL and Valkey run as: neither may run as root."""

import os
import pwd
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from portal.stack.errors import StackError


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    name: str
    uid: int
    gid: int


def service_account(environ: Mapping[str, str], data: Path) -> Account | None:
    """The user for the services, or nothing when this process is an ordinary user and runs them itself.

    As root: `TWOFOLD_SERVICE_USER`, else whoever owns the data already, else `nobody`.

    Raises: StackError when the named user does not exist or is root.
    """
    if os.geteuid() != 0:
        return None
    name = environ.get("TWOFOLD_SERVICE_USER") or owner(data) or "nobody"
    try:
        entry = pwd.getpwnam(name)
    except KeyError as exc:
        raise StackError(f"There is no user {name}: set TWOFOLD_SERVICE_USER to a user of this machine.") from exc
    if entry.pw_uid == 0:
        raise StackError("PostgreSQL refuses to run as root: set TWOFOLD_SERVICE_USER to an unprivileged user.")
    return Account(name=name, uid=entry.pw_uid, gid=entry.pw_gid)


def owner(folder: Path) -> str | None:
    """The name of the unprivileged user who owns a folder, if there is one."""
    try:
        uid = folder.stat().st_uid
        return pwd.getpwuid(uid).pw_name if uid else None
    except (FileNotFoundError, KeyError):
        return None


def give(folder: Path, account: Account | None) -> None:
    """A folder that only the service user may enter."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if account is None or folder.stat().st_uid == account.uid:
        return
    for root, _, files in os.walk(folder):
        os.chown(root, account.uid, account.gid)
        for name in files:
            os.chown(Path(root, name), account.uid, account.gid, follow_symlinks=False)


def can(account: Account | None, right: str, path: Path) -> bool:
    """Whether the service user has a right (`-r`, `-x`) on a path: asked of the system, as that user."""
    if account is None:
        return os.access(path, os.X_OK if right == "-x" else os.R_OK)
    answer = subprocess.run(
        ["/usr/bin/test", right, path], user=account.uid, group=account.gid, extra_groups=[], cwd="/", check=False
    )
    return answer.returncode == 0

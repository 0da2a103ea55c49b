"""A short, reachable folder outside `var/`, for what cannot lie in it.

That is sockets when `var/` is too deep for a socket's name or closed to the service user, and copies of the services'
programs when that user cannot read the installed ones (a virtual environment in a private home). Its path is kept in
`var/annex`, so that a start after a crash takes the same folder again; an orderly stop removes it.
"""

import os
import shutil
import stat
import tempfile
from pathlib import Path

from portal.stack.accounts import Account, can
from portal.stack.errors import StackError
from portal.stack.paths import Layout, replace_text

MAX_FOLDER_BYTES = 60  # leaves room for the names of sockets


def open_annex(place: Layout, account: Account | None) -> Path:
    """The annex of this installation; made when there is none.

    Raises: StackError when the service user can reach no temporary folder.
    """
    known = recorded(place)
    if known is not None and is_ours(known) and can(account, "-x", known):
        return known
    for parent in (tempfile.gettempdir(), "/tmp", "/var/tmp"):  # noqa: S108 - the folder made in it is private
        if len(os.fsencode(parent)) <= MAX_FOLDER_BYTES and can(account, "-x", Path(parent)):
            return make(place, Path(parent))
    who = account.name if account else "this user"
    raise StackError(f"{who} can enter no temporary folder: set TMPDIR to a short one, or TWOFOLD_SERVICE_USER.")


def make(place: Layout, parent: Path) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="twofold-", dir=parent))
    folder.chmod(0o711)
    replace_text(place.annex, f"{folder}\n")
    return folder


def recorded(place: Layout) -> Path | None:
    try:
        text = place.annex.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return None
    return Path(text) if text else None


def is_ours(folder: Path) -> bool:
    """Whether nobody else can have put something there."""
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o022


def remove_annex(place: Layout) -> None:
    folder = recorded(place)
    if folder is not None and is_ours(folder):
        shutil.rmtree(folder, ignore_errors=True)
    place.annex.unlink(missing_ok=True)

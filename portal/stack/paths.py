"""Where things lie under `var/`."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from portal.stack.errors import StackError

PROJECT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The folder that holds all data of one installation, and what lies in it."""

    var: Path

    @property
    def postgres(self) -> Path:
        return self.var / "postgres"

    @property
    def valkey(self) -> Path:
        return self.var / "valkey"

    @property
    def sockets(self) -> Path:
        return self.var / "sockets"

    @property
    def logs(self) -> Path:
        return self.var / "log"

    @property
    def static(self) -> Path:
        return self.var / "static"

    @property
    def mail(self) -> Path:
        return self.var / "mail"

    @property
    def keys(self) -> Path:
        return self.var / "keys.json"

    @property
    def state(self) -> Path:
        return self.var / "state.json"

    @property
    def lock(self) -> Path:
        return self.var / "lock"

    @property
    def annex(self) -> Path:
        return self.var / "annex"

    @property
    def done(self) -> Path:
        return self.var / "done.json"


def layout(environ: Mapping[str, str]) -> Layout:
    """The layout of `TWOFOLD_VAR`, or of `var/` beside the code."""
    return Layout(var=Path(environ.get("TWOFOLD_VAR") or PROJECT / "var").absolute())


def make_folders(place: Layout) -> None:
    """Make the folders of the layout.

    `var` itself may be passed through but not listed by others: the service user has to reach its own folders in it.

    Raises: StackError when the folder cannot be written.
    """
    try:
        place.var.mkdir(mode=0o711, parents=True, exist_ok=True)
        place.logs.mkdir(mode=0o700, exist_ok=True)
    except OSError as exc:
        raise unwritable(place) from exc
    if not os.access(place.var, os.W_OK | os.X_OK):
        raise unwritable(place)


def unwritable(place: Layout) -> StackError:
    return StackError(f"Cannot write in {place.var}: make it writable, or name another folder in TWOFOLD_VAR.")


def replace_text(path: Path, text: str, mode: int = 0o600) -> None:
    """Write a file in one step, so that no reader sees half of it; by default only its owner reads it.

    Never through a link: some folders belong to the service user.
    """
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), mode)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)

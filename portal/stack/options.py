"""What the environment variables and the command line ask of the process group."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from portal.stack.errors import StackError

MEMBERS = ("web", "sync", "worker-live", "worker-load", "worker-control", "beat", "capture", "sandbox")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    host: str
    port: int  # 0: any free one, here and below
    sync_port: int
    sandbox_port: int
    database_url: str | None  # none: the embedded one, here and below
    sandbox_database_url: str | None
    redis_url: str | None
    portal_url: str | None
    public_url: str | None
    wants_demo: bool
    members: tuple[str, ...]


def read(environ: Mapping[str, str], arguments: Sequence[str]) -> Options:
    """The options; arguments name the members to run, none means all.

    Raises: StackError for a port that is no number, or a member that does not exist.
    """
    return Options(
        host=environ.get("TWOFOLD_HOST") or "127.0.0.1",
        port=port(environ, "TWOFOLD_PORT", 8000),
        sync_port=port(environ, "TWOFOLD_SYNC_PORT", 8001),
        sandbox_port=port(environ, "TWOFOLD_SANDBOX_PORT", 8070),
        database_url=environ.get("DATABASE_URL") or None,
        sandbox_database_url=environ.get("SANDBOX_DATABASE_URL") or None,
        redis_url=environ.get("REDIS_URL") or None,
        portal_url=environ.get("TWOFOLD_PORTAL_URL") or None,
        public_url=environ.get("TWOFOLD_PUBLIC_URL") or None,
        wants_demo=environ.get("TWOFOLD_DEMO") != "0",
        members=chosen(arguments),
    )


def port(environ: Mapping[str, str], variable: str, default: int) -> int:
    text = environ.get(variable) or str(default)
    if not (text.isascii() and text.isdigit() and int(text) < 65536):
        raise StackError(f"{variable}={text} is no port: give a number from 0 (any free one) to 65535.")
    return int(text)


def chosen(arguments: Sequence[str]) -> tuple[str, ...]:
    """The members that are named; `worker` names all three."""
    unknown = [word for word in arguments if word not in MEMBERS and word != "worker"]
    if unknown:
        raise StackError(f"There is no process {unknown[0]}: choose from {', '.join(MEMBERS)}.")
    if not arguments:
        return MEMBERS
    return tuple(name for name in MEMBERS if name in arguments or name.partition("-")[0] in arguments)

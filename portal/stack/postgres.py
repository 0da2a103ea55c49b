"""The embedded PostgreSQL: one server on a Unix socket, with a database for the portal and one for the sandboxes."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from portal.stack import spawn
from portal.stack.accounts import Account, can, give
from portal.stack.errors import StackError
from portal.stack.paths import replace_text
from portal.stack.spawn import Program

MAJOR = "18"
SUPERUSER = "postgres"
SOCKET = ".s.PGSQL.5432"
START_LIMIT_S = 60  # recovery after a crash may take its time
RETRY_S = 3  # for how long a server that exits at once is started again: its predecessor may be about to end

OPTIONS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "cluster_name": "twofold",
    "max_connections": "200",
    "max_locks_per_transaction": "256",  # bindings have a partition for each map
    "maintenance_work_mem": "128MB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    data: Path
    sockets: Path
    programs: Path
    log: Path
    account: Account | None = None
    options: Mapping[str, str] = field(default_factory=dict)  # on top of OPTIONS
    initdb_options: tuple[str, ...] = ()


def url(cluster: Cluster, *, role: str, password: str, database: str) -> str:
    return url_of(cluster.sockets, role=role, password=password, database=database)


def url_of(sockets: Path, *, role: str, password: str, database: str) -> str:
    return f"postgresql://{role}:{quote(password, safe='')}@/{database}?host={quote(str(sockets), safe='')}"


def prepare(cluster: Cluster, password: str) -> None:
    """The data folder of a cluster, made when it is new; a half-made one is made again.

    Raises: StackError when it cannot be made, or was made by another major version.
    """
    check_owner(cluster)
    version = cluster.data / "PG_VERSION"
    if not version.exists():
        initialise(cluster, password)
    elif (found := version.read_text().strip()) != MAJOR:
        raise StackError(
            f"{cluster.data} holds data of PostgreSQL {found}, this is {MAJOR}: move it with pg_dump and pg_restore."
        )
    forget_reused_pid(cluster)


def check_owner(cluster: Cluster) -> None:
    if cluster.data.exists() and cluster.account is None and cluster.data.stat().st_uid != os.geteuid():
        raise StackError(f"{cluster.data} belongs to another user: start as that user, or set TWOFOLD_VAR.")
    give(cluster.sockets, cluster.account)


def initialise(cluster: Cluster, password: str) -> None:
    """A new cluster, made under another name and renamed when complete."""
    fresh = cluster.data.with_name(f"{cluster.data.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.rmtree(cluster.data, ignore_errors=True)
    give(fresh, cluster.account)
    words = cluster.sockets / "password"
    replace_text(words, f"{password}\n", mode=0o644)  # in a folder that only the service user enters
    try:
        run_initdb(cluster, fresh, words)
    finally:
        words.unlink()
    fresh.rename(cluster.data)


def run_initdb(cluster: Cluster, folder: Path, password_file: Path) -> None:
    log = cluster.log.with_name("initdb.log")
    program = Program(
        name="initdb",
        argv=(
            str(cluster.programs / "initdb"),
            f"--pgdata={data_argument(cluster, folder)}",
            f"--username={SUPERUSER}",
            f"--pwfile={password_file}",
            *("--auth=scram-sha-256", "--encoding=UTF8", "--no-instructions"),
            *("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
            *cluster.initdb_options,
        ),
        environ=environment(),
        account=cluster.account,
        cwd=folder,
        log=log,
    )
    process = spawn.start(program)
    if process.wait() != 0:
        raise StackError(f"PostgreSQL cannot make its data folder: {spawn.last_line(log)} (see {log})")


def data_argument(cluster: Cluster, folder: Path) -> str:
    """How the server names its data folder, which is its working directory.

    A service user who may not pass through the folders above (a private home) still can by this link of the kernel's.
    """
    return str(folder) if can(cluster.account, "-x", folder) else "/proc/self/cwd"


def environment() -> dict[str, str]:
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


def program(cluster: Cluster) -> Program:
    options = {**OPTIONS, **memory_options(), **cluster.options, "unix_socket_directories": listed(cluster.sockets)}
    return Program(
        name="postgres",
        argv=(
            str(cluster.programs / "postgres"),
            f"-D{data_argument(cluster, cluster.data)}",
            *(word for name, value in options.items() for word in ("-c", f"{name}={value}")),
        ),
        environ=environment(),
        account=cluster.account,
        cwd=cluster.data,
        log=cluster.log,
        stop_stage=2,
        stop_signal=signal.SIGINT,  # "fast": open transactions are rolled back
        end_signal=signal.SIGQUIT,  # "immediate": its children too; the next start recovers
    )


def memory_options() -> dict[str, str]:
    total_mb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    return {
        "shared_buffers": "256MB" if total_mb >= 4096 else "128MB",
        "effective_cache_size": f"{max(256, total_mb // 2)}MB",
    }


def listed(folder: Path) -> str:
    """A folder as an item of a PostgreSQL list, where a comma would end it."""
    return '"{}"'.format(str(folder).replace('"', '""'))


def forget_reused_pid(cluster: Cluster) -> None:
    """Remove a lock file that names a living process which is no server of this folder.

    After a restart of the machine or container the number of a killed server may belong to anyone, and PostgreSQL
    would refuse to start for ever. The numbers of dead processes it handles itself.
    """
    lock = cluster.data / "postmaster.pid"
    try:
        process = Path("/proc", lock.read_text().split()[0])
        if process.exists() and process.joinpath("cwd").resolve() != cluster.data.resolve():
            lock.unlink()
    except (OSError, IndexError):
        return


def start(cluster: Cluster, password: str) -> subprocess.Popen[bytes]:
    """The running server, once it answers.

    Raises: StackError when it does not start; its reason is the last line of its log.
    """
    began = time.monotonic()
    while True:
        process = spawn.start(program(cluster))
        if answers(cluster, password, process):
            return process
        spawn.stop(process, signal.SIGQUIT, 5)
        if time.monotonic() - began > RETRY_S:
            raise StackError(f"PostgreSQL does not start: {spawn.last_line(cluster.log)} (see {cluster.log})")
        time.sleep(0.2)


def answers(cluster: Cluster, password: str, process: subprocess.Popen[bytes]) -> bool:
    """Wait until the server takes a connection; false when it ended or the time is up."""
    address = url(cluster, role=SUPERUSER, password=password, database="postgres")
    until = time.monotonic() + START_LIMIT_S
    while process.poll() is None and time.monotonic() < until:
        try:
            psycopg.connect(address, connect_timeout=5).close()
        except psycopg.OperationalError as exc:
            if "password authentication failed" in str(exc):
                raise wrong_password(cluster, process) from exc
            time.sleep(0.03)
        else:
            return True
    return False


def wrong_password(cluster: Cluster, process: subprocess.Popen[bytes]) -> StackError:
    spawn.stop(process, signal.SIGINT, 5)
    return StackError(f"{cluster.data} was made with other keys: restore the keys.json that belongs to it.")


def make_database(server_url: str, *, role: str, password: str, database: str) -> None:
    """A database and the ordinary role that owns it; nothing happens when they are there."""
    with psycopg.connect(server_url, autocommit=True) as connection:
        if not exists(connection, "SELECT 1 FROM pg_roles WHERE rolname = %s", role):
            connection.execute(
                sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(role), sql.Literal(password))
            )
        if not exists(connection, "SELECT 1 FROM pg_database WHERE datname = %s", database):
            name = sql.Identifier(database)
            connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(name, sql.Identifier(role)))
            connection.execute(sql.SQL("REVOKE CONNECT ON DATABASE {} FROM PUBLIC").format(name))


def exists(connection: psycopg.Connection, query: str, name: str) -> bool:
    return connection.execute(query.encode(), (name,)).fetchone() is not None

"""The services of the group: real ones that the environment names, embedded ones for the rest."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field

import psycopg
import redis

from portal.stack import annex, binaries, embedded, postgres, spawn, valkey
from portal.stack.accounts import Account, service_account
from portal.stack.errors import StackError
from portal.stack.keys import Keys
from portal.stack.options import Options
from portal.stack.paths import Layout
from portal.stack.spawn import Program

OLDEST_POSTGRES = 150_000
PATIENCE_S = 5


@dataclass(slots=True, kw_only=True)
class Services:
    """What runs and where it is; `stop` ends what `start` began."""

    place: Layout
    account: Account | None
    addresses: dict[str, str] = field(default_factory=dict)  # by environment variable
    running: list[tuple[Program, subprocess.Popen[bytes]]] = field(default_factory=list)

    def stop(self) -> None:
        for program, process in reversed(self.running):
            spawn.stop(process, program.stop_signal, PATIENCE_S)
        annex.remove_annex(self.place)


def start(services: Services, options: Options, keys: Keys) -> None:
    """Start what the environment does not name, and check what it does.

    Raises: StackError when a service cannot be started, or does not answer.
    """
    needs_sandbox_database = "sandbox" in options.members and not options.sandbox_database_url
    if options.database_url:
        check_postgres("DATABASE_URL", options.database_url)
        services.addresses["DATABASE_URL"] = options.database_url
    if options.sandbox_database_url:
        check_postgres("SANDBOX_DATABASE_URL", options.sandbox_database_url)
        services.addresses["SANDBOX_DATABASE_URL"] = options.sandbox_database_url
    if options.redis_url:
        check_redis(options.redis_url)
        services.addresses["REDIS_URL"] = options.redis_url
    if not options.redis_url:
        start_valkey(services, keys)
    if not options.database_url or needs_sandbox_database:
        start_postgres(services, options, keys)


def start_postgres(services: Services, options: Options, keys: Keys) -> None:
    place, account = services.place, services.account
    programs = binaries.reachable(place, account)
    sockets = embedded.socket_folder(place, account)
    cluster = embedded.cluster(place, account, sockets=sockets, programs=programs.postgres)
    postgres.prepare(cluster, keys.postgres)
    process = postgres.start(cluster, keys.postgres)
    services.running.append((postgres.program(cluster), process))
    server_url = postgres.url(cluster, role=postgres.SUPERUSER, password=keys.postgres, database="postgres")
    wanted = {
        "DATABASE_URL": ("twofold", keys.portal_role),
        "SANDBOX_DATABASE_URL": ("twofold_sandbox", keys.sandbox_role),
    }
    for variable, (name, password) in wanted.items():
        if variable not in services.addresses:
            postgres.make_database(server_url, role=name, password=password, database=name)
            services.addresses[variable] = postgres.url(cluster, role=name, password=password, database=name)


def start_valkey(services: Services, keys: Keys) -> None:
    place, account = services.place, services.account
    program = binaries.reachable(place, account).valkey
    server = embedded.valkey_server(place, account, sockets=embedded.socket_folder(place, account), program=program)
    valkey.prepare(server, keys.valkey)
    process = valkey.start(server, keys.valkey)
    services.running.append((valkey.program(server), process))
    services.addresses["REDIS_URL"] = valkey.url(server, keys.valkey)


def check_postgres(variable: str, url: str) -> None:
    """Raises: StackError when the server does not answer, refuses, or is too old."""
    try:
        with psycopg.connect(url, connect_timeout=PATIENCE_S) as connection:
            version = connection.info.server_version
    except psycopg.Error as exc:
        raise StackError(f"The database of {variable} does not answer: {first_line(exc)}") from exc
    if version < OLDEST_POSTGRES:
        raise StackError(f"The database of {variable} is PostgreSQL {version // 10_000}: 15 or newer is needed.")


def check_redis(url: str) -> None:
    """Raises: StackError when the server does not answer or refuses."""
    try:
        redis.Redis.from_url(url, socket_connect_timeout=PATIENCE_S, socket_timeout=PATIENCE_S).ping()
    except (redis.RedisError, ValueError, OSError) as exc:
        raise StackError(f"The Redis of REDIS_URL does not answer: {first_line(exc)}") from exc


def first_line(exc: Exception) -> str:
    return str(exc).strip().partition("\n")[0] or type(exc).__name__


def plan(place: Layout, options: Options, environ: Mapping[str, str]) -> Services:
    is_all_real = options.database_url and options.sandbox_database_url and options.redis_url
    account = None if is_all_real else service_account(environ, place.postgres)
    return Services(place=place, account=account)


def whose(services: Services) -> str:
    """The line that tells root which user the services run as; nothing for others."""
    if services.account is None or not services.running or os.environ.get("TWOFOLD_SERVICE_USER"):
        return ""
    return (
        f"PostgreSQL and Valkey run as user {services.account.name}, not as root (TWOFOLD_SERVICE_USER names another)"
    )

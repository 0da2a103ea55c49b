"""PostgreSQL and Valkey for one test session: the embedded ones, in a temporary folder, started when asked for."""

import os
import shutil
import signal
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg import sql

from portal.stack import annex, binaries, embedded, keys, postgres, spawn, valkey
from portal.stack.accounts import Account, service_account
from portal.stack.keys import Keys
from portal.stack.paths import Layout, make_folders

QUICK = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "shared_buffers": "128MB"}


@dataclass(slots=True, kw_only=True)
class Services:
    place: Layout
    account: Account | None
    sockets: Path
    keys: Keys
    options: dict[str, str] = field(default_factory=lambda: dict(QUICK))
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def cluster(self) -> postgres.Cluster:
        return postgres.Cluster(
            data=self.place.postgres,
            sockets=self.sockets,
            programs=binaries.reachable(self.place, self.account).postgres,
            log=self.place.logs / "postgres.log",
            account=self.account,
            options=self.options,
            initdb_options=("--no-sync",),
        )

    @property
    def valkey_server(self) -> valkey.Server:
        program = binaries.reachable(self.place, self.account).valkey
        return embedded.valkey_server(self.place, self.account, sockets=self.sockets, program=program)

    def database_url(self, database: str, role: str = "twofold") -> str:
        return postgres.url_of(self.sockets, role=role, password=self.keys.portal_role, database=database)

    def server_url(self) -> str:
        """The superuser's address of the server, which runs from now on."""
        cluster = self.cluster
        address = postgres.url(cluster, role=postgres.SUPERUSER, password=self.keys.postgres, database="postgres")
        if "postgres" not in self.running:
            postgres.prepare(cluster, self.keys.postgres)
            self.running["postgres"] = postgres.start(cluster, self.keys.postgres)
            for role in ("twofold", "twofold_sandbox"):
                postgres.make_database(address, role=role, password=self.keys.portal_role, database=role)
                with psycopg.connect(address, autocommit=True) as connection:
                    connection.execute(sql.SQL("ALTER ROLE {} CREATEDB").format(sql.Identifier(role)))
        return address

    def valkey_url(self) -> str:
        """The address of the Valkey server, which runs from now on."""
        server = self.valkey_server
        if "valkey" not in self.running:
            valkey.prepare(server, self.keys.valkey)
            self.running["valkey"] = valkey.start(server, self.keys.valkey)
        return valkey.url(server, self.keys.valkey)

    def flush_valkey(self) -> None:
        valkey.ask(self.sockets / valkey.SOCKET, self.keys.valkey, "FLUSHALL")

    def environment(self) -> dict[str, str]:
        """What the settings read; the addresses are known before anything runs."""
        return {
            "TWOFOLD_VAR": str(self.place.var),
            "DATABASE_URL": self.database_url("twofold"),
            "SANDBOX_DATABASE_URL": self.database_url("twofold_sandbox", "twofold_sandbox"),
            "REDIS_URL": valkey.url_of(self.sockets, self.keys.valkey),
            "TWOFOLD_SECRET_KEY": self.keys.secret,
            "TWOFOLD_ENCRYPTION_KEY": self.keys.encryption,
            "TWOFOLD_SANDBOX_TOKEN": self.keys.sandbox,
        }

    def stop(self) -> None:
        for name, process in self.running.items():
            spawn.stop(process, signal.SIGINT if name == "postgres" else signal.SIGTERM, 5)
        self.running.clear()
        annex.remove_annex(self.place)
        shutil.rmtree(self.place.var, ignore_errors=True)


def plan(**options: dict[str, str]) -> Services:
    """Services that can be started: a folder, passwords, addresses. `options` are fields of `Services`."""
    place = Layout(var=Path(tempfile.mkdtemp(prefix="twofold-tests-")))
    place.var.chmod(0o711)
    make_folders(place)
    account = service_account(os.environ, place.postgres)
    sockets = embedded.socket_folder(place, account)
    return Services(place=place, account=account, sockets=sockets, keys=keys.make(), **options)

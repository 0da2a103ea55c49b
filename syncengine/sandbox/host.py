"""All sandboxes of this process: each an origin on its port, opened and closed while the others go on."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
from psycopg import Connection
from psycopg_pool import ConnectionPool

from syncengine.sandbox import declaration_checks, declarations, registry, store, web
from syncengine.sandbox.business.runner import Runner
from syncengine.sandbox.certificates import certificate
from syncengine.sandbox.dataverse import seeding as dataverse
from syncengine.sandbox.dataverse import webhooks
from syncengine.sandbox.declarations import DeclarationError, Document, Kind
from syncengine.sandbox.events import Policy, Senders
from syncengine.sandbox.finops import seeding as finops
from syncengine.sandbox.finops.events import notifications
from syncengine.sandbox.origins import Origin, PortTaken, any_port, is_free, open_origin
from syncengine.sandbox.pages import app as pages
from syncengine.sandbox.pages.visit import Office
from syncengine.sandbox.registry import Record, Settings
from syncengine.sandbox.site import Pool, Site

MAX_CONNECTIONS = 48
POLICIES: dict[Kind, Policy] = {Kind.DATAVERSE: webhooks.POLICY, Kind.FINOPS: notifications.POLICY}


def open_pool(url: str) -> Pool:
    return ConnectionPool(
        url, min_size=2, max_size=MAX_CONNECTIONS, open=True, kwargs={"autocommit": True}, name="sandbox", timeout=30
    )


@dataclass(slots=True, kw_only=True)
class Running:
    site: Site
    origin: Origin
    senders: Senders
    runner: Runner

    def close(self) -> None:
        self.runner.stop()
        self.origin.close()
        self.senders.stop()


class Host:
    """The sandboxes by name. One change of them at a time; calls to the sandboxes do not wait for it.

    `certificates` is the folder of the certificate for HTTPS, which all speak with `is_secure`, else those set to it.
    """

    def __init__(
        self, pool: Pool, address: str, first_port: int, *, certificates: Path | None = None, is_secure: bool = False
    ) -> None:
        self.pool = pool
        self.address = address
        self._first_port = first_port
        self._certificates = certificates
        self._is_secure = is_secure
        self._running: dict[str, Running] = {}
        self._lock = threading.RLock()

    def open_all(self) -> list[str]:
        """Start what was there before; gives a line for each that could not start."""
        problems = []
        with self.pool.connection() as connection, connection.transaction():
            registry.prepare(connection)
        with self.pool.connection() as connection:
            records = [registry.get(connection, name) for name in registry.names(connection)]
        for record in records:
            try:
                self._open(record)
            except PortTaken as error:
                problems.append(f'Sandbox "{record.name}" is not running: {error}.')
        return problems

    def close_all(self) -> None:
        with self._lock:
            if self._running:  # each takes a moment to see the end
                with ThreadPoolExecutor(len(self._running)) as closers:
                    list(closers.map(Running.close, self._running.values()))
            self.save_counts()
            self._running.clear()

    def records(self) -> list[Record]:
        with self.pool.connection() as connection:
            return [registry.get(connection, name) for name in registry.names(connection)]

    def base_url(self, record: Record) -> str:
        return f"{'https' if self._speaks_https(record.settings) else 'http'}://{self.address}:{record.port}"

    def site(self, name: str) -> Site:
        """Raises: UnknownSandbox."""
        running = self._running.get(name)
        if running is None:
            raise registry.UnknownSandbox(f"There is no sandbox named {name!r}.")
        return running.site

    def runner(self, name: str) -> Runner:
        """The sandbox's random changes. Raises: UnknownSandbox."""
        self.site(name)
        return self._running[name].runner

    def create(self, *, name: str, kind: Kind, port: int, settings: Settings) -> Record:
        """Raises: NameTaken, PortTaken."""
        return self._add(name, kind, port, settings, declarations.standard(kind), seed)

    def copy(self, name: str, *, new_name: str) -> Record:
        """A sandbox with the same tables and rows, credentials of its own. Raises: UnknownSandbox, NameTaken."""
        source = self.site(name)
        settings = registry.copied_settings(source.record.kind, source.settings)

        def fill(connection: Connection[Any], site: Site) -> None:
            store.copy_schema(
                connection,
                source=source.stock,
                target=site.stock,
                names=source.made,
                schema=source.schema,
                into=site.schema,
            )
            seed_clients(connection, site)

        return self._add(new_name, source.record.kind, 0, settings, source.record.inventory.document, fill)

    def delete(self, name: str) -> None:
        """Raises: UnknownSandbox."""
        with self._lock:
            site = self.site(name)
            self._running.pop(name).close()
            with self.pool.connection() as connection, connection.transaction():
                registry.remove(connection, name)
                store.drop_schema(connection, site.schema)

    def reset(self, name: str) -> Record:
        """All rows go; tables, settings and credentials stay. Raises: UnknownSandbox."""
        with self._lock:
            site = self.site(name)
            with self.pool.connection() as connection, connection.transaction():
                store.drop_schema(connection, site.schema)
                registry.restamp(connection, site.record.id)
                record = registry.get(connection, name)
                seed(connection, Site(record, self.pool))
            site.replace_record(record, has_new_schema=True)
            return record

    def change_settings(self, name: str, changes: dict[str, Any]) -> Record:
        """Raises: UnknownSandbox; ValueError for settings that are none."""
        with self._lock:
            site = self.site(name)
            before, settings = site.settings, registry.changed_settings(site.settings, changes)
            self._check(settings)
            with self.pool.connection() as connection:
                registry.save_settings(connection, site.record.id, settings)
            site.replace_record(replace(site.record, settings=settings))
            if self._speaks_https(settings) != self._speaks_https(before):
                running = self._running[name]
                running.origin.close()
                running.origin = self._open_origin(site, running.runner)
            return site.record

    def add_client(self, name: str, *, client_name: str, is_user: bool) -> registry.Client:
        """Another application that may sign in; as a user only if `is_user`. Raises: UnknownSandbox."""
        client = registry.new_client(client_name)
        site = self.site(name)
        self.change_settings(name, {"clients": [*site.settings.clients, client]})
        if is_user:
            with self.pool.connection() as connection, connection.transaction():
                add_user(connection, site, client)
            site.forget()
        return client

    def add_tables(self, name: str, document: Document) -> Record:
        """Raises: UnknownSandbox; DeclarationError; ValueError for a table that is there already."""
        with self._lock:
            site = self.site(name)
            inventory, sets = site.record.inventory, [table.set for table in document.tables]
            taken = [each for each in sets if each in inventory.tables]
            if taken:
                raise DeclarationError(f"Table {taken[0]} is already there.")
            if document.extensions:
                raise DeclarationError(f"Table {document.extensions[0].set} cannot get columns while the sandbox runs.")
            declaration_checks.check(declarations.merged(site.record.kind, [inventory.document, document]))
            with self.pool.connection() as connection, connection.transaction():
                registry.add_document(connection, site.record.id, document)
                record = registry.get(connection, name)
                if record.kind is Kind.DATAVERSE:
                    dataverse.add_message_filters(connection, Site(record, self.pool), sets)
            site.replace_record(record)
            return record

    def set_faults(self, name: str, faults: dict[str, Any]) -> None:
        """Raises: UnknownSandbox; ValueError for faults that are none."""
        site = self.site(name)
        site.faults.set(faults)
        with self.pool.connection() as connection:
            registry.save_faults(connection, site.record.id, site.faults.as_dict())

    def save_counts(self) -> None:
        for running in list(self._running.values()):
            counts = running.site.counts
            if counts.has_changed:
                counts.has_changed = False  # what is counted while it is saved is saved the next time
                try:
                    with self.pool.connection() as connection:
                        registry.save_counts(connection, running.site.record.id, counts.raw())
                except psycopg.Error:
                    counts.has_changed = True
                    raise

    def _add(
        self,
        name: str,
        kind: Kind,
        port: int,
        settings: Settings,
        document: Document,
        fill: Callable[[Connection[Any], Site], None],
    ) -> Record:
        self._check(settings)
        with self._lock:
            chosen = port or self._free_port()
            with self.pool.connection() as connection, connection.transaction():
                record = registry.add(
                    connection, name=name, kind=kind, port=chosen, settings=settings, document=document
                )
                fill(connection, Site(record, self.pool))
            try:
                self._open(record)
            except PortTaken:
                with self.pool.connection() as connection, connection.transaction():
                    registry.remove(connection, name)
                    store.drop_schema(connection, record.schema)
                raise
        return record

    def _open(self, record: Record) -> None:
        site = Site(record, self.pool)
        runner = Runner(site)
        origin = self._open_origin(site, runner)
        senders = Senders(site, POLICIES[record.kind])
        senders.start()
        self._running[record.name] = Running(site=site, origin=origin, senders=senders, runner=runner)

    def _open_origin(self, site: Site, runner: Runner) -> Origin:
        made = None
        if self._certificates is not None and self._speaks_https(site.settings):
            made = certificate(self._certificates, self.address)
        app = web.application(site, pages.opened(site, self._office(site, runner)))
        return open_origin(app, self.address, site.record.port, site.record.name, made)

    def _office(self, site: Site, runner: Runner) -> Office:
        name = site.record.name
        return Office(
            runner=runner,
            change_settings=partial(self.change_settings, name),
            set_faults=partial(self.set_faults, name),
        )

    def _speaks_https(self, settings: Settings) -> bool:
        return self._is_secure or settings.is_secure

    def _check(self, settings: Settings) -> None:
        if self._certificates is None and self._speaks_https(settings):
            raise ValueError("The sandboxes have no folder for a certificate, so that they cannot speak HTTPS.")

    def _free_port(self) -> int:
        """The first port from the first one on that neither a sandbox has nor anybody listens on."""
        if not self._first_port:
            return any_port(self.address)
        with self.pool.connection() as connection:
            taken = registry.ports(connection)
        for port in range(self._first_port, min(self._first_port + 1000, 65536)):
            if port not in taken and is_free(self.address, port):
                return port
        raise PortTaken(f"No free port from {self._first_port} on")


def seed(connection: Connection[Any], site: Site) -> None:
    """The schema of a new sandbox, with the rows that every new environment has."""
    store.make_schema(connection, site.schema, site.stock)
    if site.record.kind is Kind.DATAVERSE:
        dataverse.seed(connection, site)
    else:
        seed_clients(connection, site)


def seed_clients(connection: Connection[Any], site: Site) -> None:
    for client in site.settings.clients:
        add_user(connection, site, client)


def add_user(connection: Connection[Any], site: Site, client: registry.Client) -> None:
    if site.record.kind is Kind.DATAVERSE:
        dataverse.add_user(connection, site, client)
    else:
        finops.add_client(connection, site, client)

"""All sandboxes of this process: each an origin on its port, opened and closed while the others go on."""

import socket
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import psycopg
from cheroot.wsgi import Server
from psycopg import Connection
from psycopg_pool import ConnectionPool

from syncengine.sandbox import declarations, registry, store, web
from syncengine.sandbox.dataverse import functions as dataverse_functions
from syncengine.sandbox.dataverse import webhooks
from syncengine.sandbox.declarations import Document, Kind
from syncengine.sandbox.events import Policy, Senders
from syncengine.sandbox.finops import notifications, seeding
from syncengine.sandbox.registry import Record, Settings
from syncengine.sandbox.site import Pool, Site

THREADS = 16
BACKLOG = 128
IDLE_S = 65  # how long a connection may stay open without a call
MAX_CONNECTIONS = 48
POLICIES: dict[Kind, Policy] = {Kind.DATAVERSE: webhooks.POLICY, Kind.FINOPS: notifications.POLICY}


class PortTaken(OSError):
    """Somebody else listens on the port."""


def open_pool(url: str) -> Pool:
    return ConnectionPool(
        url, min_size=2, max_size=MAX_CONNECTIONS, open=True, kwargs={"autocommit": True}, name="sandbox", timeout=30
    )


@dataclass(slots=True, kw_only=True)
class Origin:
    """A server on a port, in a thread of its own."""

    server: Server
    thread: threading.Thread

    def close(self) -> None:
        self.server.stop()
        self.thread.join(timeout=5)


def open_origin(app: web.Wsgi, host: str, port: int, name: str) -> Origin:
    """Raises: PortTaken."""
    if port and not _is_free(host, port):
        raise PortTaken(f"Port {port} is taken")
    server = Server(
        (host, port),
        app,
        numthreads=THREADS,
        max=THREADS,
        server_name=host,
        request_queue_size=BACKLOG,
        timeout=IDLE_S,
        shutdown_timeout=1,
    )
    server.keep_alive_conn_limit = BACKLOG
    try:
        server.prepare()
    except OSError as error:
        raise PortTaken(f"Port {port} is taken") from error
    thread = threading.Thread(target=server.serve, name=name, daemon=True)
    thread.start()
    return Origin(server=server, thread=thread)


@dataclass(slots=True, kw_only=True)
class Running:
    site: Site
    origin: Origin
    senders: Senders

    def close(self) -> None:
        self.origin.close()
        self.senders.stop()


class Host:
    """The sandboxes by name. One change of them at a time; calls to the sandboxes do not wait for it."""

    def __init__(self, pool: Pool, address: str, first_port: int) -> None:
        self.pool = pool
        self.address = address
        self._first_port = first_port
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

    def site(self, name: str) -> Site:
        """Raises: UnknownSandbox."""
        running = self._running.get(name)
        if running is None:
            raise registry.UnknownSandbox(f"There is no sandbox named {name!r}.")
        return running.site

    def create(self, *, name: str, kind: Kind, port: int, settings: Settings) -> Record:
        """Raises: NameTaken, PortTaken."""
        return self._add(name, kind, port, settings, declarations.standard(kind), seed)

    def copy(self, name: str, *, new_name: str) -> Record:
        """A sandbox with the same tables and rows, credentials of its own. Raises: UnknownSandbox, NameTaken."""
        source = self.site(name)
        fresh = registry.new_settings(source.record.kind, tenant_id=source.settings.tenant_id)
        kept = {"version", "build", "data_centre", "is_trial", "default_company", "refuses_with_500"}
        settings = registry.changed_settings(fresh, {one: getattr(source.settings, one) for one in kept})

        def fill(connection: Connection[Any], site: Site) -> None:
            store.copy_schema(connection, source=source.stock, target=site.stock, target_schema=site.schema)
            seed_client(connection, site)

        return self._add(new_name, source.record.kind, 0, settings, [source.record.document], fill)

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
                site.replace_record(registry.get(connection, name))
                seed(connection, site)
            site.forget()
            return site.record

    def change_settings(self, name: str, changes: dict[str, Any]) -> Record:
        """Raises: UnknownSandbox; ValueError for settings that are none."""
        with self._lock:
            site = self.site(name)
            settings = registry.changed_settings(site.settings, changes)
            with self.pool.connection() as connection:
                registry.save_settings(connection, site.record.id, settings)
            site.replace_record(replace(site.record, settings=settings))
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
            taken = [table.set for table in document.tables if site.shape(table.set)]
            if taken:
                raise declarations.DeclarationError(f"Table {taken[0]} is already there.")
            declarations.check(declarations.merged(site.record.kind, [site.record.document, document]))
            with self.pool.connection() as connection, connection.transaction():
                registry.add_document(connection, site.record.id, document)
                record = registry.get(connection, name)
                grown = Site(record, self.pool)
                shapes = [grown.stock.shapes[table.set] for table in document.tables]
                store.make_tables(connection, shapes, grown.stock)
                if record.kind is Kind.DATAVERSE:
                    dataverse_functions.add_message_filters(connection, grown, shapes)
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
        documents: Sequence[Document],
        fill: Callable[[Connection[Any], Site], None],
    ) -> Record:
        declarations.check(declarations.merged(kind, documents))
        with self._lock:
            chosen = port or self._free_port()
            with self.pool.connection() as connection, connection.transaction():
                record = registry.add(
                    connection, name=name, kind=kind, port=chosen, settings=settings, documents=documents
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
        origin = open_origin(web.application(site), self.address, record.port, record.name)
        senders = Senders(site, POLICIES[record.kind])
        senders.start()
        self._running[record.name] = Running(site=site, origin=origin, senders=senders)

    def _free_port(self) -> int:
        """The first port from the first one on that neither a sandbox has nor anybody listens on."""
        taken = {record.port for record in self.records()}
        if not self._first_port:
            return _any_port(self.address)
        for port in range(self._first_port, min(self._first_port + 1000, 65536)):
            if port not in taken and _is_free(self.address, port):
                return port
        raise PortTaken(f"No free port from {self._first_port} on")


def seed(connection: Connection[Any], site: Site) -> None:
    """The schema of a new sandbox, with the rows that every new environment has."""
    store.make_schema(connection, site.schema, site.stock)
    if site.record.kind is Kind.DATAVERSE:
        dataverse_functions.seed(connection, site, datetime.now(UTC))
    else:
        seed_client(connection, site)


def seed_client(connection: Connection[Any], site: Site) -> None:
    for client in site.settings.clients:
        add_user(connection, site, client)


def add_user(connection: Connection[Any], site: Site, client: registry.Client) -> None:
    if site.record.kind is Kind.DATAVERSE:
        dataverse_functions.add_user(connection, site, client)
    else:
        seeding.add_client(connection, site, client)


def _is_free(address: str, port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True


def _any_port(address: str) -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])

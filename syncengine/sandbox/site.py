"""A sandbox that runs: its record and tables, and what it keeps in memory."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from psycopg import Connection
from psycopg_pool import ConnectionPool

from syncengine.sandbox import registry, store
from syncengine.sandbox.calls import Call
from syncengine.sandbox.counts import Counts, Work
from syncengine.sandbox.faults import Faults
from syncengine.sandbox.registry import Record
from syncengine.sandbox.shape import Shape
from syncengine.sandbox.store import Stock

Pool = ConnectionPool[Connection[Any]]
ORIGIN = datetime(1900, 1, 1, tzinfo=UTC)


class Site:
    """`remembered` holds what is read from the sandbox's own tables often and forgotten when they are written."""

    def __init__(self, record: Record, pool: Pool) -> None:
        self.pool = pool
        self.record = record
        self.stock = _stock(record)
        self.counts = Counts(record.counts)
        self.faults = Faults(record.faults)
        self.has_deliveries = threading.Event()
        self._remembered: dict[str, Any] = {}
        self._rung: set[int] = set()

    @property
    def settings(self) -> registry.Settings:
        return self.record.settings

    @property
    def schema(self) -> str:
        return self.record.schema

    def shape(self, name: str) -> Shape | None:
        return self.stock.shapes.get(name)

    def replace_record(self, record: Record) -> None:
        """Take over changed settings and tables."""
        self.record = record
        self.stock = _stock(record)
        self.forget()

    def remember(self, name: str, read: Callable[[], Any]) -> Any:
        """What `read` gave the first time since the last `forget`."""
        remembered = self._remembered  # what is read while another thread forgets goes to the old store
        if name not in remembered:
            remembered[name] = read()
        return remembered[name]

    def forget(self) -> None:
        self._remembered = {}

    def ring(self, connection: Connection[Any]) -> None:
        """Deliveries were queued in this connection's transaction."""
        self._rung.add(id(connection))

    @contextmanager
    def reading(self) -> Iterator[Connection[Any]]:
        """A connection for single statements that change nothing."""
        with self.pool.connection() as connection:
            yield connection

    @contextmanager
    def transaction(self) -> Iterator[Connection[Any]]:
        """One transaction; what it queued goes out when it has ended."""
        with self.pool.connection() as connection, self._ringing(connection), connection.transaction():
            yield connection

    @contextmanager
    def transactions(self) -> Iterator[Connection[Any]]:
        """A connection for many transactions of the caller's, which are durable when this ends: one flush for all."""
        with self.pool.connection() as connection, self._ringing(connection):
            connection.execute("SET synchronous_commit = off")
            try:
                yield connection
            finally:
                connection.execute("SET synchronous_commit = on")
                connection.execute("SELECT pg_logical_emit_message(true, 'twofold', '')")

    @contextmanager
    def _ringing(self, connection: Connection[Any]) -> Iterator[None]:
        try:
            yield
        finally:
            if id(connection) in self._rung:
                self._rung.discard(id(connection))
                self.has_deliveries.set()

    def count(self, work: Work, call: Call, rows: int = 1) -> None:
        self.counts.add_work(work, call.client_id, rows)

    def check_rules(self, table: str, operation: str, values: Mapping[str, Any]) -> None:
        """Raises: ServiceError of kind "rule"."""
        if self.faults.switches.rules:
            self.faults.check_row(table, operation, values)


def _stock(record: Record) -> Stock:
    return store.stock(
        record.document, schema=record.schema, changed_at=lambda name: record.declared_at.get(name, ORIGIN)
    )

"""A sandbox that runs: its record and tables, and what it keeps in memory."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from psycopg import Connection
from psycopg_pool import ConnectionPool

from syncengine.sandbox import change_log, registry, store
from syncengine.sandbox.calls import Call, ServiceError
from syncengine.sandbox.counts import Counts, Work
from syncengine.sandbox.faults import Faults
from syncengine.sandbox.limits import Limiter
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
        self.limiter = Limiter(record.settings.limits)
        self.has_deliveries = threading.Event()
        self._remembered: dict[str, Any] = {}
        self._rung: set[int] = set()
        self._made: frozenset[str] | None = None
        self._making = threading.RLock()

    @property
    def settings(self) -> registry.Settings:
        return self.record.settings

    @property
    def schema(self) -> str:
        return self.record.schema

    def shape(self, name: str) -> Shape | None:
        return self.stock.shapes.get(name)

    def is_made(self, name: str) -> bool:
        """Whether the table of this set is there; one that is not has no rows."""
        return name in self.made

    @property
    def made(self) -> frozenset[str]:
        """The tables that are there. Tables are only ever added, so what was seen once holds."""
        found = self._made
        if found is None:
            with self._making:  # else what another thread makes meanwhile would be forgotten
                found = self._made
                if found is None:
                    with self.reading() as connection:
                        found = self._made = frozenset(store.made_tables(connection, self.schema))
        return found

    def need(self, names: Iterable[str]) -> None:
        """Make those of these tables that are declared and not there yet. Not within a transaction of the sandbox."""
        missing = [name for name in names if name not in self.made and name in self.stock.shapes]
        if missing:
            with self._making:
                for name in missing:
                    self._make(name)

    def _make(self, name: str) -> None:
        if name not in self.made:  # somebody else may have made it meanwhile
            with self.pool.connection() as connection, connection.transaction():
                store.make_table(connection, self.stock, name, self.made)
            self._made = self.made | {name}

    def replace_record(self, record: Record, *, has_new_schema: bool = False) -> None:
        """Take over changed settings and tables."""
        if record.settings.limits != self.settings.limits:
            self.limiter = Limiter(record.settings.limits)
        self.record = record
        self.stock = _stock(record)
        if has_new_schema:
            self._made = None
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
    def reading_within(self, limit_s: int) -> Iterator[Connection[Any]]:
        """As `reading`. Raises: psycopg.errors.QueryCanceled for a statement that takes longer than this."""
        with self.reading() as connection, connection.transaction():
            connection.execute("SELECT set_config('statement_timeout', %s, true)", (f"{limit_s}s",))
            yield connection

    @contextmanager
    def transaction(self) -> Iterator[Connection[Any]]:
        """One transaction; what it queued goes out when it has ended."""
        with self.pool.connection() as connection, self._ringing(connection), connection.transaction():
            change_log.tell_writer(connection)
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

    def begin_call(self, method: str, signed_in_at: float) -> None:
        """Counts a call or a part of a batch. Raises: ServiceError when its token is not taken any longer."""
        self.counts.add_call(method)
        self.faults.count_call(time.time())
        if signed_in_at < max(self.settings.tokens_valid_from, self.faults.tokens_valid_from):
            raise ServiceError(401, "The access token has expired.")

    def count(self, work: Work, call: Call, rows: int = 1) -> None:
        self.counts.add_work(work, call.client_id, rows)

    def check_rules(self, table: str, operation: str, values: Mapping[str, Any]) -> None:
        """Raises: ServiceError of kind "rule"."""
        switches = self.faults.switches
        if switches.rules or switches.is_read_only:
            self.faults.check_row(table, operation, values)


def _stock(record: Record) -> Stock:
    changes = record.settings.table_changes

    def changed_at(name: str) -> datetime:
        declared_at = record.declared_at.get(name, ORIGIN)
        change = changes.get(name)
        return declared_at if change is None else max(declared_at, datetime.fromtimestamp(change.changed_at, UTC))

    tracking = {name: change.tracks_changes for name, change in changes.items()}
    return store.stock(record.inventory, schema=record.schema, changed_at=changed_at, tracking=tracking)

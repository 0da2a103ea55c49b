"""The PostgreSQL side of a link."""

from collections.abc import Iterator, Sequence

import polars as pl

from syncengine.catalog import Catalog, Table
from syncengine.connectors.base import (
    CaptureTraits,
    Check,
    Chunk,
    Identity,
    Outcome,
    Poll,
    Settings,
    Subscription,
    WriteBatch,
)
from syncengine.connectors.postgres import capture, checks, metadata, read, triggers, write
from syncengine.connectors.postgres.session import Session
from syncengine.errors import PermanentError
from syncengine.mapping.filters.ast import Filter


class PostgresConnector:
    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.session = Session(settings)

    def close(self) -> None:
        self.session.close()

    def check(self) -> list[Check]:
        return checks.check(self.session)

    def identity(self) -> Identity:
        return checks.identity(self.session)

    def clock_offset_s(self) -> float:
        return checks.clock_offset_s(self.session)

    def catalog(self, tables: Sequence[str] = ()) -> Catalog:
        return metadata.read_catalog(self.session, tables)

    def count(self, table: Table, where: Filter | None) -> int:
        return read.count(self.session, table, where)

    def chunks(
        self, table: Table, *, columns: Sequence[str], where: Filter | None, after: str | None = None
    ) -> Iterator[Chunk]:
        return read.chunks(self.session, table, columns=columns, where=where, after=after)

    def fetch(self, table: Table, *, columns: Sequence[str], row_ids: Sequence[str]) -> pl.DataFrame:
        return read.fetch(self.session, table, columns=columns, row_ids=row_ids)

    def find(self, table: Table, *, columns: Sequence[str], keys: pl.DataFrame) -> pl.DataFrame:
        return read.find(self.session, table, columns=columns, keys=keys)

    def write(self, batch: WriteBatch) -> Outcome:
        return write.write(self.session, batch)

    def capture_traits(self, table: Table) -> CaptureTraits:
        return CaptureTraits(polls=True, polls_deletes=True)

    def poll(self, table: Table, *, columns: Sequence[str], cursor: str | None) -> Poll:
        return capture.poll(self.session, table, cursor)

    def listing(self, table: Table) -> Iterator[pl.DataFrame]:
        return read.listing(self.session, table)

    def subscribe(
        self, tables: Sequence[Table], *, url: str, secret: str, columns: dict[str, Sequence[str]]
    ) -> list[Subscription]:
        """Installs the triggers; they wake who listens (`changes_waiting`), nothing is sent to the URL."""
        return triggers.install(self.session, tables)

    def unsubscribe(self, subscriptions: Sequence[Subscription]) -> None:
        triggers.uninstall(self.session, [each.table for each in subscriptions])

    def read_notification(self, body: bytes, tables: Sequence[Table]) -> pl.DataFrame:
        raise PermanentError(f"{self.settings.name} does not push messages; its changes are read from its change log.")

    def changes_waiting(self, timeout_s: float) -> set[str]:
        """Names of captured tables that changed while we listened; empty when none did in that time."""
        return capture.changes_waiting(self.session, timeout_s)

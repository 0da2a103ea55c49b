"""The Finance and Operations side of a link."""

from collections.abc import Iterator, Sequence

import httpx
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
from syncengine.connectors.finops import checks, metadata, notifications, polling, read, write
from syncengine.connectors.finops.api import METADATA, open_service
from syncengine.mapping.filters.ast import Filter


class FinopsConnector:
    def __init__(self, settings: Settings, *, transport: httpx.BaseTransport | None = None) -> None:
        self.settings = settings
        self.service = open_service(settings, transport)
        self._overlap_s = float(settings.options.get("poll_overlap_s", polling.OVERLAP_S))

    def close(self) -> None:
        self.service.client.close()

    def check(self) -> list[Check]:
        return checks.check(self.service, self.settings)

    def identity(self) -> Identity:
        return checks.identity(self.service, self.settings)

    def clock_offset_s(self) -> float:
        return self.service.client.clock_offset_s(f"{METADATA}PublicEnumerations('NoYes')")

    def catalog(self, tables: Sequence[str] = ()) -> Catalog:
        return metadata.read_catalog(self.service, tables)

    def count(self, table: Table, where: Filter | None) -> int:
        return read.count(self.service, table, where)

    def chunks(
        self, table: Table, *, columns: Sequence[str], where: Filter | None, after: str | None = None
    ) -> Iterator[Chunk]:
        return read.chunks(self.service, table, columns=columns, where=where, after=after)

    def fetch(self, table: Table, *, columns: Sequence[str], row_ids: Sequence[str]) -> pl.DataFrame:
        return read.fetch(self.service, table, columns=columns, row_ids=row_ids)

    def find(self, table: Table, *, columns: Sequence[str], keys: pl.DataFrame) -> pl.DataFrame:
        return read.find(self.service, table, columns=columns, values=keys)

    def write(self, batch: WriteBatch) -> Outcome:
        return write.write(self.service, batch)

    def capture_traits(self, table: Table) -> CaptureTraits:
        return CaptureTraits(polls=bool(table.modified_column), polls_deletes=False)

    def poll(self, table: Table, *, columns: Sequence[str], cursor: str | None) -> Poll:
        return polling.poll(self.service, table, cursor, overlap_s=self._overlap_s)

    def listing(self, table: Table) -> Iterator[pl.DataFrame]:
        return read.listing(self.service, table)

    def subscribe(
        self, tables: Sequence[Table], *, url: str, secret: str, columns: dict[str, Sequence[str]]
    ) -> list[Subscription]:
        return notifications.subscribe(tables, url=url)

    def unsubscribe(self, subscriptions: Sequence[Subscription]) -> None:
        """Nothing: an administrator registered them by hand and removes them so."""

    def read_notification(self, body: bytes, tables: Sequence[Table]) -> pl.DataFrame:
        return notifications.read_notification(body, tables)

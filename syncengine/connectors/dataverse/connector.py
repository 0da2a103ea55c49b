"""The Dataverse side of a link."""

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
from syncengine.connectors.dataverse import checks, delta, metadata, notifications, read, webhooks, write
from syncengine.connectors.dataverse.api import open_service
from syncengine.mapping.filters.ast import Filter


class DataverseConnector:
    def __init__(self, settings: Settings, *, transport: httpx.BaseTransport | None = None) -> None:
        self.settings = settings
        self.service = open_service(settings, transport)

    def close(self) -> None:
        self.service.client.close()

    def check(self) -> list[Check]:
        return checks.check(self.service)

    def identity(self) -> Identity:
        return checks.identity(self.service, tenant=self.settings.tenant)

    def clock_offset_s(self) -> float:
        return self.service.client.clock_offset_s("WhoAmI")

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
        return CaptureTraits(polls=table.tracks_changes, polls_deletes=table.tracks_changes)

    def poll(self, table: Table, *, columns: Sequence[str], cursor: str | None) -> Poll:
        return delta.poll(self.service, table, cursor)

    def listing(self, table: Table) -> Iterator[pl.DataFrame]:
        return read.listing(self.service, table)

    def subscribe(
        self, tables: Sequence[Table], *, url: str, secret: str, columns: dict[str, Sequence[str]]
    ) -> list[Subscription]:
        return webhooks.subscribe(self.service, tables, url=url, secret=secret, columns=columns)

    def unsubscribe(self, subscriptions: Sequence[Subscription]) -> None:
        webhooks.unsubscribe(self.service, subscriptions)

    def read_notification(self, body: bytes, tables: Sequence[Table]) -> pl.DataFrame:
        return notifications.read_notification(body, tables)

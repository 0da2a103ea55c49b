"""What a connector is: one side of a link, spoken to in frames.

A connector keeps no state between calls but its connection. Rows travel as frames (see `syncengine.frames`), named
and typed by the environment's own catalog. Every method may raise TransientError (UnreachableError, ThrottledError),
CredentialsError and, for a table or column that is gone, CatalogError; single rows never raise, they are refused
in the `Outcome`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import polars as pl

from syncengine.catalog import Catalog, Table
from syncengine.mapping.filters.ast import Filter


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One named check of an environment: `detail` says what was found, `remedy` what to do when not ok."""

    code: str
    title: str
    ok: bool
    detail: str
    remedy: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who answers: `organization_id` never changes for one environment."""

    organization_id: str
    name: str
    version: str
    tenant: str = ""
    data_centre: str = ""
    is_trial: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Some rows, and the cursor that continues after them; None when these were the last."""

    rows: pl.DataFrame
    cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteBatch:
    """What to write to one table, in one go; records are independent of each other.

    creates: `_record`, `_row_id` (our own id; null where the service assigns it) and data columns; null is not sent.
    updates: `_record`, `_row_id`, `_version` (the version decided on; null: only that the row exists), `_changed`
        (the columns to write; null in one of them clears it) and data columns.
    deletes: `_record`, `_row_id`, `_version`. A delete that finds nothing is written.
    mark: origin mark for our own writes, where the service takes one.
    stored: the columns whose stored values the outcome gives back.
    is_load: rows proven absent, written with the service's bulk messages; else every create is create-only.
    """

    table: Table
    creates: pl.DataFrame
    updates: pl.DataFrame
    deletes: pl.DataFrame
    stored: tuple[str, ...]
    mark: str = ""
    is_load: bool = False


REFUSED_SCHEMA = {
    "_record": pl.UInt32(),
    "code": pl.String(),
    "message": pl.String(),  # readable, without the service's noise
    "error_class": pl.String(),  # of syncengine.errors.ErrorClass
    "raw": pl.String(),  # the answer as it came, shortened to 4,000 characters
}
LATER_SCHEMA = {"_record": pl.UInt32(), "due_at": pl.Datetime("us", "UTC"), "message": pl.String()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of each record of a batch; every record is in exactly one frame.

    written: `_record` and a row frame (system columns, stored columns); for a delete only `_record` and `_row_id`
        have a value.
    refused: REFUSED_SCHEMA. later: LATER_SCHEMA (throttled, no answer in time: nothing is known or nothing was done).
    """

    written: pl.DataFrame
    refused: pl.DataFrame
    later: pl.DataFrame


EVENT_SCHEMA = {
    "table": pl.String(),
    "row_id": pl.String(),
    "operation": pl.String(),  # of syncengine.states.Operation
    "version": pl.String(),  # the row version after the change, where the source tells
    "changed_at": pl.Datetime("us", "UTC"),  # by the source's clock, where it tells
    "origin": pl.String(),  # the origin mark, where the source hands it on
    "position": pl.String(),  # the source's own position or event id, for people and duplicates
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """Changes of one table since a cursor (EVENT_SCHEMA), and the cursor to save once they are in the journal."""

    events: pl.DataFrame
    cursor: str
    has_more: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureTraits:
    """How changes of a table can be had."""

    polls: bool  # `poll` sees creates and updates
    polls_deletes: bool  # `poll` sees deletes too; else only `listing` compared with bindings proves them


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """A push registration. `handle` is what `unsubscribe` needs."""

    table: str
    handle: str
    is_ours: bool = True  # False where an administrator must register it by hand
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How to reach an environment. `secret` is never logged; `options` are the kind's own."""

    kind: str
    name: str
    base_url: str
    token_url: str = ""
    tenant: str = ""
    client_id: str = ""
    secret: str = field(default="", repr=False)
    options: dict[str, str] = field(default_factory=dict)


class Connector(Protocol):
    settings: Settings

    def close(self) -> None: ...

    def check(self) -> list[Check]:
        """Checks of this environment alone, in the order in which to read them; never raises for a failed one."""

    def identity(self) -> Identity: ...

    def clock_offset_s(self) -> float:
        """The service's clock minus ours, in seconds."""

    def catalog(self, tables: Sequence[str] = ()) -> Catalog:
        """All tables, or these (those not there are left out)."""

    def count(self, table: Table, where: Filter | None) -> int: ...

    def chunks(
        self, table: Table, *, columns: Sequence[str], where: Filter | None, after: str | None = None
    ) -> Iterator[Chunk]:
        """All rows that fit, in chunks of up to a few thousand; `after` continues behind a chunk's cursor."""

    def fetch(self, table: Table, *, columns: Sequence[str], row_ids: Sequence[str]) -> pl.DataFrame:
        """The rows of these ids that exist, in any order."""

    def find(self, table: Table, *, columns: Sequence[str], keys: pl.DataFrame) -> pl.DataFrame:
        """The rows whose values in the columns of `keys` equal one of its rows (text compared as the service does)."""

    def write(self, batch: WriteBatch) -> Outcome: ...

    def capture_traits(self, table: Table) -> CaptureTraits: ...

    def poll(self, table: Table, *, columns: Sequence[str], cursor: str | None) -> Poll:
        """Changes since the cursor; with None nothing but a cursor that stands for now.

        Raises: CursorExpiredError when the service no longer knows the cursor.
        """

    def listing(self, table: Table) -> Iterator[pl.DataFrame]:
        """`_row_id` and `_version` of every row, complete when the iterator ends."""

    def subscribe(
        self, tables: Sequence[Table], *, url: str, secret: str, columns: dict[str, Sequence[str]]
    ) -> list[Subscription]:
        """Push of changes of these tables to that URL; registering twice leaves one registration."""

    def unsubscribe(self, subscriptions: Sequence[Subscription]) -> None: ...

    def read_notification(self, body: bytes, tables: Sequence[Table]) -> pl.DataFrame:
        """The events (EVENT_SCHEMA) in a pushed message; empty for a test message.

        Raises: PermanentError for a body that is not a notification.
        """

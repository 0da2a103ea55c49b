"""What became of each record of a write, gathered call by call."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import polars as pl

from syncengine.catalog import Table
from syncengine.connectors.base import LATER_SCHEMA, REFUSED_SCHEMA, Outcome
from syncengine.errors import ErrorClass, SyncError, TransientError
from syncengine.frames import RECORD, ROW_ID, schema_of

LATER_S = 5  # where the service names no time


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why the service refused a row: its code, a readable reason, what kind, and the answer as it came."""

    code: str
    message: str
    error_class: ErrorClass
    raw: str = ""


@dataclass(slots=True, kw_only=True)
class Results:
    """An outcome in the making; every record is entered once."""

    table: Table
    stored: tuple[str, ...]
    written: list[pl.DataFrame] = field(default_factory=list)
    refused: list[tuple[int, str, str, str, str]] = field(default_factory=list)
    postponed: list[tuple[int, datetime, str]] = field(default_factory=list)

    def write(self, records: Sequence[int], rows: pl.DataFrame) -> None:
        """These records are stored as these rows, in the same order."""
        numbered = rows.with_columns(pl.Series(RECORD, records, dtype=pl.UInt32))
        self.written.append(numbered.select(*self.schema()))

    def delete(self, records: Sequence[int], row_ids: Sequence[str]) -> None:
        rows = pl.DataFrame({ROW_ID: row_ids}, schema={ROW_ID: pl.String})
        empty = [pl.lit(None, dtype=dtype).alias(name) for name, dtype in self.schema().items() if name != ROW_ID]
        self.write(records, rows.with_columns(empty))

    def refuse(self, record: int, refusal: Refusal) -> None:
        self.refused.append((record, refusal.code, refusal.message, refusal.error_class.value, refusal.raw))

    def postpone(self, records: Iterable[int], error: SyncError) -> None:
        """The fate of these records is not known, or nothing was done; the same again, later."""
        named = error.due_at if isinstance(error, TransientError) else None
        due_at = named or datetime.now(UTC) + timedelta(seconds=LATER_S)
        self.postponed += [(record, due_at, str(error)) for record in records]

    def schema(self) -> dict[str, pl.DataType]:
        return {RECORD: pl.UInt32(), **schema_of(self.table, self.stored)}

    def is_empty(self) -> bool:
        return not (self.written or self.refused or self.postponed)

    def outcome(self) -> Outcome:
        written = pl.concat(self.written) if self.written else pl.DataFrame(schema=self.schema())
        return Outcome(
            written=written,
            refused=pl.DataFrame(self.refused, schema=REFUSED_SCHEMA, orient="row"),
            later=pl.DataFrame(self.postponed, schema=LATER_SCHEMA, orient="row"),
        )

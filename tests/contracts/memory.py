"""A small, real connector over rows in memory, for tests of the engine and as a member of the contract suite.

    memory = make_memory(accounts, contacts)                    # as dataverse: own ids, look-ups, deltas with deletes
    memory = make_memory(customers, like="finops")              # natural keys as row ids, references, no deletes polled
    row_id = memory.put("accounts", name="A")                   # an edit by somebody else
    memory.refuse("accounts", "name", "bad", message="…")       # a rule of the service; `memory.rules.clear()` lifts it
    memory.fail("fetch", ThrottledError("slow down"))           # the next call raises; `after=True`: done, answer lost

Values go in and out in normal form: "" becomes no value, trailing spaces go, decimals are rounded to their scale.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import polars as pl

from syncengine.catalog import Catalog, Table
from syncengine.connectors.base import (
    EVENT_SCHEMA,
    LATER_SCHEMA,
    REFUSED_SCHEMA,
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
from syncengine.errors import CatalogError, CursorExpiredError, ErrorClass, PermanentError, RowError, SyncError
from syncengine.frames import CHANGED, RECORD, ROW_ID, VERSION, schema_of
from syncengine.mapping.filters.ast import Filter
from syncengine.mapping.filters.polars import to_expression
from syncengine.states import Operation
from tests.contracts.memory_rows import Likeness, Rows, Rule, Store, column_of, data_of, equal_form


@dataclass(slots=True)
class Fault:
    error: SyncError
    times: int
    after: bool


def make_memory(*tables: Table, like: Likeness = "dataverse", name: str = "memory", page_rows: int = 100) -> "Memory":
    return Memory(tables, like=like, name=name, page_rows=page_rows)


class Memory:
    def __init__(self, tables: Sequence[Table], *, like: Likeness, name: str, page_rows: int) -> None:
        self.settings = Settings(kind=like, name=name, base_url=f"memory://{name}")
        self.rows = Rows(tables, like)
        self.page_rows = page_rows
        self.faults: dict[str, list[Fault]] = {}
        self.writes: Counter[str] = Counter()
        self.marks: list[str] = []
        self.subscriptions: dict[str, Subscription] = {}
        self.forgotten_before = 0  # cursors older than this have expired
        self.is_closed = False

    @property
    def rules(self) -> list[Rule]:
        return self.rows.rules

    # What tests do behind the engine's back.

    def put(self, table_name: str, row_id: str | None = None, **values: Any) -> str:
        """Create or change a row as another user would; gives its row id."""
        store = self.rows.store(table_name)
        known = store.rows.get(row_id or "")
        if known is None:
            return self.rows.create(store, row_id, values)
        self.rows.change(store, str(row_id), values)
        return str(row_id)

    def remove(self, table_name: str, row_id: str) -> None:
        self.rows.remove(self.rows.store(table_name), row_id)

    def values(self, table_name: str, row_id: str) -> dict[str, Any]:
        return dict(self.rows.store(table_name).rows[row_id].values)

    def ids(self, table_name: str) -> list[str]:
        return list(self.rows.store(table_name).rows)

    def refuse(
        self,
        table: str,
        column: str = "",
        value: Any = None,
        *,
        message: str = "Refused by a rule.",
        error_class: ErrorClass = ErrorClass.BUSINESS,
    ) -> None:
        self.rules.append(Rule(table, column, value, message, error_class))

    def fail(self, method: str, error: SyncError, *, times: int = 1, after: bool = False) -> None:
        """The next calls of this method raise (write: all is "later"); `after`: it was done, the answer is lost."""
        self.faults.setdefault(method, []).append(Fault(error, times, after))

    def forget_changes(self) -> None:
        """Every cursor handed out so far has expired."""
        self.forgotten_before = self.rows.sequence + 1

    # The connector.

    def close(self) -> None:
        self.is_closed = True

    def check(self) -> list[Check]:
        try:
            self._maybe_fail("check")
        except SyncError as error:
            return [Check(code="reachable", title="Reachable", ok=False, detail=str(error), remedy="Try again.")]
        return [Check(code="reachable", title="Reachable", ok=True, detail="In memory.")]

    def identity(self) -> Identity:
        self._maybe_fail("identity")
        return Identity(organization_id=f"id-of-{self.settings.name}", name=self.settings.name, version="10.0.40")

    def clock_offset_s(self) -> float:
        return 0.0

    def catalog(self, tables: Sequence[str] = ()) -> Catalog:
        self._maybe_fail("catalog")
        wanted = {name.lower() for name in tables}
        stores = self.rows.stores.values()
        return Catalog(tables=tuple(each.table for each in stores if not wanted or each.table.name.lower() in wanted))

    def count(self, table: Table, where: Filter | None) -> int:
        self._maybe_fail("count")
        return self._where(table, (), where).height

    def chunks(
        self, table: Table, *, columns: Sequence[str], where: Filter | None, after: str | None = None
    ) -> Iterator[Chunk]:
        place = 0 if after is None else int(after)
        while True:
            self._maybe_fail("chunks")
            rows = self._where(table, columns, where)
            following = place + self.page_rows
            cursor = str(following) if following < rows.height else None
            yield Chunk(rows=rows.slice(place, self.page_rows), cursor=cursor)
            if cursor is None:
                return
            place = following

    def fetch(self, table: Table, *, columns: Sequence[str], row_ids: Sequence[str]) -> pl.DataFrame:
        self._maybe_fail("fetch")
        store = self.rows.store(table.name)
        return self._frame(table, columns, [each for each in dict.fromkeys(row_ids) if each in store.rows])

    def find(self, table: Table, *, columns: Sequence[str], keys: pl.DataFrame) -> pl.DataFrame:
        self._maybe_fail("find")
        names = {name: column_of(table, name) for name in keys.columns}
        wanted = {tuple(equal_form(row[n]) for n in names) for row in keys.iter_rows(named=True)}
        rows = self.rows.store(table.name).rows
        found = [
            i for i, row in rows.items() if tuple(equal_form(row.values.get(c.name)) for c in names.values()) in wanted
        ]
        return self._frame(table, columns, found)

    def write(self, batch: WriteBatch) -> Outcome:
        self.marks.append(batch.mark)
        written, refused, later = [], [], []
        fault = self._fault("write")
        actions = [(self._write_create, row) for row in batch.creates.iter_rows(named=True)]
        actions += [(self._write_update, row) for row in batch.updates.iter_rows(named=True)]
        actions += [(self._write_delete, row) for row in batch.deletes.iter_rows(named=True)]
        for act, row in actions:
            if fault is not None:
                if fault.after:
                    _silently(act, batch.table, row)
                later.append((row[RECORD], datetime.now(UTC), str(fault.error)))
                continue
            try:
                written.append((row[RECORD], act(batch.table, row)))
            except RowError as error:
                refused.append((row[RECORD], error.code, str(error), error.error_class.value, str(error)))
        return Outcome(
            written=self._written(batch, written),
            refused=pl.DataFrame(refused, schema=REFUSED_SCHEMA, orient="row"),
            later=pl.DataFrame(later, schema=LATER_SCHEMA, orient="row"),
        )

    def capture_traits(self, table: Table) -> CaptureTraits:
        if self.rows.like == "finops":
            return CaptureTraits(polls=bool(table.modified_column), polls_deletes=False)
        return CaptureTraits(polls=table.tracks_changes, polls_deletes=table.tracks_changes)

    def poll(self, table: Table, *, columns: Sequence[str], cursor: str | None) -> Poll:
        self._maybe_fail("poll")
        traits = self.capture_traits(table)
        if not traits.polls:
            raise CatalogError(f"Table {table.name} cannot be polled.")
        if cursor is None:
            return Poll(events=pl.DataFrame(schema=EVENT_SCHEMA), cursor=str(self.rows.sequence))
        if not cursor.isdigit() or int(cursor) < self.forgotten_before:
            raise CursorExpiredError(f"The changes of {table.name} since then are forgotten.")
        store = self.rows.store(table.name)
        since = [entry for entry in store.log if entry[0] > int(cursor)]
        page, rest = since[: self.page_rows], since[self.page_rows :]
        reached = page[-1][0] if rest else self.rows.sequence
        last = {row_id: (sequence, operation) for sequence, row_id, operation in page}
        events = [
            self._event(store, row_id, operation)
            for row_id, (_, operation) in last.items()
            if traits.polls_deletes or (operation is Operation.UPSERT and row_id in store.rows)
        ]
        return Poll(
            events=pl.DataFrame(events, schema=EVENT_SCHEMA, orient="row"), cursor=str(reached), has_more=bool(rest)
        )

    def listing(self, table: Table) -> Iterator[pl.DataFrame]:
        for chunk in self.chunks(table, columns=(), where=None):
            yield chunk.rows.select(ROW_ID, VERSION)

    def subscribe(
        self, tables: Sequence[Table], *, url: str, secret: str, columns: dict[str, Sequence[str]]
    ) -> list[Subscription]:
        ours = self.rows.like == "dataverse"
        made = [
            Subscription(table=t.name, handle=t.name if ours else "", is_ours=ours, note="" if ours else f"Enter {url}")
            for t in tables
        ]
        self.subscriptions |= {each.table: each for each in made if each.is_ours}
        return made

    def unsubscribe(self, subscriptions: Sequence[Subscription]) -> None:
        for each in subscriptions:
            self.subscriptions.pop(each.handle, None)

    def read_notification(self, body: bytes, tables: Sequence[Table]) -> pl.DataFrame:
        try:
            message = json.loads(body)
            name, row_id, operation = message["table"], message["row_id"], Operation(message["operation"])
        except (ValueError, KeyError, TypeError) as error:
            raise PermanentError("The pushed message is not a notification.") from error
        if not row_id or name not in {table.name for table in tables}:
            return pl.DataFrame(schema=EVENT_SCHEMA)
        row = (name, row_id, operation.value, message.get("version"), None, message.get("origin"), message.get("id"))
        return pl.DataFrame([row], schema=EVENT_SCHEMA, orient="row")

    # Writing.

    def _write_create(self, table: Table, row: Mapping[str, Any]) -> str:
        values = {name: value for name, value in data_of(row).items() if value is not None}
        row_id = self.rows.create(self.rows.store(table.name), row[ROW_ID], values)
        self.writes["create"] += 1
        return row_id

    def _write_update(self, table: Table, row: Mapping[str, Any]) -> str:
        store = self.rows.store(table.name)
        self.rows.met(store, row)
        self.rows.change(store, row[ROW_ID], {name: row[name] for name in row[CHANGED]})
        self.writes["update"] += 1
        return str(row[ROW_ID])

    def _write_delete(self, table: Table, row: Mapping[str, Any]) -> str:
        store = self.rows.store(table.name)
        if row[ROW_ID] in store.rows:
            self.rows.met(store, row)
            self.rows.remove(store, row[ROW_ID])
            self.writes["delete"] += 1
        return str(row[ROW_ID])

    # Reading.

    def _written(self, batch: WriteBatch, written: Sequence[tuple[int, str]]) -> pl.DataFrame:
        schema = {RECORD: pl.UInt32(), **schema_of(batch.table, batch.stored)}
        deleted = set(batch.deletes[RECORD].to_list()) if batch.deletes.height else set()
        stored = [
            (record, self._cells(batch.table, batch.stored, row_id, is_gone=record in deleted))
            for record, row_id in written
        ]
        return pl.DataFrame([(record, *cells) for record, cells in stored], schema=schema, orient="row")

    def _where(self, table: Table, columns: Sequence[str], where: Filter | None) -> pl.DataFrame:
        everything = [column.name for column in table.columns]
        rows = self._frame(table, everything, list(self.rows.store(table.name).rows))
        kept = rows if where is None else rows.filter(to_expression(where, table))
        names = {name: column_of(table, name).name for name in columns}
        system = schema_of(table, ())
        return kept.select(*system, *(pl.col(real).alias(name) for name, real in names.items()))

    def _frame(self, table: Table, columns: Sequence[str], row_ids: Sequence[str]) -> pl.DataFrame:
        for name in columns:
            column_of(table, name)
        cells = [self._cells(table, columns, row_id) for row_id in row_ids]
        return pl.DataFrame(cells, schema=schema_of(table, columns), orient="row")

    def _cells(self, table: Table, columns: Sequence[str], row_id: str, *, is_gone: bool = False) -> tuple[Any, ...]:
        if is_gone:
            return (row_id, None, None, *(None for _ in columns))
        row = self.rows.store(table.name).rows[row_id]
        return (row_id, row.version, row.changed_at, *(row.values.get(column_of(table, n).name) for n in columns))

    def _event(self, store: Store, row_id: str, operation: Operation) -> tuple[Any, ...]:
        row = store.rows.get(row_id) if operation is Operation.UPSERT else None
        version, changed_at = (row.version, row.changed_at) if row else (None, None)
        return (store.table.name, row_id, operation.value, version, changed_at, None, version)

    def _fault(self, method: str) -> Fault | None:
        waiting = self.faults.get(method, [])
        if not waiting:
            return None
        waiting[0].times -= 1
        return waiting.pop(0) if waiting[0].times <= 0 else waiting[0]

    def _maybe_fail(self, method: str) -> None:
        fault = self._fault(method)
        if fault is not None:
            raise fault.error


def _silently(act: Any, table: Table, row: Mapping[str, Any]) -> None:
    try:
        act(table, row)
    except RowError:
        pass

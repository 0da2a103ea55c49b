"""One environment with the tables of the contract suite, whatever its kind.

Both tables have the same columns on every kind; what differs (row ids, flags, choices, the way a parent is named) is
said here once. Each test works on rows of its own, told apart by the prefix of their codes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

import polars as pl

from syncengine.catalog import Table
from syncengine.connectors.base import Connector, Outcome, WriteBatch
from syncengine.frames import CHANGED, RECORD, ROW_ID, VERSION, dtype_of
from syncengine.mapping.filters.ast import Filter, Match, TextMatch

STORED = ("code", "name", "note", "amount", "quantity", "day", "moment", "flag", "kind", "groupref")
SYSTEM = {RECORD: pl.UInt32(), ROW_ID: pl.String(), VERSION: pl.String(), CHANGED: pl.List(pl.String())}
COMPANY = "usmf"


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """`flag`, `kind` and `other_kind` are values as this kind of environment has them, `wrong_kind` one it has not.

    `refuse(column, value, message)` makes the environment refuse rows, `lift()` ends that.
    """

    connector: Connector
    things: Table
    groups: Table
    has_natural_ids: bool
    flag: Any
    kind: Any
    other_kind: Any
    wrong_kind: Any
    refuse: Callable[[str, str, str], None]
    lift: Callable[[], None]
    prefix: str = field(default_factory=lambda: uuid4().hex[:8])

    def code(self, name: object) -> str:
        return f"{self.prefix}-{name}"

    @property
    def mine(self) -> Filter:
        """The rows of this test."""
        return Match(column="code", how=TextMatch.STARTS_WITH, text=f"{self.prefix}-")

    def row_id_of(self, name: object) -> str:
        """The row id of a thing where the environment takes its natural key for it."""
        return f"{COMPANY}|{self.code(name).lower()}"

    def thing(self, name: object, /, **values: Any) -> dict[str, Any]:
        """A new thing with its own id where the environment takes one."""
        company = {"dataAreaId": COMPANY} if self.has_natural_ids else {}
        return {ROW_ID: None if self.has_natural_ids else str(uuid4()), **company, "code": self.code(name), **values}

    def full_thing(self, name: object, /, **values: Any) -> dict[str, Any]:
        """A new thing with a value in every column but the parent."""
        every = {
            "name": "Zoë \u4f60\u597d 'x' \"y\" | & + % #",
            "note": "long \\ text\nwith\tlines " * 100 + ".",
            "amount": Decimal("12345678901.1250"),
            "quantity": -42,
            "day": date(2026, 2, 28),
            "moment": datetime(2026, 11, 21, 3, 4, 5, tzinfo=UTC),
            "flag": self.flag,
            "kind": self.kind,
        }
        return self.thing(name, **every | values)

    def write(self, table: Table | None = None, **parts: Any) -> Outcome:
        """Write `creates`, `updates` and `deletes`, rows as dicts, numbered through; the rest goes into the batch."""
        table = table or self.things
        frames, start = {}, 0
        for name in ("creates", "updates", "deletes"):
            rows = parts.pop(name, [])
            frames[name] = frame_of(table, rows, start=start)
            start += len(rows)
        stored = parts.pop("stored", ("code",) if table is self.groups else STORED)
        return self.connector.write(WriteBatch(table=table, stored=stored, **frames, **parts))

    def put(self, *rows: Mapping[str, Any]) -> list[str]:
        """Create these things, which must go through; their row ids in order."""
        outcome = self.write(creates=rows)
        assert outcome.written.height == len(rows), outcome.refused.rows()
        return outcome.written.sort(RECORD)[ROW_ID].to_list()

    def put_group(self, name: object) -> Any:
        """A new group; what a thing says in `groupref` to belong to it."""
        row_id = None if self.has_natural_ids else str(uuid4())
        outcome = self.write(self.groups, creates=[{ROW_ID: row_id, "code": self.code(name), "name": "g"}])
        assert outcome.refused.is_empty(), outcome.refused.rows()
        return self.code(name) if self.has_natural_ids else row_id

    def change(self, row_id: str, version: str | None = None, **values: Any) -> Outcome:
        return self.write(updates=[update(row_id, version, **values)])

    def delete(self, row_id: str, version: str | None = None) -> Outcome:
        return self.write(deletes=[{ROW_ID: row_id, VERSION: version}])

    def row(self, row_id: str) -> dict[str, Any]:
        """The row as it is stored now; empty when there is none."""
        rows = self.connector.fetch(self.things, columns=STORED, row_ids=[row_id])
        return rows.row(0, named=True) if rows.height else {}

    def version(self, row_id: str) -> str:
        return str(self.row(row_id)[VERSION])


def update(row_id: str, version: str | None = None, **values: Any) -> dict[str, Any]:
    return {ROW_ID: row_id, VERSION: version, CHANGED: list(values), **values}


def frame_of(table: Table, rows: Any, *, start: int = 0) -> pl.DataFrame:
    """The rows as a frame of a write batch."""
    names = dict.fromkeys(name for row in rows for name in row if name not in SYSTEM)
    schema = {**SYSTEM, **{name: dtype_of(table.by_name[name.lower()]) for name in names}}
    return pl.DataFrame([{RECORD: start + place, **row} for place, row in enumerate(rows)], schema=schema, strict=True)

"""An empty PostgreSQL database as an environment, and what others do in it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl
import psycopg

from syncengine.catalog import Table
from syncengine.connectors.base import Outcome, Settings, WriteBatch
from syncengine.connectors.postgres.connector import PostgresConnector
from syncengine.frames import CHANGED, RECORD, ROW_ID, VERSION
from tests.contracts.world import frame_of

EMPTY = {RECORD: pl.UInt32(), ROW_ID: pl.String(), VERSION: pl.String(), CHANGED: pl.List(pl.String())}


@dataclass(slots=True)
class Side:
    """`other` is the connection of somebody else: the database's owner, each statement its own transaction."""

    url: str
    server_url: str
    options: dict[str, str] = field(default_factory=dict)
    other: psycopg.Connection[Any] = field(init=False)
    connector: PostgresConnector = field(init=False)
    admins: list[psycopg.Connection[Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.other = psycopg.connect(self.url, autocommit=True)
        self.connector = PostgresConnector(self.settings)

    @property
    def settings(self) -> Settings:
        return Settings(kind="postgres", name="side", base_url=self.url, options=self.options)

    def admin(self) -> psycopg.Connection[Any]:
        """A connection of the superuser to this database."""
        database = psycopg.conninfo.conninfo_to_dict(self.url)["dbname"]
        self.admins.append(psycopg.connect(self.server_url, dbname=database, autocommit=True))
        return self.admins[-1]

    def close(self) -> None:
        for each in self.admins:
            each.close()
        self.connector.close()
        self.other.close()

    def run(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        cursor = self.other.execute(statement, values or None)
        return cursor.fetchall() if cursor.description else []

    def table(self, name: str) -> Table:
        found = self.connector.catalog([name]).table(name)
        assert found is not None
        return found

    def write(
        self, name: str, *, stored: Sequence[str] = (), mark: str = "", is_load: bool = False, **rows: Any
    ) -> Outcome:
        """Write `creates`, `updates` and `deletes`, rows as dicts, numbered through."""
        table, frames, start = self.table(name), {}, 0
        for part in ("creates", "updates", "deletes"):
            given = [{ROW_ID: None, VERSION: None, **row} for row in rows.get(part, [])]
            frames[part] = frame_of(table, given, start=start) if given else pl.DataFrame(schema=EMPTY)
            start += len(given)
        return self.connector.write(WriteBatch(table=table, stored=tuple(stored), mark=mark, is_load=is_load, **frames))

    def rows(self, name: str, *columns: str) -> list[dict[str, Any]]:
        """All rows in the order of their key."""
        chunks = self.connector.chunks(self.table(name), columns=columns, where=None)
        return pl.concat([chunk.rows for chunk in chunks]).to_dicts()

    def start(self, name: str) -> str:
        return self.connector.poll(self.table(name), columns=[], cursor=None).cursor

    def events(self, name: str, cursor: str) -> dict[str, str]:
        """What is told of each row since the cursor."""
        poll = self.connector.poll(self.table(name), columns=[], cursor=cursor)
        return dict(poll.events.select("row_id", "operation").rows())

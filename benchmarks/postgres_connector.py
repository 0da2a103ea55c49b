"""The PostgreSQL connector beside a raw COPY pipe: reading, writing new rows, writing changed rows.

    python -m benchmarks.postgres_connector            # 100,000 rows x 10 columns
    python -m benchmarks.postgres_connector 1000000

The yardstick is `COPY … TO STDOUT` of one database piped into `COPY … FROM STDIN` of another, in the same run.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import polars as pl
import psycopg

from syncengine.catalog import Table
from syncengine.connectors.base import Settings, WriteBatch
from syncengine.connectors.postgres.connector import PostgresConnector
from syncengine.frames import CHANGED, RECORD, ROW_ID, VERSION
from tests.embedded import plan

BATCH_ROWS = 50_000
NAME = "public.rows"
COLUMNS = ("id", "code", "name", "note", "amount", "quantity", "day", "moment", "flag", "ref")
CHANGES = ("name", "amount", "quantity", "day")
TABLE = """
CREATE TABLE rows (
    id bigint PRIMARY KEY, code text NOT NULL, name text, note text, amount numeric(12, 2), quantity int, day date,
    moment timestamptz, flag boolean, ref uuid
)
"""
ROWS = """
INSERT INTO rows SELECT n, 'C' || n, 'name of ' || n, 'some note about row ' || n, n / 7.0, n % 1000,
    date '2026-01-01' + n % 365, timestamptz '2026-01-01' + n * interval '1 s', n % 2 = 0, gen_random_uuid()
FROM generate_series(1, {}) n
"""


@contextmanager
def databases() -> Iterator[tuple[str, str]]:
    """Two databases of a PostgreSQL with the settings of production."""
    services = plan(options={"max_wal_size": "8GB", "shared_buffers": "512MB"})
    try:
        server = services.server_url()
        with psycopg.connect(server, autocommit=True) as connection:
            for name in ("bench_source", "bench_target"):
                connection.execute(f"CREATE DATABASE {name} OWNER twofold")
        yield services.database_url("bench_source"), services.database_url("bench_target")
    finally:
        services.stop()


def run(url: str, *statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


def opened(url: str) -> tuple[PostgresConnector, Table]:
    connector = PostgresConnector(Settings(kind="postgres", name="bench", base_url=url))
    table = connector.catalog([NAME]).table(NAME)
    assert table is not None
    return connector, table


def pipe(source: str, target: str) -> None:
    with (
        psycopg.connect(source) as reader,
        psycopg.connect(target) as writer,
        reader.cursor() as read,
        writer.cursor() as write,
        read.copy("COPY rows TO STDOUT (FORMAT binary)") as copied,
        write.copy("COPY rows FROM STDIN (FORMAT binary)") as copy,
    ):
        for data in copied:
            copy.write(data)


def read_all(url: str) -> list[pl.DataFrame]:
    connector, table = opened(url)
    frames = [chunk.rows for chunk in connector.chunks(table, columns=COLUMNS, where=None)]
    connector.close()
    return frames


def slices(rows: pl.DataFrame) -> Iterator[pl.DataFrame]:
    for start in range(0, rows.height, BATCH_ROWS):
        yield rows.slice(start, BATCH_ROWS).with_row_index(RECORD)


def batch(table: Table, *, creates: pl.DataFrame | None = None, updates: pl.DataFrame | None = None) -> WriteBatch:
    empty = {RECORD: pl.UInt32(), ROW_ID: pl.String(), VERSION: pl.String(), CHANGED: pl.List(pl.String())}
    nothing = pl.DataFrame(schema=empty)
    return WriteBatch(
        table=table,
        creates=nothing if creates is None else creates,
        updates=nothing if updates is None else updates,
        deletes=nothing,
        stored=COLUMNS,
        mark="twofold",
        is_load=creates is not None,
    )


def create_all(url: str, rows: pl.DataFrame) -> None:
    connector, table = opened(url)
    data = rows.select(pl.lit(None, dtype=pl.String).alias(ROW_ID), *COLUMNS)
    for part in slices(data):
        assert connector.write(batch(table, creates=part)).written.height == part.height
    connector.close()


def update_all(url: str, rows: pl.DataFrame) -> None:
    connector, table = opened(url)
    changed = rows.select(
        ROW_ID,
        VERSION,
        pl.lit(list(CHANGES)).alias(CHANGED),
        pl.concat_str("name", pl.lit("!")).alias("name"),
        pl.col("amount"),
        (pl.col("quantity") + 1).alias("quantity"),
        pl.col("day"),
    )
    for part in slices(changed):
        assert connector.write(batch(table, updates=part)).written.height == part.height
    connector.close()


def main() -> None:
    size = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with databases() as (source, target):
        run(source, TABLE, ROWS.format(size), "VACUUM ANALYZE rows")
        run(target, TABLE)
        pipe_s = timed(lambda: pipe(source, target))
        show("raw binary COPY pipe", size, pipe_s, pipe_s)
        found: list[pl.DataFrame] = []
        show("read", size, timed(lambda: found.extend(read_all(source))), pipe_s)
        rows = pl.concat(found)
        assert rows.height == size
        run(target, "TRUNCATE rows")
        show("write of new rows", size, timed(lambda: create_all(target, rows)), pipe_s)
        there = pl.concat(read_all(target))
        show(f"write of changed rows ({len(CHANGES)} columns)", size, timed(lambda: update_all(target, there)), pipe_s)


def timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def show(name: str, rows: int, seconds: float, pipe_s: float) -> None:
    print(f"{name:40} {rows / seconds:10,.0f} rows/s  {pipe_s / seconds:6.2f} x the pipe")


if __name__ == "__main__":
    main()

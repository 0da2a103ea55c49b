"""Rows and row ids as events of capture."""

from collections.abc import Sequence

import polars as pl

from syncengine.catalog import Table
from syncengine.connectors.base import EVENT_SCHEMA
from syncengine.frames import CHANGED_AT, ROW_ID, VERSION
from syncengine.states import Operation


def no_events() -> pl.DataFrame:
    return pl.DataFrame(schema=EVENT_SCHEMA)


def changed(table: Table, rows: pl.DataFrame) -> pl.DataFrame:
    """An event for each row of a row frame: it was created or changed."""
    return rows.select(
        table=pl.lit(table.name),
        row_id=pl.col(ROW_ID),
        operation=pl.lit(Operation.UPSERT.value),
        version=pl.col(VERSION),
        changed_at=pl.col(CHANGED_AT),
        origin=pl.lit(None, dtype=pl.String),
        position=pl.col(VERSION),
    )


def deleted(table: Table, row_ids: Sequence[str]) -> pl.DataFrame:
    """An event for each row that is proven to be deleted."""
    rows = [(table.name, row_id, Operation.DELETE.value, None, None, None, None) for row_id in row_ids]
    return pl.DataFrame(rows, schema=EVENT_SCHEMA, orient="row")

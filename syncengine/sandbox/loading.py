"""Rows put into a sandbox from files, by the service's own rules for a single row, many in one statement.

CSV cells become values of their column's type: an empty cell of a text is "", of another type nothing at all.
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from itertools import islice
from typing import Any
from uuid import uuid4

from psycopg import Connection

from syncengine.catalog import ColumnType
from syncengine.sandbox import refusals
from syncengine.sandbox.addresses import Address
from syncengine.sandbox.calls import Call, ServiceError
from syncengine.sandbox.dataverse import bulk
from syncengine.sandbox.dataverse.bulk import Bindings, Row
from syncengine.sandbox.declarations import Kind
from syncengine.sandbox.finops import payload, write
from syncengine.sandbox.shape import Field, Shape
from syncengine.sandbox.site import Site

ROWS_A_STATEMENT = 2_000
LOADER = "loader"  # stands for the client in the counts


def load(site: Site, shape: Shape, rows: Sequence[Mapping[str, Any]], *, raises_events: bool) -> int:
    """Insert the rows, all or none; gives their number. Raises: ServiceError."""
    call = Call(method="POST", address=Address(segments=(), options={}), base="", client_id=LOADER, user_id=LOADER)
    with refusals.transaction(site) as connection:
        remaining = iter(rows)
        while some := list(islice(remaining, ROWS_A_STATEMENT)):
            _insert(site, connection, call, shape, some, raises_events)
    site.forget()
    return len(rows)


def _insert(
    site: Site,
    connection: Connection[Any],
    call: Call,
    shape: Shape,
    rows: Sequence[Mapping[str, Any]],
    raises_events: bool,
) -> None:
    if site.record.kind is Kind.FINOPS:
        values = [payload.read_values(site.stock, shape, row) for row in rows]
        write.create_rows(site, connection, shape, values, is_silent=not raises_events)
        return
    bindings, made = Bindings(), []
    for row in rows:
        read = bulk.values_of(site, connection, shape, row, bindings)
        made.append(Row(row_id=read.pop(shape.row_id.column, None) or uuid4(), values=read))
    bulk.create_rows(site, connection, call, shape, made, is_silent=not raises_events)


def rows_of_csv(shape: Shape, text: str) -> Iterator[dict[str, Any]]:
    """The rows of a CSV file whose first line names the properties. Raises: ServiceError."""
    for row in csv.DictReader(io.StringIO(text)):
        if None in row or None in row.values():
            raise ServiceError(400, "A line of the file has more or fewer cells than its first line.")
        yield {name: _value(shape.fields.get(name), cell) for name, cell in row.items()}


def _value(one: Field | None, cell: str) -> Any:
    if one is None or one.type in (ColumnType.TEXT, ColumnType.ENUM):
        return cell or None
    if cell == "":
        return None
    try:
        return _typed(one.type, cell)
    except (ValueError, KeyError, InvalidOperation) as error:
        raise ServiceError(400, f"'{cell[:60]}' is no value of column {one.name}.") from error


def _typed(kind: ColumnType, cell: str) -> Any:
    if kind in (ColumnType.INTEGER, ColumnType.CHOICE):
        return int(cell)
    if kind is ColumnType.DECIMAL:
        return Decimal(cell)
    if kind is ColumnType.BOOLEAN:
        return {"true": True, "false": False, "1": True, "0": False}[cell.lower()]
    if kind is ColumnType.DATETIME and "T" not in cell:
        return datetime.fromisoformat(cell).replace(tzinfo=UTC).isoformat()
    return cell

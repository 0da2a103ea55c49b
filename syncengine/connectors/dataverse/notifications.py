"""The messages that Dataverse pushes, read as events.

Source: Dataverse Web API documentation, RemoteExecutionContext.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import polars as pl

from syncengine.catalog import Table
from syncengine.connectors.base import EVENT_SCHEMA
from syncengine.connectors.events import no_events
from syncengine.errors import PermanentError
from syncengine.states import Operation

OPERATIONS = {"Create": Operation.UPSERT, "Update": Operation.UPSERT, "Delete": Operation.DELETE}
MARK = "tag"  # the shared variable that carries the origin mark


class _Pair(msgspec.Struct):
    key: str
    value: Any = None


class _Context(msgspec.Struct, kw_only=True, rename="pascal"):
    message_name: str
    primary_entity_name: str
    primary_entity_id: str
    operation_id: str | None = None
    request_id: str | None = None
    operation_created_on: str | None = None
    shared_variables: list[_Pair] | None = None


def read_notification(body: bytes, tables: Sequence[Table]) -> pl.DataFrame:
    """Raises: PermanentError for a body that is not an execution context."""
    try:
        context = msgspec.json.decode(body, type=_Context)
    except msgspec.DecodeError as error:
        raise PermanentError(f"The pushed message is not an execution context: {error}.") from error
    operation = OPERATIONS.get(context.message_name)
    table = next((table for table in tables if table.logical_name == context.primary_entity_name), None)
    if operation is None or table is None:
        return no_events()
    row = {
        "table": table.name,
        "row_id": context.primary_entity_id.lower(),
        "operation": operation.value,
        "version": None,
        "changed_at": _moment(context.operation_created_on),
        "origin": _mark(context.shared_variables or []),
        "position": context.operation_id or context.request_id,
    }
    return pl.DataFrame([row], schema=EVENT_SCHEMA)


def _mark(variables: Sequence[_Pair]) -> str | None:
    return next((pair.value for pair in variables if pair.key == MARK and isinstance(pair.value, str)), None)


def _moment(text: str | None) -> datetime | None:
    """The moment in `/Date(1795230000000+0000)/`: milliseconds of UTC whatever the offset says."""
    found = re.match(r"/Date\((-?\d{1,14})(?!\d)", text or "")
    if found is None:
        return None
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(found.group(1)))

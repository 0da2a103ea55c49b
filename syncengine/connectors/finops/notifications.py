"""Push from Finance and Operations: business events to an HTTPS endpoint, which an administrator registers by hand.

Source: Finance and Operations OData documentation.

Our events carry fields of their own: `EntitySetName`, `Operation`, `KeyValues`, `RecordETag`.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec
import polars as pl

from syncengine.catalog import Table
from syncengine.connectors.base import EVENT_SCHEMA, Subscription
from syncengine.connectors.events import no_events
from syncengine.connectors.finops.read import key_shape
from syncengine.connectors.odata import read_rows
from syncengine.errors import PermanentError
from syncengine.frames import ROW_ID
from syncengine.states import Operation

OPERATIONS = {"Created": Operation.UPSERT, "Updated": Operation.UPSERT, "Deleted": Operation.DELETE}
NOTE = (
    "Business events cannot be registered from outside. In Finance and Operations open System administration > Setup > "
    "Business events > Business events catalog > Endpoints, add an HTTPS endpoint with the address {url}, and activate "
    "the events of {table} for it."
)


class _Envelope(msgspec.Struct, kw_only=True, rename="pascal"):
    business_event_id: str
    event_id: str
    event_time_iso8601: datetime | None = msgspec.field(name="EventTimeIso8601", default=None)
    entity_set_name: str = ""
    operation: str = ""
    key_values: msgspec.Raw = msgspec.Raw(b"{}")
    record_etag: str | None = msgspec.field(name="RecordETag", default=None)


def subscribe(tables: Sequence[Table], *, url: str) -> list[Subscription]:
    """Nothing is registered; each note tells the administrator what to enter where."""
    return [
        Subscription(table=table.name, handle="", is_ours=False, note=NOTE.format(url=url, table=table.name))
        for table in tables
    ]


def read_notification(body: bytes, tables: Sequence[Table]) -> pl.DataFrame:
    """Raises: PermanentError for a body that is not a business event of ours."""
    try:
        event = msgspec.json.decode(body, type=_Envelope)
    except msgspec.DecodeError as error:
        raise PermanentError(f"The pushed message is not a business event: {error}.") from error
    operation = OPERATIONS.get(event.operation)
    table = next((table for table in tables if table.name.lower() == event.entity_set_name.lower()), None)
    # A test message, sent when an endpoint is activated, has no event id.
    if not event.event_id or operation is None or table is None:
        return no_events()
    row = {
        "table": table.name,
        "row_id": _row_id(table, bytes(event.key_values)),
        "operation": operation.value,
        "version": event.record_etag or None,
        "changed_at": event.event_time_iso8601,
        "origin": None,
        "position": event.event_id,
    }
    return pl.DataFrame([row], schema=EVENT_SCHEMA)


def _row_id(table: Table, key_values: bytes) -> str:
    return str(read_rows([key_values], key_shape(table))[ROW_ID][0])

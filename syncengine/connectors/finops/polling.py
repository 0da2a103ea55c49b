"""Creates and updates of a finops table by its modified time; the service has no delta feed and tells no deletes.

A cursor holds a floor: whatever was modified before it has been told. A round reads all rows modified since the floor,
page by page; then the floor moves to the service's clock at the round's start, less an overlap, since a row carries
the time of its statement and shows at its commit. Rows told already within the overlap are left out by their hash.
All times are the service's own.
"""

import base64
from datetime import UTC, datetime, timedelta

import msgspec
import polars as pl

from syncengine.catalog import Table
from syncengine.connectors.base import Poll
from syncengine.connectors.events import changed, no_events
from syncengine.connectors.finops.api import query
from syncengine.connectors.finops.read import shape_of
from syncengine.connectors.http import Answer
from syncengine.connectors.odata import Page, read_page
from syncengine.connectors.service import Service
from syncengine.errors import CatalogError, CursorExpiredError
from syncengine.frames import CHANGED_AT, ROW_ID, VERSION

OVERLAP_S = 60
MAX_KNOWN = 50_000  # rows remembered in a cursor; those beyond are told again, which does no harm
HASH_BYTES = 6
_HASH = "_hash"


class Cursor(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`known` are the rows told since the floor; the rest belongs to a round that has pages left."""

    floor: datetime
    known: str = ""
    next_link: str = ""
    next_floor: datetime | None = None
    next_known: str = ""


def poll(service: Service, table: Table, cursor: str | None, *, overlap_s: float = OVERLAP_S) -> Poll:
    """Raises: CursorExpiredError for a cursor that is not ours."""
    if not table.modified_column:
        raise CatalogError(f"Table {table.name} has no modified time, so its changes cannot be polled.")
    overlap = timedelta(seconds=overlap_s)
    if cursor is None:
        return Poll(events=no_events(), cursor=_text(_start(service, table, overlap)))
    events, following = _page(service, table, _parsed(cursor, table), overlap)
    return Poll(events=events, cursor=_text(following), has_more=bool(following.next_link))


def _start(service: Service, table: Table, overlap: timedelta) -> Cursor:
    """A cursor behind everything that shows by now: what was modified within the overlap is read and remembered."""
    answer = service.get(query(table.name, select=table.modified_column, top="1"))
    _, cursor = _page(service, table, Cursor(floor=answer.sent_at(service.name) - overlap), overlap)
    while cursor.next_link:
        _, cursor = _page(service, table, cursor, overlap)
    return cursor


def _page(service: Service, table: Table, cursor: Cursor, overlap: timedelta) -> tuple[pl.DataFrame, Cursor]:
    """The events of the page that the cursor stands before, and the cursor behind it."""
    answer = _read(service, table, cursor)
    page = read_page(answer.body, shape_of(table, ()))
    service.check_link(cursor.next_link, page.next_link)
    rows = page.rows.with_columns((pl.struct(ROW_ID, VERSION).hash() % 256**HASH_BYTES).alias(_HASH))
    told = pl.Series(_unpacked(cursor.known) + _unpacked(cursor.next_known), dtype=pl.UInt64)
    fresh = rows.filter(~pl.col(_HASH).is_in(told.implode()))
    return changed(table, fresh), _following(cursor, page, rows, answer.sent_at(service.name) - overlap)


def _read(service: Service, table: Table, cursor: Cursor) -> Answer:
    """The page that the cursor stands before; a link that the service no longer takes starts its round anew."""
    if cursor.next_link:
        answer = service.client.get(cursor.next_link, prefer=service.page)
        if answer.status < 400 or answer.status in (401, 403):
            return service.checked(answer)
    where = f"{table.modified_column} ge {cursor.floor.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    url = query(table.name, select=shape_of(table, ()).select, where=where, order=table.modified_column)
    return service.get(url, prefer=service.page)


def _following(cursor: Cursor, page: Page, rows: pl.DataFrame, reached: datetime) -> Cursor:
    """The cursor behind this page. Only the clock at a round's first page counts for its new floor."""
    next_floor = cursor.next_floor or max(cursor.floor, reached)
    recent = rows.filter(pl.col(CHANGED_AT) >= next_floor.replace(microsecond=0))[_HASH].to_list()
    next_known = _packed((_unpacked(cursor.next_known) + recent)[-MAX_KNOWN:])
    if page.next_link is None:
        return Cursor(floor=next_floor, known=next_known)
    return Cursor(
        floor=cursor.floor,
        known=cursor.known,
        next_link=page.next_link,
        next_floor=next_floor,
        next_known=next_known,
    )


def _text(cursor: Cursor) -> str:
    return msgspec.json.encode(cursor).decode()


def _parsed(text: str, table: Table) -> Cursor:
    try:
        return msgspec.json.decode(text, type=Cursor)
    except msgspec.DecodeError as error:
        raise CursorExpiredError(f"The position kept for table {table.name} cannot be read.") from error


def _packed(hashes: list[int]) -> str:
    return base64.b64encode(b"".join(each.to_bytes(HASH_BYTES, "little") for each in hashes)).decode()


def _unpacked(text: str) -> list[int]:
    raw = base64.b64decode(text)
    return [int.from_bytes(raw[place : place + HASH_BYTES], "little") for place in range(0, len(raw), HASH_BYTES)]

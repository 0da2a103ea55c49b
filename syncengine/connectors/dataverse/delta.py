"""Changes of a Dataverse table by its delta feed.

Life of a cursor: the first read takes the delta link that stands for now; each poll follows one link and keeps the
next, a page at a time. The feed tells the last state of each row, not each step, and deletes as tombstones.
Source: Dataverse Web API documentation.
"""

import polars as pl

from syncengine.catalog import Table
from syncengine.connectors.base import Poll
from syncengine.connectors.dataverse.api import PAGED, query
from syncengine.connectors.dataverse.read import shape_of
from syncengine.connectors.events import changed, deleted, no_events
from syncengine.connectors.odata import read_delta
from syncengine.connectors.service import Service
from syncengine.connectors.service_errors import read_problem
from syncengine.errors import CatalogError, CursorExpiredError, PermanentError

NOT_EXPIRED = frozenset({401, 403, 429})  # every other refusal of a delta link means that it is too old


def poll(service: Service, table: Table, cursor: str | None) -> Poll:
    """Raises: CursorExpiredError, CatalogError for a table without change tracking."""
    if cursor is None:
        return Poll(events=no_events(), cursor=_start(service, table))
    answer = service.client.get(cursor, prefer=PAGED)
    if 400 <= answer.status < 500 and answer.status not in NOT_EXPIRED:
        problem = read_problem(answer.body)
        raise CursorExpiredError(
            f"{service.name} no longer knows what changed in {table.name} since the last read: {problem.text}",
            code=problem.code,
        )
    page = read_delta(service.checked(answer).body, shape_of(table, ()))
    service.check_link(cursor, page.next_link)
    following = page.next_link or page.delta_link
    if following is None:
        raise PermanentError(f"{service.name} gave changes of {table.name} without a link to go on from.")
    return Poll(
        events=pl.concat([changed(table, page.rows), deleted(table, page.deleted)]),
        cursor=following,
        has_more=page.next_link is not None,
    )


def _start(service: Service, table: Table) -> str:
    """The delta link of now. The service hands it out only behind all rows, which are read by id and dropped."""
    shape = shape_of(table, ())
    url: str | None = query(table.name, select=shape.select)
    while url is not None:
        page = read_delta(service.get(url, prefer=f"odata.track-changes,{PAGED}").body, shape)
        if page.delta_link is not None:
            return page.delta_link
        service.check_link(url, page.next_link)
        url = page.next_link
    raise CatalogError(f"{service.name} does not track changes of table {table.name}.")

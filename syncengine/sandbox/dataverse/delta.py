"""The delta feed: what changed since a token. Source: Dataverse Web API documentation.

A token holds a snapshot of PostgreSQL. A row belongs to the feed when the transaction that wrote it last was not yet
visible in that snapshot, so a transaction that commits late is never lost and none is told twice. Pages of one feed
share the snapshot at its start, which becomes the next token: what is written meanwhile comes with the next feed.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg import Connection, sql

from syncengine.sandbox import paging, query
from syncengine.sandbox.calls import Answer, Call, ServiceError
from syncengine.sandbox.dataverse import annotations, errors, read, view
from syncengine.sandbox.dataverse.shape import XACT
from syncengine.sandbox.dataverse.view import View
from syncengine.sandbox.paging import Position
from syncengine.sandbox.query import QueryRefused, Rows
from syncengine.sandbox.shape import Shape
from syncengine.sandbox.site import Site

TRACK = "odata.track-changes"
_REFUSED = ("$filter", "$orderby", "$expand", "$top", "$count", "$search", "$apply")
_TOKEN = re.compile(r"(\d{1,19}:\d{1,19}:[\d,]*)!(\d\d/\d\d/\d{4} \d\d:\d\d:\d\d\.\d{6})")
_TIME = "%m/%d/%Y %H:%M:%S.%f"


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """`snapshot` is what had been seen when the token was made; the client sees only the text."""

    snapshot: str
    made_at: datetime

    @property
    def text(self) -> str:
        return f"{self.snapshot}!{self.made_at.strftime(_TIME)}"


def is_asked(call: Call) -> bool:
    is_later_page = read.is_tracking(call.address.option("$skiptoken") or "")
    return is_later_page or TRACK in call.preferences or call.address.option("$deltatoken") is not None


def list_changes(site: Site, connection: Connection[Any], call: Call, shape: Shape) -> Answer:
    """All rows where no token is given, else what changed since."""
    _check(call, shape)
    since = _since(site, call, shape)
    told = View(
        shape=shape,
        fields=tuple(query.selected(shape, call.address, [shape.row_id])),
        asked=annotations.wanted(call),
    )
    position = read.position_of(site, call, _question(call, shape))
    until = _read(position.extra) if position else _now(connection)
    conditions = [_seen(until), *([] if since is None else [_changed_since(since)])]
    if position is not None:
        conditions.append(paging.after(_order(shape), position.values))
    found = query.fetch(
        connection,
        shape,
        row=view.row_text(site, told),
        conditions=conditions,
        order=_order(shape),
        limit=query.page_size(call, read.max_page(shape)),
    )
    applied = read.applied(call, TRACK)
    if found.last is not None:
        page = position.page + 1 if position else 2
        behind = Position(question=_question(call, shape), page=page, values=found.last, extra=until.text)
        link = read.link(call, shape.name, {"$skiptoken": read.cookie(site, behind, is_tracking=True)})
        return read.rows_answer(call, shape, found, told, next_link=link, is_delta=since is not None, headers=applied)
    if since is not None:
        found = Rows(texts=[*found.texts, *_tombstones(connection, call, shape, since, until)])
    link = read.link(call, shape.name, {"$deltatoken": until.text}, without="$skiptoken")
    return read.rows_answer(call, shape, found, told, delta_link=link, is_delta=since is not None, headers=applied)


def count_changes(site: Site, connection: Connection[Any], call: Call, shape: Shape) -> Answer:
    """How many changes wait behind the token."""
    since = _since(site, call, shape)
    assert since is not None
    rows = query.count(connection, shape, [_changed_since(since)])
    return read.plain_number(rows + len(_tombstones(connection, call, shape, since, _now(connection))))


def _check(call: Call, shape: Shape) -> None:
    for name in call.address.options:
        if name in _REFUSED:
            text = f'The "{name}" query parameter isn\'t supported when Change Tracking is enabled.'
            raise QueryRefused(text)
    if not errors.table_of(shape).tracks_changes:
        raise QueryRefused(f"Entity: {errors.table_of(shape).logical} isn't enabled for change tracking.")


def _since(site: Site, call: Call, shape: Shape) -> Token | None:
    """Raises: ServiceError for a token that is too old, or older than the table's form."""
    text = call.address.option("$deltatoken")
    if text is None:
        return None
    token = _read(text)
    oldest = datetime.now(UTC) - timedelta(seconds=site.settings.delta_lifetime_s)
    if token.made_at < max(oldest, shape.changed_at):
        text = "Version stamp associated with the client has expired. Please perform a full sync."
        # Which of the two the feed of rows answers is not settled by anything published.
        raise ServiceError(410 if site.settings.refuses_old_tokens_with_410 else 400, text, code=errors.TOKEN_EXPIRED)
    return token


def _read(text: str) -> Token:
    found = _TOKEN.fullmatch(text)
    try:
        made_at = datetime.strptime(found[2], _TIME).replace(tzinfo=UTC) if found else None
    except ValueError:
        made_at = None
    if found is None or made_at is None:
        raise QueryRefused("The delta token is not understood.")
    return Token(snapshot=found[1], made_at=made_at)


def _now(connection: Connection[Any]) -> Token:
    row = connection.execute("SELECT pg_current_snapshot()::text, clock_timestamp()").fetchone()
    assert row is not None
    return Token(snapshot=row[0], made_at=row[1].astimezone(UTC))


def _changed_since(token: Token) -> sql.Composable:
    """The first comparison is for the index, the second decides."""
    return sql.SQL(
        "{xact} >= pg_snapshot_xmin({snapshot}::pg_snapshot)"
        " AND NOT pg_visible_in_snapshot({xact}, {snapshot}::pg_snapshot)"
    ).format(xact=XACT, snapshot=sql.Literal(token.snapshot))


def _seen(token: Token) -> sql.Composable:
    """What was written when the token was made."""
    return sql.SQL("pg_visible_in_snapshot({}, {}::pg_snapshot)").format(XACT, sql.Literal(token.snapshot))


def _tombstones(connection: Connection[Any], call: Call, shape: Shape, since: Token, until: Token) -> list[str]:
    """Rows that were deleted between the two and have not been made anew."""
    rows = connection.execute(
        sql.SQL(
            "SELECT t.id::text FROM {}._tombstone t WHERE t.table_name = %(table)s"
            " AND t.xact >= pg_snapshot_xmin(%(snapshot)s::pg_snapshot)"
            " AND NOT pg_visible_in_snapshot(t.xact, %(snapshot)s::pg_snapshot)"
            " AND pg_visible_in_snapshot(t.xact, %(until)s::pg_snapshot)"
            " AND NOT EXISTS (SELECT FROM {} r WHERE r.{} = t.id) ORDER BY t.id"
        ).format(sql.Identifier(shape.schema), shape.relation, shape.row_id.identifier),
        {"table": shape.name, "snapshot": since.snapshot, "until": until.snapshot},
    )
    context = f"{call.base}/$metadata#{shape.name}/$deletedEntity"
    return [f'{{"@odata.context":"{context}","id":"{row_id}","reason":"deleted"}}' for (row_id,) in rows]


def _order(shape: Shape) -> query.Order:
    return ((shape.row_id, False),)


def _question(call: Call, shape: Shape) -> str:
    return paging.question_of("delta", shape.name, call.address.option("$select"), call.address.option("$deltatoken"))

"""Rows of a table: lists by pages, one row, counts. Source: Dataverse Web API documentation."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote
from uuid import UUID

from psycopg import Connection, sql

from syncengine.catalog import ColumnType
from syncengine.sandbox import paging, query
from syncengine.sandbox.addresses import Address
from syncengine.sandbox.calls import JSON, Answer, Call
from syncengine.sandbox.dataverse import errors, keys
from syncengine.sandbox.dataverse.keys import Key
from syncengine.sandbox.paging import Position
from syncengine.sandbox.query import QueryRefused, Rows
from syncengine.sandbox.shape import Field, Shape
from syncengine.sandbox.site import Site
from syncengine.sandbox.sql_filter import Dialect

MAX_PAGE = 5_000
MAX_COUNT = 5_000
DIALECT = Dialect(has_nulls=True, has_wildcards=False, has_in=True)
ETAG = sql.SQL("""'W/"' || versionnumber || '"'""")
OPTIONS = {"$select", "$filter", "$orderby", "$top", "$count", "$skiptoken"}
_COOKIE = re.compile(r'<cookie pagenumber="\d+" pagingcookie="([^"]*)" istracking="(?:True|False)" />')


def to_json(one: Field) -> sql.Composable:
    """The column as the service shows it."""
    if one.type is ColumnType.DATETIME:
        return sql.SQL("to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')").format(one.identifier)
    return one.identifier


def list_rows(site: Site, connection: Connection[Any], call: Call, shape: Shape) -> Answer:
    check_options(call.address, OPTIONS)
    top = query.number(call.address, "$top")
    fields, order = query.selected(shape, call.address, [shape.row_id]), query.ordering(shape, call.address)
    conditions = query.where(shape, call.address, DIALECT)
    position = position_of(site, call, _question(call, shape))
    found = query.fetch(
        connection,
        shape,
        row=query.row_json(shape, fields, to_json, ETAG),
        conditions=conditions if position is None else [*conditions, paging.after(order, position.values)],
        order=order,
        limit=min(top, MAX_PAGE) if top is not None else query.page_size(call, MAX_PAGE),
    )
    total = None
    if call.address.option("$count") == "true":
        total = min(query.count(connection, shape, conditions), MAX_COUNT)
    next_link = None if top is not None else _next_link(site, call, shape, found, position)
    return rows_answer(call, shape, found, count=total, next_link=next_link)


def count_rows(site: Site, connection: Connection[Any], call: Call, shape: Shape) -> Answer:
    check_options(call.address, {"$filter"})
    number = query.count(connection, shape, query.where(shape, call.address, DIALECT))
    return plain_number(min(number, MAX_COUNT))


def plain_number(number: int) -> Answer:
    return Answer(status=200, headers={"Content-Type": "text/plain"}, body=f"\ufeff{number}".encode())


def get_row(connection: Connection[Any], call: Call, shape: Shape, key: Key) -> Answer:
    check_options(call.address, {"$select"})
    text = one_row(connection, call, shape, key)
    if text is None:
        raise errors.no_row(shape, key[0][1]) if keys.is_primary(shape, key) else errors.no_key_row()
    etag = text[len('{"@odata.etag":"') :].split('",', 1)[0].replace('\\"', '"')
    if call.header("if-none-match") == etag:
        return Answer(status=304)
    return row_answer(200, call, shape, text, {"ETag": etag})


def one_row(connection: Connection[Any], call: Call, shape: Shape, key: Key) -> str | None:
    """The row as a JSON object; None where it is not there."""
    fields = query.selected(shape, call.address, [shape.row_id])
    row = connection.execute(
        sql.SQL("SELECT {} FROM {} WHERE {}").format(
            query.row_json(shape, fields, to_json, ETAG), shape.relation, keys.condition(key)
        )
    ).fetchone()
    return row[0] if row else None


def row_answer(status: int, call: Call, shape: Shape, text: str, headers: dict[str, str] | None = None) -> Answer:
    context = f"{call.base}/$metadata#{shape.name}{_chosen(call)}/$entity"
    body = f'{{"@odata.context":"{context}",{text[1:]}'
    return Answer(status=status, headers={"Content-Type": JSON, **(headers or {})}, body=body.encode())


def rows_answer(
    call: Call,
    shape: Shape,
    found: Rows,
    *,
    count: int | None = None,
    next_link: str | None = None,
    delta_link: str | None = None,
    is_delta: bool = False,
    headers: dict[str, str] | None = None,
) -> Answer:
    suffix = "/$delta" if is_delta else ""
    parts = [f'{{"@odata.context":"{call.base}/$metadata#{shape.name}{_chosen(call)}{suffix}"']
    if count is not None:
        parts.append(f'"@odata.count":{count}')
    parts.append(f'"value":[{",".join(found.texts)}]')
    if next_link is not None:
        parts.append(f'"@odata.nextLink":"{next_link}"')
    if delta_link is not None:
        parts.append(f'"@odata.deltaLink":"{delta_link}"')
    body = ",".join(parts) + "}"
    preferences = {"Preference-Applied": "odata.maxpagesize"} if "odata.maxpagesize" in call.preferences else {}
    return Answer(status=200, headers={"Content-Type": JSON, **preferences, **(headers or {})}, body=body.encode())


def check_options(address: Address, known: set[str]) -> None:
    """Raises: QueryRefused for an option that is not taken here."""
    if address.option("$skip") is not None:
        raise QueryRefused("Skip Clause is not supported in CRM")
    query.check_options(address, known)


def link(call: Call, shape: Shape, options: Mapping[str, str], *, without: str = "") -> str:
    """The call's address with these options beside its own, encoded."""
    merged = {**call.address.options, **options}
    pairs = [f"{name}={quote(value, safe='')}" for name, value in merged.items() if name != without]
    return f"{call.base}/{shape.name}?{'&'.join(pairs)}"


def cookie(site: Site, position: Position, *, is_tracking: bool = False) -> str:
    token = paging.write_token(position, site.settings.signing_key)
    return f'<cookie pagenumber="{position.page}" pagingcookie="{token}" istracking="{is_tracking}" />'


def position_of(site: Site, call: Call, question: str) -> Position | None:
    """Where the page begins. Raises: QueryRefused for a skip token that this service did not make for this list."""
    text = call.address.option("$skiptoken")
    if text is None:
        return None
    found = _COOKIE.fullmatch(text)
    if found is None:
        raise QueryRefused("Malformed XML in the paging cookie.")
    try:
        return paging.read_token(found[1], site.settings.signing_key, question=question)
    except paging.BadToken as error:
        raise QueryRefused("The paging cookie does not belong to this query.") from error


def _next_link(site: Site, call: Call, shape: Shape, found: Rows, position: Position | None) -> str | None:
    if found.last is None:
        return None
    page = position.page + 1 if position else 2
    behind = Position(question=_question(call, shape), page=page, values=found.last)
    return link(call, shape, {"$skiptoken": cookie(site, behind)})


def _question(call: Call, shape: Shape) -> str:
    options = {name: value for name, value in call.address.options.items() if name != "$skiptoken"}
    return paging.question_of(shape.name, *(part for pair in sorted(options.items()) for part in pair))


def _chosen(call: Call) -> str:
    text = call.address.option("$select")
    return f"({quote(text, safe=',_')})" if text else ""


def entity_id(call: Call, shape: Shape, row_id: UUID) -> str:
    return f"{call.base}/{shape.name}({row_id})"

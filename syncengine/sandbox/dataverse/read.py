"""Rows of a table: lists by pages, one row, counts. Source: Dataverse Web API documentation."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote
from uuid import UUID

from psycopg import Connection, sql

from syncengine.sandbox import paging, query
from syncengine.sandbox.addresses import Address
from syncengine.sandbox.calls import JSON, Answer, Call, json_answer
from syncengine.sandbox.dataverse import annotations, conditions, errors, keys, view
from syncengine.sandbox.dataverse.keys import Key
from syncengine.sandbox.dataverse.view import View
from syncengine.sandbox.paging import Position
from syncengine.sandbox.query import QueryRefused, Rows
from syncengine.sandbox.shape import Field, Shape
from syncengine.sandbox.site import Site

MAX_PAGE, MAX_ELASTIC_PAGE = 5_000, 500
MAX_COUNT = 5_000
OPTIONS = {"$select", "$filter", "$orderby", "$top", "$count", "$skiptoken", "$expand"}
_COOKIE = re.compile(r'<cookie pagenumber="\d+" pagingcookie="([^"]*)" istracking="(?:True|False)" />')
_OPAQUE = re.compile(r"[ft]~([\w=-]*)")


def list_rows(
    site: Site, connection: Connection[Any], call: Call, shape: Shape, *, within: sql.Composable | None = None
) -> Answer:
    """The rows of a table, or those of a collection, `within` which a row must be."""
    path = shape.name if within is None else call.address.text.partition("?")[0].strip("/")
    check_options(call.address, OPTIONS)
    top = query.number(call.address, "$top")
    told, order = view.of_call(site, call, shape), query.ordering(shape, call.address)
    passing = [*conditions.where(site, shape, call.address), *([] if within is None else [within])]
    position = position_of(site, call, _question(call, path))
    found = query.fetch(
        connection,
        shape,
        row=view.row_text(site, told),
        conditions=passing if position is None else [*passing, paging.after(order, position.values)],
        order=order,
        limit=min(top, max_page(shape)) if top is not None else query.page_size(call, max_page(shape)),
    )
    total = None
    if call.address.option("$count") == "true":
        total = query.count(connection, shape, passing)
    next_link = None if top is not None else _next_link(site, call, path, found, position)
    return rows_answer(call, shape, found, told, count=total, next_link=next_link)


def max_page(shape: Shape) -> int:
    return MAX_ELASTIC_PAGE if errors.table_of(shape).is_elastic else MAX_PAGE


def count_rows(site: Site, connection: Connection[Any], call: Call, shape: Shape) -> Answer:
    check_options(call.address, {"$filter"})
    number = query.count(connection, shape, conditions.where(site, shape, call.address))
    return plain_number(min(number, MAX_COUNT))


def plain_number(number: int) -> Answer:
    return Answer(status=200, headers={"Content-Type": "text/plain"}, body=f"\ufeff{number}".encode())


def get_row(site: Site, connection: Connection[Any], call: Call, shape: Shape, key: Key) -> Answer:
    """The row, or that it is unchanged, which is not told where more than the row itself is asked for."""
    check_options(call.address, {"$select", "$expand"})
    told = view.of_call(site, call, shape)
    text = one_row(site, connection, told, key)
    if text is None:
        raise keys.missing(shape, key)
    etag = text[len('{"@odata.etag":"') :].split('",', 1)[0].replace('\\"', '"')
    if told.is_plain and call.header("if-none-match") == etag:
        return Answer(status=304)
    return row_answer(200, call, told, text, {"ETag": etag})


def get_value(site: Site, connection: Connection[Any], call: Call, shape: Shape, key: Key, one: Field) -> Answer:
    """One property by itself; nothing where the row leaves it empty."""
    row = connection.execute(
        sql.SQL("SELECT to_json({}) FROM {} WHERE {}").format(query.to_json(one), shape.relation, keys.condition(key))
    ).fetchone()
    if row is None:
        raise keys.missing(shape, key)
    if row[0] is None:
        return Answer(status=204)
    context = f"{call.base}/$metadata#{shape.name}({key[0][1]})/{one.name}"
    return json_answer(200, {"@odata.context": context, "value": row[0]})


def one_row(site: Site, connection: Connection[Any], told: View, key: Key) -> str | None:
    """The row as a JSON object; None where it is not there."""
    row = connection.execute(
        sql.SQL("SELECT {} FROM {} WHERE {}").format(
            view.row_text(site, told), told.shape.relation, keys.condition(key)
        )
    ).fetchone()
    return row[0] if row else None


def row_answer(status: int, call: Call, told: View, text: str, headers: Mapping[str, str] | None = None) -> Answer:
    context = f"{call.base}/$metadata#{told.shape.name}{view.chosen(call, told)}/$entity"
    body = f'{{"@odata.context":"{context}",{text[1:]}'
    made = {"Content-Type": JSON, **applied(call), **(headers or {})}
    return Answer(status=status, headers=made, body=body.encode())


def applied(call: Call, *others: str) -> dict[str, str]:
    """The header that tells which of the client's preferences were followed."""
    found = [text for text in (*others, annotations.applied(call)) if text]
    return {"Preference-Applied": ", ".join(found)} if found else {}


def rows_answer(
    call: Call,
    shape: Shape,
    found: Rows,
    told: View,
    *,
    count: int | None = None,
    next_link: str | None = None,
    delta_link: str | None = None,
    is_delta: bool = False,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """A list. A count ends at 5,000, as the service's does."""
    suffix = "/$delta" if is_delta else ""
    parts = [f'{{"@odata.context":"{call.base}/$metadata#{shape.name}{view.chosen(call, told)}{suffix}"']
    if count is not None:
        parts.append(f'"@odata.count":{min(count, MAX_COUNT)}')
    if annotations.COUNT in told.asked:
        parts.append(f'"@{annotations.COUNT}":{-1 if count is None else min(count, MAX_COUNT)}')
    if annotations.IS_MORE in told.asked:
        parts.append(f'"@{annotations.IS_MORE}":{"true" if (count or 0) > MAX_COUNT else "false"}')
    parts.append(f'"value":[{",".join(found.texts)}]')
    if next_link is not None:
        parts.append(f'"@odata.nextLink":"{next_link}"')
    if delta_link is not None:
        parts.append(f'"@odata.deltaLink":"{delta_link}"')
    body = ",".join(parts) + "}"
    size = call.preferences.get("odata.maxpagesize")
    followed = applied(call, f"odata.maxpagesize={size}" if size else "")
    return Answer(status=200, headers={"Content-Type": JSON, **followed, **(headers or {})}, body=body.encode())


def check_options(address: Address, known: set[str]) -> None:
    """Raises: QueryRefused for an option that is not taken here."""
    if address.option("$skip") is not None:
        raise QueryRefused("Skip Clause is not supported in CRM")
    query.check_options(address, known)


def link(call: Call, path: str, options: Mapping[str, str], *, without: str = "") -> str:
    """The call's address with these options beside its own, encoded."""
    merged = {**call.address.options, **options}
    pairs = [f"{name}={quote(value, safe='')}" for name, value in merged.items() if name != without]
    return f"{call.base}/{path}?{'&'.join(pairs)}"


def cookie(site: Site, position: Position, *, is_tracking: bool = False) -> str:
    """The text of a skip token: a cookie in XML, or opaque where the sandbox is set so."""
    token = paging.write_token(position, site.settings.signing_key)
    if site.settings.has_opaque_skip_tokens:
        return f"{'t' if is_tracking else 'f'}~{token}"
    return f'<cookie pagenumber="{position.page}" pagingcookie="{token}" istracking="{is_tracking}" />'


def is_tracking(text: str) -> bool:
    """Whether a skip token goes on with a feed of changes."""
    return 'istracking="True"' in text or text.startswith("t~")


def position_of(site: Site, call: Call, question: str) -> Position | None:
    """Where the page begins. Raises: QueryRefused for a skip token that this service did not make for this list."""
    text = call.address.option("$skiptoken")
    if text is None:
        return None
    found = _COOKIE.fullmatch(text) or _OPAQUE.fullmatch(text)
    if found is None:
        raise QueryRefused("Malformed XML in the paging cookie.")
    try:
        return paging.read_token(found[1], site.settings.signing_key, question=question)
    except paging.BadToken as error:
        raise QueryRefused("The paging cookie does not belong to this query.") from error


def _next_link(site: Site, call: Call, path: str, found: Rows, position: Position | None) -> str | None:
    if found.last is None:
        return None
    page = position.page + 1 if position else 2
    behind = Position(question=_question(call, path), page=page, values=found.last)
    return link(call, path, {"$skiptoken": cookie(site, behind)})


def _question(call: Call, path: str) -> str:
    options = {name: value for name, value in call.address.options.items() if name != "$skiptoken"}
    return paging.question_of(path, *(part for pair in sorted(options.items()) for part in pair))


def entity_id(call: Call, shape: Shape, row_id: UUID) -> str:
    return f"{call.base}/{shape.name}({row_id})"

"""Rows of a table by pages, found by key or by text, in any order, at a million rows as at ten.

A page begins behind the last row of the page before (keyset), rows are never counted beyond a limit, and a search that
would take too long is given up and says so.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from syncengine.catalog import ColumnType
from syncengine.mapping.filters.ast import Match, TextMatch
from syncengine.sandbox import inside, paging, query
from syncengine.sandbox.calls import decode
from syncengine.sandbox.declarations import COMPANY, DataverseTable
from syncengine.sandbox.pages import counting
from syncengine.sandbox.pages.counting import Count
from syncengine.sandbox.paging import BadToken, Position
from syncengine.sandbox.query import Order
from syncengine.sandbox.shape import Field, Shape, folded
from syncengine.sandbox.site import Site
from syncengine.sandbox.sql_filter import Dialect, condition

ROWS = 50
LIMIT_S = 4
DIALECT = Dialect(has_nulls=True, has_wildcards=False, has_in=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """`sort` is a column's name, with a minus before it for descending; `everywhere`: not in keys alone."""

    q: str = ""
    everywhere: bool = False
    company: str = ""
    sort: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """`after` is where the next page begins, "" at the end; `is_by_key`: the rows have this key."""

    rows: list[dict[str, Any]]
    count: Count
    after: str = ""
    sort: str = ""
    is_by_key: bool = False
    is_given_up: bool = False


def page(site: Site, shape: Shape, fields: Sequence[Field], asked: Asked) -> Page:
    count = counting.count(site, shape)
    if not count.rows:
        return Page(rows=[], count=count)
    order = _order(shape, asked.sort or _usual_sort(shape, count))
    sort = asked.sort or _name_of(order)
    try:
        if asked.q and not asked.everywhere:
            rows, after = _fetch(site, shape, fields, asked, order, [_has_key(shape, asked.q)])
            if rows:
                return Page(rows=rows, count=count, after=after, sort=sort, is_by_key=True)
        conditions = [_holds_text(shape, asked.q)] if asked.q else []
        rows, after = _fetch(site, shape, fields, asked, order, conditions)
    except psycopg.errors.QueryCanceled:
        return Page(rows=[], count=count, sort=sort, is_given_up=True)
    return Page(rows=rows, count=count, after=after, sort=sort)


def _fetch(
    site: Site,
    shape: Shape,
    fields: Sequence[Field],
    asked: Asked,
    order: Order,
    conditions: list[sql.Composable],
) -> tuple[list[dict[str, Any]], str]:
    """The rows, and where the next page begins."""
    question = paging.question_of(shape.name, asked.q, asked.company, asked.sort, str(asked.everywhere))
    position = _position(site, asked.after, question)
    if asked.company and shape.has_companies:
        conditions.append(sql.SQL("lower({}) = lower({})").format(sql.Identifier(COMPANY), sql.Literal(asked.company)))
    if position is not None:
        conditions.append(paging.after(order, position.values))
    with site.reading_within(LIMIT_S) as connection:
        found = query.fetch(
            connection,
            shape,
            row=inside.cells(shape, (shape.row_id, *(one for one in fields if one is not shape.row_id))),
            conditions=conditions,
            order=order,
            limit=ROWS,
        )
    if found.last is None:
        return [decode(text.encode()) for text in found.texts], ""
    number = position.page + 1 if position else 2
    token = paging.write_token(Position(question=question, page=number, values=found.last), site.settings.signing_key)
    return [decode(text.encode()) for text in found.texts], token


def _position(site: Site, token: str, question: str) -> Position | None:
    """Where the page begins; the first one for a token of another question."""
    try:
        return paging.read_token(token, site.settings.signing_key, question=question) if token else None
    except BadToken:
        return None


def _usual_sort(shape: Shape, count: Count) -> str:
    """By name where that is quick; else by row id, which has an index."""
    if not count.is_exact:
        return ""
    declared = shape.declared
    return declared.primary_name if isinstance(declared, DataverseTable) else shape.key[-1].name


def _order(shape: Shape, sort: str) -> Order:
    one = shape.fields.get(sort.removeprefix("-"))
    if one is None or one.type is ColumnType.LOOKUP or one is shape.row_id:
        return ((shape.row_id, False),)
    return ((one, sort.startswith("-")), (shape.row_id, False))


def _name_of(order: Order) -> str:
    one, is_descending = order[0]
    return f"-{one.name}" if is_descending else one.name


def _has_key(shape: Shape, text: str) -> sql.Composable:
    """The row has this id, or this value in a column of its key."""
    row_id = _row_id(shape, text)
    if row_id is not None:
        return sql.SQL("{} = {}").format(shape.row_id.identifier, row_id)
    terms = [
        sql.SQL("{} = lower({})").format(folded(one), sql.Literal(text))
        for one in _key_fields(shape)
        if one.type in (ColumnType.TEXT, ColumnType.ENUM)
    ]
    return sql.SQL("({})").format(sql.SQL(" OR ").join(terms)) if terms else sql.SQL("false")


def _key_fields(shape: Shape) -> list[Field]:
    names = {*shape.declared.key_columns()}
    return [one for one in shape.fields.values() if one.column in names]


def _row_id(shape: Shape, text: str) -> sql.Composable | None:
    """The text as a row id; None for one that is none. Rows of finops are known by their keys."""
    row_id = inside.uuid_of(text) if isinstance(shape.declared, DataverseTable) else None
    return None if row_id is None else inside.row_literal(shape, row_id)


def _holds_text(shape: Shape, text: str) -> sql.Composable:
    clean = text.replace("\x00", "")
    terms = [
        condition(Match(column=one.name, how=TextMatch.CONTAINS, text=clean), shape.fields, DIALECT)
        for one in shape.fields.values()
        if one.type is ColumnType.TEXT
    ]
    row_id = _row_id(shape, clean)
    if row_id is not None:
        terms.append(sql.SQL("{} = {}").format(shape.row_id.identifier, row_id))
    return sql.SQL("({})").format(sql.SQL(" OR ").join(terms)) if terms else sql.SQL("false")

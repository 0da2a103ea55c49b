"""What is told of a row: its chosen columns, what is expanded, and annotations, made as one JSON text in PostgreSQL.

A row of plain columns, which is nearly every row that is read, costs nothing for the rest.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from psycopg import sql

from syncengine.sandbox import paging, query
from syncengine.sandbox.addresses import Address
from syncengine.sandbox.calls import Call
from syncengine.sandbox.dataverse import annotations, conditions, expand
from syncengine.sandbox.dataverse.annotations import Wanted
from syncengine.sandbox.dataverse.expand import Expand
from syncengine.sandbox.shape import Field, Shape
from syncengine.sandbox.site import Site

MAX_EXPANDED = 5_000  # rows of a collection
ETAG = sql.SQL("""'W/"' || versionnumber || '"'""")
_INSIDE = sql.SQL("CASE o._more WHEN '{}' THEN '' ELSE ',' || left(substr(o._more, 2), -1) END")


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    shape: Shape
    fields: tuple[Field, ...]
    expands: tuple[Expand, ...] = ()
    asked: Wanted = annotations.NOTHING

    @property
    def is_plain(self) -> bool:
        return not self.expands and not self.asked


def of_call(site: Site, call: Call, shape: Shape) -> View:
    """Raises: QueryRefused."""
    return View(
        shape=shape,
        fields=tuple(query.selected(shape, call.address, [shape.row_id])),
        expands=expand.read(site, shape, call.address.option("$expand")),
        asked=annotations.wanted(call),
    )


def row_text(site: Site, view: View) -> sql.Composable:
    """The row as JSON text."""
    if view.is_plain:
        return query.row_json(view.shape, view.fields, query.to_json, ETAG)
    return _row_text(site, view, view.shape.relation, 0)


def chosen(call: Call, view: View | None) -> str:
    """The columns as the context of an answer names them."""
    text = call.address.option("$select") or ""
    names = [text] if text else []
    names += expand.context(view.expands) if view is not None else ()
    return f"({quote(','.join(names), safe=',_()')})" if names else ""


def _row_text(site: Site, view: View, row: sql.Composable, depth: int) -> sql.Composable:
    """The row, named `row` in the statement around, with all that is asked for."""
    more = [_expanded(site, one, view, row, depth + 1) for one in view.expands]
    texts = list(annotations.of_row(site, view.shape, view.fields, row, view.asked))
    plain = query.row_json(view.shape, view.fields, query.to_json, ETAG)
    return sql.SQL("(SELECT left(o._row, -1) || {} || '}}' FROM (SELECT {} AS _row, {} AS _more) o)").format(
        sql.SQL(" || ").join([_INSIDE, *more]), plain, _annotated(texts)
    )


def _annotated(texts: Sequence[tuple[str, sql.Composable]]) -> sql.Composable:
    """An object of those that are not null."""
    return sql.SQL("json_strip_nulls(json_object(ARRAY[{}]::text[], ARRAY[{}]::text[]))::text").format(
        sql.SQL(", ").join(sql.Literal(name) for name, _ in texts), sql.SQL(", ").join(value for _, value in texts)
    )


def _expanded(site: Site, one: Expand, view: View, row: sql.Composable, depth: int) -> sql.Composable:
    """`,"name":…` as text."""
    inner = View(
        shape=one.shape,
        fields=tuple(query.selected(one.shape, one.options, [one.shape.row_id])),
        expands=one.expands,
        asked=view.asked,
    )
    if not site.is_made(one.shape.name):
        told: sql.Composable = sql.Literal("[]" if one.collection else "null")
    elif one.collection is None:
        told = _one(site, inner, row, sql.Identifier(view.shape.bindings[one.name].name), depth)
    else:
        points_here = sql.SQL("{}.{} = {}.{}").format(
            _alias(depth), sql.Identifier(one.collection.column.name), row, view.shape.row_id.identifier
        )
        told = _many(site, inner, one.options, points_here, depth)
    return sql.SQL("{}::text || {}").format(sql.Literal(f',"{one.name}":'), told)


def _one(site: Site, view: View, row: sql.Composable, lookup: sql.Identifier, depth: int) -> sql.Composable:
    """The row that a look-up leads to."""
    alias = _alias(depth)
    return sql.SQL("coalesce((SELECT {} FROM {} {} WHERE {}.{} = {}.{}), 'null')").format(
        _row_text(site, view, alias, depth),
        view.shape.relation,
        alias,
        alias,
        view.shape.row_id.identifier,
        row,
        lookup,
    )


def _many(site: Site, view: View, options: Address, points_here: sql.Composable, depth: int) -> sql.Composable:
    """The rows of a collection, as many as are told at most."""
    alias, top = _alias(depth), query.number(options, "$top")
    passing = [points_here, *conditions.where(site, view.shape, options, row=alias, depth=depth)]
    return sql.SQL(
        "'[' || coalesce((SELECT string_agg(l.t, ',') FROM"
        " (SELECT {} AS t FROM {} {} WHERE {} ORDER BY {} LIMIT {}) l), '') || ']'"
    ).format(
        _row_text(site, view, alias, depth),
        view.shape.relation,
        alias,
        query.all_of(passing),
        paging.order_by(query.ordering(view.shape, options)),
        sql.Literal(MAX_EXPANDED if top is None else min(top, MAX_EXPANDED)),
    )


def _alias(depth: int) -> sql.Identifier:
    return sql.Identifier(f"e{depth}")

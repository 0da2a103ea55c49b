"""`$expand`: rows with those that they refer to, one level deep. Source: Finance and Operations OData documentation."""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from psycopg import sql

from syncengine.sandbox import addresses, query
from syncengine.sandbox.addresses import Address, BadAddress
from syncengine.sandbox.finops import navigations
from syncengine.sandbox.finops.etags import etag
from syncengine.sandbox.finops.navigations import Navigation
from syncengine.sandbox.query import QueryRefused, ToJson
from syncengine.sandbox.shape import Field, Shape, folded
from syncengine.sandbox.store import Stock

_ITEM = re.compile(r"\s*(?P<name>\w+)\s*(?:\((?P<options>[^()]*)\))?\s*(?:,|$)")
_ALIAS = sql.Identifier("expanded")


@dataclass(frozen=True, slots=True, kw_only=True)
class Expansion:
    """A navigation property to be shown with these fields of its target."""

    navigation: Navigation
    fields: Sequence[Field]


def asked(stock: Stock, shape: Shape, address: Address) -> list[Expansion]:
    """What `$expand` names. Raises: QueryRefused."""
    text = address.option("$expand")
    if text is None:
        return []
    known = navigations.of_entity(stock, shape)
    found: dict[str, Expansion] = {}
    position = 0
    while position < len(text):
        item = _ITEM.match(text, position)
        if item is None:
            raise QueryRefused(_why_not(text))
        if item["name"] not in known:
            raise QueryRefused(f"Could not find a property named '{item['name'][:80]}'")
        navigation = known[item["name"]]
        found[item["name"]] = Expansion(
            navigation=navigation, fields=_selected(navigation.target, item["options"] or "")
        )
        position = item.end()
    return list(found.values())


def _why_not(text: str) -> str:
    if "$expand" in text.lower() or "/" in text:
        return "The request includes a $expand path which is too deep. The maximum depth allowed is 1."
    return f"Syntax error in '$expand': {text[:100]}"


def _selected(target: Shape, text: str) -> list[Field]:
    """The fields that the options within the brackets ask for. Raises: QueryRefused."""
    try:
        options = addresses.parse_options(text.replace(";", "&"))
    except BadAddress as error:
        raise QueryRefused(str(error)) from error
    if "$expand" in options:
        raise QueryRefused(_why_not("$expand"))
    if options.keys() - {"$select"}:
        raise QueryRefused(f"The query parameter {min(options.keys() - {'$select'})[:40]} is not supported in $expand")
    return query.selected(target, Address(segments=(), options=options))


def row(
    shape: Shape, fields: Sequence[Field], expansions: Sequence[Expansion], to_json: ToJson, made: Collection[str]
) -> sql.Composable:
    """One row as JSON text, with what it is expanded by; `made` are the tables that are there."""
    if not expansions:
        return query.row_json(shape, fields, to_json, etag(shape))
    cells = [*_cells(shape, fields, to_json)]
    for one in expansions:
        found = _found(shape, one, to_json) if one.navigation.target.name in made else _none(one)
        cells.append(sql.SQL("{} AS {}").format(found, sql.Identifier(one.navigation.name)))
    return sql.SQL("(SELECT row_to_json(r)::text FROM (SELECT {}) r)").format(sql.SQL(", ").join(cells))


def _cells(shape: Shape, fields: Iterable[Field], to_json: ToJson) -> list[sql.Composable]:
    own = [sql.SQL("{} AS {}").format(etag(shape), sql.Identifier(query.ETAG))]
    return [*own, *(sql.SQL("{} AS {}").format(to_json(one), sql.Identifier(one.name)) for one in fields)]


def _none(one: Expansion) -> sql.Composable:
    return sql.SQL("'[]'::json") if one.navigation.is_many else sql.SQL("NULL")


def _found(shape: Shape, one: Expansion, to_json: ToJson) -> sql.Composable:
    target = one.navigation.target
    whole = "(SELECT coalesce(json_agg(row_to_json(f)), '[]') FROM ({}) f)"
    rows = sql.SQL("SELECT {} FROM {} AS {} WHERE {} ORDER BY _recid").format(
        sql.SQL(", ").join(_cells(target, one.fields, to_json)),
        target.relation,
        _ALIAS,
        sql.SQL(" AND ").join(_equal(shape, target, *pair) for pair in one.navigation.pairs),
    )
    if not one.navigation.is_many:
        whole = "(SELECT row_to_json(f) FROM ({} LIMIT 1) f)"
    return sql.SQL(whole).format(rows)


def _equal(shape: Shape, target: Shape, own: str, theirs: str) -> sql.Composable:
    outer = sql.Identifier(shape.schema, shape.name, own)
    folds = folded(shape.by_column[own]) != shape.by_column[own].identifier
    return sql.SQL("{} = lower({})" if folds else "{} = {}").format(folded(target.by_column[theirs]), outer)

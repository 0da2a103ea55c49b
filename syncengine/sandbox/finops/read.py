"""Rows of an entity: lists by pages, one row, counts. Source: Finance and Operations OData documentation."""

from dataclasses import replace
from typing import Any
from urllib.parse import quote

from psycopg import Connection, sql

from syncengine.catalog import ColumnType
from syncengine.sandbox import paging, query
from syncengine.sandbox.addresses import Address
from syncengine.sandbox.calls import JSON, Answer, Call
from syncengine.sandbox.declarations import COMPANY
from syncengine.sandbox.finops import errors, expand, keys
from syncengine.sandbox.finops.keys import Key
from syncengine.sandbox.paging import Position
from syncengine.sandbox.query import QueryRefused
from syncengine.sandbox.shape import Field, Shape
from syncengine.sandbox.site import Site
from syncengine.sandbox.sql_filter import Dialect

DIALECT = Dialect(has_nulls=False, has_wildcards=True, has_in=False)
OPTIONS = {"$select", "$filter", "$orderby", "$top", "$skip", "$count", "$expand", "$skiptoken", "$format"}


def to_json(one: Field) -> sql.Composable:
    """The column as the service shows it: days at noon."""
    if one.type is ColumnType.DATE:
        return sql.SQL("to_char({}, 'YYYY-MM-DD\"T12:00:00Z\"')").format(one.identifier)
    return query.to_json(one)


def list_rows(site: Site, connection: Connection[Any], call: Call, shape: Shape) -> Answer:
    query.check_options(call.address, OPTIONS)
    _check_format(call.address)
    order = query.ordering(shape, call.address)
    conditions = [*query.where(shape, call.address, DIALECT), *in_company(site, connection, call, shape)]
    position = _position(site, call, shape)
    left, skip = _left(call.address, position), query.number(call.address, "$skip") or 0
    page_rows = query.page_size(call, site.settings.max_page_rows)
    found = query.fetch(
        connection,
        shape,
        row=_row(site, call, shape),
        conditions=conditions if position is None else [*conditions, paging.after(order, position.values)],
        order=order,
        limit=page_rows if left is None else min(left, page_rows),
        skip=skip if position is None else 0,
    )
    parts = [f'{{"@odata.context":"{call.base}/$metadata#{shape.name}"']
    if call.address.option("$count") == "true":
        parts.append(f'"@odata.count":{query.count(connection, shape, conditions)}')
    parts.append(f'"value":[{",".join(found.texts)}]')
    if found.last is not None and (left is None or left > page_rows):
        link = _next_link(site, call, shape, found.last, position, None if left is None else left - page_rows)
        parts.append(f'"@odata.nextLink":"{link}"')
    return Answer(status=200, headers={"Content-Type": JSON}, body=(",".join(parts) + "}").encode())


def count_rows(site: Site, connection: Connection[Any], call: Call, shape: Shape) -> Answer:
    query.check_options(call.address, {"$filter"})
    conditions = [*query.where(shape, call.address, DIALECT), *in_company(site, connection, call, shape)]
    number = query.count(connection, shape, conditions)
    return Answer(status=200, headers={"Content-Type": "text/plain"}, body=str(number).encode())


def get_row(site: Site, connection: Connection[Any], call: Call, shape: Shape, key: Key) -> Answer:
    query.check_options(call.address, {"$select", "$expand", "$format"})
    _check_format(call.address)
    conditions = [keys.condition(key), *in_company(site, connection, call, shape)]
    row = connection.execute(
        sql.SQL("SELECT {} FROM {} WHERE {}").format(
            _row(site, call, shape),
            shape.relation,
            query.all_of(conditions),
        )
    ).fetchone()
    if row is None:
        raise errors.not_found()
    return row_answer(200, call, shape, row[0])


def _row(site: Site, call: Call, shape: Shape) -> sql.Composable:
    """What `$select` and `$expand` ask for of a row, as JSON text. Raises: QueryRefused."""
    expansions = expand.asked(site.stock, shape, call.address)
    for one in expansions:
        errors.check_privilege(site.settings, one.navigation.target)
    made = site.made if expansions else ()
    return expand.row(shape, _selected(shape, call.address), expansions, to_json, made)


def _selected(shape: Shape, address: Address) -> list[Field]:
    """As `query.selected`, in any letter case: our names come from maps, which write them large, and clients of the
    service write `LegalEntityId`. Each is answered as it was asked for."""
    names = [name.strip() for name in (address.option("$select") or "").split(",")]
    known = {name.lower(): one for name, one in shape.fields.items()}
    if all(name in shape.fields for name in names) or any(name.lower() not in known for name in names):
        return query.selected(shape, address)
    return [replace(known[name.lower()], name=name) for name in dict.fromkeys(names)]


def _check_format(address: Address) -> None:
    text = address.option("$format") or "json"
    if text.partition(";")[0].strip().lower() not in ("json", "application/json"):
        raise QueryRefused(f"A supported MIME type could not be found that matches '{text[:40]}'.")


def _left(address: Address, position: Position | None) -> int | None:
    """How many rows of `$top` this page and those behind it may hold; None without one."""
    top = query.number(address, "$top")
    return int(position.extra) if position is not None and position.extra else top


def row_answer(status: int, call: Call, shape: Shape, text: str, headers: dict[str, str] | None = None) -> Answer:
    body = f'{{"@odata.context":"{call.base}/$metadata#{shape.name}/$entity",{text[1:]}'
    return Answer(status=status, headers={"Content-Type": JSON, **(headers or {})}, body=body.encode())


def in_company(site: Site, connection: Connection[Any], call: Call, shape: Shape) -> list[sql.Composable]:
    """Without `cross-company` only rows of the user's default company are there."""
    if not shape.has_companies or is_cross_company(call.address):
        return []
    return [sql.SQL('lower("dataAreaId") = {}').format(sql.Literal(default_company(site, connection)))]


def is_cross_company(address: Address) -> bool:
    return (address.option("cross-company") or "").lower() == "true"


def default_company(site: Site, connection: Connection[Any]) -> str:
    """The user's company, in lower case; the first legal entity where none was set."""
    if site.settings.default_company:
        return site.settings.default_company.lower()
    return min(companies(site, connection), default="dat")


def companies(site: Site, connection: Connection[Any]) -> set[str]:
    """The ids of the legal entities, in lower case."""
    shape = site.shape("LegalEntities")
    if shape is None or not site.is_made(shape.name):
        return set()

    def read() -> set[str]:
        found = connection.execute(sql.SQL('SELECT lower("LEGALENTITYID") FROM {}').format(shape.relation))
        return {name for (name,) in found}

    return set(site.remember("companies", read))


def has_company(site: Site, connection: Connection[Any], name: str) -> bool:
    """Whether it is a legal entity; one that this transaction made counts."""
    shape = site.shape("LegalEntities")
    if shape is None or name.lower() in companies(site, connection):
        return True
    if not site.is_made(shape.name):
        return False
    found = connection.execute(
        sql.SQL('SELECT 1 FROM {} WHERE lower("LEGALENTITYID") = %s').format(shape.relation), (name.lower(),)
    )
    return found.fetchone() is not None


def _position(site: Site, call: Call, shape: Shape) -> Position | None:
    text = call.address.option("$skiptoken")
    if text is None:
        return None
    try:
        return paging.read_token(text, site.settings.signing_key, question=_question(call, shape))
    except paging.BadToken as error:
        raise QueryRefused("The skip token does not belong to this query.") from error


def _next_link(
    site: Site, call: Call, shape: Shape, last: list[str | None], position: Position | None, left: int | None
) -> str:
    page = position.page + 1 if position else 2
    extra = "" if left is None else str(left)
    behind = Position(question=_question(call, shape), page=page, values=last, extra=extra)
    token = paging.write_token(behind, site.settings.signing_key)
    kept = {name: value for name, value in call.address.options.items() if name not in ("$skiptoken", "$skip")}
    pairs = [f"{name}={quote(value, safe='')}" for name, value in {**kept, "$skiptoken": token}.items()]
    return f"{call.base}/{shape.name}?{'&'.join(pairs)}"


def _question(call: Call, shape: Shape) -> str:
    left_out = ("$skiptoken", "$skip")
    options = {name: value for name, value in call.address.options.items() if name not in left_out}
    return paging.question_of(shape.name, *(part for pair in sorted(options.items()) for part in pair))


def location(call: Call, shape: Shape, key: dict[str, Any]) -> str:
    """The address of a row. `key` holds the key's values by name."""
    names = [one.name for one in shape.key]
    pairs = [f"{name}={_literal(key[name])}" for name in sorted(names, key=lambda name: name != COMPANY)]
    return f"{call.base}/{shape.name}({','.join(pairs)})"


def _literal(value: Any) -> str:
    if isinstance(value, str):
        return "'" + quote(value.replace("'", "''"), safe="") + "'"
    return str(value)

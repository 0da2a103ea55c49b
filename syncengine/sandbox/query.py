"""Lists of rows as JSON, made in PostgreSQL: a row is one text, so that pages of thousands cost little here."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Connection, sql

from syncengine.catalog import ColumnType
from syncengine.mapping.filters.ast import Filter, FilterError
from syncengine.mapping.filters.odata import parse
from syncengine.sandbox import paging
from syncengine.sandbox.addresses import Address
from syncengine.sandbox.calls import Call
from syncengine.sandbox.shape import Field, Shape
from syncengine.sandbox.sql_filter import Dialect, FilterRefused, condition

ETAG = "@odata.etag"
Order = tuple[tuple[Field, bool], ...]
ToJson = Callable[[Field], sql.Composable]


class QueryRefused(ValueError):
    """An option that the service does not take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """`texts` are JSON objects; `last` is the position behind the last of them, None where it is the end."""

    texts: list[str]
    last: list[str | None] | None = None


def selected(shape: Shape, address: Address, always: Iterable[Field] = ()) -> list[Field]:
    """The fields that `$select` names, all without it. Raises: QueryRefused."""
    text = address.option("$select")
    if text is None or text.strip() in ("", "*"):
        return list(shape.fields.values())
    names = dict.fromkeys(name.strip() for name in text.split(","))
    found = [_named(shape, name) for name in names]
    return [*(one for one in always if one not in found), *found]


def ordering(shape: Shape, address: Address) -> Order:
    """What `$orderby` names, and then the row id, so that the order is total. Raises: QueryRefused."""
    text = address.option("$orderby") or ""
    parts = [part.split() for part in text.split(",") if part.strip()]
    if any(len(part) > 2 or part[1:] not in ([], ["asc"], ["desc"]) for part in parts):
        raise QueryRefused(f"Syntax error in '$orderby': {text[:100]}")
    named = tuple((_named(shape, part[0]), part[1:] == ["desc"]) for part in parts)
    return (*named, (shape.row_id, False))


def where(
    shape: Shape,
    address: Address,
    dialect: Dialect,
    *,
    fields: Mapping[str, Field] | None = None,
    parser: Callable[[str], Filter] = parse,
) -> list[sql.Composable]:
    """What `$filter` says, as conditions on `fields`, those of the table if none are given. Raises: QueryRefused."""
    text = address.option("$filter")
    if text is None:
        return []
    try:
        found = parser(with_values(text, address.options))
        return [condition(found, shape.fields if fields is None else fields, dialect)]
    except FilterError as error:
        raise QueryRefused(f"{error} at position {error.position} in '{text[:200]}'.") from error
    except FilterRefused as error:
        raise QueryRefused(f"{error} in '{text[:200]}'.") from error


def with_values(text: str, options: Mapping[str, str]) -> str:
    """The filter with its parameters (`@p1`) in place; parts between quotes stay as they are."""
    if "@" not in text:
        return text
    pieces = text.split("'")
    for place in range(0, len(pieces), 2):
        for name in sorted((name for name in options if name.startswith("@")), key=len, reverse=True):
            pieces[place] = pieces[place].replace(name, options[name])
    return "'".join(pieces)


def page_size(call: Call, most: int) -> int:
    """What `odata.maxpagesize` asks for, at most `most`. Raises: QueryRefused for a page size that is none."""
    text = call.preferences.get("odata.maxpagesize")
    if text is None:
        return most
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise QueryRefused("Invalid Page Size")
    return min(int(text), most)


def check_options(address: Address, known: Collection[str]) -> None:
    """Raises: QueryRefused for a system option that is not taken here."""
    for name in address.options:
        if name.startswith("$") and name not in known:
            raise QueryRefused(f"The query parameter {name} is not supported")


def number(address: Address, name: str) -> int | None:
    """A whole number, 0 or more. Raises: QueryRefused."""
    text = address.option(name)
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise QueryRefused(f"Invalid value '{text[:40]}' for {name} query option found.")
    return int(text)


def _named(shape: Shape, name: str) -> Field:
    found = shape.fields.get(name)
    if found is None:
        raise QueryRefused(f"Could not find a property named '{name[:80]}'")
    return found


def all_of(conditions: Sequence[sql.Composable]) -> sql.Composable:
    return sql.SQL(" AND ").join(conditions) if conditions else sql.SQL("true")


def beside_parameters(part: sql.Composable) -> sql.SQL:
    """The part for a statement that has parameters, in which a percent sign of a value would begin another."""
    return sql.SQL(part.as_string().replace("%", "%%"))


def to_json(one: Field) -> sql.Composable:
    """The column as JSON has it: a moment in UTC, to the second."""
    if one.type is ColumnType.DATETIME:
        return sql.SQL("to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')").format(one.identifier)
    return one.identifier


def row_json(shape: Shape, fields: Iterable[Field], to_json: ToJson, etag: sql.Composable) -> sql.SQL:
    """One row of the table as JSON text; names are those of the service."""
    chosen = tuple(fields)
    key = ("row", *(one.name for one in chosen))
    return shape.composed(key, lambda: _row_json(chosen, to_json, etag))


def _row_json(fields: Iterable[Field], to_json: ToJson, etag: sql.Composable) -> sql.Composable:
    cells = [sql.SQL("{} AS {}").format(to_json(one), sql.Identifier(one.name)) for one in fields]
    cells.insert(0, sql.SQL("{} AS {}").format(etag, sql.Identifier(ETAG)))
    return sql.SQL("(SELECT row_to_json(r)::text FROM (SELECT {}) r)").format(sql.SQL(", ").join(cells))


def fetch(
    connection: Connection[Any],
    shape: Shape,
    *,
    row: sql.Composable,
    conditions: Sequence[sql.Composable],
    order: Order,
    limit: int,
    skip: int = 0,
) -> Rows:
    """Up to `limit` rows, and where the list goes on."""
    # Under names of their own, else ORDER BY means these texts: numbers in the wrong order, and no index.
    keys = [
        sql.SQL("{}::text AS {}").format(one.identifier, sql.Identifier(f"_key{place}"))
        for place, (one, _) in enumerate(order)
    ]
    found = connection.execute(
        sql.SQL("SELECT {} FROM {} WHERE {} ORDER BY {} LIMIT {} OFFSET {}").format(
            sql.SQL(", ").join([row, *keys]),
            shape.relation,
            all_of(conditions),
            paging.order_by(order),
            sql.Literal(limit + 1),
            sql.Literal(skip),
        )
    ).fetchall()
    texts = [each[0] for each in found[:limit]]
    return Rows(texts=texts, last=list(found[limit - 1][1:]) if len(found) > limit else None)


def count(connection: Connection[Any], shape: Shape, conditions: Sequence[sql.Composable]) -> int:
    found = connection.execute(
        sql.SQL("SELECT count(*) FROM {} WHERE {}").format(shape.relation, all_of(conditions))
    ).fetchone()
    return int(found[0]) if found else 0

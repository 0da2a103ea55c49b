"""Calls that the sandbox makes to its own service in the process, as its pages and its random changes do.

They take the way of a client's call behind the sign-in, so that rules, plug-ins, number sequences and events apply.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote
from uuid import UUID, uuid5

from psycopg import Connection, sql

from syncengine.catalog import ColumnType
from syncengine.sandbox import change_log
from syncengine.sandbox.addresses import Address
from syncengine.sandbox.calls import Answer, Call, decode, encode
from syncengine.sandbox.dataverse import service as dataverse
from syncengine.sandbox.declarations import COMPANY, Kind
from syncengine.sandbox.finops import service as finops
from syncengine.sandbox.query import to_json
from syncengine.sandbox.shape import Field, Shape, folded
from syncengine.sandbox.site import Site

ETAG = "@odata.etag"
FINOPS_USER = "Admin"
_PLAIN = (ColumnType.INTEGER, ColumnType.DECIMAL, ColumnType.BOOLEAN, ColumnType.UUID, ColumnType.DATE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What the kinds differ in. `options` are those without which rows of other companies are not there."""

    root: str
    parse: Callable[[str], Address]
    answer: Callable[[Site, Call], Answer]
    options: str = ""


SERVICES: Mapping[Kind, Service] = {
    Kind.DATAVERSE: Service(root=dataverse.ROOTS[0], parse=dataverse.parse, answer=dataverse.answer),
    Kind.FINOPS: Service(root=finops.ROOTS[0], parse=finops.parse, answer=finops.answer, options="?cross-company=true"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """`code` is the service's own, "" where it has none."""

    status: int
    message: str
    code: str = ""


def ask(
    site: Site,
    method: str,
    resource: str,
    body: Mapping[str, Any] | None = None,
    *,
    writer: str,
    etag: str = "",
    origin: str = "",
) -> Answer:
    """The service's answer. `resource` is an address below its root; `writer` is noted in the change log."""
    service = SERVICES[site.record.kind]
    headers = {"if-match": etag} if etag else {}
    call = Call(
        method=method,
        address=service.parse(f"{resource}{service.options}"),
        base=f"{origin}{service.root}",
        headers={"content-type": "application/json", **headers},
        body=b"" if body is None else encode(body),
        client_id=writer,
        user_id=user_id(site),
    )
    with change_log.written_by(writer):
        return service.answer(site, call)


def user_id(site: Site) -> str:
    """Who the person at the pages is to the service: a user of its own, never that of a client."""
    if site.record.kind is Kind.FINOPS:
        return FINOPS_USER
    return str(uuid5(UUID(site.settings.organization_id), site.settings.user_name))


def refusal(made: Answer) -> Refusal | None:
    """Why the service refused; None when it did what was asked."""
    if made.status < 400:
        return None
    try:
        error = decode(made.body)["error"]
        inner = error.get("innererror", {}).get("message")
        return Refusal(status=made.status, message=inner or error["message"], code=error.get("code", ""))
    except (ValueError, LookupError, TypeError, AttributeError):
        text = re.sub(r"<[^>]*>", " ", made.body.decode("utf-8", "replace"))
        return Refusal(status=made.status, message=text.strip() or f"The service answered {made.status}.")


def key_of(site: Site, shape: Shape, row_id: str) -> dict[str, Any] | None:
    """The key that a row has by now, as the service shows it; None where there is no such row."""
    if not site.is_made(shape.name):
        return None
    if site.record.kind is Kind.DATAVERSE:
        return {shape.row_id.name: row_id} if uuid_of(row_id) == row_id else None
    if not (row_id.isascii() and row_id.isdigit() and len(row_id) < 19):
        return None
    names = sql.SQL(", ").join(to_json(one) for one in shape.key)
    with site.reading() as connection:
        row = connection.execute(
            sql.SQL("SELECT {} FROM {} WHERE {} = %s").format(names, shape.relation, shape.row_id.identifier),
            (int(row_id),),
        ).fetchone()
    return {one.name: value for one, value in zip(shape.key, row, strict=True)} if row else None


def uuid_of(text: str) -> str | None:
    """The id that this text is, as the service writes it; None for none."""
    try:
        return str(UUID(text.strip()))
    except ValueError:
        return None


def address(shape: Shape, key: Mapping[str, Any]) -> str:
    """Where the row of this key lies below the service's root."""
    if len(key) == 1 and shape.row_id.name in key:
        return f"{shape.name}({key[shape.row_id.name]})"
    names = sorted((one.name for one in shape.key), key=lambda name: name != COMPANY)
    return f"{shape.name}({','.join(f'{name}={_literal(shape.fields[name], key[name])}' for name in names)})"


def _literal(one: Field, value: Any) -> str:
    if one.type in _PLAIN or one.type is ColumnType.DATETIME:
        return quote(str(value).lower() if isinstance(value, bool) else str(value), safe=":")
    return "'" + quote(str(value).replace("'", "''"), safe="") + "'"


def row(site: Site, shape: Shape, row_id: str, *, writer: str) -> dict[str, Any] | None:
    """The row as the service shows it, with the branches of look-ups that have several targets; None without one."""
    key = key_of(site, shape, row_id)
    made = None if key is None else ask(site, "GET", address(shape, key), writer=writer)
    if made is None or made.status != 200:
        return None
    found: dict[str, Any] = decode(made.body)
    return {**found, **_branches(site, shape, row_id)}


def _branches(site: Site, shape: Shape, row_id: str) -> dict[str, str | None]:
    if not shape.branches:
        return {}
    names = sql.SQL(", ").join(sql.SQL("{}::text").format(one.identifier) for one in shape.branches)
    with site.reading() as connection:
        stored = connection.execute(
            sql.SQL("SELECT {} FROM {} WHERE {} = %s").format(names, shape.relation, shape.row_id.identifier),
            (row_id,),
        ).fetchone()
    return {one.name: value for one, value in zip(shape.branches, stored or (), strict=False)}


def binding(shape: Shape, one: Field) -> str:
    """The property that a write binds the look-up of this field with."""
    return next(name for name, column in shape.bindings.items() if column.name == one.column)


def stored(site: Site, connection: Connection[Any], shape: Shape, row_id: str) -> dict[str, Any] | None:
    """The values of a row as the service shows them, asked of the database alone; None where there is none."""
    fields = (*shape.fields.values(), *shape.branches)
    found = connection.execute(
        sql.SQL("SELECT {} FROM {} WHERE {} = {}").format(
            cells(shape, fields), shape.relation, shape.row_id.identifier, row_literal(shape, row_id)
        )
    ).fetchone()
    return decode(found[0].encode()) if found else None


def cells(shape: Shape, fields: Iterable[Field]) -> sql.SQL:
    """These columns of a row as one JSON text, as a client may send them."""
    chosen = tuple(fields)

    def make() -> sql.Composable:
        named = [sql.SQL("{} AS {}").format(to_json(one), sql.Identifier(one.name)) for one in chosen]
        return sql.SQL("(SELECT row_to_json(r)::text FROM (SELECT {}) r)").format(sql.SQL(", ").join(named))

    return shape.composed(("cells", *(one.name for one in chosen)), make)


def row_literal(shape: Shape, row_id: str) -> sql.Composable:
    return sql.SQL("{}::{}").format(sql.Literal(row_id), sql.SQL(shape.row_id.sql_type))


def row_id_at(site: Site, shape: Shape, key: Mapping[str, Any]) -> str:
    """The id of the row with this key, which is there."""
    if "" in key:
        return str(key[""])
    conditions = [
        sql.SQL("{} = {}").format(folded(shape.fields[name]), _folded_literal(value)) for name, value in key.items()
    ]
    with site.reading() as connection:
        row = connection.execute(
            sql.SQL("SELECT {}::text FROM {} WHERE {}").format(
                shape.row_id.identifier, shape.relation, sql.SQL(" AND ").join(conditions)
            )
        ).fetchone()
    assert row is not None
    return str(row[0])


def _folded_literal(value: Any) -> sql.Composable:
    return sql.SQL("lower({})" if isinstance(value, str) else "{}").format(sql.Literal(value))

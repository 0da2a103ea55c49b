"""Positions in a list, as opaque signed texts: an altered one is refused, and so is one of another question."""

import base64
import hashlib
import hmac
from collections.abc import Sequence

import msgspec
from psycopg import sql

from syncengine.catalog import ColumnType
from syncengine.sandbox.shape import Field
from syncengine.sandbox.shape import folded as folded_column

_MARK_BYTES = 12


class BadToken(ValueError):
    """A text that this service did not make, or made for another question."""


class Position(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """After which row the next page begins: the row's values of the order columns, as text.

    `question` is a fingerprint of the table and options; `extra` is what the asker wants to find again.
    """

    question: str
    page: int
    values: list[str | None]
    extra: str = ""


def question_of(*parts: str | None) -> str:
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()[:16]


def write_token(position: Position, key: str) -> str:
    content = msgspec.json.encode(position)
    return base64.urlsafe_b64encode(_mark(content, key) + content).decode()


def read_token(token: str, key: str, *, question: str) -> Position:
    """Raises: BadToken."""
    try:
        raw = base64.urlsafe_b64decode(token.encode("ascii"))
    except ValueError as error:
        raise BadToken(token[:40]) from error
    mark, content = raw[:_MARK_BYTES], raw[_MARK_BYTES:]
    if not hmac.compare_digest(mark, _mark(content, key)):
        raise BadToken(token[:40])
    position = msgspec.json.decode(content, type=Position)
    if position.question != question:
        raise BadToken(token[:40])
    return position


def _mark(content: bytes, key: str) -> bytes:
    return hmac.digest(key.encode(), content, "sha256")[:_MARK_BYTES]


def order_by(order: Sequence[tuple[Field, bool]]) -> sql.Composable:
    """ORDER BY these fields, True for descending; nulls are the smallest."""
    return sql.SQL(", ").join(
        sql.SQL("{} DESC NULLS LAST" if descending else "{} NULLS FIRST").format(folded_column(one))
        if is_nullable(one)
        else sql.SQL("{} DESC" if descending else "{}").format(folded_column(one))
        for one, descending in order
    )


def after(order: Sequence[tuple[Field, bool]], values: Sequence[str | None]) -> sql.Composable:
    """The condition that a row stands behind this position."""
    branches = []
    for place, (one, descending) in enumerate(order):
        equal = [_equal(*pair) for pair in zip(order[:place], values[:place], strict=True)]
        branches.append(
            sql.SQL("({})").format(sql.SQL(" AND ").join([*equal, _beyond(one, descending, values[place])]))
        )
    return sql.SQL("({})").format(sql.SQL(" OR ").join(branches))


def is_nullable(one: Field) -> bool:
    """Row ids never are, and finops knows no nulls; the rest is asked for as if it were."""
    return not one.is_filled and one.declared is not None and not one.declared.required


def _equal(ordered: tuple[Field, bool], value: str | None) -> sql.Composable:
    return sql.SQL("{} IS NOT DISTINCT FROM {}").format(folded_column(ordered[0]), _literal(ordered[0], value))


def _beyond(one: Field, descending: bool, value: str | None) -> sql.Composable:
    column, literal = folded_column(one), _literal(one, value)
    if not descending:
        template = "{column} IS NOT NULL" if value is None else "{column} > {literal}"
    elif value is None:
        template = "false"
    else:
        template = "({column} < {literal} OR {column} IS NULL)"
    return sql.SQL(template).format(column=column, literal=literal)


def _literal(one: Field, value: str | None) -> sql.Composable:
    template = "lower({}::{})" if one.type in (ColumnType.TEXT, ColumnType.ENUM) else "{}::{}"
    return sql.SQL(template).format(sql.Literal(value), sql.SQL(one.sql_type))

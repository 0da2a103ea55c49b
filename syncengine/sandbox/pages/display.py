"""Values of rows as a person reads them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from psycopg import sql

from syncengine.catalog import ColumnType
from syncengine.sandbox.finops.shape import NO_DATE
from syncengine.sandbox.shape import Field, Shape, called
from syncengine.sandbox.site import Site

NUMBERS = (ColumnType.INTEGER, ColumnType.DECIMAL)
LONGEST = 80
Row = Mapping[str, Any]
Names = Mapping[str, tuple[str, str]]  # by row id: table and name of what a look-up points to


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """`to` is the page of the row that a look-up points to; `whole` the text where it was cut."""

    text: str
    is_number: bool = False
    to: tuple[str, str] | None = None
    whole: str = ""


def label(one: Field) -> str:
    return (one.declared.label if one.declared else "") or one.column


def cell(one: Field, value: Any, names: Names) -> Cell:
    text = text_of(one, value)
    if one.type is ColumnType.LOOKUP and text:
        target, name = names.get(text, ("", ""))
        return Cell(text=name or text, to=(target, text) if target else None)
    if len(text) > LONGEST:
        return Cell(text=f"{text[: LONGEST // 2]}…{text[-LONGEST // 4 :]}", whole=text)
    return Cell(text=text, is_number=one.type in NUMBERS)


def text_of(one: Field, value: Any) -> str:
    """ "" for nothing, which finops keeps as a day long ago."""
    if value is None or (isinstance(value, str) and value.startswith(NO_DATE)):
        return ""
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if one.type is ColumnType.CHOICE and one.declared:
        return one.declared.choices.get(str(value), str(value))
    if one.type is ColumnType.DATETIME:
        return str(value).replace("T", " ").removesuffix("Z")
    if one.type is ColumnType.DATE:
        return str(value)[:10]
    if one.type in NUMBERS and isinstance(value, int | Decimal):
        return f"{value:,}"
    return str(value)


def names_of(site: Site, fields: Iterable[Field], rows: Iterable[Row]) -> dict[str, tuple[str, str]]:
    """What the look-ups of these rows point to: one query a table."""
    wanted: dict[str, set[str]] = {}
    for one in fields:
        if one.type is ColumnType.LOOKUP and one.declared:
            ids = {str(row[one.name]) for row in rows if row.get(one.name)}
            for branch in one.declared.branches():
                wanted.setdefault(branch.target, set()).update(ids)
    found: dict[str, tuple[str, str]] = {}
    for target, ids in wanted.items():
        if ids and site.is_made(target):
            found |= {row_id: (target, name) for row_id, name in names(site, site.stock.shapes[target], ids)}
    return found


def names(site: Site, shape: Shape, row_ids: Iterable[str]) -> list[tuple[str, str]]:
    """Row ids with what a person knows the row by."""
    with site.reading() as connection:
        return connection.execute(
            sql.SQL("SELECT {id}::text, {name} FROM {table} WHERE {id} = ANY(%s::{type}[])").format(
                id=shape.row_id.identifier,
                name=called(shape),
                table=shape.relation,
                type=sql.SQL(shape.row_id.sql_type),
            ),
            (list(row_ids),),
        ).fetchall()

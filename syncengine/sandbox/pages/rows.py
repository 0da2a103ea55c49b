"""The page of a table: its rows, with search, order, company and the columns that the person chose."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import sql

from syncengine.catalog import ColumnType
from syncengine.sandbox.calls import Answer
from syncengine.sandbox.declarations import COMPANY, DataverseTable, FinopsTable
from syncengine.sandbox.finops import read as finops
from syncengine.sandbox.pages import display, listing
from syncengine.sandbox.pages.display import Cell
from syncengine.sandbox.pages.listing import Asked
from syncengine.sandbox.pages.visit import NoPage, Visit, go
from syncengine.sandbox.pages.words import path_of
from syncengine.sandbox.shape import Field, Shape
from syncengine.sandbox.site import Site

USUAL_COLUMNS = 7
_NAMES = re.compile(r"^(?!.*(?:language|party|country|state)).*(?:name|descr)", re.IGNORECASE)  # these say most


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A column's heading; `direction` where the rows are in its order, `to` what makes them so."""

    label: str
    name: str
    is_number: bool
    direction: str
    to: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    row_id: str
    cells: list[Cell]


def index(visit: Visit, name: str) -> Answer:
    shape = shape_of(visit.site, name)
    fields = _chosen(visit.site, shape)
    asked = Asked(
        q=visit.query.get("q", "").strip()[:200],
        everywhere=bool(visit.query.get("everywhere")),
        company=visit.query.get("company", ""),
        sort=visit.query.get("sort", ""),
        after=visit.query.get("after", ""),
    )
    page = listing.page(visit.site, shape, fields, asked)
    names = display.names_of(visit.site, fields, page.rows)
    return visit.page(
        "rows.html",
        shape=shape,
        asked=asked,
        page=page,
        heads=[_head(visit, one, page.sort) for one in fields],
        lines=[
            Line(
                row_id=str(row[shape.row_id.name]),
                cells=[display.cell(one, row.get(one.name), names) for one in fields],
            )
            for row in page.rows
        ],
        companies=companies(visit.site, shape),
        columns=[(one.name, display.label(one), one in fields) for one in shape.fields.values()],
        following=visit.address(after=page.after) if page.after else "",
    )


def columns(visit: Visit, name: str) -> Answer:
    """Remembers the columns that were chosen; none chosen is the usual ones."""
    shape = shape_of(visit.site, name)
    if visit.request.method == "POST":
        chosen = [one for one in visit.forms.get("column", []) if one in shape.fields]
        with visit.site.transaction() as connection:
            connection.execute(
                sql.SQL(
                    "INSERT INTO {}._chosen_columns VALUES (%s, %s)"
                    " ON CONFLICT (table_name) DO UPDATE SET columns = excluded.columns"
                ).format(sql.Identifier(visit.site.schema)),
                (shape.name, chosen),
            )
    return go(path_of("tables", shape.name))


def shape_of(site: Site, name: str) -> Shape:
    """Raises: NoPage."""
    shape = site.shape(name)
    if shape is None:
        raise NoPage(f"This sandbox has no table {name}. Look for it in the list of tables.")
    return shape


def companies(site: Site, shape: Shape) -> list[str]:
    """What a row of the table may belong to; empty where rows belong to no company."""
    if not shape.has_companies:
        return []
    with site.reading() as connection:
        return sorted(finops.companies(site, connection))


def _chosen(site: Site, shape: Shape) -> list[Field]:
    with site.reading() as connection:
        row = connection.execute(
            sql.SQL("SELECT columns FROM {}._chosen_columns WHERE table_name = %s").format(sql.Identifier(site.schema)),
            (shape.name,),
        ).fetchone()
    chosen = [shape.fields[name] for name in (row[0] if row else ()) if name in shape.fields]
    return chosen or usual(shape)


def usual(shape: Shape) -> list[Field]:
    """The columns that tell rows apart, and the first of the others."""
    declared = shape.declared
    first = [*declared.key_columns(), COMPANY]
    if isinstance(declared, DataverseTable):
        first = [declared.primary_name, *declared.key_columns()]
    ordered = [one for one in shape.fields.values() if one is not shape.row_id]
    leading = [one for column in dict.fromkeys(first) for one in ordered if one.column == column]
    rest = [one for one in ordered if one not in leading and one.declared and not one.declared.read_only]
    # The key of finops says little: the first name beside it says what the row is.
    named = list(filter(_says_what, rest))[:1] if isinstance(declared, FinopsTable) else []
    return [*leading, *named, *(one for one in rest if one not in named)][:USUAL_COLUMNS] or [shape.row_id]


def _says_what(one: Field) -> bool:
    return bool(_NAMES.search(one.name))


def _head(visit: Visit, one: Field, sort: str) -> Head:
    direction = {one.name: "ascending", f"-{one.name}": "descending"}.get(sort, "")
    following = f"-{one.name}" if direction == "ascending" else one.name
    can_sort = one.type is not ColumnType.LOOKUP
    return Head(
        label=display.label(one),
        name=one.name,
        is_number=one.type in display.NUMBERS,
        direction=direction,
        to=visit.address(sort=following, after=None) if can_sort else "",
    )


def fields_by_name(shape: Shape, names: Sequence[str]) -> list[str]:
    """The labels of these columns; a column that is gone keeps its name."""
    return [display.label(shape.by_column[name]) if name in shape.by_column else name for name in names]

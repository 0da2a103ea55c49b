"""What a look-up or a reference by key may point to: suggestions while typing, and the row that a text names."""

import re
from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg import Connection, sql

from syncengine.catalog import ColumnType
from syncengine.sandbox import inside
from syncengine.sandbox.calls import Answer, encode
from syncengine.sandbox.declarations import COMPANY, DataverseTable, FinopsTable, Relation
from syncengine.sandbox.pages import display, rows
from syncengine.sandbox.pages.inputs import Wrong
from syncengine.sandbox.pages.visit import Visit
from syncengine.sandbox.pages.words import path_of
from syncengine.sandbox.shape import Field, Shape, folded
from syncengine.sandbox.site import Site
from syncengine.sandbox.sql_filter import escaped

MOST = 20
LIMIT_S = 2
_WITH_ID = re.compile(r"(.*)\[([0-9a-fA-F-]{36})\]")
Option = tuple[str, str]  # what is put into the input, and what is told beside it


def options(visit: Visit, name: str) -> Answer:
    """Suggestions as JSON, for the page's script."""
    shape = rows.shape_of(visit.site, name)
    found = suggested(
        visit.site,
        shape,
        text=visit.query.get("q", ""),
        column=visit.query.get("column", ""),
        company=visit.query.get("company", ""),
    )
    return Answer(status=200, headers={"Content-Type": "application/json"}, body=encode(found))


def source(shape: Shape, one: Field) -> str:
    """Where suggestions for this column come from; "" for a column that points to nothing."""
    if one.type is ColumnType.LOOKUP and one.declared:
        return path_of("tables", one.declared.target, "options")
    relation, column = _relation(shape, one)
    return f"{path_of('tables', relation.target, 'options')}?column={column}" if relation else ""


def first_options(site: Site, shape: Shape, one: Field, company: str) -> list[Option]:
    """Some suggestions before anything is typed."""
    if one.type is ColumnType.LOOKUP and one.declared:
        return suggested(site, site.stock.shapes[one.declared.target])
    relation, column = _relation(shape, one)
    return suggested(site, site.stock.shapes[relation.target], column=column, company=company) if relation else []


def suggested(site: Site, shape: Shape, *, text: str = "", column: str = "", company: str = "") -> list[Option]:
    """Rows whose name, or this column, begins with the text; none where looking for them takes too long."""
    if not site.is_made(shape.name):
        return []
    try:
        with site.reading_within(LIMIT_S) as connection:
            if isinstance(shape.declared, DataverseTable):
                return _by_name(connection, shape, text)
            one = shape.fields.get(column)
            return _by_column(connection, shape, one, text, company) if one else []
    except psycopg.errors.QueryCanceled:
        return []


def found(site: Site, shape: Shape, text: str) -> str:
    """The id of the row that this text names. Raises: Wrong when there is none, or more than one."""
    with_id = _WITH_ID.fullmatch(text)
    row_id = inside.uuid_of(with_id[2] if with_id else text)
    if row_id is not None:
        return row_id
    label = shape.declared.label
    try:
        known = _named(site, shape, text) if site.is_made(shape.name) else []
    except psycopg.errors.QueryCanceled as error:
        raise Wrong(f"Looking for “{text[:60]}” in {label} takes too long. Write the row's ID.") from error
    if not known:
        raise Wrong(f"No row of {label} is called “{text[:60]}”. Choose one from the list.")
    if len(known) > 1:
        raise Wrong(f"Several rows of {label} are called “{text[:60]}”. Choose the one with the right ID.")
    return known[0]


def _relation(shape: Shape, one: Field) -> tuple[Relation | None, str]:
    """The reference that this column is the end of, and the column that it names there."""
    if not isinstance(shape.declared, FinopsTable):
        return None, ""
    for relation in shape.declared.references:
        if one.column in relation.columns:
            return relation, relation.target_columns[relation.columns.index(one.column)]
    return None, ""


def _by_name(connection: Connection[Any], shape: Shape, text: str) -> list[Option]:
    declared = shape.declared
    assert isinstance(declared, DataverseTable)
    name = sql.Identifier(declared.primary_name)
    begins = sql.SQL("lower({}) LIKE lower({})").format(name, sql.Literal(f"{escaped(text)}%"))
    found = connection.execute(
        sql.SQL("SELECT {name}, {id}::text FROM {table} WHERE {name} IS NOT NULL AND {begins} LIMIT {most}").format(
            name=name,
            id=shape.row_id.identifier,
            table=shape.relation,
            begins=begins if text else sql.SQL("true"),
            most=sql.Literal(MOST),
        )
    ).fetchall()
    texts = [str(each[0]) for each in found]
    return sorted(
        (text, "") if texts.count(text) == 1 else (f"{text} [{row_id}]", "")
        for text, row_id in ((str(name), row_id) for name, row_id in found)
    )


def _by_column(connection: Connection[Any], shape: Shape, one: Field, text: str, company: str) -> list[Option]:
    beside = next((each for each in shape.fields.values() if _tells(shape, each)), one)
    conditions = [sql.SQL("{} LIKE lower({})").format(_as_text(one), sql.Literal(f"{escaped(text)}%"))]
    if company and shape.has_companies:
        conditions.append(sql.SQL("lower({}) = lower({})").format(sql.Identifier(COMPANY), sql.Literal(company)))
    found = connection.execute(
        sql.SQL("SELECT {}::text, max({}) FROM (SELECT * FROM {} WHERE {} LIMIT {}) r GROUP BY 1 ORDER BY 1").format(
            one.identifier, beside.identifier, shape.relation, sql.SQL(" AND ").join(conditions), sql.Literal(MOST)
        )
    ).fetchall()
    return [(str(value), "" if beside is one else str(label)) for value, label in found if value]


def _as_text(one: Field) -> sql.Composable:
    return folded(one) if one.type in (ColumnType.TEXT, ColumnType.ENUM) else sql.SQL("{}::text").format(one.identifier)


def _tells(shape: Shape, one: Field) -> bool:
    """Whether the column says in words what the row is."""
    return one.type is ColumnType.TEXT and one not in shape.key and bool(re.search("name|descr", one.name.lower()))


def _named(site: Site, shape: Shape, text: str) -> Sequence[str]:
    declared = shape.declared
    assert isinstance(declared, DataverseTable)
    columns = dict.fromkeys([declared.primary_name, *declared.key_columns()])
    fields = [shape.by_column[name] for name in columns if shape.by_column[name].type is ColumnType.TEXT]
    terms = [sql.SQL("{} = lower({})").format(folded(one), sql.Literal(text.strip())) for one in fields]
    with site.reading_within(LIMIT_S) as connection:
        found = connection.execute(
            sql.SQL("SELECT {}::text FROM {} WHERE {} LIMIT 2").format(
                shape.row_id.identifier, shape.relation, sql.SQL(" OR ").join(terms) if terms else sql.SQL("false")
            )
        ).fetchall()
    return [row_id for (row_id,) in found]


def name_of(site: Site, shape: Shape, row_id: str) -> str:
    """What the row is called; its id where it is gone."""
    named = display.names(site, shape, [row_id]) if site.is_made(shape.name) else []
    return named[0][1] if named else row_id

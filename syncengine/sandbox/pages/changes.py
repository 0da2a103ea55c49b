"""The page of the last changes: what was written in this sandbox lately, whoever did it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from syncengine.sandbox import change_log
from syncengine.sandbox.calls import Answer
from syncengine.sandbox.change_log import Line
from syncengine.sandbox.pages import display, rows
from syncengine.sandbox.pages.visit import PERSON, Visit
from syncengine.sandbox.site import Site

PAGE = 50
NAMED = 3  # rows that a line of many shows by name
COLUMNS = 6  # columns that a line names
OPERATIONS = {"insert": "Created", "update": "Changed", "delete": "Deleted"}
UNKNOWN = "a client of the service"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """`named` are some of the rows: id and name, an empty id for one that is gone; `more` is how many others."""

    at: datetime
    table: str
    label: str
    operation: str
    rows: int
    named: tuple[tuple[str, str], ...]
    more: int
    columns: tuple[str, ...]
    more_columns: int
    writer: str


def index(visit: Visit) -> Answer:
    table, before = visit.query.get("table", ""), visit.number("before")
    with visit.site.reading() as connection:
        lines = change_log.lines(connection, visit.site.schema, table=table, before=before, limit=PAGE + 1)
    names = _names(visit.site, lines[:PAGE])
    return visit.page(
        "changes.html",
        lines=[shown(visit.site, one, names) for one in lines[:PAGE]],
        table=table,
        tables=sorted(visit.site.made & set(visit.site.stock.inventory.tables)),
        before=before,
        following=visit.address(before=str(lines[PAGE - 1].id)) if len(lines) > PAGE else "",
    )


def shown(site: Site, line: Line, names: Mapping[tuple[str, str], str] | None = None) -> Shown:
    shape = site.shape(line.table)
    columns = rows.fields_by_name(shape, line.columns) if shape else line.columns
    return Shown(
        at=line.at,
        table=line.table,
        label=shape.declared.label if shape else line.table,
        operation=OPERATIONS.get(line.operation, line.operation),
        rows=line.rows,
        named=_named(line, names or {}),
        more=line.rows - min(line.rows, NAMED),
        columns=tuple(columns[:COLUMNS]),
        more_columns=max(len(columns) - COLUMNS, 0),
        writer=_writer(site, line.writer),
    )


def _named(line: Line, names: Mapping[tuple[str, str], str]) -> tuple[tuple[str, str], ...]:
    ids = line.row_ids[:NAMED]
    if line.operation == "delete":
        return tuple(("", label or row_id) for row_id, label in zip(ids, line.labels, strict=False))
    return tuple(
        (row_id, names[line.table, row_id]) if (line.table, row_id) in names else ("", row_id) for row_id in ids
    )


def _names(site: Site, lines: Sequence[Line]) -> dict[tuple[str, str], str]:
    """What the rows are called that are still there: one query a table."""
    wanted: dict[str, set[str]] = {}
    for line in lines:
        if line.operation != "delete" and line.table in site.stock.shapes:
            wanted.setdefault(line.table, set()).update(line.row_ids[:NAMED])
    return {
        (table, row_id): name
        for table, ids in wanted.items()
        for row_id, name in display.names(site, site.stock.shapes[table], ids)
    }


def _writer(site: Site, writer: str) -> str:
    return {"": UNKNOWN, PERSON: site.settings.user_name}.get(writer, writer)

"""What was written in a sandbox lately: one line for each statement that wrote rows, whoever sent it.

Triggers note it, one a statement, so that API calls, pages, loads and silent writes all leave a trace and none of them
has to think of it. A line names up to `ROWS_A_LINE` of its rows; the newest `ROWS_KEPT` rows are kept.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection, sql

from syncengine.sandbox.shape import Shape, called

ROWS_A_LINE = 1_000
ROWS_KEPT = 10_000
SAMPLE = 20  # rows of an update that tell which columns it changed: a statement sets the same in all
WRITER = "twofold.writer"  # the session setting that tells the triggers who writes
_HIDDEN = ("versionnumber", "modifiedon")  # these change with every write

_TABLE = """
-- What was written lately; see change_log.py. `kept` is how many of the `rows` are named.
CREATE TABLE IF NOT EXISTS {s}._change (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    table_name text NOT NULL,
    operation text NOT NULL,
    rows integer NOT NULL,
    kept integer NOT NULL,
    row_ids text[] NOT NULL,
    labels text[] NOT NULL,
    columns text[] NOT NULL,
    writer text NOT NULL
);
CREATE INDEX IF NOT EXISTS _change_table ON {s}._change (table_name, id);
CREATE OR REPLACE FUNCTION {s}._trim_changes() RETURNS void LANGUAGE sql AS $trim$
    DELETE FROM {s}._change WHERE id IN (
        SELECT id FROM {s}._change WHERE id <= (
            SELECT max(id) FROM (SELECT id, sum(kept) OVER (ORDER BY id DESC) AS upto FROM {s}._change) c
            WHERE upto > {kept}
        ) FOR UPDATE SKIP LOCKED
    )
$trim$;
"""

_FUNCTION = """
CREATE OR REPLACE FUNCTION {note}() RETURNS trigger LANGUAGE plpgsql AS $note$
DECLARE
    total integer; ids text[]; names text[] := '{{}}'; texts text[] := '{{}}'; line bigint;
BEGIN
    IF TG_OP = 'INSERT' THEN
        SELECT count(*), (array_agg({id}::text))[1:{most}] INTO total, ids FROM added;
    ELSIF TG_OP = 'DELETE' THEN
        SELECT count(*), (array_agg({id}::text))[1:{most}], (array_agg({label}))[1:{most}]
        INTO total, ids, texts FROM gone;
    ELSE
        SELECT count(*), (array_agg({id}::text))[1:{most}] INTO total, ids FROM added;
        SELECT array_remove(ARRAY[{changed}]::text[], NULL) INTO names
        FROM (SELECT * FROM added LIMIT {sample}) n JOIN gone o ON o.{id} = n.{id};
    END IF;
    IF total > 0 THEN
        INSERT INTO {change} (table_name, operation, rows, kept, row_ids, labels, columns, writer)
        VALUES ({name}, lower(TG_OP), total, cardinality(ids), ids, coalesce(texts, '{{}}'), coalesce(names, '{{}}'),
                coalesce(current_setting({writer}, true), '')) RETURNING id INTO line;
        IF line % 100 = 0 THEN PERFORM {trim}(); END IF;
    END IF;
    RETURN NULL;
END
$note$
"""
_writer: ContextVar[str] = ContextVar("writer", default="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What one statement did. `labels` name the rows of a delete, which cannot be asked any more."""

    id: int
    at: datetime
    table: str
    operation: str
    rows: int
    row_ids: list[str]
    labels: list[str]
    columns: list[str]
    writer: str


def own_table(schema: str) -> sql.Composed:
    return sql.SQL(_TABLE).format(s=sql.Identifier(schema), kept=sql.Literal(ROWS_KEPT))


def statements(shape: Shape) -> list[sql.Composed]:
    """What makes the table of this shape note its writes. The platform's own tables do not."""
    if shape.declared.is_system:
        return []
    note = sql.Identifier(shape.schema, f"_note {shape.name}")
    changed = [
        sql.SQL("CASE WHEN bool_or(n.{c} IS DISTINCT FROM o.{c}) THEN {name} END").format(
            c=one.identifier, name=sql.Literal(one.column)
        )
        for one in shape.by_column.values()
        if one.column not in _HIDDEN and not one.column.startswith("_")
    ]
    function = sql.SQL(_FUNCTION).format(
        note=note,
        id=shape.row_id.identifier,
        label=called(shape),
        changed=sql.SQL(", ").join(changed),
        change=sql.Identifier(shape.schema, "_change"),
        trim=sql.Identifier(shape.schema, "_trim_changes"),
        name=sql.Literal(shape.name),
        most=sql.Literal(ROWS_A_LINE),
        sample=sql.Literal(SAMPLE),
        writer=sql.Literal(WRITER),
    )
    return [function, *(_trigger(shape, note, *each) for each in _TRANSITIONS)]


_TRANSITIONS = (
    ("INSERT", "NEW TABLE AS added"),
    ("UPDATE", "NEW TABLE AS added OLD TABLE AS gone"),
    ("DELETE", "OLD TABLE AS gone"),
)


def _trigger(shape: Shape, note: sql.Identifier, event: str, tables: str) -> sql.Composed:
    return sql.SQL(
        "CREATE OR REPLACE TRIGGER {name} AFTER {event} ON {table} REFERENCING {tables}"
        " FOR EACH STATEMENT EXECUTE FUNCTION {note}()"
    ).format(
        name=sql.Identifier(f"_note_{event.lower()}"),
        event=sql.SQL(event),
        table=shape.relation,
        tables=sql.SQL(tables),
        note=note,
    )


@contextmanager
def written_by(writer: str) -> Iterator[None]:
    """Transactions that begin inside are noted as this writer's."""
    token = _writer.set(writer)
    try:
        yield
    finally:
        _writer.reset(token)


def tell_writer(connection: Connection[Any]) -> None:
    """At the beginning of a transaction; costs a statement only where a writer is known."""
    writer = _writer.get()
    if writer:
        connection.execute("SELECT set_config(%s, %s, true)", (WRITER, writer))


def lines(
    connection: Connection[Any],
    schema: str,
    *,
    table: str = "",
    row_id: str = "",
    before: int | None = None,
    limit: int = 50,
) -> list[Line]:
    """Newest first: those before this line, of this table or row."""
    found = connection.execute(
        sql.SQL(
            "SELECT id, at, table_name, operation, rows, row_ids, labels, columns, writer FROM {}._change"
            " WHERE (%(table)s = '' OR table_name = %(table)s)"
            " AND (%(row_id)s = '' OR row_ids @> ARRAY[%(row_id)s::text])"
            " AND (%(before)s::bigint IS NULL OR id < %(before)s) ORDER BY id DESC LIMIT %(limit)s"
        ).format(sql.Identifier(schema)),
        {"table": table, "row_id": row_id, "before": before, "limit": limit},
    ).fetchall()
    names = ("id", "at", "table", "operation", "rows", "row_ids", "labels", "columns", "writer")
    return [Line(**dict(zip(names, row, strict=True))) for row in found]

"""Executions of imports and exports: rows that wait for a runner, run one at a time for a definition group, and end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

from psycopg import Connection, errors, sql
from psycopg.types.json import Jsonb

from syncengine.sandbox.site import Site

_COLUMNS = sql.SQL("id, definition_group, direction, company, runs_target, package_name, blob_id")


class Status(StrEnum):
    """DMFExecutionSummaryStatus, as the service words it."""

    UNKNOWN = "Unknown"
    NOT_RUN = "NotRun"
    EXECUTING = "Executing"
    SUCCEEDED = "Succeeded"
    PARTIALLY_SUCCEEDED = "PartiallySucceeded"
    FAILED = "Failed"
    CANCELED = "Canceled"


class Direction(StrEnum):
    IMPORT = "import"
    EXPORT = "export"


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """`blob_id` is the package that is imported; without `runs_target` its rows are only checked."""

    id: str
    group: str
    direction: Direction
    company: str
    runs_target: bool = True
    package_name: str = ""
    blob_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How an execution ended. `counts` are rows by what became of them, `blob_id` the package that was made."""

    status: Status
    message: str = ""
    counts: Mapping[str, int]
    blob_id: UUID | None = None


def new_id(group: str) -> str:
    return f"{group}-{datetime.now(UTC).strftime('%Y-%m-%dT%H:%M:%S')}-{uuid4().hex[:12].upper()}"


def queue(site: Site, connection: Connection[Any], execution: Execution) -> None:
    connection.execute(
        sql.SQL("INSERT INTO {}._execution ({}) VALUES (%s, %s, %s, %s, %s, %s, %s)").format(_schema(site), _COLUMNS),
        (
            execution.id,
            execution.group,
            execution.direction,
            execution.company,
            execution.runs_target,
            execution.package_name,
            execution.blob_id,
        ),
    )


def requeue(site: Site, connection: Connection[Any], execution_id: str) -> None:
    """It is to run once more; what its last run left is forgotten."""
    for table in ("_execution_error", "_error_file"):
        connection.execute(
            sql.SQL("DELETE FROM {} WHERE execution_id = %s").format(sql.Identifier(site.schema, table)),
            (execution_id,),
        )
    connection.execute(
        sql.SQL(
            "UPDATE {}._execution SET status = 'NotRun', message = '', counts = '{{}}', queued_at = clock_timestamp(),"
            " started_at = NULL, ended_at = NULL WHERE id = %s AND status <> 'Executing'"
        ).format(_schema(site)),
        (execution_id,),
    )


def status(site: Site, connection: Connection[Any], execution_id: str) -> Status:
    row = connection.execute(
        sql.SQL("SELECT status FROM {}._execution WHERE id = %s").format(_schema(site)), (execution_id,)
    ).fetchone()
    return Status(row[0]) if row else Status.UNKNOWN


def find(site: Site, connection: Connection[Any], execution_id: str) -> Execution | None:
    row = connection.execute(
        sql.SQL("SELECT {} FROM {}._execution WHERE id = %s").format(_COLUMNS, _schema(site)), (execution_id,)
    ).fetchone()
    return _execution(row) if row else None


def claim(site: Site, runner: UUID) -> Execution | None:
    """The next one whose group has none executing, for this runner from now on; None when there is none."""
    statement = sql.SQL(
        "UPDATE {table} SET status = 'Executing', runner = %s, started_at = clock_timestamp() WHERE id = ("
        "SELECT id FROM {table} one WHERE status = 'NotRun' AND NOT EXISTS (SELECT FROM {table} other"
        " WHERE other.definition_group = one.definition_group AND other.status = 'Executing')"
        " ORDER BY place LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING {columns}"
    ).format(table=sql.Identifier(site.schema, "_execution"), columns=_COLUMNS)
    with site.pool.connection() as connection:
        try:
            row = connection.execute(statement, (runner,)).fetchone()
        except errors.UniqueViolation:  # another thread claimed one of the group in the same moment
            return None
    return _execution(row) if row else None


def end(site: Site, execution: Execution, result: Result) -> None:
    with site.pool.connection() as connection:
        connection.execute(
            sql.SQL(
                "UPDATE {}._execution SET status = %s, message = %s, counts = %s, blob_id = coalesce(%s, blob_id),"
                " runner = NULL, ended_at = clock_timestamp() WHERE id = %s AND status = 'Executing'"
            ).format(_schema(site)),
            (result.status, result.message, Jsonb(dict(result.counts)), result.blob_id, execution.id),
        )


def take_back(site: Site, runner: UUID) -> None:
    """What a runner that is no more had in its hands waits again."""
    with site.pool.connection() as connection:
        connection.execute(
            sql.SQL(
                "UPDATE {}._execution SET status = 'NotRun', runner = NULL"
                " WHERE status = 'Executing' AND runner IS DISTINCT FROM %s"
            ).format(_schema(site)),
            (runner,),
        )


def cancel(site: Site, execution_id: str) -> bool:
    """Whether it waited to be run; it never will."""
    with site.pool.connection() as connection:
        done = connection.execute(
            sql.SQL(
                "UPDATE {}._execution SET status = 'Canceled', ended_at = clock_timestamp()"
                " WHERE id = %s AND status = 'NotRun'"
            ).format(_schema(site)),
            (execution_id,),
        )
    return done.rowcount > 0


def listed(site: Site) -> Sequence[dict[str, Any]]:
    """All of them, the oldest first, with how many rows failed and why the first did."""
    with site.reading() as connection:
        rows = connection.execute(
            sql.SQL(
                "SELECT id, definition_group, direction, status, company, message, counts, queued_at, started_at,"
                " ended_at, (SELECT e.message FROM {schema}._execution_error e WHERE e.execution_id = one.id"
                " ORDER BY e.id LIMIT 1) FROM {schema}._execution one ORDER BY place"
            ).format(schema=_schema(site))
        ).fetchall()
    return [
        {
            "id": row[0],
            "definition_group": row[1],
            "direction": row[2],
            "status": row[3],
            "company": row[4],
            "message": row[5],
            "counts": row[6],
            **{name: _text(at) for name, at in zip(("queued_at", "started_at", "ended_at"), row[7:10], strict=True)},
            "first_error": row[10] or "",
        }
        for row in rows
    ]


def _execution(row: Sequence[Any]) -> Execution:
    return Execution(
        id=row[0],
        group=row[1],
        direction=Direction(row[2]),
        company=row[3],
        runs_target=row[4],
        package_name=row[5],
        blob_id=row[6],
    )


def _text(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


def _schema(site: Site) -> sql.Identifier:
    return sql.Identifier(site.schema)

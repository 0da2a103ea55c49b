"""The first step of an import: rows of a file become values, or are set aside with the reason."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from psycopg import sql
from psycopg.types.json import Jsonb

from syncengine.sandbox.calls import ServiceError
from syncengine.sandbox.declarations import COMPANY, FinopsTable
from syncengine.sandbox.finops import errors, payload
from syncengine.sandbox.finops.packages.executions import Execution, Status
from syncengine.sandbox.finops.packages.package_csv import Line
from syncengine.sandbox.shape import Shape
from syncengine.sandbox.site import Site

STAGING, TARGET = "staging", "target"


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """A row that can be written. `empty` are the columns whose cells were."""

    line: Line
    values: dict[str, Any]
    empty: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A row of a set that could not be staged, or not be written."""

    set: str
    stage: str
    line: Line
    why: str


@dataclass(slots=True)
class Tally:
    """What became of the rows."""

    created: int = 0
    updated: int = 0
    failed: int = 0
    staged: int = 0
    failures: list[Failure] = field(default_factory=list)

    def fail(self, table: FinopsTable, stage: str, line: Line, why: str) -> None:
        self.failed += 1
        self.failures.append(Failure(set=table.set, stage=stage, line=line, why=why))

    @property
    def status(self) -> Status:
        if not self.failed:
            return Status.SUCCEEDED
        return Status.PARTIALLY_SUCCEEDED if self.created + self.updated + self.staged else Status.FAILED


def staged(site: Site, execution: Execution, shape: Shape, lines: Iterator[Line], tally: Tally) -> Iterator[Staged]:
    """The rows that can be read; the others fail."""
    table = errors.table_of(shape)
    for line in lines:
        problem, values = _read(site, execution, shape, line)
        if problem:
            tally.fail(table, STAGING, line, problem)
        else:
            empty = frozenset(shape.fields[name].column for name, value in line.values.items() if value is None)
            yield Staged(line=line, values=values, empty=empty)


def _read(site: Site, execution: Execution, shape: Shape, line: Line) -> tuple[str, dict[str, Any]]:
    """Why the row cannot be staged, "" where it can; its values by column."""
    if line.problem:
        return line.problem, {}
    try:
        values = payload.read_values(site.stock, shape, line.values)
    except ServiceError as error:
        return str(error), {}
    if shape.has_companies:
        if values.get(COMPANY, "") not in ("", execution.company):
            return f"The row is of company '{values[COMPANY]}', the package of '{execution.company}'.", {}
        values[COMPANY] = execution.company
    return "", values


def keep_failures(site: Site, execution: Execution, tally: Tally) -> None:
    with site.transaction() as connection:
        connection.cursor().executemany(
            sql.SQL(
                "INSERT INTO {}._execution_error (execution_id, set_name, stage, line, row, message)"
                " VALUES (%s, %s, %s, %s, %s, %s)"
            ).format(sql.Identifier(site.schema)),
            [
                (
                    execution.id,
                    one.set,
                    one.stage,
                    one.line.number,
                    Jsonb(_storable(one.line.cells)),
                    one.why.replace("\x00", ""),
                )
                for one in tally.failures
            ],
        )


def _storable(cells: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("\x00", ""): cell.replace("\x00", "") for name, cell in cells.items()}

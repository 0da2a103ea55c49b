"""The registered steps: who is told of which message of which table, at once or afterwards, with which images.

Registrations are ordinary rows of `serviceendpoints`, `sdkmessageprocessingsteps` and `sdkmessageprocessingstepimages`.
Source: Dataverse Web API documentation.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from psycopg import Connection, sql
from psycopg.rows import dict_row

from syncengine.sandbox.shape import Shape
from syncengine.sandbox.site import Site

BEFORE, AFTER, BOTH = 0, 1, 2
SYNCHRONOUS, ASYNCHRONOUS = 0, 1
ANY_TABLE = ""
_STEPS = sql.SQL(
    "SELECT s.sdkmessageprocessingstepid, s.name, m.name, f.primaryobjecttypecode, s.filteringattributes, e.url,"
    " e.authtype, e.authvalue, coalesce(s.mode, 0), coalesce(s.stage, 40), coalesce(s.rank, 1), s.asyncautodelete"
    " FROM {s}.sdkmessageprocessingsteps s"
    " JOIN {s}.sdkmessages m ON m.sdkmessageid = s.sdkmessageid"
    " LEFT JOIN {s}.sdkmessagefilters f ON f.sdkmessagefilterid = s.sdkmessagefilterid"
    " JOIN {s}.serviceendpoints e ON e.serviceendpointid = s.eventhandler"
    " WHERE s.statecode = 0 AND e.statecode = 0 AND e.contract = 8 ORDER BY coalesce(s.rank, 1), s.createdon"
)
_IMAGES = sql.SQL(
    "SELECT sdkmessageprocessingstepid, coalesce(entityalias, name, ''), imagetype, attributes"
    " FROM {s}.sdkmessageprocessingstepimages WHERE statecode = 0 ORDER BY createdon"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """A row as it was before or after the write; `columns` empty for all."""

    alias: str
    kind: int
    columns: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """`filtering` holds the columns of which an update must write one; empty for any."""

    id: UUID
    name: str
    message: str
    table: str
    filtering: frozenset[str]
    url: str
    auth_type: int
    auth_value: str = field(repr=False)
    mode: int
    stage: int
    rank: int
    keeps_jobs: bool
    images: tuple[Image, ...] = ()

    def has_image(self, *kinds: int) -> bool:
        return any(image.kind in kinds for image in self.images)


@dataclass(frozen=True, slots=True)
class Registry:
    """`by_message` holds the steps by set and message; those of any table under "" for the set."""

    by_message: Mapping[tuple[str, str], Sequence[Step]]
    by_id: Mapping[UUID, Step]

    def of(self, shape: Shape, message: str) -> Sequence[Step]:
        own, common = self.by_message.get((shape.name, message), ()), self.by_message.get((ANY_TABLE, message), ())
        return sorted([*own, *common], key=lambda step: step.rank) if own and common else own or common


def registered(site: Site, connection: Connection[Any]) -> Registry | None:
    """None where nobody is."""
    found: Registry | None = site.remember("steps", lambda: _read(site, connection))
    return found


def rows_before(
    site: Site, connection: Connection[Any], shape: Shape, message: str, ids: Sequence[UUID]
) -> Mapping[UUID, Mapping[str, Any]]:
    """The rows as they are, by id, where a step wants to know them when they are written."""
    registry = registered(site, connection)
    if registry is None or not any(step.has_image(BEFORE, BOTH) for step in registry.of(shape, message)):
        return {}
    return read_rows(connection, shape, ids)


def read_rows(connection: Connection[Any], shape: Shape, ids: Sequence[UUID]) -> Mapping[UUID, Mapping[str, Any]]:
    """All columns of these rows, by id."""
    columns = sql.SQL(", ").join(one.identifier for one in shape.by_column.values())
    statement = sql.SQL("SELECT {} FROM {} WHERE {} = ANY(%s)").format(columns, shape.relation, shape.row_id.identifier)
    with connection.cursor(row_factory=dict_row) as cursor:
        return {row[shape.row_id.column]: row for row in cursor.execute(statement, (list(ids),))}


def _read(site: Site, connection: Connection[Any]) -> Registry | None:
    rows = connection.execute(_STEPS.format(s=sql.Identifier(site.schema))).fetchall()
    if not rows:
        return None
    images: dict[UUID, list[Image]] = {}
    for step_id, alias, kind, columns in connection.execute(_IMAGES.format(s=sql.Identifier(site.schema))):
        images.setdefault(step_id, []).append(Image(alias=alias, kind=kind, columns=_names(columns)))
    sets = site.stock.inventory.names
    by_message: dict[tuple[str, str], list[Step]] = {}
    steps = [_step(row, tuple(images.get(row[0], ()))) for row in rows]
    for step in steps:
        table = ANY_TABLE if step.table == ANY_TABLE else sets.get(step.table, "?")
        by_message.setdefault((table, step.message), []).append(step)
    return Registry(by_message, {step.id: step for step in steps})


def _step(row: tuple[Any, ...], images: tuple[Image, ...]) -> Step:
    return Step(
        id=row[0],
        name=row[1] or "",
        message=row[2],
        table=row[3] or ANY_TABLE,
        filtering=_names(row[4]),
        url=row[5],
        auth_type=row[6],
        auth_value=row[7] or "",
        mode=row[8],
        stage=row[9],
        rank=row[10],
        keeps_jobs=not row[11],
        images=images,
    )


def _names(text: str | None) -> frozenset[str]:
    return frozenset(_stripped((text or "").split(",")))


def _stripped(names: Iterable[str]) -> Iterable[str]:
    return (name.strip() for name in names if name.strip())

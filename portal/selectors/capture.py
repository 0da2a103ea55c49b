"""How changes of tables arrive, from what capture wrote down."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from syncengine.models import CaptureCursor, EntityMap, Environment, Link
from syncengine.states import Side


@dataclass(frozen=True, slots=True, kw_only=True)
class TableCapture:
    """One side of a map. `cursor` is None while nothing of its table is captured."""

    side: Side
    environment: Environment
    table: str
    cursor: CaptureCursor | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentHealth:
    """`oldest_poll_at` is that of the table that was asked for changes longest ago; None before the first."""

    side: Side
    environment: Environment
    tables: int
    oldest_poll_at: datetime | None
    newest_push_at: datetime | None
    problems: list[CaptureCursor]

    @property
    def is_well(self) -> bool:
        return not self.environment.problem and not self.problems


def capture_of_map(map_: EntityMap) -> list[TableCapture]:
    """The left and the right table of a map."""
    sides = ((Side.LEFT, map_.link.left, map_.left_table), (Side.RIGHT, map_.link.right, map_.right_table))
    cursors = {
        (cursor.environment_id, cursor.table): cursor
        for cursor in CaptureCursor.objects.filter(
            environment__in=(map_.link.left_id, map_.link.right_id), table__in=(map_.left_table, map_.right_table)
        )
    }
    return [
        TableCapture(side=side, environment=environment, table=table, cursor=cursors.get((environment.pk, table)))
        for side, environment, table in sides
    ]


def health_of(link: Link) -> list[EnvironmentHealth]:
    """Both environments of a link, left first."""
    cursors = list(CaptureCursor.objects.filter(environment__in=(link.left_id, link.right_id)).defer("cursor"))
    return [
        environment_health(side, environment, [cursor for cursor in cursors if cursor.environment_id == environment.pk])
        for side, environment in ((Side.LEFT, link.left), (Side.RIGHT, link.right))
    ]


def environment_health(side: Side, environment: Environment, cursors: Sequence[CaptureCursor]) -> EnvironmentHealth:
    return EnvironmentHealth(
        side=side,
        environment=environment,
        tables=len(cursors),
        oldest_poll_at=min((cursor.polled_at for cursor in cursors if cursor.polled_at), default=None),
        newest_push_at=max((cursor.pushed_at for cursor in cursors if cursor.pushed_at), default=None),
        problems=[cursor for cursor in cursors if cursor.problem],
    )

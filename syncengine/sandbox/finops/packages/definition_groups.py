"""Definition groups (data projects): which entities a package holds.

An administrator makes one, and so does the first import of a package whose manifest names a new one.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from psycopg import Connection, sql
from psycopg.types.json import Jsonb

from syncengine.sandbox.site import Site


class GroupEntity(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """With `is_incremental` an export holds what changed since the last one alone."""

    set: str
    is_incremental: bool = False


class Group(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    entities: list[GroupEntity]


def all_groups(site: Site, connection: Connection[Any]) -> list[Group]:
    rows = connection.execute(
        sql.SQL("SELECT name, entities FROM {}._definition_group ORDER BY name").format(sql.Identifier(site.schema))
    )
    return [Group(name=name, entities=msgspec.convert(entities, list[GroupEntity])) for name, entities in rows]


def find(site: Site, connection: Connection[Any], name: str) -> Group | None:
    """The group of this name, whatever its letter case."""
    return next((one for one in all_groups(site, connection) if one.name.lower() == name.lower()), None)


def save(site: Site, connection: Connection[Any], name: str, entities: Sequence[GroupEntity]) -> None:
    """Add a group, or give the one of this name these entities."""
    connection.execute(
        sql.SQL(
            "INSERT INTO {}._definition_group VALUES (%s, %s) ON CONFLICT (name) DO UPDATE SET entities ="
            " excluded.entities"
        ).format(sql.Identifier(site.schema)),
        (name, Jsonb(msgspec.to_builtins(list(entities)))),
    )


def remove(site: Site, connection: Connection[Any], name: str) -> bool:
    """Whether there was one. What its exports have seen is forgotten."""
    connection.execute(
        sql.SQL("DELETE FROM {}._export_mark WHERE definition_group = %s").format(sql.Identifier(site.schema)), (name,)
    )
    done = connection.execute(
        sql.SQL("DELETE FROM {}._definition_group WHERE name = %s").format(sql.Identifier(site.schema)), (name,)
    )
    return done.rowcount > 0

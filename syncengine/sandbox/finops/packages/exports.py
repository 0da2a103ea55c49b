"""An export: a package with the rows of a definition group's entities, or with what changed since the last one.

Source: data management package REST API ("only the delta is returned"). Deletes are not in it.
"""

from typing import Any

from psycopg import Connection, sql

from syncengine.sandbox import query
from syncengine.sandbox.declarations import COMPANY
from syncengine.sandbox.finops import errors
from syncengine.sandbox.finops.packages import blobs, definition_groups, package_csv, package_files
from syncengine.sandbox.finops.packages.definition_groups import GroupEntity
from syncengine.sandbox.finops.packages.executions import Execution, Result, Status
from syncengine.sandbox.finops.packages.package_files import EntityFile
from syncengine.sandbox.shape import Shape
from syncengine.sandbox.site import Site


def run(site: Site, execution: Execution) -> Result:
    """Make the package. Raises: psycopg.Error when the database is away."""
    with site.pool.connection() as connection, connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        group = definition_groups.find(site, connection, execution.group)
        known = [one for one in (group.entities if group else []) if site.shape(one.set) is not None]
        if group is None or not known:
            text = f"The definition group '{execution.group}' is gone, or its entities are."
            return Result(status=Status.FAILED, message=text, counts={})
        files, exported = [], 0
        for entity in known:
            file, rows = _file(site, connection, execution, entity)
            files.append(file)
            exported += rows
        content = package_files.write(group.name, files)
        blob_id = blobs.make(site, connection, execution.package_name, content)
    return Result(status=Status.SUCCEEDED, counts={"exported": exported}, blob_id=blob_id)


def _file(site: Site, connection: Connection[Any], execution: Execution, entity: GroupEntity) -> tuple[EntityFile, int]:
    """The entity's file and how many rows it has."""
    shape = site.stock.shapes[entity.set]
    table = errors.table_of(shape)
    is_incremental = entity.is_incremental and table.tracks_changes
    rows = _rows(site, connection, execution, shape, is_incremental=is_incremental)
    _see(site, connection, execution, shape)
    names, content = [one.name for one in package_csv.columns(shape)], package_csv.write(shape, rows)
    return EntityFile(table=table, is_incremental=entity.is_incremental, columns=names, content=content), len(rows)


def _rows(
    site: Site, connection: Connection[Any], execution: Execution, shape: Shape, *, is_incremental: bool
) -> list[tuple[Any, ...]]:
    if not site.is_made(shape.name):
        return []
    conditions: list[sql.Composable] = []
    if shape.has_companies:
        company = sql.Identifier(COMPANY)
        conditions.append(sql.SQL("lower({}) = {}").format(company, sql.Literal(execution.company)))
    seen = _seen(site, connection, execution, shape) if is_incremental else None
    if seen is not None:
        is_seen = sql.SQL("NOT pg_visible_in_snapshot(_changed_by, {}::pg_snapshot)")
        conditions.append(is_seen.format(sql.Literal(seen)))
    return connection.execute(
        sql.SQL("SELECT {} FROM {} WHERE {} ORDER BY _recid").format(
            sql.SQL(", ").join(one.identifier for one in package_csv.columns(shape)),
            shape.relation,
            query.all_of(conditions),
        )
    ).fetchall()


def _seen(site: Site, connection: Connection[Any], execution: Execution, shape: Shape) -> str | None:
    """Which transactions the last export of the group saw; None before the first."""
    row = connection.execute(
        sql.SQL(
            "SELECT seen::text FROM {}._export_mark WHERE definition_group = %s AND set_name = %s AND company = %s"
        ).format(sql.Identifier(site.schema)),
        (execution.group, shape.name, execution.company),
    ).fetchone()
    return row[0] if row else None


def _see(site: Site, connection: Connection[Any], execution: Execution, shape: Shape) -> None:
    """This export has seen what its transaction sees."""
    connection.execute(
        sql.SQL(
            "INSERT INTO {}._export_mark VALUES (%s, %s, %s, pg_current_snapshot())"
            " ON CONFLICT (definition_group, set_name, company) DO UPDATE SET seen = excluded.seen"
        ).format(sql.Identifier(site.schema)),
        (execution.group, shape.name, execution.company),
    )

"""Writes that raise no event, as set-based statements of the real services do: versions rise, nobody is told."""

from collections.abc import Mapping
from typing import Any

from psycopg import sql

from syncengine.mapping.filters.ast import FilterError
from syncengine.mapping.filters.odata import parse
from syncengine.sandbox import change_log, inside, query, refusals
from syncengine.sandbox.calls import ServiceError
from syncengine.sandbox.dataverse import conditions as dataverse_conditions
from syncengine.sandbox.dataverse import payload as dataverse_payload
from syncengine.sandbox.dataverse import write as dataverse_write
from syncengine.sandbox.declarations import Kind
from syncengine.sandbox.finops import etags
from syncengine.sandbox.finops import payload as finops_payload
from syncengine.sandbox.finops import read as finops_read
from syncengine.sandbox.shape import Shape
from syncengine.sandbox.site import Site
from syncengine.sandbox.sql_filter import FilterRefused, condition

WRITER = "silent write"  # in the change log


def edit(site: Site, shape: Shape, text: str, values: Mapping[str, Any]) -> int:
    """Set these values in all rows that pass the filter; gives their number. Raises: ServiceError."""
    return _edit(site, shape, _where(site, shape, text), values)


def edit_row(site: Site, shape: Shape, row_id: str, values: Mapping[str, Any]) -> int:
    """As `edit`, of this row."""
    return _edit(site, shape, _is_row(shape, row_id), values)


def delete(site: Site, shape: Shape, text: str) -> int:
    """Delete all rows that pass the filter; gives their number. Raises: ServiceError."""
    return _delete(site, shape, _where(site, shape, text))


def delete_row(site: Site, shape: Shape, row_id: str) -> int:
    """As `delete`, of this row."""
    return _delete(site, shape, _is_row(shape, row_id))


def _edit(site: Site, shape: Shape, where: sql.Composable, values: Mapping[str, Any]) -> int:
    if site.record.kind is Kind.FINOPS:
        stored = finops_payload.read_values(site.stock, shape, values)
        touch: list[sql.Composable] = [etags.touch(shape, stored.keys())]
    else:
        stored = dataverse_payload.read_payload(shape, values).values
        touch = dataverse_write.touch(shape)
    sets = [sql.SQL("{} = %s").format(sql.Identifier(name)) for name in stored]
    with change_log.written_by(WRITER), refusals.transaction(site) as connection:
        done = connection.execute(
            sql.SQL("UPDATE {} SET {} WHERE {}").format(
                shape.relation, sql.SQL(", ").join([*sets, *touch]), query.beside_parameters(where)
            ),
            list(stored.values()),
        )
    return done.rowcount


def _delete(site: Site, shape: Shape, where: sql.Composable) -> int:
    with change_log.written_by(WRITER), refusals.transaction(site) as connection:
        found = connection.execute(
            sql.SQL("DELETE FROM {} WHERE {} RETURNING {}").format(shape.relation, where, shape.row_id.identifier)
        ).fetchall()
        if site.record.kind is Kind.DATAVERSE:
            for (row_id,) in found:
                dataverse_write.bury(connection, shape, row_id)
    return len(found)


def _is_row(shape: Shape, row_id: str) -> sql.Composable:
    return sql.SQL("{} = {}").format(shape.row_id.identifier, inside.row_literal(shape, row_id))


def _where(site: Site, shape: Shape, text: str) -> sql.Composable:
    dialect = finops_read.DIALECT if site.record.kind is Kind.FINOPS else dataverse_conditions.DIALECT
    try:
        return condition(parse(text), shape.fields, dialect)
    except (FilterError, FilterRefused) as error:
        raise ServiceError(400, f"The filter is not understood: {error}") from error

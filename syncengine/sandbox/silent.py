"""Writes that raise no event, as set-based statements of the real services do: versions rise, nobody is told."""

from collections.abc import Mapping
from typing import Any

from psycopg import sql

from syncengine.mapping.filters.ast import FilterError
from syncengine.mapping.filters.odata import parse
from syncengine.sandbox import refusals
from syncengine.sandbox.calls import ServiceError
from syncengine.sandbox.dataverse import payload as dataverse_payload
from syncengine.sandbox.dataverse import read as dataverse_read
from syncengine.sandbox.dataverse import write as dataverse_write
from syncengine.sandbox.declarations import Kind
from syncengine.sandbox.finops import payload as finops_payload
from syncengine.sandbox.finops import read as finops_read
from syncengine.sandbox.finops import write as finops_write
from syncengine.sandbox.shape import Shape
from syncengine.sandbox.site import Site
from syncengine.sandbox.sql_filter import FilterRefused, condition


def edit(site: Site, shape: Shape, text: str, values: Mapping[str, Any]) -> int:
    """Set these values in all rows that pass the filter; gives their number. Raises: ServiceError."""
    if site.record.kind is Kind.FINOPS:
        stored = finops_payload.read_values(site.stock, shape, values)
        touch: list[sql.Composable] = [finops_write.TOUCH]
    else:
        stored = dataverse_payload.read_payload(shape, values).values
        touch = dataverse_write.touch(shape)
    sets = [sql.SQL("{} = %s").format(sql.Identifier(name)) for name in stored]
    with refusals.transaction(site) as connection:
        done = connection.execute(
            sql.SQL("UPDATE {} SET {} WHERE {}").format(
                shape.relation, sql.SQL(", ").join([*sets, *touch]), _where(site, shape, text)
            ),
            list(stored.values()),
        )
    return done.rowcount


def delete(site: Site, shape: Shape, text: str) -> int:
    """Delete all rows that pass the filter; gives their number. Raises: ServiceError."""
    with refusals.transaction(site) as connection:
        found = connection.execute(
            sql.SQL("DELETE FROM {} WHERE {} RETURNING {}").format(
                shape.relation, _where(site, shape, text), shape.row_id.identifier
            )
        ).fetchall()
        if site.record.kind is Kind.DATAVERSE:
            for (row_id,) in found:
                dataverse_write.bury(connection, shape, row_id)
    return len(found)


def _where(site: Site, shape: Shape, text: str) -> sql.Composable:
    dialect = finops_read.DIALECT if site.record.kind is Kind.FINOPS else dataverse_read.DIALECT
    try:
        return condition(parse(text), shape.fields, dialect)
    except (FilterError, FilterRefused) as error:
        raise ServiceError(400, f"The filter is not understood: {error}") from error

"""Rows and tables at random, each found by an index so that a million rows cost no more than ten."""

from collections.abc import Sequence
from random import Random
from typing import Any
from uuid import UUID

from psycopg import Connection, sql

from syncengine.sandbox import inside
from syncengine.sandbox.declarations import COMPANY, DataverseTable, FinopsTable
from syncengine.sandbox.finops import references
from syncengine.sandbox.shape import Shape
from syncengine.sandbox.site import Site

MOST_WEIGHT = 1_000  # rows that count for how often a table is chosen
COMPANIES = ("LegalEntities", "cdm_companies")  # what all other rows belong to


def weights(site: Site, names: Sequence[str]) -> dict[str, int]:
    """How often each of the tables that have rows is chosen; all tables of the business where none is named."""
    chosen = names or sorted(site.made)
    shapes = [site.stock.shapes[name] for name in chosen if site.is_made(name) and name in site.stock.shapes]
    with site.reading() as connection:
        found = {shape.name: _rows(connection, shape) for shape in shapes if not shape.declared.is_system}
    return {name: rows for name, rows in found.items() if rows}


def _rows(connection: Connection[Any], shape: Shape) -> int:
    row = connection.execute(
        sql.SQL("SELECT count(*) FROM (SELECT FROM {} LIMIT {}) r").format(shape.relation, sql.Literal(MOST_WEIGHT))
    ).fetchone()
    return int(row[0]) if row else 0


def row_id(connection: Connection[Any], shape: Shape, chance: Random) -> str | None:
    """Any row of the table; None where there is none."""
    start = _start(connection, shape, chance)
    if start is None:
        return None
    column = shape.row_id.identifier
    for beyond in (sql.SQL("WHERE {} >= {}").format(column, inside.row_literal(shape, start)), sql.SQL("")):
        found = connection.execute(
            sql.SQL("SELECT {}::text FROM {} {} ORDER BY {} LIMIT 1").format(column, shape.relation, beyond, column)
        ).fetchone()
        if found is not None:
            return str(found[0])
    return None


def _start(connection: Connection[Any], shape: Shape, chance: Random) -> str | None:
    """A place in the order of row ids."""
    if isinstance(shape.declared, DataverseTable):
        return str(UUID(int=chance.getrandbits(128)))
    low, high = connection.execute(
        sql.SQL("SELECT min({c}), max({c}) FROM {t}").format(c=shape.row_id.identifier, t=shape.relation)
    ).fetchone() or (None, None)
    return None if low is None or high is None else str(chance.randint(low, high))


def is_referred_to(site: Site, connection: Connection[Any], shape: Shape, row: dict[str, Any]) -> bool:
    """Whether a row of any table points to this one; what belongs to a company's own row always does."""
    if shape.name in COMPANIES:
        return True
    if isinstance(shape.declared, DataverseTable):
        return _is_looked_up(site, connection, shape, row[shape.row_id.name])
    return _is_named(site, connection, shape, row)


def _is_looked_up(site: Site, connection: Connection[Any], shape: Shape, own_id: str) -> bool:
    for name, column in site.stock.inventory.lookups_to.get(shape.name, ()):
        if site.is_made(name):
            conditions = [sql.SQL("{} = {}::uuid").format(sql.Identifier(column.name), sql.Literal(own_id))]
            if _any(connection, site.stock.shapes[name], conditions):
                return True
    return False


def _is_named(site: Site, connection: Connection[Any], shape: Shape, row: dict[str, Any]) -> bool:
    for name, relation in site.stock.inventory.relations_to.get(shape.name, ()):
        if site.is_made(name):
            other = site.stock.shapes[name]
            if _any(connection, other, references.naming(shape, other, relation, row)):
                return True
    return False


def _any(connection: Connection[Any], shape: Shape, conditions: Sequence[sql.Composable]) -> bool:
    found = connection.execute(
        sql.SQL("SELECT FROM {} WHERE {} LIMIT 1").format(shape.relation, sql.SQL(" AND ").join(conditions))
    )
    return bool(found.rowcount)


def key_columns(shape: Shape) -> set[str]:
    """The columns that tell rows apart, the company among them."""
    declared = shape.declared
    own = set(declared.key_columns())
    if isinstance(declared, FinopsTable):
        return {*own, COMPANY}
    return {*own, "msdyn_company"}

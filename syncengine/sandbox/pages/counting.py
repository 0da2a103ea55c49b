"""How many rows there are, without counting millions: beyond a limit the database's own estimate is told."""

from dataclasses import dataclass

from psycopg import sql

from syncengine.sandbox.shape import Shape
from syncengine.sandbox.site import Site

LIMIT = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    rows: int
    is_exact: bool = True

    def __str__(self) -> str:
        return f"{self.rows:,}" if self.is_exact else f"about {self.rows:,}"


def counts(site: Site) -> dict[str, Count]:
    """Of all tables that are there, in one query."""
    return _counts(site, [site.stock.shapes[name] for name in sorted(site.made) if name in site.stock.shapes])


def count(site: Site, shape: Shape) -> Count:
    return _counts(site, [shape])[shape.name] if site.is_made(shape.name) else Count(rows=0)


def _counts(site: Site, shapes: list[Shape]) -> dict[str, Count]:
    if not shapes:
        return {}
    with site.reading() as connection:
        found = connection.execute(sql.SQL(" UNION ALL ").join(map(_statement, shapes))).fetchall()
    return {name: _told(rows, estimate) for name, rows, estimate in found}


def _statement(shape: Shape) -> sql.Composed:
    """Name, the number up to the limit, and the estimate of the last analysis."""
    return sql.SQL(
        "SELECT {name}, (SELECT count(*) FROM (SELECT FROM {table} LIMIT {limit}) r),"
        " (SELECT reltuples FROM pg_class WHERE oid = {relation}::regclass)"
    ).format(
        name=sql.Literal(shape.name),
        table=shape.relation,
        limit=sql.Literal(LIMIT + 1),
        relation=sql.Literal(shape.relation.as_string()),
    )


def _told(rows: int, estimate: float) -> Count:
    if rows <= LIMIT:
        return Count(rows=rows)
    return Count(rows=max(int(estimate), LIMIT), is_exact=False)

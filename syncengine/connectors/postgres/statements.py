"""The statements that write a part, over its rows as the table `d`."""

import polars as pl
from psycopg import sql

from syncengine.connectors.postgres.metadata import OWN_SCHEMA
from syncengine.connectors.postgres.parts import Action, Part
from syncengine.connectors.postgres.read import same_key, selected
from syncengine.connectors.postgres.shape import Shape, key_names

_COMMA, _AND = sql.SQL(", "), sql.SQL(" AND ")


def insert(part: Part, source: sql.Composable, *, creates_only: bool = True) -> sql.Composed:
    """Rows in the order of their key; with `creates_only`, rows whose key is taken are left out."""
    order = [
        field.cast(sql.Identifier("d", name)) for name, field in zip(key_names(part.shape), part.shape.key, strict=True)
    ]
    return sql.SQL("INSERT INTO {} AS t ({}) OVERRIDING SYSTEM VALUE SELECT {} FROM {} ORDER BY {} {}").format(
        part.shape.identifier,
        _COMMA.join(field.identifier for field in part.fields),
        _COMMA.join(_new_value(part, place) for place in range(len(part.fields))),
        source,
        _COMMA.join(order),
        sql.SQL("ON CONFLICT DO NOTHING" if creates_only else ""),
    )


def _new_value(part: Part, place: int) -> sql.Composed:
    """What is not given gets the column's default."""
    field, given = part.fields[place], sql.Identifier("d", f"c{place}")
    if field.default and part.rows[f"c{place}"].null_count():
        return sql.SQL("coalesce({}, {})").format(field.cast(given), sql.SQL(field.default))
    return field.cast(given)


def copy_in(part: Part) -> sql.Composed:
    columns = _COMMA.join(field.identifier for field in part.fields)
    return sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)").format(part.shape.identifier, columns)


def lock(part: Part, source: sql.Composable) -> sql.Composed:
    """Locks the rows in the order of their key, so that two writers wait for each other instead of dying."""
    strength = sql.SQL("UPDATE" if part.action is Action.DELETE else "NO KEY UPDATE")
    order = _COMMA.join(sql.Identifier("t", field.name) for field in part.shape.key)
    return sql.SQL("SELECT count(*) FROM (SELECT FROM {} JOIN {} t ON {} ORDER BY {} FOR {} OF t) locked").format(
        source, part.shape.identifier, same_key(part.shape), order, strength
    )


def update(part: Part, source: sql.Composable) -> sql.Composed:
    return sql.SQL("UPDATE {} AS t SET {} FROM {} WHERE {} AND {}").format(
        part.shape.identifier, _assignments(part), source, same_key(part.shape), _is_as_expected()
    )


def _assignments(part: Part) -> sql.Composed:
    if not part.fields:
        same = part.shape.key[0]
        return sql.SQL("{} = {}").format(same.identifier, sql.Identifier("t", same.name))
    return _COMMA.join(_assignment(part, place) for place in range(len(part.fields)))


def _assignment(part: Part, place: int) -> sql.Composed:
    field = part.fields[place]
    value = field.cast(sql.Identifier("d", f"c{place}"))
    if part.is_partial(place):
        flag, old = sql.Identifier("d", f"s{place}"), sql.Identifier("t", field.name)
        value = sql.SQL("CASE {} WHEN 't' THEN {} ELSE {} END").format(flag, value, old)
    return sql.SQL("{} = {}").format(field.identifier, value)


def delete(part: Part, source: sql.Composable) -> sql.Composed:
    return sql.SQL("DELETE FROM {} AS t USING {} WHERE {} AND {}").format(
        part.shape.identifier, source, same_key(part.shape), _is_as_expected()
    )


def _is_as_expected() -> sql.SQL:
    return sql.SQL("(d.x IS NULL OR t.xmin::text = d.x)")


def read_back(part: Part, source: sql.Composable, stored: tuple[str, ...]) -> sql.Composed:
    """The rows as they are now: `n`, whether our transaction wrote them, and what `selected` gives."""
    return sql.SQL("SELECT d.n, t.xmin = pg_current_xact_id()::xid AS m, {} FROM {} JOIN {} t ON {}").format(
        selected(part.shape, stored), source, part.shape.identifier, same_key(part.shape, prefix="b")
    )


def raise_sequence(part: Part, place: int) -> sql.Composed:
    """A sequence goes on behind the largest value that was written past it."""
    sequence = sql.SQL("{}::regclass").format(sql.Literal(part.fields[place].sequence))
    largest = part.rows[f"c{place}"].cast(pl.Int64).max()
    return sql.SQL(
        "SELECT setval({0}, {1}) WHERE has_sequence_privilege({0}, 'USAGE') AND has_sequence_privilege({0}, 'UPDATE')"
        " AND {1} > coalesce(pg_sequence_last_value({0}), 0)"
    ).format(sequence, sql.Literal(largest))


def left(part: Part, source: sql.Composable) -> sql.Composed:
    """The records of deletes whose rows are still there."""
    return sql.SQL("SELECT d.n FROM {} JOIN {} t ON {}").format(source, part.shape.identifier, same_key(part.shape))


def may_change_rows(shape: Shape) -> sql.Composed:
    """Whether anything may store other rows than were sent: a trigger that is not ours, or a partition's own."""
    return sql.SQL(
        "SELECT c.relkind = 'p' OR EXISTS (SELECT FROM pg_trigger t JOIN pg_proc f ON f.oid = t.tgfoid"
        " WHERE t.tgrelid = c.oid AND NOT t.tgisinternal AND t.tgenabled <> 'D'"
        " AND f.pronamespace::regnamespace::text <> {}) FROM pg_class c WHERE c.oid = {}"
    ).format(OWN_SCHEMA, shape.oid)

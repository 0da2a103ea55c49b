"""Bindings: the remembered pairs of each map, in a partition of its own."""

from collections.abc import Sequence

import polars as pl
from psycopg.sql import SQL, Identifier, Literal

from syncengine.frames import array
from syncengine.repository.rows import Database, execute, lists, query
from syncengine.states import Side


def _partition(map_id: int) -> str:
    return f"syncengine_binding_{map_id}"


def create_partition(conn: Database, map_id: int) -> None:
    """Room for the bindings of a new map; once is the same as twice."""
    name = _partition(map_id)
    conn.execute(
        SQL(
            "CREATE TABLE IF NOT EXISTS {table} PARTITION OF syncengine_binding (PRIMARY KEY (id))"
            " FOR VALUES IN ({map_id}) WITH (fillfactor = 70)"
        ).format(table=Identifier(name), map_id=Literal(map_id))
    )
    for column in ("left_id", "right_id"):
        conn.execute(
            SQL("CREATE UNIQUE INDEX IF NOT EXISTS {index} ON {table} ({column})").format(
                index=Identifier(f"{name}_{column}"), table=Identifier(name), column=Identifier(column)
            )
        )
    conn.execute(
        SQL("CREATE INDEX IF NOT EXISTS {index} ON {table} (key)").format(
            index=Identifier(f"{name}_key"), table=Identifier(name)
        )
    )


def drop_partition(conn: Database, map_id: int) -> None:
    """Forgets all pairs of a map that is deleted."""
    conn.execute(SQL("DROP TABLE IF EXISTS {}").format(Identifier(_partition(map_id))))


BINDING_SCHEMA: dict[str, pl.DataType] = {
    "binding_id": pl.Int64(),
    "left_id": pl.String(),
    "right_id": pl.String(),
    "key": pl.String(),
    "state": pl.String(),
    "left_version": pl.String(),
    "right_version": pl.String(),
    "left_base": pl.String(),
    "right_base": pl.String(),
}

_COLUMNS = SQL("id, left_id, right_id, key, state, left_version, right_version, left_base::text, right_base::text")


def of_rows(conn: Database, map_id: int, *, left_ids: Sequence[str], right_ids: Sequence[str]) -> pl.DataFrame:
    """The bindings in which one of these rows stands, whatever their state (BINDING_SCHEMA)."""
    statement = SQL(
        "SELECT {columns} FROM syncengine_binding WHERE map_id = %s AND left_id = ANY(%s)"
        " UNION SELECT {columns} FROM syncengine_binding WHERE map_id = %s AND right_id = ANY(%s)"
    ).format(columns=_COLUMNS)
    return query(conn, statement, (map_id, array(left_ids), map_id, array(right_ids)), BINDING_SCHEMA)


def of_keys(conn: Database, map_id: int, keys: Sequence[str]) -> pl.DataFrame:
    """The bound pairs with one of these integration keys (BINDING_SCHEMA)."""
    statement = SQL(
        "SELECT {columns} FROM syncengine_binding WHERE map_id = %s AND key = ANY(%s) AND state = 'bound'"
    ).format(columns=_COLUMNS)
    return query(conn, statement, (map_id, array(keys)), BINDING_SCHEMA)


def known_elsewhere(conn: Database, link_id: int, side: Side, table: str, row_ids: Sequence[str]) -> list[str]:
    """Those of the rows that any map of the link on that table has ever bound."""
    statement = SQL(
        "SELECT DISTINCT b.{row} FROM syncengine_binding b JOIN syncengine_entitymap m ON m.id = b.map_id"
        " WHERE m.link_id = %s AND lower(m.{table}) = lower(%s) AND b.{row} = ANY(%s)"
    ).format(row=Identifier(f"{side}_id"), table=Identifier(f"{side}_table"))
    found = query(conn, statement, (link_id, table, array(row_ids)), {"row_id": pl.String()})
    return found["row_id"].to_list()


PARENT_SCHEMA: dict[str, pl.DataType] = {"key": pl.String(), "row_id": pl.String(), "text": pl.String()}


def parents_by_key(conn: Database, map_ids: Sequence[int], keys: Sequence[str]) -> pl.DataFrame:
    """`key` and right `row_id` of the rows that these maps have bound under one of the keys."""
    statement = SQL(
        "SELECT key, right_id FROM syncengine_binding WHERE map_id = ANY(%s) AND key = ANY(%s) AND state = 'bound'"
    )
    return query(conn, statement, (array(map_ids), array(keys)), {"key": pl.String(), "row_id": pl.String()})


def parents_by_id(conn: Database, map_ids: Sequence[int], row_ids: Sequence[str], left_column: str) -> pl.DataFrame:
    """Right `row_id` and the `text` that the left column holds in the pair's base."""
    statement = SQL(
        "SELECT right_id, left_base ->> %s FROM syncengine_binding"
        " WHERE map_id = ANY(%s) AND right_id = ANY(%s) AND state = 'bound'"
    )
    return query(
        conn, statement, (left_column, array(map_ids), array(row_ids)), {"row_id": pl.String(), "text": pl.String()}
    )


_SAVED = ("left_id", "right_id", "key", "left_version", "right_version", "left_base", "right_base")


def save(conn: Database, map_id: int, pairs: pl.DataFrame) -> None:
    """Stores pairs as bound: `binding_id` (null for a new one) and the columns of BINDING_SCHEMA but the state.

    A new pair takes the place of whatever was remembered of either of its rows.
    """
    known = pairs.filter(pl.col("binding_id").is_not_null())
    new = pairs.filter(pl.col("binding_id").is_null())
    if known.height:
        statement = SQL(
            "UPDATE syncengine_binding b SET left_id = r.left_id, right_id = r.right_id, key = r.key, state = 'bound',"
            " left_version = r.left_version, right_version = r.right_version, left_base = r.left_base::jsonb,"
            " right_base = r.right_base::jsonb, updated_at = clock_timestamp()"
            " FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[],"
            " %s::text[])"
            " AS r (id, left_id, right_id, key, left_version, right_version, left_base, right_base)"
            " WHERE b.map_id = %s AND b.id = r.id"
        )
        execute(conn, statement, (*lists(known, "binding_id", *_SAVED), map_id))
    if new.height:
        forget_rows(conn, map_id, left_ids=new["left_id"].to_list(), right_ids=new["right_id"].to_list())
        statement = SQL(
            "INSERT INTO syncengine_binding"
            " (map_id, left_id, right_id, key, left_version, right_version, left_base, right_base)"
            " SELECT %s, r.left_id, r.right_id, r.key, r.left_version, r.right_version,"
            " r.left_base::jsonb, r.right_base::jsonb"
            " FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[])"
            " AS r (left_id, right_id, key, left_version, right_version, left_base, right_base)"
        )
        execute(conn, statement, (map_id, *lists(new, *_SAVED)))


def forget_rows(conn: Database, map_id: int, *, left_ids: Sequence[str], right_ids: Sequence[str]) -> int:
    statement = SQL("DELETE FROM syncengine_binding WHERE map_id = %s AND (left_id = ANY(%s) OR right_id = ANY(%s))")
    return execute(conn, statement, (map_id, array(left_ids), array(right_ids)))


def set_state(conn: Database, map_id: int, binding_ids: Sequence[int], state: str) -> int:
    """Marks pairs as unlinked or deleted; they stay as memory against late events."""
    statement = SQL(
        "UPDATE syncengine_binding SET state = %s, updated_at = clock_timestamp() WHERE map_id = %s AND id = ANY(%s)"
    )
    return execute(conn, statement, (state, map_id, array(binding_ids)))


def remember_deleted(conn: Database, map_id: int, rows: pl.DataFrame) -> int:
    """Remembers rows (`left_id`, `right_id`; either may be null) as deleted, against late and doubled events."""
    statement = SQL(
        "INSERT INTO syncengine_binding (map_id, left_id, right_id, state)"
        " SELECT %s, r.left_id, r.right_id, 'deleted' FROM unnest(%s::text[], %s::text[]) AS r (left_id, right_id)"
        " ON CONFLICT DO NOTHING"
    )
    return execute(conn, statement, (map_id, *lists(rows, "left_id", "right_id")))


def forget_deleted(conn: Database, *, older_than_days: int) -> int:
    """Drops the memory of pairs that were deleted so many days ago."""
    statement = SQL(
        "DELETE FROM syncengine_binding WHERE state = 'deleted' AND updated_at < now() - %s * interval '1 day'"
    )
    return execute(conn, statement, (older_than_days,))

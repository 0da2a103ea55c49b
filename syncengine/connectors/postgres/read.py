"""Rows of PostgreSQL: chunks in the order of the key, rows by id, rows by values, counts.

A chunk comes as one value: the lines of its rows, joined in the database. That is one message instead of one a row,
and polars reads it as CSV. Each chunk is a query of its own that goes on behind the last key, so that a long load
holds no transaction open.
"""

import json
from collections.abc import Iterable, Iterator, Sequence

import polars as pl
from psycopg import errors as driver
from psycopg import sql

from syncengine.catalog import Table
from syncengine.connectors.base import Chunk
from syncengine.connectors.postgres.errors import TOO_BIG
from syncengine.connectors.postgres.filters import OF, condition
from syncengine.connectors.postgres.metadata import shape_of
from syncengine.connectors.postgres.session import Database, Session, to_json
from syncengine.connectors.postgres.shape import Field, Shape, key_names, key_parts, row_id
from syncengine.connectors.postgres.types import parse, text_of
from syncengine.errors import PermanentError
from syncengine.frames import CHANGED_AT, ROW_ID, VERSION, array, dtype_of
from syncengine.mapping.filters.ast import Filter

FIRST_ROWS = 2_000  # the first chunk tells how wide the rows are
MOST_ROWS = 50_000
CHUNK_BYTES = 16_000_000
_NULL = sql.SQL("NULL")


def count(session: Session, table: Table, where: Filter | None) -> int:
    shape = shape_of(session, table)
    query = sql.SQL("SELECT count(*) FROM {} t WHERE {}").format(shape.identifier, condition(where, shape))
    return int(session.rows(query)[0][0])


def chunks(
    session: Session, table: Table, *, columns: Sequence[str], where: Filter | None, after: str | None
) -> Iterator[Chunk]:
    """The rows in the order of their key; a cursor is the last key of its chunk."""
    shape, limit = shape_of(session, table), FIRST_ROWS
    while True:
        try:
            data, rows = _page(session, shape, columns, where=where, after=after, limit=limit)
        except PermanentError as error:
            if error.code != TOO_BIG or limit == 1:
                raise
            limit = max(1, limit // 10)  # so many of these rows make more than a value may hold
            continue
        raw = parsed(shape, columns, data)
        after = to_json([raw[name][-1] for name in key_names(shape)]) if rows == limit else None
        yield Chunk(rows=row_frame(shape, columns, raw), cursor=after)
        if after is None:
            return
        limit = min(MOST_ROWS, max(1, CHUNK_BYTES * rows // max(len(data), 1)))


def _page(
    session: Session, shape: Shape, columns: Sequence[str], *, where: Filter | None, after: str | None, limit: int
) -> tuple[bytes, int]:
    """The lines of the next rows, and how many there are."""
    place = _behind(shape, after) if after is not None else sql.SQL("true")
    inner = sql.SQL("SELECT {} FROM {} t WHERE {} AND {} ORDER BY {} LIMIT {}").format(
        selected(shape, columns),
        shape.identifier,
        condition(where, shape),
        place,
        _joined(sql.Identifier(OF, each.name) for each in shape.key),
        sql.Literal(limit),
    )
    with session.database() as database:
        return lines(database, inner)


def _behind(shape: Shape, cursor: str) -> sql.Composed:
    """Raises: PermanentError for a cursor that is not one of this table."""
    try:
        parts = json.loads(cursor)
    except ValueError as error:
        raise PermanentError(f"{shape.table.name}: the place to go on from is not understood.") from error
    if not isinstance(parts, list) or len(parts) != len(shape.key):
        raise PermanentError(f"{shape.table.name}: the place to go on from is not understood.")
    columns = _joined(sql.Identifier(OF, each.name) for each in shape.key)
    values = _joined(each.cast(sql.Literal(part)) for each, part in zip(shape.key, parts, strict=True))
    return sql.SQL("({}) > ({})").format(columns, values)


def fetch(session: Session, table: Table, *, columns: Sequence[str], row_ids: Sequence[str]) -> pl.DataFrame:
    """The rows of these ids that exist, by one statement."""
    shape = shape_of(session, table)
    wanted = pl.Series("id", list(dict.fromkeys(row_ids)), dtype=pl.String)
    keys = possible(shape, key_parts(shape, wanted)).drop_nulls()
    if keys.is_empty():
        return row_frame(shape, columns, parsed(shape, columns, b""))
    inner = sql.SQL("SELECT {} FROM {} JOIN {} t ON {}").format(
        selected(shape, columns), unnested(keys), shape.identifier, same_key(shape)
    )
    with session.database() as database:
        try:
            data, _ = lines(database, inner)
        except driver.DataError as error:
            raise PermanentError(f"{table.name}: a row id is not one of this table.") from error
    return row_frame(shape, columns, parsed(shape, columns, data))


def possible(shape: Shape, keys: pl.DataFrame) -> pl.DataFrame:
    """The parts of row ids, null where a text can be no value of its column."""
    return keys.with_columns(
        pl.when(pl.col(name).str.contains(_FORMS[field.base])).then(name)
        for name, field in zip(key_names(shape), shape.key, strict=True)
        if field.base in _FORMS
    )


_FORMS = {
    "uuid": r"^[0-9a-fA-F]{8}-?([0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}$",
    "int2": r"^-?\d{1,5}$",
    "int4": r"^-?\d{1,10}$",
    "int8": r"^-?\d{1,19}$",
}


def find(session: Session, table: Table, *, columns: Sequence[str], keys: pl.DataFrame) -> pl.DataFrame:
    """The rows whose values equal those of a row of `keys`; text without regard to letter case."""
    shape = shape_of(session, table)
    named = shape.named(keys.columns)
    if keys.is_empty():
        return row_frame(shape, columns, parsed(shape, columns, b""))
    renamed = keys.rename({name: f"f{place}" for place, name in enumerate(keys.columns)})
    aliased = {f"f{place}": field for place, field in enumerate(named)}
    typed = renamed.cast({alias: dtype_of(field.column) for alias, field in aliased.items()})
    texts = typed.select(text_of(alias, field.column) for alias, field in aliased.items()).unique()
    inner = sql.SQL("SELECT DISTINCT ON ({}) {} FROM {} JOIN {} t ON {}").format(
        _joined(sql.Identifier(OF, each.name) for each in shape.key),
        selected(shape, columns),
        unnested(texts),
        shape.identifier,
        sql.SQL(" AND ").join(_found(field, texts[alias]) for alias, field in aliased.items()),
    )
    with session.database() as database:
        data, _ = lines(database, inner)
    return row_frame(shape, columns, parsed(shape, columns, data))


def _found(field: Field, texts: pl.Series) -> sql.Composed:
    """Where a value has another spelling, letter case is left out; an index on `lower(…)` serves that."""
    column, value = sql.Identifier(OF, field.name), sql.Identifier("d", texts.name)
    is_cased = bool((texts.str.to_lowercase() != texts.str.to_uppercase()).any())
    if field.base in _CASED and is_cased and not field.folds:
        test = sql.SQL("{} = {}").format(field.lowered(column), field.lowered(value))
    else:
        test = sql.SQL("{} = {}").format(column, field.cast(value))
    if texts.null_count() == 0:
        return test
    return sql.SQL("({} OR ({} IS NULL AND {} IS NULL))").format(test, column, value)


_CASED = frozenset({"text", "varchar", "bpchar", "name"})


def listing(session: Session, table: Table) -> Iterator[pl.DataFrame]:
    for chunk in chunks(session, table, columns=(), where=None, after=None):
        yield chunk.rows.select(ROW_ID, VERSION)


# --- what queries have in common


def lines(database: Database, inner: sql.Composable) -> tuple[bytes, int]:
    """The rows of a query as lines, each the text of a record between two empty columns; and how many."""
    query = sql.SQL("SELECT count(*), string_agg(ROW(NULL, r.*, NULL)::text, E'\\n') FROM ({}) r").format(inner)
    with database.cursor() as cursor:
        cursor.execute(query)
        result = cursor.pgresult
        assert result is not None
        number, data = result.get_value(0, 0), result.get_value(0, 1)
    return data or b"", int(number or 0)


def parsed(shape: Shape, columns: Sequence[str], data: bytes, *, extra: Sequence[str] = ()) -> pl.DataFrame:
    """Lines of `selected`, with `extra` columns of text in front."""
    values = {f"c{place}": field.column for place, field in enumerate(shape.named(columns))}
    return parse(data, [*extra, *key_names(shape), "v", *values], values)


def row_frame(shape: Shape, columns: Sequence[str], raw: pl.DataFrame) -> pl.DataFrame:
    """What `parsed` gives, as a row frame."""
    nothing = pl.lit(None, dtype=pl.Datetime("us", "UTC")).alias(CHANGED_AT)
    data = [pl.col(f"c{place}").alias(name) for place, name in enumerate(columns)]
    return raw.select(row_id(shape).alias(ROW_ID), pl.col("v").alias(VERSION), nothing, *data)


def selected(shape: Shape, columns: Sequence[str]) -> sql.Composed:
    """Key parts, version and columns of the table `t`."""
    keys = [_as(field.key_text(OF), name) for name, field in zip(key_names(shape), shape.key, strict=True)]
    values = [_as(field.read(OF), f"c{place}") for place, field in enumerate(shape.named(columns))]
    return _joined([*keys, sql.SQL("t.xmin AS v"), *values])


def same_key(shape: Shape, *, prefix: str = "k") -> sql.Composed:
    """That the row of `t` is the one whose key parts are in `d`, under names with this prefix."""
    return sql.SQL(" AND ").join(
        sql.SQL("{} = {}").format(sql.Identifier(OF, field.name), field.cast(sql.Identifier("d", f"{prefix}{place}")))
        for place, field in enumerate(shape.key)
    )


def unnested(texts: pl.DataFrame) -> sql.Composed:
    """The frame's columns of text as the table `d`."""
    arrays = _joined(sql.SQL("{}::text[]").format(sql.Literal(array(texts[name]))) for name in texts.columns)
    return sql.SQL("unnest({}) AS d({})").format(arrays, _joined(map(sql.Identifier, texts.columns)))


def _as(value: sql.Composable, name: str) -> sql.Composed:
    return sql.SQL("{} AS {}").format(value, sql.Identifier(name))


def _joined(parts: Iterable[sql.Composable]) -> sql.Composed:
    return sql.SQL(", ").join(parts)

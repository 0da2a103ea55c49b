"""Tables of a PostgreSQL database as its system catalog tells them.

A table is named `schema.table`. It takes part when its rows can be told apart: by a primary key, or by a unique key
whose columns are never null. Partitions are part of the table that they belong to.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from psycopg import sql

from syncengine.catalog import Catalog, Choice, Column, ColumnType, Key, Reference, Table
from syncengine.connectors.postgres.session import Session
from syncengine.connectors.postgres.shape import Field, Shape
from syncengine.connectors.postgres.types import MOMENTS, SINGLE, WHOLE, number_type
from syncengine.errors import CatalogError
from syncengine.frames import CHANGED, RECORD, SYSTEM

OWN_SCHEMA = "twofold"
RESERVED = frozenset({*SYSTEM, RECORD, CHANGED})  # names that frames use themselves
_REMEMBERED = "shapes"

_TABLES = sql.SQL("""
SELECT c.oid, n.nspname, c.relname, coalesce(obj_description(c.oid, 'pg_class'), ''), c.relkind = 'p'
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND n.nspname <> ALL (ARRAY['pg_catalog', 'information_schema', %(own)s]) AND n.nspname !~ '^pg_(toast|temp)'
  AND (%(names)s::text[] IS NULL OR n.nspname || '.' || c.relname = ANY (%(names)s::text[])
       OR lower(n.nspname || '.' || c.relname) = ANY (%(lowered)s::text[]))
ORDER BY n.nspname, c.relname
""")

_COLUMNS = sql.SQL("""
WITH RECURSIVE domains(oid, base, typmod, required, fallback) AS (
    SELECT t.oid, t.typbasetype, t.typtypmod, t.typnotnull, pg_get_expr(t.typdefaultbin, 0)
    FROM pg_type t WHERE t.typtype = 'd'
  UNION ALL
    SELECT d.oid, t.typbasetype, CASE d.typmod WHEN -1 THEN t.typtypmod ELSE d.typmod END,
           d.required OR t.typnotnull, coalesce(d.fallback, pg_get_expr(t.typdefaultbin, 0))
    FROM domains d JOIN pg_type t ON t.oid = d.base WHERE t.typtype = 'd'
)
SELECT a.attrelid, a.attname, coalesce(col_description(a.attrelid, a.attnum), ''),
       format_type(b.oid, -1), b.typname, b.typtype,
       CASE a.atttypmod WHEN -1 THEN coalesce(d.typmod, -1) ELSE a.atttypmod END,
       a.attnotnull OR coalesce(d.required, false), a.attidentity, a.attgenerated <> '',
       coalesce(CASE WHEN a.attgenerated = '' THEN pg_get_expr(f.adbin, f.adrelid) END, d.fallback, ''),
       coalesce(pg_get_serial_sequence(format('%%I.%%I', n.nspname, c.relname), a.attname), ''),
       NOT coalesce(l.collisdeterministic, true) OR b.typname = 'citext',
       ARRAY(SELECT e.enumlabel FROM pg_enum e WHERE e.enumtypid = b.oid ORDER BY e.enumsortorder)::text[]
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN domains d ON d.oid = a.atttypid AND NOT EXISTS (
    SELECT FROM pg_type t WHERE t.oid = d.base AND t.typtype = 'd')
JOIN pg_type b ON b.oid = coalesce(d.base, a.atttypid)
LEFT JOIN pg_attrdef f ON f.adrelid = a.attrelid AND f.adnum = a.attnum
LEFT JOIN pg_collation l ON l.oid = a.attcollation
WHERE a.attrelid = ANY (%(oids)s) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attrelid, a.attnum
""")

_KEYS = sql.SQL("""
SELECT i.indrelid, c.relname, i.indisprimary, i.indimmediate,
       ARRAY(SELECT a.attname FROM unnest(i.indkey::int2[]) WITH ORDINALITY k(attnum, place)
             JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
             WHERE k.place <= i.indnkeyatts ORDER BY k.place)::text[],
       NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = i.indrelid AND NOT a.attnotnull
                   AND a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1]))
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE i.indrelid = ANY (%(oids)s) AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
ORDER BY i.indrelid, i.indisprimary DESC, i.indnkeyatts, c.relname
""")

_REFERENCES = sql.SQL("""
SELECT o.conrelid, n.nspname || '.' || r.relname, o.confrelid,
       ARRAY(SELECT a.attname FROM unnest(o.conkey) WITH ORDINALITY k(attnum, place)
             JOIN pg_attribute a ON a.attrelid = o.conrelid AND a.attnum = k.attnum ORDER BY k.place)::text[],
       ARRAY(SELECT a.attname FROM unnest(o.confkey) WITH ORDINALITY k(attnum, place)
             JOIN pg_attribute a ON a.attrelid = o.confrelid AND a.attnum = k.attnum ORDER BY k.place)::text[]
FROM pg_constraint o JOIN pg_class r ON r.oid = o.confrelid JOIN pg_namespace n ON n.oid = r.relnamespace
WHERE o.contype = 'f' AND o.conrelid = ANY (%(oids)s) AND NOT r.relispartition
ORDER BY o.conrelid, o.conname
""")

FOLDING = "pg_c_utf8"  # Source: PostgreSQL 17 and later have it wherever text is UTF-8
_FOLDING = sql.SQL("""
SELECT d.datctype IN ('C', 'POSIX') AND EXISTS (SELECT FROM pg_collation c WHERE c.collname = %(name)s
    AND c.collencoding IN (-1, d.encoding)) FROM pg_database d WHERE d.datname = current_database()
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Index:
    name: str
    is_primary: bool
    is_immediate: bool
    columns: tuple[str, ...]
    is_never_null: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _ForeignKey:
    table: str
    oid: int
    columns: tuple[str, ...]
    target_columns: tuple[str, ...]


def read_catalog(session: Session, tables: Sequence[str] = ()) -> Catalog:
    """All tables, or these, in the order of their names."""
    return Catalog(tables=tuple(shape.table for shape in read_shapes(session, tables)))


def shape_of(session: Session, table: Table) -> Shape:
    """The table as it is now; read once over a connection, and anew after an error.

    Raises: CatalogError for a table that is not there.
    """
    with session.database():
        known: dict[str, Shape] = session.remembered.setdefault(_REMEMBERED, {})
    if table.name not in known or known[table.name].lacks(table):
        found = read_shapes(session, [table.name])
        if not found:
            raise CatalogError(f"{session.name} has no table {table.name} with a primary or unique key.")
        known[table.name] = found[0]
    return known[table.name]


def read_shapes(session: Session, names: Sequence[str] = ()) -> list[Shape]:
    lowered = [name.lower() for name in names]
    tables = session.rows(_TABLES, {"own": OWN_SCHEMA, "names": list(names) or None, "lowered": lowered})
    collation = _folding_collation(session)
    oids = [row[0] for row in tables]
    indexes, references = _indexes(session, oids), _foreign_keys(session, oids)
    targets = {reference.oid for group in references.values() for reference in group}
    row_keys = {oid: _row_key(group) for oid, group in _indexes(session, targets).items()}
    columns = _grouped(session.rows(_COLUMNS, {"oids": oids}))
    made = (
        _shape(row, columns[row[0]], indexes[row[0]], references[row[0]], row_keys, collation)
        for row in tables
        if indexes[row[0]]
    )
    return [shape for shape in made if shape is not None]


def _folding_collation(session: Session) -> str:
    """The collation by which `lower` knows letters beyond ASCII; "" where the database's own does."""
    return f"pg_catalog.{FOLDING}" if session.rows(_FOLDING, {"name": FOLDING})[0][0] else ""


def _indexes(session: Session, oids: Iterable[int]) -> defaultdict[int, list[_Index]]:
    found: defaultdict[int, list[_Index]] = defaultdict(list)
    for oid, name, is_primary, is_immediate, columns, is_never_null in session.rows(_KEYS, {"oids": list(oids)}):
        found[oid].append(
            _Index(
                name=name,
                is_primary=is_primary,
                is_immediate=is_immediate,
                columns=tuple(columns),
                is_never_null=is_never_null,
            )
        )
    return found


def _foreign_keys(session: Session, oids: Sequence[int]) -> defaultdict[int, list[_ForeignKey]]:
    found: defaultdict[int, list[_ForeignKey]] = defaultdict(list)
    for oid, table, target, columns, target_columns in session.rows(_REFERENCES, {"oids": list(oids)}):
        found[oid].append(
            _ForeignKey(table=table, oid=target, columns=tuple(columns), target_columns=tuple(target_columns))
        )
    return found


def _grouped(rows: Iterable[tuple[Any, ...]]) -> defaultdict[int, list[tuple[Any, ...]]]:
    found: defaultdict[int, list[tuple[Any, ...]]] = defaultdict(list)
    for oid, *rest in rows:
        found[oid].append(tuple(rest))
    return found


def _row_key(indexes: Sequence[_Index]) -> tuple[str, ...]:
    """The columns of the row id: the primary key, else the shortest unique key that always has a value."""
    return next((index.columns for index in indexes if index.is_never_null and index.is_immediate), ())


def _shape(
    row: tuple[Any, ...],
    columns: Sequence[tuple[Any, ...]],
    indexes: Sequence[_Index],
    references: Sequence[_ForeignKey],
    row_keys: dict[int, tuple[str, ...]],
    collation: str,
) -> Shape | None:
    oid, schema, relation, comment, is_partitioned = row
    key = _row_key(indexes)
    fields = [field for column in columns if (field := _field(column, collation)) is not None]
    by_name = {field.name: field for field in fields}
    if not key or not set(key) <= set(by_name):
        return None
    for reference in references:
        _point(by_name, reference, row_keys.get(reference.oid, ()))
    fields = list(by_name.values())
    table = _table(f"{schema}.{relation}", comment or relation, fields, key, indexes, references)
    return Shape(
        oid=oid,
        schema=schema,
        relation=relation,
        table=table,
        fields=tuple(fields),
        key=tuple(by_name[name] for name in key),
        is_partitioned=is_partitioned,
    )


def _table(
    name: str,
    label: str,
    fields: Sequence[Field],
    key: tuple[str, ...],
    indexes: Sequence[_Index],
    references: Sequence[_ForeignKey],
) -> Table:
    own_id = key[0] if len(key) == 1 and _by_name(fields, key[0]).base == "uuid" else ""
    keys = [Key(name=index.name, columns=index.columns) for index in indexes if _is_known(fields, index.columns)]
    # The row id stands first, but behind the keys that people know where it is an id of no meaning.
    keys.sort(key=lambda one: (one.columns == key) == bool(own_id))
    return Table(
        name=name,
        logical_name=name,
        label=label.partition("\n")[0],
        columns=tuple(field.column for field in fields),
        keys=tuple(keys),
        references=tuple(
            Reference(columns=each.columns, target_table=each.table, target_columns=each.target_columns)
            for each in references
            if _is_known(fields, each.columns)
        ),
        id_column=own_id,
        tracks_changes=True,
    )


def _by_name(fields: Sequence[Field], name: str) -> Field:
    return next(field for field in fields if field.name == name)


def _is_known(fields: Sequence[Field], names: Sequence[str]) -> bool:
    return set(names) <= {field.name for field in fields}


def _point(fields: dict[str, Field], reference: _ForeignKey, target_key: tuple[str, ...]) -> None:
    """A column that holds the row id of another table becomes a look-up, where that id has no meaning of its own."""
    if len(reference.columns) != 1 or reference.target_columns != target_key or reference.columns[0] not in fields:
        return
    field = fields[reference.columns[0]]
    if field.base in WHOLE or field.base == "uuid":
        column = replace(
            field.column,
            type=ColumnType.LOOKUP,
            targets=(*field.column.targets, reference.table),
            bind_name=field.name,
        )
        fields[field.name] = replace(field, column=column)


def _field(row: tuple[Any, ...], collation: str) -> Field | None:
    """None for a column whose name frames need for themselves."""
    (
        name,
        comment,
        type_name,
        base,
        kind,
        typmod,
        is_required,
        identity,
        is_generated,
        default,
        sequence,
        folds,
        labels,
    ) = row
    if name in RESERVED:
        return None
    type_, scale, length = _type(base, kind, typmod)
    column = Column(
        name=name,
        type=type_,
        label=comment.partition("\n")[0] or name,
        max_length=length,
        scale=scale,
        is_required=is_required and not default and not identity and not is_generated,
        is_read_only=is_generated or identity == "a",
        choices=tuple(Choice(value=label, label=label) for label in labels) if type_ is ColumnType.ENUM else (),
        enum_type=type_name if type_ is ColumnType.ENUM else "",
    )
    return Field(
        column=column,
        type=type_name,
        base=base,
        default=default or _next_of(sequence),
        sequence=sequence,
        is_generated=is_generated,
        folds=folds,
        collation=collation,
        is_exact=_is_exact(column.type, base, typmod),
    )


def _is_exact(type_: ColumnType, base: str, typmod: int) -> bool:
    """Whether the server stores the value of a frame just as it is: rounds nothing and spells nothing anew."""
    if base in MOMENTS:
        return typmod == -1
    if type_ is ColumnType.DECIMAL:
        return _scale(typmod) >= 0
    return base in ("text", "varchar", "date", "bool", *WHOLE) or type_ is ColumnType.ENUM


def _scale(typmod: int) -> int:
    return (((typmod - 4) & 0x7FF) ^ 0x400) - 0x400


def _next_of(sequence: str) -> str:
    """The default of an identity column, which has none of its own."""
    return sql.SQL("nextval({}::regclass)").format(sql.Literal(sequence)).as_string() if sequence else ""


def _type(base: str, kind: str, typmod: int) -> tuple[ColumnType, int | None, int | None]:
    """Type, scale and length. Source: the meaning of `atttypmod` in PostgreSQL's numeric.c and varchar.c."""
    if kind == "e":
        return ColumnType.ENUM, None, None
    if base == "numeric":
        known = typmod >= 4
        digits = (typmod - 4) >> 16 & 0xFFFF if known else None
        return (*number_type(digits, _scale(typmod) if known else None), None)
    length = typmod - 4 if base in ("varchar", "bpchar") and typmod >= 4 else None
    return SINGLE.get(base, ColumnType.TEXT), None, length

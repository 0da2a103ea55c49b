"""A Dataverse table as it lies in PostgreSQL: the declared columns and those that every table has."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from psycopg import sql

from syncengine.catalog import ColumnType
from syncengine.sandbox.declarations import AlternateKey, Column, DataverseTable
from syncengine.sandbox.shape import Field, Shape, by_name, field_of, folded

STATE = Column(
    name="statecode", type=ColumnType.CHOICE, label="Status", choices={"0": "Active", "1": "Inactive"}, read_only=False
)
STATUS = Column(
    name="statuscode", type=ColumnType.CHOICE, label="Status reason", choices={"1": "Active", "2": "Inactive"}
)
CREATED = Column(name="createdon", type=ColumnType.DATETIME, label="Created on", read_only=True)
MODIFIED = Column(name="modifiedon", type=ColumnType.DATETIME, label="Modified on", read_only=True)
VERSION = Column(name="versionnumber", type=ColumnType.INTEGER, label="Version number", read_only=True)
COMMON = (STATE, STATUS, CREATED, MODIFIED)
XACT = sql.Identifier("_xact")  # the transaction that wrote the row last: what the delta feed goes by


def shape(table: DataverseTable, *, schema: str, changed_at: datetime) -> Shape:
    fields = by_name([primary_id(table), *_declared(table), *map(field_of, _common(table)), _version()])
    return Shape(
        declared=table,
        schema=schema,
        fields=fields,
        row_id=fields[table.primary_id],
        key=(fields[table.primary_id],),
        changed_at=changed_at,
        bindings={navigation(column): column for column in table.lookups()},
        branches=tuple(_branches(table)),
    )


def primary_id(table: DataverseTable) -> Field:
    column = Column(name=table.primary_id, type=ColumnType.UUID, label=table.label)
    return replace(field_of(column), is_filled=True)


def _declared(table: DataverseTable) -> Iterable[Field]:
    for column in table.columns:
        yield field_of(column, name=json_name(column))


def _branches(table: DataverseTable) -> Iterable[Field]:
    """The columns of look-ups with several targets: of each row at most one is filled."""
    for column in table.columns:
        if column.targets:
            for branch in column.branches():
                yield replace(field_of(branch), part_of=column.name)


def _common(table: DataverseTable) -> Iterable[Column]:
    own = {column.name for column in table.columns}
    return (column for column in COMMON if column.name not in own)


def _version() -> Field:
    return Field(name=VERSION.name, column=VERSION.name, type=ColumnType.INTEGER, sql_type="bigint", declared=VERSION)


def json_name(column: Column) -> str:
    return f"_{column.name}_value" if column.type is ColumnType.LOOKUP else column.name


def navigation(column: Column) -> str:
    """The property that a write binds a look-up with; its letter case counts."""
    return column.navigation or column.name


def definitions(shape: Shape) -> sql.Composable:
    """The columns of CREATE TABLE."""
    version = sql.Identifier(shape.schema, "_version")
    special = {
        shape.row_id.column: sql.SQL("uuid PRIMARY KEY DEFAULT gen_random_uuid()"),
        VERSION.name: sql.SQL("bigint NOT NULL DEFAULT nextval({})").format(sql.Literal(version.as_string())),
        STATE.name: sql.SQL("integer NOT NULL DEFAULT 0"),
        STATUS.name: sql.SQL("integer NOT NULL DEFAULT {}").format(
            sql.Literal(first_status(shape.fields[STATUS.name]))
        ),
        CREATED.name: sql.SQL("timestamptz NOT NULL DEFAULT date_trunc('second', clock_timestamp())"),
        MODIFIED.name: sql.SQL("timestamptz NOT NULL DEFAULT date_trunc('second', clock_timestamp())"),
    }
    lines = [
        sql.SQL("{} {}").format(one.identifier, special.get(one.column) or _column_type(one))
        for one in shape.by_column.values()
    ]
    lines.append(sql.SQL("{} xid8 NOT NULL DEFAULT pg_current_xact_id()").format(XACT))
    return sql.SQL(", ").join(lines)


def first_status(one: Field) -> int:
    """What a new row's status reason is."""
    return 0 if one.declared is not None and "0" in one.declared.choices else 1


def _column_type(one: Field) -> sql.Composable:
    if one.type is ColumnType.BOOLEAN:
        return sql.SQL("boolean DEFAULT false")
    if one.declared is not None and one.declared.targets:
        branches = sql.SQL(", ").join(map(sql.Identifier, one.declared.targets))
        return sql.SQL("uuid GENERATED ALWAYS AS (coalesce({})) STORED").format(branches)
    if one.declared is not None and one.declared.joined_from:
        parts = [sql.SQL("coalesce({}, '')").format(sql.Identifier(name)) for name in one.declared.joined_from]
        text = sql.SQL(" || ' ' || ").join(parts)
        return sql.SQL("text GENERATED ALWAYS AS (nullif(trim({}), '')) STORED").format(text)
    return sql.SQL(one.sql_type)


def indexes(shape: Shape, table: DataverseTable) -> list[sql.Composed]:
    """The unique keys, and what the delta feed and the deletes of look-up targets search by."""
    made = [
        sql.SQL("CREATE UNIQUE INDEX {} ON {} ({})").format(
            sql.Identifier(index_name(table, key)),
            shape.relation,
            sql.SQL(", ").join(folded(shape.by_column[name]) for name in key.columns),
        )
        for key in table.keys
    ]
    if table.tracks_changes:
        made.append(sql.SQL("CREATE INDEX ON {} ({})").format(shape.relation, XACT))
    return made + [
        sql.SQL("CREATE INDEX ON {} ({}) WHERE {} IS NOT NULL").format(shape.relation, one.identifier, one.identifier)
        for one in shape.by_column.values()
        if one.type is ColumnType.LOOKUP
    ]


def index_name(table: DataverseTable, key: AlternateKey) -> str:
    return f"{table.set}.{key.name}"[:63]


def constraint(shape: Shape, column: Column, *, is_there: bool) -> sql.Composed:
    """What a look-up may hold: the id of a row, and nothing while its target has no table yet."""
    name = sql.Identifier(column.name)
    if is_there:
        return _foreign_key(shape, column)
    return sql.SQL("ALTER TABLE {} ADD CONSTRAINT {} CHECK ({} IS NULL)").format(shape.relation, name, name)


def opened(shape: Shape, column: Column) -> list[sql.Composed]:
    """The look-up's target has a table from now on."""
    name = sql.Identifier(column.name)
    closed = sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}").format(shape.relation, name)
    return [closed, _foreign_key(shape, column)]


def _foreign_key(shape: Shape, column: Column) -> sql.Composed:
    """NOT VALID: the rows that are there have been checked."""
    name, target = sql.Identifier(column.name), sql.Identifier(shape.schema, column.target)
    return sql.SQL("ALTER TABLE {} ADD CONSTRAINT {} FOREIGN KEY ({}) REFERENCES {} NOT VALID").format(
        shape.relation, name, name, target
    )

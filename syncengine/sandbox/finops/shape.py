"""A finops entity as it lies in PostgreSQL: no column is ever null, each has a stand-in for "nothing"."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal

from psycopg import sql

from syncengine.catalog import ColumnType
from syncengine.sandbox.declarations import COMPANY, Column, Enumeration, FinopsTable
from syncengine.sandbox.shape import Field, Shape, by_name, field_of, folded

MODIFIED = "ModifiedDateTime"
NO_DATE = "1900-01-01"
FIRST_DAY = date.fromisoformat(NO_DATE)  # no earlier one can be kept, and this one stands for none
COMPANY_COLUMN = Column(name=COMPANY, type=ColumnType.TEXT, label="Company", length=4, required=True)
MODIFIED_COLUMN = Column(name=MODIFIED, type=ColumnType.DATETIME, label="Modified date and time", read_only=True)
RECID = Field(name="_recid", column="_recid", type=ColumnType.INTEGER, sql_type="bigint")
RECVERSION = sql.Identifier("_recversion")
TOUCHED = sql.Identifier("_touched")
SOURCES = (sql.Identifier("_source_versions"), sql.Identifier("_source_records"))


def shape(table: FinopsTable, *, schema: str, changed_at: datetime) -> Shape:
    columns = [COMPANY_COLUMN, *table.columns] if table.company else table.columns
    made = by_name(replace(one, is_filled=True) for one in [*map(field_of, columns), *_modified(table)])
    names = [COMPANY, *table.key] if table.company else table.key
    return Shape(
        declared=table,
        schema=schema,
        fields=made,
        row_id=RECID,
        key=tuple(made[name] for name in names),
        changed_at=changed_at,
    )


def _modified(table: FinopsTable) -> Iterable[Field]:
    if table.modified:
        yield Field(
            name=MODIFIED,
            column="_touched",
            type=ColumnType.DATETIME,
            sql_type="timestamptz",
            declared=MODIFIED_COLUMN,
        )


def first_members(enums: Iterable[Enumeration]) -> dict[str, str]:
    """What an enumeration shows where nothing was set."""
    return {enum.name: enum.members[0] for enum in enums}


def hidden(table: FinopsTable) -> list[sql.Identifier]:
    """The columns of ids and versions, which a copy of the row keeps."""
    return [RECID.identifier, RECVERSION, TOUCHED, *(SOURCES if table.sources else ())]


def definitions(shape: Shape, table: FinopsTable, firsts: dict[str, str]) -> sql.Composable:
    """The columns of CREATE TABLE."""
    lines: list[sql.Composable] = [
        sql.SQL("{} {} NOT NULL DEFAULT {}").format(
            one.identifier,
            sql.SQL(one.sql_type),
            sql.Literal(stand_in(one, firsts)),
        )
        for one in shape.fields.values()
        if one.column != "_touched"
    ]
    record = sql.SQL("nextval({})").format(sql.Literal(sql.Identifier(shape.schema, "_record").as_string()))
    lines += [
        sql.SQL("_recid bigint PRIMARY KEY DEFAULT {}").format(record),
        sql.SQL("_recversion bigint NOT NULL DEFAULT 1"),
        sql.SQL("_touched timestamptz NOT NULL DEFAULT date_trunc('second', clock_timestamp())"),
        # The transaction that wrote the row last, for exports of what changed.
        sql.SQL("_changed_by xid8 NOT NULL DEFAULT pg_current_xact_id()"),
    ]
    if table.sources:
        ones, records = sql.SQL(", ").join([sql.SQL("1")] * len(table.sources)), sql.SQL(", ")
        lines += [
            sql.SQL("_source_versions bigint[] NOT NULL DEFAULT ARRAY[{}]").format(ones),
            sql.SQL("_source_records bigint[] NOT NULL DEFAULT ARRAY[{}]").format(
                records.join([record] * len(table.sources))
            ),
        ]
    return sql.SQL(", ").join(lines)


def stand_in(one: Field, firsts: dict[str, str]) -> str | int | bool | Decimal:
    """What the service shows for "nothing" in this column."""
    match one.type:
        case ColumnType.INTEGER:
            return 0
        case ColumnType.DECIMAL:
            return Decimal(0)
        case ColumnType.DATE | ColumnType.DATETIME:
            return NO_DATE
        case ColumnType.ENUM:
            return firsts[one.declared.enum] if one.declared else ""
        case ColumnType.UUID:
            return "00000000-0000-0000-0000-000000000000"
        case ColumnType.BOOLEAN:
            return False
        case _:
            return ""


def indexes(shape: Shape, table: FinopsTable) -> list[sql.Composed]:
    """The natural key, and what deletes of referenced rows search by."""
    made = [
        sql.SQL("CREATE UNIQUE INDEX {} ON {} ({})").format(
            sql.Identifier(f"{table.set}.key"[:63]), shape.relation, sql.SQL(", ").join(map(folded, shape.key))
        )
    ]
    for relation in table.references:
        columns = sql.SQL(", ").join(folded(shape.by_column[name]) for name in relation.columns)
        made.append(sql.SQL("CREATE INDEX ON {} ({})").format(shape.relation, columns))
    if table.modified:
        made.append(sql.SQL("CREATE INDEX ON {} (_touched)").format(shape.relation))
    return made

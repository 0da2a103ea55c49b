"""Small tables, maps and rows for tests of mapping. The map pairs customers with accounts, in companies."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import polars as pl

from syncengine.catalog import Choice, Column, ColumnType, Table
from syncengine.frames import schema_of
from syncengine.mapping.compile import CompiledMap, compile_map
from syncengine.mapping.definition import (
    Company,
    Direction,
    FieldMapping,
    KeyPart,
    MapDefinition,
    ValuePair,
)

T = ColumnType
YES_NO = (Choice(value="No", label="No"), Choice(value="Yes", label="Yes"))
COMPANY = Company(left="dataAreaId", right="co.code")


def make_column(name: str, kind: ColumnType = T.TEXT, **overrides: Any) -> Column:
    return Column(name=name, type=kind, **overrides)


def make_choices(**labels: str) -> tuple[Choice, ...]:
    """label=value, as in make_choices(Gold="1")."""
    return tuple(Choice(value=value, label=label) for label, value in labels.items())


def make_table(name: str, *columns: Column, **overrides: Any) -> Table:
    return Table(**{"name": name, "logical_name": name.lower(), "label": name, "columns": columns, **overrides})


def make_line(left: str | None, right: str | None, direction: str = "=", **overrides: Any) -> FieldMapping:
    """direction is one of = > <; values="yes:True,no:False" is a value map."""
    pairs = [pair.split(":") for pair in overrides.pop("values", "").split(",") if pair]
    flow = {"=": Direction.BOTH, ">": Direction.TO_RIGHT, "<": Direction.TO_LEFT}[direction]
    value_map = tuple(ValuePair(left=one, right=other) for one, other in pairs)
    return FieldMapping(left=left, right=right, direction=flow, value_map=value_map, **overrides)


def make_definition(*lines: FieldMapping, **overrides: Any) -> MapDefinition:
    """A map of Customers and accounts by number and company; the key's line comes first."""
    given: dict[str, Any] = {
        "name": "Customers",
        "group": "",
        "description": "",
        "left_table": "Customers",
        "right_table": "accounts",
        "key": (KeyPart(left="Number", right="number"), KeyPart(left="dataAreaId", right="co.code")),
        "company": COMPANY,
        "fields": (make_line("Number", "number"), *lines),
    }
    return MapDefinition(**{**given, **overrides})


LEFT = (make_column("dataAreaId", max_length=4), make_column("Number", max_length=20))
RIGHT = (
    make_column("accountid", T.UUID),
    make_column("co", T.LOOKUP, targets=("companies",)),
    make_column("number", max_length=20),
)
COMPANIES = make_table("companies", make_column("code"))
GROUPS = make_table(
    "groups", make_column("name"), make_column("co", T.LOOKUP, targets=("companies",)), company_column="co"
)


def make_left(*columns: Column, **overrides: Any) -> Table:
    return make_table("Customers", *LEFT, *columns, **{"company_column": "dataAreaId", **overrides})


def make_right(*columns: Column, **overrides: Any) -> Table:
    return make_table("accounts", *RIGHT, *columns, **{"company_column": "co", "id_column": "accountid", **overrides})


def make_tables(right: Table) -> dict[str, Table]:
    return {table.name: table for table in (right, COMPANIES, GROUPS)}


def make_map(
    *lines: FieldMapping, left: Sequence[Column] = (), right: Sequence[Column] = (), **overrides: Any
) -> CompiledMap:
    """The compiled map with these further lines and columns."""
    right_table = make_right(*right)
    return compile_map(
        make_definition(*lines, **overrides),
        left=make_left(*left),
        right=right_table,
        right_tables=make_tables(right_table),
    )


def make_pair(source: Column, target: Column, **line: Any) -> CompiledMap:
    """A map with one more line: source on the left, target on the right, both ways unless said otherwise."""
    return make_map(make_line(source.name, target.name, **line), left=(source,), right=(target,))


def make_rows(table: Table, rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """A row frame of the table's columns that the first row names; row ids count from 0 unless given."""
    columns = [name for name in rows[0] if not name.startswith("_")]
    schema = schema_of(table, columns)
    filled = [
        {name: row.get(name) for name in schema} | {"_row_id": row.get("_row_id", str(n))} for n, row in enumerate(rows)
    ]
    return pl.DataFrame(filled, schema=schema)


def left_rows(compiled: CompiledMap, rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Left rows with all columns that the map reads; those not given are null."""
    empty = dict.fromkeys(compiled.left_columns)
    return make_rows(compiled.left, [{**empty, "Number": "C1", "dataAreaId": "usmf", **row} for row in rows])


def right_rows(compiled: CompiledMap, rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Expanded right rows: look-up columns and, as text, look-up paths that the rows name."""
    empty = dict.fromkeys(compiled.right_columns)
    paths = [lookup.path for lookup in compiled.lookups]
    frame = make_rows(compiled.right, [{**empty, "number": "C1", **without(row, paths)} for row in rows])
    return frame.with_columns(pl.Series(path, [row.get(path) for row in rows], dtype=pl.String) for path in paths)


def without(row: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


def with_policy(definition: MapDefinition, **policies: Any) -> MapDefinition:
    return replace(definition, policies=replace(definition.policies, **policies))

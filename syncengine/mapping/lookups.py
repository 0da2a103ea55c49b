"""Look-ups: a value on one side that names a row of another table on the other.

A map writes a look-up as a path, `msdyn_customergroupid.msdyn_groupid`: the look-up column of the right table, and
the column of the table behind it that holds the value. Mapping to the right makes a text column named by the path,
which `resolve` turns into the look-up column (row ids); rows read on the right get the text by `expand`. In between,
the caller finds the rows: `needed` and `needed_ids` say which.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import polars as pl

from syncengine.catalog import Column, ColumnType, Table
from syncengine.errors import ErrorClass, PermanentError
from syncengine.mapping.keys import fold, join_key
from syncengine.mapping.mapped import Mapped, no_problems, problem_lines, shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """One distinct look-up of a map. `path` is spelled as in the definition, the rest as in the catalog."""

    path: str
    column: str  # the look-up column of the map's right table
    target_table: str
    key_column: str  # of the target table; its value is what crosses
    is_company_specific: bool  # the target's rows belong to a company: the value alone is not unique
    is_self: bool  # the target is the map's own right table


class PathError(PermanentError):
    """A look-up path that leads nowhere; `code` is the validation code."""


class Map(Protocol):
    """What is asked of a compiled map here. `company_path` is "" for a global map."""

    @property
    def lookups(self) -> tuple[Lookup, ...]: ...

    @property
    def company_path(self) -> str: ...


def is_path(name: str) -> bool:
    return "." in name


def path_column(lookup: Lookup) -> Column:
    """The text column that stands for the look-up in mapped and in expanded rows."""
    return Column(name=lookup.path, type=ColumnType.TEXT)


def find_lookup(path: str, *, right: Table, right_tables: Mapping[str, Table]) -> Lookup:
    """The look-up behind a path.

    Raises: PathError saying which step of the path is wrong.
    """
    column_name, _, key_name = path.partition(".")
    column = right.column(column_name)
    if column is None:
        raise PathError(f"{right.name} has no column {column_name}.", code="DIPV1025")
    if column.type is not ColumnType.LOOKUP:
        raise PathError(f"{column.name} of {right.name} is not a look-up, so {path} leads nowhere.", code="DIPV1025")
    if is_path(key_name):
        raise PathError(f"{path} goes over more than one table, which is not supported.", code="DIPV1025")
    target, key = _target(column, key_name, right_tables)
    return Lookup(
        path=path,
        column=column.name,
        target_table=target.name,
        key_column=key.name,
        is_company_specific=bool(target.company_column),
        is_self=target.name.lower() == right.name.lower(),
    )


def _target(column: Column, key_name: str, right_tables: Mapping[str, Table]) -> tuple[Table, Column]:
    """The first table that the look-up may point to and that has the key column."""
    targets = targets_of(column, right_tables)
    if not targets:
        raise PathError(f"The table that {column.name} points to is not known. Refresh the tables.", code="DIPV1027")
    for target in targets:
        key = target.column(key_name)
        if key is not None:
            return target, key
    raise PathError(f"{targets[0].name}, which {column.name} points to, has no column {key_name}.", code="DIPV1027")


def targets_of(column: Column, right_tables: Mapping[str, Table]) -> list[Table]:
    """The known tables that a look-up column may point to."""
    wanted = [name.lower() for name in column.targets]
    found = {name.lower(): table for name, table in right_tables.items()}
    by_logical_name = {table.logical_name.lower(): table for table in right_tables.values()}
    tables = [found.get(name) or by_logical_name.get(name) for name in wanted]
    return [table for table in tables if table is not None]


# --- to the right


def needed(compiled: Map, rows: pl.DataFrame) -> dict[Lookup, pl.DataFrame]:
    """The distinct `value` and `company` (both folded) to be found for each look-up of rows mapped to the right.

    `company` is null where the look-up's table has no companies. Look-ups without any value are left out.
    """
    found = {}
    for lookup in compiled.lookups:
        if lookup.path in rows.columns:
            pairs = rows.select(_value(lookup), _company(compiled, lookup)).drop_nulls("value").unique()
            if pairs.height:
                found[lookup] = pairs.sort("value", "company")
    return found


def resolve(compiled: Map, rows: pl.DataFrame, tables: Mapping[Lookup, pl.DataFrame]) -> Mapped:
    """The rows with look-up columns (row ids) in place of look-up paths.

    Each table has `value`, `company` (as in `needed`) and `row_id`. No value is a look-up to nothing; a value that
    resolves to nothing is a problem of class "missing parent".
    """
    problems = [no_problems()]
    for lookup in compiled.lookups:
        if lookup.path not in rows.columns:
            continue
        rows = _resolved(compiled, rows, lookup, tables.get(lookup))
        problems.append(_missing_parents(compiled, rows, lookup))
        rows = rows.drop(lookup.path)
    return Mapped(rows=rows, problems=pl.concat(problems))


def _value(lookup: Lookup) -> pl.Expr:
    text = pl.col(lookup.path)
    return fold(pl.when(text != "").then(text)).alias("value")


def _company(compiled: Map, lookup: Lookup) -> pl.Expr:
    if not lookup.is_company_specific or not compiled.company_path:
        return pl.lit(None, dtype=pl.String).alias("company")
    return fold(pl.col(compiled.company_path)).alias("company")


def _resolved(compiled: Map, rows: pl.DataFrame, lookup: Lookup, found: pl.DataFrame | None) -> pl.DataFrame:
    if found is None:
        return rows.with_columns(pl.lit(None, dtype=pl.String).alias(lookup.column))
    known = found.select("value", "company", pl.col("row_id").alias(lookup.column))
    pairs = rows.select(_value(lookup), _company(compiled, lookup))
    ids = pairs.join(
        known.unique(["value", "company"], keep="first"),
        on=["value", "company"],
        how="left",
        nulls_equal=True,
        maintain_order="left",
    )
    return rows.with_columns(ids[lookup.column])


def _missing_parents(compiled: Map, rows: pl.DataFrame, lookup: Lookup) -> pl.DataFrame:
    text = pl.col(lookup.path)
    missing = rows.filter(pl.col(lookup.column).is_null() & text.is_not_null() & (text != ""))
    if missing.is_empty():
        return no_problems()
    parts = [_value(lookup)]
    where = pl.lit("")
    if lookup.is_company_specific and compiled.company_path:
        parts.append(_company(compiled, lookup))
        where = pl.format(" in company {}", shown(pl.col(compiled.company_path)))
    message = pl.format(
        '{} has no row whose {} is "{}"{}; the look-up {} needs it.',
        pl.lit(lookup.target_table),
        pl.lit(lookup.key_column),
        shown(text),
        where,
        pl.lit(lookup.column),
    )
    return problem_lines(
        missing,
        column=lookup.path,
        message=message,
        error_class=ErrorClass.MISSING_PARENT,
        parent_table=lookup.target_table,
        parent_key=join_key(parts),
    )


# --- to the left


def needed_ids(compiled: Map, rows: pl.DataFrame) -> dict[Lookup, list[str]]:
    """The row ids behind each look-up of right rows. Look-ups that are empty in all rows are left out."""
    ids = {
        lookup: rows[lookup.column].drop_nulls().unique().sort().to_list()
        for lookup in compiled.lookups
        if lookup.column in rows.columns
    }
    return {lookup: found for lookup, found in ids.items() if found}


def expand(compiled: Map, rows: pl.DataFrame, tables: Mapping[Lookup, pl.DataFrame]) -> Mapped:
    """The right rows with a text column for each look-up path; the look-up columns stay.

    Each table has `row_id` and `text`. The problems are those that `backward` finds again in these rows: look-ups
    whose row is not known, or has nothing in the key column.
    """
    problems = [no_problems()]
    for lookup in compiled.lookups:
        if lookup.column not in rows.columns:
            continue
        found = tables.get(lookup)
        if found is None:
            rows = rows.with_columns(pl.lit(None, dtype=pl.String).alias(lookup.path))
        else:
            texts = found.select(pl.col("row_id").alias(lookup.column), pl.col("text").alias(lookup.path))
            ids = rows.select(lookup.column).join(
                texts.unique(lookup.column, keep="first"), on=lookup.column, how="left", maintain_order="left"
            )
            rows = rows.with_columns(ids[lookup.path])
        problems.append(unknown_rows(rows, lookup))
    return Mapped(rows=rows, problems=pl.concat(problems))


def unknown_rows(rows: pl.DataFrame, lookup: Lookup) -> pl.DataFrame:
    """A problem for each expanded right row whose look-up has no text."""
    unknown = rows.filter(pl.col(lookup.column).is_not_null() & pl.col(lookup.path).is_null())
    if unknown.is_empty():
        return no_problems()
    message = pl.format(
        "{} points to the row {} of {}, which is not there or has no {}.",
        pl.lit(lookup.column),
        shown(pl.col(lookup.column)),
        pl.lit(lookup.target_table),
        pl.lit(lookup.key_column),
    )
    return problem_lines(
        unknown,
        column=lookup.path,
        message=message,
        error_class=ErrorClass.MISSING_PARENT,
        parent_table=lookup.target_table,
    )

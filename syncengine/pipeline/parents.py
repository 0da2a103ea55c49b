"""Look-ups resolved both ways: first in the bindings of the map that fills the table, then on the right side itself."""

from collections.abc import Sequence

import polars as pl

from syncengine.mapping.keys import fold, join_key
from syncengine.mapping.lookups import Lookup
from syncengine.pipeline.work import Parent, Work
from syncengine.repository import bindings
from syncengine.repository.rows import Database
from syncengine.states import Side

VALUES: dict[str, pl.DataType] = {"value": pl.String(), "company": pl.String(), "row_id": pl.String()}
TEXTS: dict[str, pl.DataType] = {"row_id": pl.String(), "text": pl.String()}


def rows_of(conn: Database, work: Work, lookup: Lookup, pairs: pl.DataFrame) -> pl.DataFrame:
    """The right row (`row_id`) of each `value` and `company` that can be resolved (VALUES)."""
    if pairs.is_empty():
        return pl.DataFrame(schema=VALUES)
    bound = _bound_rows(conn, work, lookup, pairs)
    rest = pairs.join(bound, on=["value", "company"], how="anti", nulls_equal=True)
    if rest.is_empty() or lookup.is_self:
        return bound
    return pl.concat([bound, _found_rows(conn, work, lookup, rest)])


def texts_of(conn: Database, work: Work, lookup: Lookup, row_ids: Sequence[str]) -> pl.DataFrame:
    """The text in the look-up's key column of each right row that can be found (TEXTS)."""
    if not row_ids:
        return pl.DataFrame(schema=TEXTS)
    known = _bound_texts(conn, work, lookup, row_ids)
    rest = sorted(set(row_ids) - set(known["row_id"].to_list()))
    if not rest or lookup.is_self:
        return known
    return pl.concat([known, _fetched_texts(work, lookup, rest)])


def parents_of(work: Work, lookup: Lookup) -> tuple[Parent, ...]:
    return work.parents.get(lookup.target_table.lower(), ())


def _bound_rows(conn: Database, work: Work, lookup: Lookup, pairs: pl.DataFrame) -> pl.DataFrame:
    found = [pl.DataFrame(schema=VALUES)]
    for parent in parents_of(work, lookup):
        keyed = _keyed(parent, lookup, pairs)
        if keyed is not None:
            rows = bindings.parents_by_key(conn, [parent.map_id], keyed["key"].drop_nulls().to_list())
            found.append(keyed.join(rows, on="key").select("value", "company", "row_id"))
    return pl.concat(found).unique(["value", "company"], keep="first", maintain_order=True)


def _keyed(parent: Parent, lookup: Lookup, pairs: pl.DataFrame) -> pl.DataFrame | None:
    """The pairs with the integration key that the parent has them under; None where its key has further parts."""
    parts = {lookup.key_column: pl.col("value"), parent.company_part: pl.col("company")}
    parts.pop("", None)
    if not set(parent.key_parts) <= set(parts):
        return None
    return pairs.with_columns(key=join_key([parts[part] for part in parent.key_parts]))


def _found_rows(conn: Database, work: Work, lookup: Lookup, pairs: pl.DataFrame) -> pl.DataFrame:
    """Resolved on the right side itself, by the key column and, for company rows, the company."""
    table = work.compiled.right_tables[lookup.target_table]
    keys = pairs.select(pl.col("value").alias(lookup.key_column), "company")
    columns = [lookup.key_column]
    if table.company_column and pairs["company"].drop_nulls().len():
        companies = company_rows(conn, work, pairs["company"].drop_nulls().unique().to_list())
        keys = keys.join(companies, on="company").select(
            lookup.key_column, pl.col("row_id").alias(table.company_column)
        )
        columns.append(table.company_column)
    else:
        keys = keys.select(lookup.key_column)
        companies = pl.DataFrame(schema={"company": pl.String, "row_id": pl.String})
    if keys.is_empty():
        return pl.DataFrame(schema=VALUES)
    rows = work.connectors[Side.RIGHT].find(table, columns=columns, keys=keys.unique())
    rows = rows.with_columns(value=fold(pl.col(lookup.key_column)))
    if len(columns) == 1:
        rows = rows.select("value", pl.col("_row_id").alias("row_id")).unique("value", keep="first")
        return pairs.join(rows, on="value").select("value", "company", "row_id")
    named = rows.join(companies, left_on=table.company_column, right_on="row_id")
    return named.select("value", "company", pl.col("_row_id").alias("row_id"))


def company_rows(conn: Database, work: Work, companies: Sequence[str]) -> pl.DataFrame:
    """`company` and right `row_id` of linked companies."""
    lookup = work.compiled.company_lookup
    if lookup is None:
        return pl.DataFrame(schema={"company": pl.String, "row_id": pl.String})
    pairs = pl.DataFrame(
        {"value": companies, "company": [None] * len(companies)}, schema={"value": pl.String, "company": pl.String}
    )
    return rows_of(conn, work, lookup, pairs).select(pl.col("value").alias("company"), "row_id")


def _bound_texts(conn: Database, work: Work, lookup: Lookup, row_ids: Sequence[str]) -> pl.DataFrame:
    found = [pl.DataFrame(schema=TEXTS)]
    for parent in parents_of(work, lookup):
        column = parent.left_columns.get(lookup.key_column)
        if column is not None:
            found.append(bindings.parents_by_id(conn, [parent.map_id], row_ids, column))
    return pl.concat(found).drop_nulls("text").unique("row_id", keep="first", maintain_order=True)


def _fetched_texts(work: Work, lookup: Lookup, row_ids: Sequence[str]) -> pl.DataFrame:
    table = work.compiled.right_tables[lookup.target_table]
    rows = work.connectors[Side.RIGHT].fetch(table, columns=[lookup.key_column], row_ids=row_ids)
    return rows.select(pl.col("_row_id").alias("row_id"), pl.col(lookup.key_column).cast(pl.String).alias("text"))

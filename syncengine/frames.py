"""The shape of a batch of rows: a polars frame with a declared schema.

A row frame has the columns of `SYSTEM` first, then data columns named as in the catalog. Values arrive in the *normal
form* of their side, made by the connector that read them: no value is null (never "", never 1900-01-01 on finops),
text without trailing spaces, decimals in the column's scale, times aware UTC, GUIDs in lower case, booleans and
choices typed. `canonical` turns them into text, the form in which bases are kept and values are compared.
"""

from collections.abc import Iterable, Sequence

import polars as pl

from syncengine.catalog import Column, ColumnType, Table

ROW_ID = "_row_id"  # text: the environment's own handle of the row
VERSION = "_version"  # text: the service's opaque version, equal or not, never newer
CHANGED_AT = "_changed_at"  # when the source says that it changed, where it says
RECORD = "_record"  # number of a record in a write batch; joins its outcome to it
CHANGED = "_changed"  # list of column names: the columns of an update that are to be written

SYSTEM: dict[str, pl.DataType] = {ROW_ID: pl.String(), VERSION: pl.String(), CHANGED_AT: pl.Datetime("us", "UTC")}

MAX_PRECISION = 38


def dtype_of(column: Column) -> pl.DataType:
    """The polars type of a column of a row frame."""
    match column.type:
        case ColumnType.INTEGER | ColumnType.CHOICE:
            return pl.Int64()
        case ColumnType.DECIMAL:
            return pl.Decimal(MAX_PRECISION, column.scale if column.scale is not None else 10)
        case ColumnType.BOOLEAN:
            return pl.Boolean()
        case ColumnType.DATE:
            return pl.Date()
        case ColumnType.DATETIME:
            return pl.Datetime("us", "UTC")
        case ColumnType.TEXT | ColumnType.ENUM | ColumnType.UUID | ColumnType.LOOKUP:
            return pl.String()


def schema_of(table: Table, columns: Iterable[str]) -> dict[str, pl.DataType]:
    """The schema of a row frame that holds these columns of the table, system columns first.

    Raises: KeyError for a column that the table does not have.
    """
    data = {name: dtype_of(table.by_name[name.lower()]) for name in columns}
    return {**SYSTEM, **data}


def canonical(name: str, dtype: pl.DataType) -> pl.Expr:
    """The column as text: one spelling a value, null stays null."""
    column = pl.col(name)
    if dtype == pl.Boolean:
        return pl.when(column).then(pl.lit("true")).when(~column).then(pl.lit("false")).otherwise(None).alias(name)
    if isinstance(dtype, pl.Datetime):
        return column.dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").alias(name)
    return column.cast(pl.String)


def array(values: pl.Series | Sequence[str] | Sequence[int]) -> str:
    """The values as the text of a PostgreSQL array: made column-wise, as adapting thousands one by one takes longer
    than the statement does."""
    texts = pl.Series(values).cast(pl.String)
    escaped = texts.str.replace_all("\\", "\\\\", literal=True).str.replace_all('"', '\\"', literal=True)
    items = pl.select(pl.concat_str(pl.lit('"'), escaped, pl.lit('"')).fill_null("NULL").str.join(","))
    return "{" + str(items.item()) + "}"

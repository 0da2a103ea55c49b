"""How each type of PostgreSQL travels in a frame, and in its own text form.

Whole numbers, booleans, dates, times with a date, UUIDs and `numeric` up to 37 digits have a type of the engine. All
else is text in PostgreSQL's own spelling, so that nothing is lost: floats, wider or unbounded `numeric`, intervals,
times of day, bytea, JSON, arrays, ranges, network addresses and whatever an extension brings.

What a type of the engine cannot hold stands at the rim of its range, beyond what the column itself can hold: infinity
as the last and the first day that polars knows, NaN as the smallest number of 38 digits. Texts keep their trailing
spaces and stay apart from no value. A `timestamp` without zone is taken for UTC.
"""

from collections.abc import Sequence
from decimal import Decimal

import polars as pl

from syncengine.catalog import Column, ColumnType
from syncengine.errors import PermanentError
from syncengine.frames import MAX_PRECISION, canonical, dtype_of

WHOLE = frozenset({"int2", "int4", "int8", "oid"})
MOMENTS = frozenset({"timestamp", "timestamptz"})
SINGLE: dict[str, ColumnType] = {
    **dict.fromkeys(WHOLE, ColumnType.INTEGER),
    **dict.fromkeys(MOMENTS, ColumnType.DATETIME),
    "bool": ColumnType.BOOLEAN,
    "date": ColumnType.DATE,
    "uuid": ColumnType.UUID,
}
MOST_DIGITS = MAX_PRECISION - 1  # one digit is left to tell NaN by

LAST_DAY, FIRST_DAY = "+262142-12-31", "-262143-01-01"
LAST_MOMENT, FIRST_MOMENT = f"{LAST_DAY}T23:59:59.999999Z", f"{FIRST_DAY}T00:00:00.000000Z"
_YEAR = r"^([+-]?\d+)-(\d\d-\d\d)(.*?)( BC)?$"
_ZERO_OFFSET = r"(Z|[+-]00)$"


def number_type(digits: int | None, scale: int | None) -> tuple[ColumnType, int | None]:
    """The type of a `numeric` with so many digits, None where it has no bound."""
    if digits is None or digits > MOST_DIGITS or (scale or 0) > MOST_DIGITS:
        return ColumnType.TEXT, None
    return ColumnType.DECIMAL, max(scale or 0, 0)


# --- from PostgreSQL


def parse(data: bytes, names: Sequence[str], columns: dict[str, Column]) -> pl.DataFrame:
    """The rows of `ROW(NULL, …, NULL)::text`, one a line, as columns of these names; those without a column stay text.

    Raises: PermanentError for a value that no frame can hold.
    """
    dtypes = {name: _quick_type(columns[name]) if name in columns else pl.String() for name in names}
    try:
        return _typed(_read(data, dtypes), columns)
    except pl.exceptions.PolarsError:
        # A value that is not an ordinary one: read again as text and look at each column.
        return _typed_with_care(_read(data, {name: pl.String() for name in names}), columns)


def _quick_type(column: Column) -> pl.DataType:
    exact = column.type in (ColumnType.INTEGER, ColumnType.DECIMAL)
    return dtype_of(column) if exact else pl.String()


def _read(data: bytes, dtypes: dict[str, pl.DataType]) -> pl.DataFrame:
    schema = {"_begin": pl.String(), **dtypes, "_end": pl.String()}
    if not data:
        return pl.DataFrame(schema=dtypes)
    frame = pl.read_csv(data, has_header=False, schema=schema, quote_char='"', raise_if_empty=False)
    frame = frame.select(*dtypes)
    if b"\\" not in data:
        return frame
    texts = [name for name, dtype in dtypes.items() if dtype == pl.String]
    return frame.with_columns(pl.col(*texts).str.replace_all("\\\\", "\\", literal=True)) if texts else frame


def _typed(frame: pl.DataFrame, columns: dict[str, Column]) -> pl.DataFrame:
    return frame.with_columns(_quick(name, column) for name, column in columns.items())


def _quick(name: str, column: Column) -> pl.Expr:
    value = pl.col(name)
    match column.type:
        case ColumnType.BOOLEAN:
            return value == "t"
        case ColumnType.DATE:
            return value.str.to_date("%Y-%m-%d", exact=True)
        case ColumnType.DATETIME:
            moment = value.str.head(26).str.replace(r"\+00$", "")
            return moment.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us").dt.replace_time_zone("UTC")
        case _:
            return value


def _typed_with_care(frame: pl.DataFrame, columns: dict[str, Column]) -> pl.DataFrame:
    for name, column in columns.items():
        try:
            frame = frame.with_columns(_careful(name, column).alias(name))
        except pl.exceptions.PolarsError as error:
            raise PermanentError(f"Column {column.name} holds a value that cannot be read as {column.type}.") from error
    return frame


def _careful(name: str, column: Column) -> pl.Expr:
    value = pl.col(name)
    match column.type:
        case ColumnType.DECIMAL:
            return value.replace("NaN", str(nan(column))).cast(dtype_of(column))
        case ColumnType.INTEGER:
            return value.cast(pl.Int64)
        case ColumnType.DATE:
            days = _plain_year(value).replace({"infinity": LAST_DAY, "-infinity": FIRST_DAY})
            return days.str.to_date("%Y-%m-%d")
        case ColumnType.DATETIME:
            moments = _plain_year(value.str.replace(" ", "T").str.replace(r"[+]00( BC)?$", "Z$1"))
            is_complete = moments.str.ends_with("infinity") | moments.str.ends_with("Z")
            moments = pl.when(is_complete).then(moments).otherwise(pl.concat_str(moments, pl.lit("Z")))
            ends = {"infinity": LAST_MOMENT, "-infinity": FIRST_MOMENT}
            return moments.replace(ends).str.to_datetime("%+", time_unit="us", time_zone="UTC")
        case _:
            return _quick(name, column)


def _plain_year(value: pl.Expr) -> pl.Expr:
    """`0044-03-15 BC` → `-0043-03-15`, `10000-01-01` → `+10000-01-01`."""
    year = value.str.extract(_YEAR, 1).cast(pl.Int64)
    rest = pl.concat_str(pl.lit("-"), value.str.extract(_YEAR, 2), value.str.extract(_YEAR, 3))
    before = pl.concat_str(pl.lit("-"), (year - 1).cast(pl.String).str.zfill(4), rest)
    after = pl.concat_str(pl.lit("+"), year.cast(pl.String), rest)
    return pl.when(value.str.ends_with(" BC")).then(before).when(year > 9999).then(after).otherwise(value)


def nan(column: Column) -> Decimal:
    """What stands for NaN in a column of decimals: no number that fits the column has as many digits."""
    return Decimal((1, (9,) * MAX_PRECISION, -(column.scale or 0)))


# --- to PostgreSQL


def text_of(name: str, column: Column) -> pl.Expr:
    """The column in PostgreSQL's own text form; null stays null."""
    value = canonical(name, dtype_of(column))
    match column.type:
        case ColumnType.DECIMAL:
            return value.replace(str(nan(column)), "NaN").alias(name)
        case ColumnType.DATE:
            ends = {LAST_DAY: "infinity", FIRST_DAY: "-infinity"}
            return _own_year(value.replace(ends)).alias(name)
        case ColumnType.DATETIME:
            ends = {LAST_MOMENT: "infinity", FIRST_MOMENT: "-infinity"}
            return _own_year(value.replace(ends)).alias(name)
        case _:
            return value


def _own_year(value: pl.Expr) -> pl.Expr:
    """`-0043-03-15` → `0044-03-15 BC`, `+10000-01-01` → `10000-01-01`; all others as they are."""
    year = value.str.extract(_YEAR, 1).cast(pl.Int64)
    rest = pl.concat_str(pl.lit("-"), value.str.extract(_YEAR, 2), value.str.extract(_YEAR, 3))
    before = pl.concat_str((1 - year).cast(pl.String).str.zfill(4), rest, pl.lit(" BC"))
    return pl.when((year < 1) & ~value.str.ends_with("infinity")).then(before).otherwise(value.str.strip_prefix("+"))

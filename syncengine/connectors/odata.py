"""JSON answers of an OData service → row frames in normal form.

A page is decoded once into structs, turned into columns and normalised with one select; no loop over cells. Decimals
are taken as the text that was sent, so that no digit is lost.
"""

import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

import msgspec
import polars as pl

from syncengine.catalog import Column, ColumnType, Table
from syncengine.errors import CatalogError, PermanentError
from syncengine.frames import CHANGED_AT, ROW_ID, VERSION, dtype_of, schema_of

ETAG = "@odata.etag"
NO_DATE = date(1900, 1, 1)  # Source: finops stores "no date" as this day, at any time of it
NO_GUID = "00000000-0000-0000-0000-000000000000"
_ABSENT = msgspec.Raw(b"null")


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonField:
    """A column and the name under which the service's JSON carries it."""

    column: Column
    json_name: str

    @property
    def name(self) -> str:
        return self.column.name


@dataclass(frozen=True, slots=True, kw_only=True)
class RowShape:
    """What to read of each row of a table, and how it becomes a row frame.

    `fields` covers the columns asked for and those behind `row_id` and `changed_at`; `has_stand_ins` says that the
    service writes 1900-01-01 and the zero GUID where there is no value.
    """

    table: Table
    columns: tuple[str, ...]
    fields: tuple[JsonField, ...]
    row_id: pl.Expr
    changed_at: str = ""
    has_stand_ins: bool = False

    @property
    def select(self) -> str:
        """The names for `$select`."""
        return ",".join(field.json_name for field in self.fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One list answer; `deleted` holds the ids of tombstones, which only a delta has."""

    rows: pl.DataFrame
    next_link: str | None
    delta_link: str | None
    deleted: list[str]


def fields_of(table: Table, names: Iterable[str], *, json_name: Callable[[Column], str]) -> tuple[JsonField, ...]:
    """The fields of these columns, each once.

    Raises: CatalogError for a column that the table does not have.
    """
    columns = {column.name: column for column in columns_of(table, names)}
    return tuple(JsonField(column=column, json_name=json_name(column)) for column in columns.values())


def columns_of(table: Table, names: Iterable[str]) -> Iterator[Column]:
    """Raises: CatalogError for a column that the table does not have."""
    for name in names:
        column = table.column(name)
        if column is None:
            raise CatalogError(f"Table {table.name} has no column {name}.")
        yield column


def empty_rows(table: Table, columns: Iterable[str]) -> pl.DataFrame:
    return pl.DataFrame(schema=schema_of(table, columns))


def read_page(body: bytes, shape: RowShape) -> Page:
    """The rows of one list answer.

    Raises: PermanentError when the body is not such an answer or a value is not of its column's type.
    """
    page = _decode(body, shape, has_tombstones=False)
    return Page(rows=_frame(page.value, shape), next_link=page.next_link, delta_link=page.delta_link, deleted=[])


def read_delta(body: bytes, shape: RowShape) -> Page:
    """The changed rows and tombstones of one answer to a delta link. Raises: as `read_page`."""
    page = _decode(body, shape, has_tombstones=True)
    live = [row for row in page.value if row.reason is None]
    gone = [row.id.lower() for row in page.value if row.reason is not None]
    return Page(rows=_frame(live, shape), next_link=page.next_link, delta_link=page.delta_link, deleted=gone)


def read_rows(bodies: Sequence[bytes], shape: RowShape) -> pl.DataFrame:
    """The rows of these single-row answers, in their order. Raises: as `read_page`."""
    return read_page(b'{"value":[' + b",".join(bodies) + b"]}", shape).rows


def _decode(body: bytes, shape: RowShape, *, has_tombstones: bool) -> Any:
    wanted = tuple((field.json_name, _python_type(field.column.type)) for field in shape.fields)
    try:
        return _decoder(wanted, has_tombstones).decode(body)
    except msgspec.ValidationError as error:
        raise PermanentError(f"{shape.table.name}: the answer does not fit the metadata: {error}.") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise PermanentError(f"{shape.table.name}: the answer is not JSON.") from error


def _python_type(column_type: ColumnType) -> Any:
    match column_type:
        case ColumnType.INTEGER | ColumnType.CHOICE:
            return int | None
        case ColumnType.DECIMAL:
            return msgspec.Raw
        case ColumnType.BOOLEAN:
            return bool | None
        case _:
            return str | None


@lru_cache(maxsize=512)
def _decoder(wanted: tuple[tuple[str, Any], ...], has_tombstones: bool) -> msgspec.json.Decoder[Any]:
    fields: list[Any] = [
        (f"f{place}", kind, msgspec.field(name=name, default=_ABSENT if kind is msgspec.Raw else None))
        for place, (name, kind) in enumerate(wanted)
    ]
    fields.append(("etag", str | None, msgspec.field(name=ETAG, default=None)))
    if has_tombstones:
        fields += [("id", str, ""), ("reason", str | None, None)]
    row = msgspec.defstruct("Row", fields, gc=False)
    links: list[Any] = [
        ("value", list[row]),  # type: ignore[valid-type]
        ("next_link", str | None, msgspec.field(name="@odata.nextLink", default=None)),
        ("delta_link", str | None, msgspec.field(name="@odata.deltaLink", default=None)),
    ]
    return msgspec.json.Decoder(msgspec.defstruct("Page", links, gc=False), strict=False)


def _frame(rows: Sequence[Any], shape: RowShape) -> pl.DataFrame:
    names = [field.name for field in shape.fields]
    cells = operator.attrgetter(*(f"f{place}" for place in range(len(names))), "etag")
    columns = list(zip(*map(cells, rows), strict=True)) if rows else [()] * (len(names) + 1)
    raw = [_series(field, values) for field, values in zip(shape.fields, columns[:-1], strict=True)]
    frame = pl.DataFrame([*raw, pl.Series(VERSION, columns[-1], dtype=pl.String)])
    try:
        return _selected(frame.with_columns(_normal(field, shape.has_stand_ins) for field in shape.fields), shape)
    except pl.exceptions.PolarsError as error:
        raise PermanentError(f"{shape.table.name}: {_guilty(frame, shape)} holds a value of another type.") from error


def _series(field: JsonField, values: Sequence[Any]) -> pl.Series:
    match field.column.type:
        case ColumnType.INTEGER | ColumnType.CHOICE:
            return pl.Series(field.name, values, dtype=pl.Int64)
        case ColumnType.BOOLEAN:
            return pl.Series(field.name, values, dtype=pl.Boolean)
        case ColumnType.DECIMAL:
            return pl.Series(field.name, list(map(bytes, values)), dtype=pl.Binary).cast(pl.String)
        case _:
            return pl.Series(field.name, values, dtype=pl.String)


def _normal(field: JsonField, has_stand_ins: bool) -> pl.Expr:
    """The column in normal form, under its own name."""
    value, dtype = pl.col(field.name), dtype_of(field.column)
    match field.column.type:
        case ColumnType.INTEGER | ColumnType.CHOICE | ColumnType.BOOLEAN:
            return value
        case ColumnType.DECIMAL:
            text = value.str.strip_chars('"')  # some services quote numbers
            normal = pl.when(~text.is_in(["null", ""])).then(text).cast(dtype)
        case ColumnType.DATE:
            normal = value.str.head(10).str.to_date("%Y-%m-%d")
            normal = normal.replace(NO_DATE, None) if has_stand_ins else normal
        case ColumnType.DATETIME:
            normal = value.str.to_datetime("%+", time_unit="us", time_zone="UTC")
            normal = pl.when(normal.dt.date() != NO_DATE).then(normal) if has_stand_ins else normal
        case ColumnType.UUID | ColumnType.LOOKUP:
            normal = value.str.to_lowercase().replace("", None)
            normal = normal.replace(NO_GUID, None) if has_stand_ins else normal
        case _:
            text = value.str.strip_chars_end(" ")
            normal = pl.when(text != "").then(text)
    return normal.alias(field.name)


def _selected(frame: pl.DataFrame, shape: RowShape) -> pl.DataFrame:
    nothing = pl.lit(None, dtype=pl.Datetime("us", "UTC"))
    changed_at = pl.col(shape.changed_at) if shape.changed_at else nothing
    data = [pl.col(column.name).alias(name) for name, column in _asked(shape)]
    return frame.select(shape.row_id.alias(ROW_ID), pl.col(VERSION), changed_at.alias(CHANGED_AT), *data)


def _asked(shape: RowShape) -> Iterator[tuple[str, Column]]:
    return zip(shape.columns, columns_of(shape.table, shape.columns), strict=True)


def _guilty(frame: pl.DataFrame, shape: RowShape) -> str:
    for field in shape.fields:
        try:
            frame.select(_normal(field, shape.has_stand_ins))
        except pl.exceptions.PolarsError:
            return f"column {field.name}"
    return "a column"

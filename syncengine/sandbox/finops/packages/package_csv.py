"""The data files of packages: CSV, the first line names the columns; an empty cell is no value."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from syncengine.catalog import ColumnType
from syncengine.sandbox.declarations import COMPANY
from syncengine.sandbox.finops.packages.package_files import CSV_UNICODE, BadPackage, Part
from syncengine.sandbox.shape import Field, Shape

MAX_DIGITS = 40
_BOMS = (b"\xff\xfe", b"\xfe\xff")
_YES_NO = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A row of a file: its cells by the file's own names, and its values by property name, None for an empty cell.

    `problem` is why it cannot be understood, "" where it can.
    """

    number: int
    cells: Mapping[str, str]
    values: Mapping[str, Any]
    problem: str = ""


def read(content: bytes, part: Part, shape: Shape) -> Iterator[Line]:
    """Raises: BadPackage for a file that is no CSV or names columns that the entity does not have."""
    reader = csv.reader(io.StringIO(_decoded(content, part), newline=""), strict=True)
    try:
        header = next(reader, [])
        fields = _fields(header, part, shape)
        for number, cells in enumerate(reader, start=1):
            if cells:
                yield _line(number, header, fields, cells)
    except csv.Error as error:
        raise BadPackage(f"The file '{part.file}' is no CSV file: {error}.") from error


def write(shape: Shape, rows: Iterable[Sequence[Any]]) -> bytes:
    """`rows` hold the values of `columns`, in this order."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([one.name for one in columns(shape)])
    writer.writerows([_cell(value) for value in row] for row in rows)
    return out.getvalue().encode("utf-8-sig")


def columns(shape: Shape) -> list[Field]:
    """What a file of the entity holds: all of it but the company, which is that of the package."""
    return [one for one in shape.fields.values() if one.declared and one.name != COMPANY]


def _decoded(content: bytes, part: Part) -> str:
    is_unicode = content[:2] in _BOMS
    if part.format == CSV_UNICODE and not is_unicode:
        raise BadPackage(f"The file '{part.file}' is not Unicode.")
    try:
        return content.decode("utf-16" if is_unicode else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadPackage(f"The file '{part.file}' is neither UTF-8 nor Unicode.") from error


def _fields(header: Sequence[str], part: Part, shape: Shape) -> list[Field]:
    known = {name.lower(): one for name, one in shape.fields.items()}
    found = []
    for name in header:
        wanted = part.names.get(name.strip().lower(), name.strip())
        if wanted.lower() not in known:
            raise BadPackage(f"The entity '{part.table.label}' has no field '{wanted[:80]}'.")
        found.append(known[wanted.lower()])
    if not found or len({one.name for one in found}) < len(found):
        raise BadPackage(f"The first line of '{part.file}' names no field, or one twice.")
    return found


def _line(number: int, header: Sequence[str], fields: Sequence[Field], cells: Sequence[str]) -> Line:
    named = dict(zip(header, cells, strict=False))
    if len(cells) != len(header):
        return Line(number=number, cells=named, values={}, problem="The row has more or fewer cells than the header.")
    values: dict[str, Any] = {}
    for one, cell in zip(fields, cells, strict=True):
        try:
            values[one.name] = None if cell == "" else _value(one, cell)
        except (ValueError, ArithmeticError, KeyError):
            problem = f"The value '{cell[:60]}' cannot be converted to the type of field '{one.name}'."
            return Line(number=number, cells=named, values={}, problem=problem)
    return Line(number=number, cells=named, values=values)


def _value(one: Field, cell: str) -> Any:
    """The value as the body of a write would have it. Raises: ValueError, ArithmeticError, KeyError."""
    return _VALUES.get(one.type, str)(cell)


def _integer(cell: str) -> int:
    if len(cell) > MAX_DIGITS:
        raise ValueError(cell)
    return int(cell)


def _decimal(cell: str) -> Decimal:
    number = Decimal(cell)
    if len(cell) > MAX_DIGITS or not number.is_finite() or abs(number.adjusted()) > MAX_DIGITS:
        raise ValueError(cell)
    return number


def _enum(cell: str) -> str | int:
    return int(cell) if cell.isascii() and cell.isdigit() and len(cell) < MAX_DIGITS else cell


_VALUES: Mapping[ColumnType, Callable[[str], Any]] = {
    ColumnType.INTEGER: _integer,
    ColumnType.DECIMAL: _decimal,
    ColumnType.ENUM: _enum,
    ColumnType.BOOLEAN: lambda cell: _YES_NO[cell.lower()],
}


def _cell(value: Any) -> str:
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, date):
        return f"{value} 00:00:00"
    return format(value, "f") if isinstance(value, Decimal) else str(value)

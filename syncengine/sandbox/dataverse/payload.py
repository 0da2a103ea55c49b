"""The body of a write: properties with values, and look-ups bound to rows.

Names count in their letter case. Text "" is no text. Numbers are rounded by the column's scale when they are stored.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from syncengine.catalog import ColumnType
from syncengine.sandbox import addresses
from syncengine.sandbox.addresses import BadAddress, Segment
from syncengine.sandbox.calls import Call, ServiceError, decode
from syncengine.sandbox.dataverse import errors
from syncengine.sandbox.dataverse.shape import navigation
from syncengine.sandbox.declarations import Column
from syncengine.sandbox.shape import Field, Shape

BIND = "@odata.bind"
MAX_INTEGER = 2_147_483_647
MAX_DECIMAL = 100_000_000_000
MAX_MONEY = 922_337_203_685_477
FIRST_DAY = date(1753, 1, 1)
_NONE: Mapping[str, str] = {}
_BY_ID = re.compile(r"/?(\w+)\(([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """What a look-up is bound to: a row by its id, or by an alternate key still to be looked up."""

    column: Column
    segment: Segment


@dataclass(slots=True, kw_only=True)
class Payload:
    """`values` by database column; look-ups bound by id are among them, those bound by key are in `references`."""

    values: dict[str, Any] = field(default_factory=dict)
    references: list[Reference] = field(default_factory=list)


def read_body(call: Call, shape: Shape) -> dict[str, Any]:
    """The body as an object. Raises: ServiceError."""
    try:
        body = decode(call.body)
    except ValueError as error:
        raise errors.bad_payload(shape, f"The body is not valid JSON: {error}") from error
    if not isinstance(body, dict):
        raise errors.bad_payload(shape, "An object was expected.")
    return body


def read_payload(shape: Shape, body: Mapping[str, Any], references: Mapping[str, str] = _NONE) -> Payload:
    """Raises: ServiceError for the first property that the table does not take."""
    payload = Payload()
    for name, value in body.items():
        if "@" in name:
            _read_annotation(shape, name, referred(value, references), payload)
            continue
        one = shape.fields.get(name)
        if one is None or one.declared is None or one.type is ColumnType.LOOKUP:
            raise _unknown(shape, name)
        if not one.declared.read_only:
            payload.values[one.column] = value_of(shape, one, value)
    return payload


def referred(value: Any, references: Mapping[str, str]) -> Any:
    """The address that `$1` stands for. Raises: ServiceError when the change set has no such part before."""
    if not isinstance(value, str) or not value.lstrip("/").startswith("$"):
        return value
    content_id = value.lstrip("/")[1:]
    if content_id not in references:
        text = f"Content-ID Reference: '${content_id[:40]}' does not exist in the batch context."
        raise ServiceError(400, text, code=errors.URI)
    return references[content_id]


def value_of(shape: Shape, one: Field, value: Any) -> Any:
    """The value as the column stores it. Raises: ServiceError."""
    if value is None:
        return None
    if one.declared is not None and one.declared.is_multiple:
        return _choices(shape, one, value)
    return _READERS[one.type](shape, one, value)


def _read_annotation(shape: Shape, name: str, value: Any, payload: Payload) -> None:
    if not name.endswith(BIND):
        return
    bound = name.removesuffix(BIND)
    column = shape.bindings.get(bound)
    if column is None:
        raise errors.bad_payload(
            shape,
            f"Microsoft.OData.ODataException: An undeclared property '{bound}' which only has property annotations in"
            " the payload but no property value was found in the payload. In OData, only declared navigation properties"
            " and declared named streams can be represented as properties without values.",
        )
    empty = emptied(shape, column)
    if value is None:
        payload.values = {**empty, **payload.values}
    else:
        payload.values.update((name, None) for name in empty if name != column.name)
        _read_reference(shape, column, value, payload)


def emptied(shape: Shape, column: Column) -> dict[str, None]:
    """What empties the look-up: all its branches where it has several targets."""
    part_of = shape.by_column[column.name].part_of
    together = [one.column for one in shape.branches if one.part_of == part_of] if part_of else [column.name]
    return dict.fromkeys(together)


def _read_reference(shape: Shape, column: Column, value: Any, payload: Payload) -> None:
    if not isinstance(value, str):
        raise errors.bad_payload(shape, f"The value of '{navigation(column)}{BIND}' must be the address of a record.")
    by_id = _BY_ID.fullmatch(value)
    segment = None if by_id else segment_of(shape, value)
    if (by_id[1] if by_id else segment and segment.name) != column.target:
        raise errors.bad_payload(shape, f"'{value[:100]}' is no record that '{navigation(column)}' can point to.")
    if by_id:
        payload.values[column.name] = UUID(by_id[2])
    elif segment:
        payload.references.append(Reference(column=column, segment=segment))


def segment_of(shape: Shape, value: Any) -> Segment:
    """The row that an address names, absolute or not. Raises: ServiceError."""
    if not isinstance(value, str):
        raise errors.bad_payload(shape, "The address of a record was expected.")
    try:
        segment = addresses.parse(value.rpartition("/api/data/v9.")[2]).segments[-1]
    except (BadAddress, IndexError) as error:
        raise errors.bad_payload(shape, f"'{value[:100]}' is not the address of a record.") from error
    if segment.key is None:
        raise errors.bad_payload(shape, f"'{value[:100]}' names no record.")
    return segment


def _unknown(shape: Shape, name: str) -> ServiceError:
    if name.startswith("_") and name.endswith("_value"):
        text = "CRM do not support direct update of Entity Reference properties, Use Navigation properties instead."
        return errors.bad_payload(shape, text)
    return errors.bad_payload(
        shape,
        f"Microsoft.OData.ODataException: The property '{name[:100]}' does not exist on type"
        f" '{errors.type_name(shape)}'. Make sure to only use property names that are defined by the type.",
    )


def _wrong_type(shape: Shape, one: Field, value: Any, edm: str) -> ServiceError:
    return errors.bad_payload(
        shape,
        f"Microsoft.OData.ODataException: Cannot convert the literal '{str(value)[:60]}' of property '{one.name}' to"
        f" the expected type '{edm}'.",
    )


def _range(shape: Shape, one: Field, code: str, more: str = "") -> ServiceError:
    text = f"A validation error occurred. The value of '{one.column}' on record of type"
    return ServiceError(400, f"{text} '{errors.table_of(shape).logical}' is outside the valid range.{more}", code=code)


def _text(shape: Shape, one: Field, value: Any) -> str | None:
    if not isinstance(value, str) or "\x00" in value:
        raise _wrong_type(shape, one, value, "Edm.String")
    limit = one.declared.length if one.declared else 100
    if len(value) > limit:
        raise ServiceError(
            400,
            f"A validation error occurred. The length of the '{one.column}' attribute of the"
            f" '{errors.table_of(shape).logical}' entity exceeded the maximum allowed length of '{limit}'.",
            code=errors.TOO_LONG,
        )
    return value or None


def _integer(shape: Shape, one: Field, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise _wrong_type(shape, one, value, "Edm.Int32")
    low, high = limits_of(one)
    if not low <= value <= high:
        raise _range(shape, one, errors.INTEGER_RANGE)
    return value


def _decimal(shape: Shape, one: Field, value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise _wrong_type(shape, one, value, "Edm.Decimal")
    low, high = limits_of(one)
    if not low <= value <= high:
        raise _range(shape, one, errors.DECIMAL_RANGE)
    return Decimal(value)


def limits_of(one: Field) -> tuple[Decimal | int, Decimal | int]:
    """The smallest and the greatest number that the column takes."""
    column = one.declared
    is_money = column is not None and column.is_money
    most = MAX_INTEGER if one.type is ColumnType.INTEGER else MAX_MONEY if is_money else MAX_DECIMAL
    low = column.minimum if column and column.minimum is not None else -most
    return low, column.maximum if column and column.maximum is not None else most


def _choice(shape: Shape, one: Field, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise _wrong_type(shape, one, value, "Edm.Int32")
    choices = one.declared.choices if one.declared else {}
    if str(value) not in choices:
        raise _range(shape, one, errors.NO_SUCH_CHOICE, f" Accepted Values: {','.join(choices)}")
    return value


def _choices(shape: Shape, one: Field, value: Any) -> str | None:
    """Several choices: "1,3", in the order of their numbers."""
    if not isinstance(value, str):
        raise _wrong_type(shape, one, value, "Edm.String")
    parts = {part.strip() for part in value.split(",") if part.strip()}
    if not all(part.isascii() and part.lstrip("-").isdigit() for part in parts):
        raise _wrong_type(shape, one, value, "Edm.String")
    return ",".join(str(_choice(shape, one, number)) for number in sorted(map(int, parts))) or None


def _boolean(shape: Shape, one: Field, value: Any) -> bool:
    if not isinstance(value, bool):
        raise _wrong_type(shape, one, value, "Edm.Boolean")
    return value


def _date(shape: Shape, one: Field, value: Any) -> date:
    try:
        day = date.fromisoformat(value) if isinstance(value, str) and len(value) == 10 else None
    except ValueError:
        day = None
    if day is None:
        raise _wrong_type(shape, one, value, "Edm.Date")
    return _in_calendar(shape, one, day)


def _datetime(shape: Shape, one: Field, value: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) and "T" in value else None
        is_local = one.declared is not None and one.declared.is_zone_independent
        if moment is not None and is_local:
            moment = moment.replace(tzinfo=UTC)
        moment = moment.astimezone(UTC) if moment and moment.tzinfo else None
    except (ValueError, OverflowError):
        moment = None
    if moment is None:
        raise _wrong_type(shape, one, value, "Edm.DateTimeOffset")
    _in_calendar(shape, one, moment.date())
    return moment.replace(microsecond=0)


def _in_calendar(shape: Shape, one: Field, day: date) -> date:
    if day < FIRST_DAY:
        text = f"CrmDateTime less than minimum value supported. Specified value: {day}, Minimum value: {FIRST_DAY}"
        raise ServiceError(400, f"{text} ('{one.column}')", code=errors.DATE_RANGE)
    return day


def _uuid(shape: Shape, one: Field, value: Any) -> UUID:
    try:
        found = UUID(value) if isinstance(value, str) and len(value) == 36 else None
    except ValueError:
        found = None
    if found is None:
        raise _wrong_type(shape, one, value, "Edm.Guid")
    return found


_READERS: dict[ColumnType, Callable[[Shape, Field, Any], Any]] = {
    ColumnType.TEXT: _text,
    ColumnType.INTEGER: _integer,
    ColumnType.DECIMAL: _decimal,
    ColumnType.CHOICE: _choice,
    ColumnType.BOOLEAN: _boolean,
    ColumnType.DATE: _date,
    ColumnType.DATETIME: _datetime,
    ColumnType.UUID: _uuid,
}

"""The body of a write: property names count in their letter case, "nothing" becomes the column's stand-in."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from syncengine.catalog import ColumnType
from syncengine.sandbox.calls import Call, ServiceError, decode
from syncengine.sandbox.declarations import COMPANY
from syncengine.sandbox.finops import errors
from syncengine.sandbox.finops.shape import FIRST_DAY, stand_in
from syncengine.sandbox.shape import Field, Shape
from syncengine.sandbox.store import Stock

MAX_INTEGER = 2_147_483_647
MAX_DECIMAL = 10**16
ENUMS = "Microsoft.Dynamics.DataEntities"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    stock: Stock
    shape: Shape
    field: Field

    @property
    def label(self) -> str:
        return (self.field.declared.label if self.field.declared else "") or self.field.name

    def wrong_type(self, value: Any, edm: str) -> ServiceError:
        text = f"Cannot convert the literal '{str(value)[:60]}' of property '{self.field.name}' to the expected type"
        return errors.bad_request(f"{text} '{edm}'.")

    def refused(self, reason: str) -> ServiceError:
        return errors.field_failed(self.shape, self.field.name, reason)


def read_body(call: Call) -> dict[str, Any]:
    """The body as an object. Raises: ServiceError."""
    try:
        body = decode(call.body)
    except ValueError as error:
        raise errors.bad_request(f"The body is not valid JSON: {error}") from error
    if not isinstance(body, dict):
        raise errors.bad_request("An object was expected.")
    return body


def read_values(stock: Stock, shape: Shape, body: Mapping[str, Any]) -> dict[str, Any]:
    """Values by database column. Raises: ServiceError for the first property that the entity does not take."""
    values: dict[str, Any] = {}
    for name, value in body.items():
        if "@" in name:
            continue
        one = shape.fields.get(name)
        if one is None or one.declared is None:
            raise errors.bad_request(
                f"The property '{name[:100]}' does not exist on type '{ENUMS}.{errors.table_of(shape).entity}'. Make"
                " sure to only use property names that are defined by the type."
            )
        if not one.declared.read_only:
            values[one.column] = value_of(stock, shape, one, value)
    return values


def value_of(stock: Stock, shape: Shape, one: Field, value: Any) -> Any:
    """The value as the column stores it. Raises: ServiceError."""
    if value is None:
        return stand_in(one, stock.firsts)
    return _READERS[one.type](_Reading(stock=stock, shape=shape, field=one), value)


def _text(reading: _Reading, value: Any) -> str:
    if not isinstance(value, str) or "\x00" in value:
        raise reading.wrong_type(value, "Edm.String")
    limit = reading.field.declared.length if reading.field.declared else 100
    text = value.rstrip(" ")
    if len(text) > limit:
        raise reading.refused(f"The value of field '{reading.label}' exceeds the maximum length of {limit}")
    return text.lower() if reading.field.name == COMPANY else text


def _integer(reading: _Reading, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise reading.wrong_type(value, "Edm.Int32")
    if abs(value) > MAX_INTEGER:
        raise reading.wrong_type(value, "Edm.Int32")
    return value


def _decimal(reading: _Reading, value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise reading.wrong_type(value, "Edm.Decimal")
    number = Decimal(value)
    if abs(number) >= MAX_DECIMAL:
        raise reading.refused(f"The value of field '{reading.label}' is out of range")
    return number


def _boolean(reading: _Reading, value: Any) -> bool:
    if not isinstance(value, bool):
        raise reading.wrong_type(value, "Edm.Boolean")
    return value


def _enum(reading: _Reading, value: Any) -> str:
    """A symbol in any letter case, or its number."""
    name = reading.field.declared.enum if reading.field.declared else ""
    members = reading.stock.enums[name].members
    number = value if isinstance(value, int) and not isinstance(value, bool) else -1
    if 0 <= number < len(members):
        return members[number]
    found = next((one for one in members if isinstance(value, str) and one.lower() == value.lower()), None)
    if found is None:
        raise reading.wrong_type(value, f"{ENUMS}.{name}")
    return found


def _date(reading: _Reading, value: Any) -> date:
    return _moment(reading, value, "Edm.Date").date()


def _datetime(reading: _Reading, value: Any) -> datetime:
    """Any moment of the first day is "no date", noon as well as midnight."""
    moment = _moment(reading, value, "Edm.DateTimeOffset").replace(microsecond=0)
    return moment.replace(hour=0, minute=0, second=0) if moment.date() == FIRST_DAY else moment


def _moment(reading: _Reading, value: Any, edm: str) -> datetime:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC) if moment else None
    except (ValueError, OverflowError):
        moment = None
    if moment is None:
        raise reading.wrong_type(value, edm)
    if moment.date() < FIRST_DAY:
        raise reading.refused(f"The value of field '{reading.label}' is out of range")
    return moment


def _uuid(reading: _Reading, value: Any) -> UUID:
    try:
        return UUID(str(value))
    except ValueError as error:
        raise reading.wrong_type(value, "Edm.Guid") from error


_READERS: dict[ColumnType, Callable[[_Reading, Any], Any]] = {
    ColumnType.TEXT: _text,
    ColumnType.INTEGER: _integer,
    ColumnType.DECIMAL: _decimal,
    ColumnType.BOOLEAN: _boolean,
    ColumnType.ENUM: _enum,
    ColumnType.DATE: _date,
    ColumnType.DATETIME: _datetime,
    ColumnType.UUID: _uuid,
}

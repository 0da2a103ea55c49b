"""A form from a table's columns: what a person sees in each input, and what was typed as the service takes it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from syncengine.catalog import ColumnType
from syncengine.sandbox.declarations import COMPANY, DataverseTable, FinopsTable
from syncengine.sandbox.finops.shape import NO_DATE
from syncengine.sandbox.pages import display
from syncengine.sandbox.pages.display import Names, Row
from syncengine.sandbox.shape import Field, Shape
from syncengine.sandbox.site import Site

LONG = 500  # characters from which a text has several lines
YES_NO = (("true", "Yes"), ("false", "No"))


class Wrong(ValueError):
    """What was typed is no value of the column; the message is a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """`kind` is the template's word; `source` where suggestions come from; `was` what the row held when it was opened.

    `was_name` is what the input of that is called.
    `is_first` columns are always in sight, the others behind a fold.
    """

    name: str
    was_name: str
    label: str
    kind: str
    value: str = ""
    was: str = ""
    options: tuple[tuple[str, str], ...] = ()
    source: str = ""
    required: bool = False
    length: int = 0
    step: str = ""
    help: str = ""
    problem: str = ""
    is_first: bool = False


def fields(shape: Shape, *, is_new: bool) -> list[Field]:
    """The columns that a person fills in. The key of a finops row stays as it is."""
    found: list[Field] = []
    for one in shape.fields.values():
        declared = one.declared
        if one is shape.row_id or declared is None or declared.read_only or declared.joined_from:
            continue
        if isinstance(shape.declared, FinopsTable) and not is_new and one in shape.key:
            continue
        found += [branch for branch in shape.branches if branch.part_of == one.column] if declared.targets else [one]
    return found


def facts(shape: Shape, row: Row, names: Names, *, without: list[Field]) -> list[tuple[str, display.Cell]]:
    """What is told of a row and cannot be typed: label and value, where there is one."""
    shown = [one for one in shape.fields.values() if one not in without and not (one.declared and one.declared.targets)]
    pairs = [(display.label(one), display.cell(one, row.get(one.name), names)) for one in shown]
    return [(label, cell) for label, cell in pairs if cell.text]


def kind_of(site: Site, one: Field) -> tuple[str, tuple[tuple[str, str], ...]]:
    """The template's word for the input, and what can be chosen."""
    declared = one.declared
    assert declared is not None
    match one.type:
        case ColumnType.CHOICE:
            return "select", tuple(declared.choices.items())
        case ColumnType.ENUM:
            return "select", tuple((member, member) for member in site.stock.enums[declared.enum].members)
        case ColumnType.BOOLEAN:
            return "select", YES_NO
        case ColumnType.INTEGER | ColumnType.DECIMAL:
            return "number", ()
        case ColumnType.DATE:
            return "date", ()
        case ColumnType.DATETIME:
            return "datetime", ()
        case ColumnType.LOOKUP:
            return "suggest", ()
        case _:
            return ("lines" if declared.length > LONG else "text"), ()


def text_of(one: Field, value: Any, names: Names) -> str:
    """The value as its input holds it."""
    if value is None or (isinstance(value, str) and value.startswith(NO_DATE)):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if one.type is ColumnType.DATETIME:
        return str(value)[:19]
    if one.type is ColumnType.DATE:
        return str(value)[:10]
    if isinstance(value, Decimal):
        return f"{value:f}"
    if one.type is ColumnType.LOOKUP:
        return names.get(str(value), ("", str(value)))[1]
    return str(value)


def value_of(one: Field, text: str) -> Any:
    """What was typed as the service takes it; None for nothing. Raises: Wrong."""
    typed = text.strip() if one.type is not ColumnType.TEXT else text.replace("\r\n", "\n")
    if typed == "":
        return None
    return _READERS.get(one.type, _as_typed)(typed)


def _as_typed(text: str) -> str:
    return text


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise Wrong(f"“{text[:40]}” is no whole number.") from error


def _decimal(text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation as error:
        raise Wrong(f"“{text[:40]}” is no number. Write it like 1234.5.") from error
    if not value.is_finite():
        raise Wrong(f"“{text[:40]}” is no number. Write it like 1234.5.")
    return value


def _yes_no(text: str) -> bool:
    if text not in ("true", "false"):
        raise Wrong("Choose Yes or No.")
    return text == "true"


def _moment(text: str) -> str:
    return text if text.endswith("Z") else f"{text}Z" if len(text) > 16 else f"{text}:00Z"


_READERS: dict[ColumnType, Callable[[str], Any]] = {
    ColumnType.INTEGER: _integer,
    ColumnType.CHOICE: _integer,
    ColumnType.DECIMAL: _decimal,
    ColumnType.BOOLEAN: _yes_no,
    ColumnType.DATETIME: _moment,
}


def first_columns(shape: Shape) -> set[str]:
    """The columns that are always in sight: those that must be filled in, and those that tell rows apart."""
    declared = shape.declared
    names = {*declared.key_columns(), COMPANY}
    if isinstance(declared, DataverseTable):
        names.add(declared.primary_name)
    return names | {column.name for column in declared.columns if column.required}


def is_required(one: Field) -> bool:
    return bool(one.declared and one.declared.required and not one.declared.number_sequence)


def help_of(site: Site, shape: Shape, one: Field) -> str:
    """A hint below the input, "" where the label says enough."""
    declared = one.declared
    assert declared is not None
    if declared.number_sequence:
        return f"Left empty, the sandbox gives the next number ({declared.number_sequence})."
    if one.type is ColumnType.DECIMAL:
        return f"Up to {declared.scale} digits after the point."
    if one.type is ColumnType.DATETIME:
        return "UTC."
    if one.type is ColumnType.LOOKUP:
        target = site.stock.inventory.tables[declared.target]
        return f"A row of {target.label}, by name, key or ID."
    return ""


def was_changed(one: Field, form: Mapping[str, str]) -> bool:
    """Whether the person changed what the input held."""
    typed, was = form.get(name_of(one)), form.get(was_name_of(one), "")
    return typed is not None and typed.replace("\r\n", "\n") != was.replace("\r\n", "\n")


def name_of(one: Field) -> str:
    return f"c.{one.name}"


def was_name_of(one: Field) -> str:
    return f"was.{one.name}"


def can_be_empty(shape: Shape, *, is_new: bool) -> bool:
    """Whether its selects offer nothing as well: a column of finops that is filled stays filled."""
    return is_new or not isinstance(shape.declared, FinopsTable)

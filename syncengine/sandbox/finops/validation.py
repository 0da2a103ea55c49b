"""What validateField and validateWrite ask of a row by itself: mandatory fields, patterns, bounds, fields that belong
together. The rules are data of the table's declaration.

Source: Finance and Operations OData documentation (validate methods).
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from syncengine.sandbox.declarations import FinopsTable, Validation
from syncengine.sandbox.finops import errors
from syncengine.sandbox.finops.shape import FIRST_DAY, stand_in
from syncengine.sandbox.shape import Field, Shape
from syncengine.sandbox.site import Site

Values = Mapping[str, Any]
Lines = list[str]


def of_table(site: Site, shape: Shape) -> Sequence[Validation]:
    """The table's rules, those of its columns' bounds included."""
    found: Sequence[Validation] = site.stock.inventory.remember(
        f"validations {shape.name}", lambda: list(_of_table(errors.table_of(shape)))
    )
    return found


def _of_table(table: FinopsTable) -> Iterator[Validation]:
    yield from table.validations
    for column in table.columns:
        if column.minimum is not None or column.maximum is not None:
            yield Validation(column=column.name, minimum=column.minimum, maximum=column.maximum)


def touching(validations: Sequence[Validation], written: Collection[str]) -> list[Validation]:
    """Those that a change of these columns can break."""
    return [one for one in validations if one.column in written or not set(one.needs).isdisjoint(written)]


def check(site: Site, shape: Shape, validations: Sequence[Validation], row: Values) -> None:
    """Raises: ServiceError with a line for each rule that the row breaks."""
    lines = [line for one in validations for line in _broken(site, shape, one, row)]
    if lines:
        raise errors.infolog(shape, lines)


def check_required(shape: Shape, values: Values, *, is_new: bool) -> None:
    """Raises: ServiceError for the first mandatory field that is empty; of a change only what it writes counts."""
    for column in errors.table_of(shape).columns:
        if not column.required or (not is_new and column.name not in values):
            continue
        if values.get(column.name) in (None, ""):
            raise errors.infolog(shape, [f"Error: Field '{column.label or column.name}' must be filled in"])


def _broken(site: Site, shape: Shape, one: Validation, row: Values) -> Lines:
    """The lines of the infolog for this rule; empty where it holds."""
    value = row.get(one.column)
    if one.column not in row or (not _is_filled(site, shape.by_column[one.column], value) and not _is_number(value)):
        return []
    lines = [f"Warning: {text}" for text in (_pattern(shape, one, value), _bounds(shape, one, value)) if text]
    if lines:
        lines.append(f"Warning: validateField failed on field '{errors.table_of(shape).table}.{one.column}'")
    lines += _missing(site, shape, one, row)
    return [f"Error: {one.message}"] if lines and one.message else lines


def _pattern(shape: Shape, one: Validation, value: Any) -> str:
    if not one.pattern or re.fullmatch(one.pattern, str(value)):
        return ""
    return f"The value '{value}' in field '{_label(shape, one.column)}' is not valid"


def _bounds(shape: Shape, one: Validation, value: Any) -> str:
    if not _is_number(value):
        return ""
    if one.minimum is not None and value < one.minimum:
        return f"Field '{_label(shape, one.column)}' must be greater than or equal to {one.minimum}"
    if one.maximum is not None and value > one.maximum:
        return f"Field '{_label(shape, one.column)}' must be less than or equal to {one.maximum}"
    return ""


def _missing(site: Site, shape: Shape, one: Validation, row: Values) -> Lines:
    """What has to be filled in together with this column and is not."""
    if not _is_filled(site, shape.by_column[one.column], row[one.column]):
        return []
    empty = [name for name in one.needs if not _is_filled(site, shape.by_column[name], row.get(name))]
    return [f"Error: Field '{_label(shape, name)}' must be filled in" for name in empty]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def _is_filled(site: Site, one: Field, value: Any) -> bool:
    if isinstance(value, date):
        return (value.date() if isinstance(value, datetime) else value) != FIRST_DAY
    return value is not None and value != stand_in(one, site.stock.firsts)


def _label(shape: Shape, column: str) -> str:
    declared = shape.by_column[column].declared
    return (declared.label if declared else "") or column

"""A record's values on both sides, read at this moment, side by side as its map pairs them."""

from dataclasses import dataclass

import polars as pl

from syncengine.errors import SyncError
from syncengine.frames import canonical
from syncengine.mapping.compile import backward, forward
from syncengine.mapping.definition import Direction
from syncengine.mapping.lines import CompiledField
from syncengine.models import StoredSyncError
from syncengine.pipeline import reading
from syncengine.pipeline.work import Work
from syncengine.repository import bindings
from syncengine.services.database import raw
from syncengine.services.works import work_of
from syncengine.states import Side


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorCell:
    """One field: a value is None where the row has none there or is not there itself."""

    left_column: str | None
    right_column: str | None
    left_value: str | None
    right_value: str | None
    differs: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorDetail:
    """`left_problem` and `right_problem` say why there is nothing to show of that side; "" where there is."""

    cells: list[ErrorCell]
    left_problem: str
    right_problem: str


_Values = dict[str, str | None]


def detail(error: StoredSyncError) -> ErrorDetail:
    """Both rows as they are now; a side that cannot be read says so and leaves its values empty."""
    try:
        work = work_of(error.map, error.map.link.maps.select_related("version"))
    except SyncError as exc:
        return ErrorDetail(cells=[], left_problem=str(exc), right_problem=str(exc))
    found = {side: _read(work, side, row_id) for side, row_id in _row_ids(error).items()}
    cells = [_cell(line, found) for line in work.compiled.fields if _is_read(line, found)]
    return ErrorDetail(cells=cells, left_problem=found[Side.LEFT][2], right_problem=found[Side.RIGHT][2])


def _row_ids(error: StoredSyncError) -> dict[Side, str | None]:
    """The record's two rows: as filed, else as its binding remembers them."""
    left_ids, right_ids = ([row_id] if row_id is not None else [] for row_id in (error.left_id, error.right_id))
    known = bindings.of_rows(raw(), error.map_id, left_ids=left_ids, right_ids=right_ids)
    found = {
        side: next(iter(known[f"{side}_id"].drop_nulls().to_list()), None) if known.height else None for side in Side
    }
    filed = {Side.LEFT: error.left_id, Side.RIGHT: error.right_id}
    return {side: filed[side] if filed[side] is not None else found[side] for side in Side}


def _read(work: Work, side: Side, row_id: str | None) -> tuple[_Values, _Values, str]:
    """The row's values, their image on the other side, and why there are none."""
    nothing: tuple[_Values, _Values] = ({}, {})
    if row_id is None:
        return *nothing, f"The record has no row in {work.environments[side]}."
    try:
        rows = reading.read(raw(), work, side, [row_id])
    except SyncError as exc:
        return *nothing, str(exc)
    if rows.is_empty():
        return *nothing, f"The row is not in {work.environments[side]} any more."
    mapped = forward(work.compiled, rows) if side is Side.LEFT else backward(work.compiled, rows)
    return _text(rows), _text(mapped.rows), ""


def _text(rows: pl.DataFrame) -> _Values:
    """The first row, each value in its one spelling."""
    return rows.head(1).select(canonical(name, dtype) for name, dtype in rows.schema.items()).row(0, named=True)


def _is_read(line: CompiledField, found: dict[Side, tuple[_Values, _Values, str]]) -> bool:
    """Whether anything is known of the field; defaults that are written on create only are never read."""
    names = {Side.LEFT: line.left and line.left.name, Side.RIGHT: _right_name(line)}
    return any(name in found[side][0] for side, name in names.items() if name)


def _right_name(line: CompiledField) -> str | None:
    return line.lookup.path if line.lookup is not None else line.right.name if line.right is not None else None


def _cell(line: CompiledField, found: dict[Side, tuple[_Values, _Values, str]]) -> ErrorCell:
    (left_values, right_image, _), (right_values, left_image, _) = found[Side.LEFT], found[Side.RIGHT]
    left = line.left.name if line.left is not None else None
    right = _right_name(line)
    left_value = left_values.get(left) if left else None
    right_value = right_values.get(right) if right else None
    if not left or not right or not left_values or not right_values:
        differs = False
    elif line.direction is Direction.TO_LEFT:
        differs = left_image.get(left) != left_value
    else:
        differs = right_image.get(right) != right_value
    return ErrorCell(
        left_column=left, right_column=right, left_value=left_value, right_value=right_value, differs=differs
    )

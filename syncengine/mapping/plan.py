"""One direction of a map, ready to run: a few polars calls a batch, whatever the number of columns.

A batch is mapped with one select. Whether anything went wrong is then seen from counts: a converted column must have
as many nulls as its source, and texts must fit. Only where a count is off are the rows looked for.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby

import polars as pl

from syncengine.catalog import Column, ColumnType
from syncengine.errors import ErrorClass
from syncengine.frames import ROW_ID
from syncengine.mapping.lines import CompiledField
from syncengine.mapping.lookups import Lookup, path_column, unknown_rows
from syncengine.mapping.mapped import Mapped, no_problems, problem_lines, shown
from syncengine.mapping.transforms import ValueMap, converted, is_safe, is_unmapped, literal, mapped_by, value_map
from syncengine.states import Side


class Check(StrEnum):
    NONE = "none"  # cannot fail, or its failure does not matter
    NULLS = "nulls"  # a value that becomes null has failed
    UNMAPPED = "unmapped"  # null is a good image of some values: ask the value map


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """How one target column comes about."""

    source: Column
    target: Column  # of a path: a text column named by it
    image: pl.Expr
    check: Check
    values: ValueMap | None
    has_default: bool
    lookup: Lookup | None  # behind the source, on the way to the left
    max_length: int | None  # to be checked


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    steps: tuple[Step, ...]
    images: tuple[pl.Expr, ...]  # the select that makes the target rows
    limits: tuple[tuple[int, tuple[str, ...]], ...]  # longest text → target columns


def plan_of(fields: Sequence[CompiledField], target: Side) -> Plan:
    """The steps to the target side: of the lines that flow there, and of key lines, by which partners are found.

    Raises: ValueError for a constant that its column cannot hold.
    """
    complete = [field for field in fields if field.left is not None and field.right is not None]
    steps = [_step(field, target, is_checked=True) for field in complete if field.direction.flows_to(target)]
    written = {step.target.name for step in steps}
    keys = [field for field in complete if field.is_key and ends(field, target)[1].name not in written]
    steps += [_step(field, target, is_checked=False) for field in keys]
    return Plan(
        steps=tuple(steps),
        images=(pl.col(ROW_ID), *(step.image.alias(step.target.name) for step in steps)),
        limits=_limits(steps),
    )


def _limits(steps: Sequence[Step]) -> tuple[tuple[int, tuple[str, ...]], ...]:
    limited = sorted((step.max_length, step.target.name) for step in steps if step.max_length is not None)
    groups = groupby(limited, lambda pair: pair[0])
    return tuple((limit, tuple(name for _, name in group)) for limit, group in groups)


def ends(field: CompiledField, target: Side) -> tuple[Column, Column]:
    """Source and target column of a line; a look-up path is a text column of its name."""
    assert field.left is not None
    assert field.right is not None
    right = field.right if field.lookup is None else path_column(field.lookup)
    return (field.left, right) if target is Side.RIGHT else (right, field.left)


def image_of(field: CompiledField, target: Side) -> pl.Expr:
    """The line's value on the target side, in the target's type."""
    return _step(field, target, is_checked=False).image


def _step(field: CompiledField, target_side: Side, *, is_checked: bool) -> Step:
    source, target = ends(field, target_side)
    values = _values(field, source, target, target_side)
    value = pl.col(source.name)
    if values is not None:
        image = mapped_by(values, value, source=source, target=target)
    else:
        image = converted(value, source, target)
    default = field.line.default or None
    if default is not None:
        image = pl.when(value.is_null()).then(literal(target, default)).otherwise(image)
    return Step(
        source=source,
        target=target,
        image=image,
        check=_check(values, source, target) if is_checked else Check.NONE,
        values=values,
        has_default=default is not None,
        lookup=field.lookup if is_checked and target_side is Side.LEFT else None,
        max_length=_limit(source, target) if is_checked else None,
    )


def _values(field: CompiledField, source: Column, target: Column, target_side: Side) -> ValueMap | None:
    line = field.line
    if not line.value_map:
        return None
    if target_side is Side.RIGHT:
        pairs, otherwise = [(pair.left, pair.right) for pair in line.value_map], line.otherwise_right
    else:
        pairs, otherwise = [(pair.right, pair.left) for pair in line.value_map], line.otherwise_left
    return value_map(pairs, source=source, target=target, otherwise=otherwise)


def _check(values: ValueMap | None, source: Column, target: Column) -> Check:
    if values is None:
        return Check.NONE if is_safe(source, target) else Check.NULLS
    if values.otherwise is not None:
        return Check.NONE
    return Check.NULLS if values.keeps_nulls else Check.UNMAPPED


def _limit(source: Column, target: Column) -> int | None:
    """The target's length, unless the source's own is known to fit."""
    if target.type is not ColumnType.TEXT or target.max_length is None:
        return None
    fits = source.type is ColumnType.TEXT and source.max_length is not None and source.max_length <= target.max_length
    return None if fits else target.max_length


# --- running it


def run(plan: Plan, rows: pl.DataFrame) -> Mapped:
    """The rows in the target's shape, with their problems."""
    images = rows.select(plan.images)
    if rows.is_empty():
        return Mapped(rows=images, problems=no_problems())
    problems = [no_problems(), *_conversion_problems(plan, rows, images)]
    if _has_long_text(plan, images):
        problems += [_long_text(step, images) for step in plan.steps if step.max_length is not None]
    return Mapped(rows=images, problems=pl.concat(problems))


def _conversion_problems(plan: Plan, rows: pl.DataFrame, images: pl.DataFrame) -> Iterator[pl.DataFrame]:
    before, after = rows.null_count().row(0, named=True), images.null_count().row(0, named=True)
    for step in plan.steps:
        source, target = step.source.name, step.target.name
        if step.lookup is not None and before[source] != before[step.lookup.column]:
            yield unknown_rows(rows, step.lookup)
        if step.check is Check.UNMAPPED and step.values is not None:
            yield _failed(step, rows.filter(is_unmapped(step.values, pl.col(source), step.source)))
        if step.check is Check.NULLS and after[target] != (0 if step.has_default else before[source]):
            yield _failed(step, rows.filter(pl.col(source).is_not_null() & images[target].is_null()))


def _failed(step: Step, rows: pl.DataFrame) -> pl.DataFrame:
    source, target = step.source.name, step.target.name
    if step.values is not None:
        message = f'{source} has the value "{{}}", which the value map of {source} and {target} lacks.'
    elif step.target.choices:
        message = f'{source} has the value "{{}}", which is not one of the choices of {target}.'
    else:
        message = f'{source} has the value "{{}}", which {target} ({step.target.type}) cannot hold.'
    return problem_lines(
        rows,
        column=target,
        message=pl.format(message, shown(pl.col(source))),
        error_class=ErrorClass.MAPPING if step.values is not None else ErrorClass.DATA,
    )


def _has_long_text(plan: Plan, images: pl.DataFrame) -> bool:
    """All limited columns are stacked to one, against one column of limits."""
    if not plan.limits:
        return False
    names = [name for _, group in plan.limits for name in group]
    texts = images.unpivot(on=names)["value"]
    limits = pl.concat([pl.repeat(limit, len(group) * images.height, eager=True) for limit, group in plan.limits])
    return bool((texts.str.len_chars() > limits).any())


def _long_text(step: Step, images: pl.DataFrame) -> pl.DataFrame:
    source, target, length = step.source.name, step.target.name, pl.col(step.target.name).str.len_chars()
    message = f"{source} has {{}} characters; {target} takes {step.max_length}."
    return problem_lines(
        images.filter(length > step.max_length),
        column=target,
        message=pl.format(message, length),
        error_class=ErrorClass.DATA,
    )

"""Field mappings as the map page shows them."""

from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from syncengine.catalog import Table
from syncengine.mapping.definition import Direction, FieldMapping, MapDefinition, ValuePair

GLYPHS = {Direction.BOTH: "=", Direction.TO_RIGHT: ">", Direction.TO_LEFT: "<"}
CHANGING_GLYPHS = {Direction.BOTH: "><", Direction.TO_RIGHT: "≫", Direction.TO_LEFT: "≪"}


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldLine:
    """`glyph` is the sign of the direction; `transforms` name what happens to the value."""

    left: str | None
    right: str | None
    left_type: str
    right_type: str
    glyph: str
    direction: Direction
    meaning: str
    transforms: list[str]
    pairs: tuple[ValuePair, ...]
    note: str
    is_key: bool
    is_lookup: bool


def field_lines(definition: MapDefinition, *, left: Table | None, right: Table | None) -> list[FieldLine]:
    """The key first, then the other fields in the order of the map; types as far as the tables are known."""
    keys = {(part.left, part.right) for part in definition.key}
    lines = [
        field_line(field, is_key=(field.left, field.right) in keys, left=left, right=right)
        for field in definition.fields
    ]
    return sorted(lines, key=lambda line: not line.is_key)


def field_line(field: FieldMapping, *, is_key: bool, left: Table | None, right: Table | None) -> FieldLine:
    transforms = transforms_of(field)
    glyphs = CHANGING_GLYPHS if transforms else GLYPHS
    return FieldLine(
        left=field.left,
        right=field.right,
        left_type=type_of(left, field.left),
        right_type=type_of(right, field.right),
        glyph=glyphs[field.direction],
        direction=field.direction,
        meaning=meaning_of(field.direction),
        transforms=transforms,
        pairs=field.value_map,
        note=field.note,
        is_key=is_key,
        is_lookup="." in (field.right or ""),
    )


def type_of(table: Table | None, name: str | None) -> str:
    """A column's type as a person reads it: text 20, decimal, choice; "" where it is not known."""
    column = table.column(name.partition(".")[0]) if table and name else None
    if column is None:
        return ""
    return f"{column.type} {column.max_length}" if column.max_length else str(column.type)


def meaning_of(direction: Direction) -> str:
    return {
        Direction.BOTH: _("Both ways"),
        Direction.TO_RIGHT: _("Left to right"),
        Direction.TO_LEFT: _("Right to left"),
    }[direction]


def transforms_of(field: FieldMapping) -> list[str]:
    found = []
    if field.value_map:
        count = len(field.value_map)
        found.append(ngettext("Value map, %(count)d pair", "Value map, %(count)d pairs", count) % {"count": count})
    if field.default is not None:
        found.append(_("Default %(value)s") % {"value": field.default or _("(empty text)")})
    return found

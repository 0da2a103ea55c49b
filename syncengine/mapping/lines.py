"""The lines of a map as they are worked on: those of the definition, and those that go without saying."""

from collections.abc import Mapping
from dataclasses import dataclass

from syncengine.catalog import Column, Table
from syncengine.mapping.definition import Company, Direction, FieldMapping, KeyPart, MapDefinition
from syncengine.mapping.lookups import Lookup, find_lookup, is_path
from syncengine.states import Side


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledField:
    """A line with the catalog's columns. For a look-up path `right` is the look-up column."""

    left: Column | None
    right: Column | None
    lookup: Lookup | None
    direction: Direction
    line: FieldMapping
    is_key: bool  # part of the integration key, or the company

    def column(self, side: Side) -> Column | None:
        return self.left if side is Side.LEFT else self.right


def lines_of(definition: MapDefinition) -> tuple[FieldMapping, ...]:
    """The definition's lines, and one in both directions for each pair of key or company that it does not list."""
    lines = list(definition.fields)
    for pair in key_pairs(definition):
        if not any(is_pair(line, pair) for line in lines):
            lines.append(FieldMapping(left=pair.left, right=pair.right, direction=Direction.BOTH))
    return tuple(lines)


def key_pairs(definition: MapDefinition) -> tuple[KeyPart | Company, ...]:
    """The company and the parts of the integration key."""
    return definition.key if definition.company is None else (definition.company, *definition.key)


def is_pair(line: FieldMapping, pair: KeyPart | Company) -> bool:
    """Whether the line pairs these two, in any letter case."""
    left, right = (line.left or "").lower(), (line.right or "").lower()
    return left == pair.left.lower() and right == pair.right.lower()


def compiled_field(
    line: FieldMapping, definition: MapDefinition, *, left: Table, right: Table, right_tables: Mapping[str, Table]
) -> CompiledField:
    """The line with its columns; a column is None where the line names none or the table has none of that name.

    Raises: PathError for a look-up path that leads nowhere.
    """
    lookup = None
    if line.right is not None and is_path(line.right):
        lookup = find_lookup(_spelled(line.right, definition), right=right, right_tables=right_tables)
    right_name = lookup.column if lookup is not None else line.right
    return CompiledField(
        left=left.column(line.left) if line.left is not None else None,
        right=right.column(right_name) if right_name is not None else None,
        lookup=lookup,
        direction=line.direction,
        line=line,
        is_key=any(is_pair(line, pair) for pair in key_pairs(definition)),
    )


def _spelled(path: str, definition: MapDefinition) -> str:
    """As the company or the key spells it, where it is one of them."""
    return next((pair.right for pair in key_pairs(definition) if pair.right.lower() == path.lower()), path)

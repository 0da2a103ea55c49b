"""What the facts tell of a column, gathered from every map that names it; the strongest word counts."""

import re
from collections.abc import Iterable, Iterator
from enum import IntEnum

import msgspec

from script.tables_from_maps.kinds import Kind
from script.tables_from_maps.words import label, split
from syncengine.catalog import ColumnType
from syncengine.sandbox.declarations import Column

_CODE = re.compile(r"-?\d+")


class Strength(IntEnum):
    """Where a word about a column comes from, strongest first."""

    LOOKUP = 0
    VALUES = 1
    DEFAULT = 2
    FILTER = 3
    COPIED = 4
    KEY = 5


class Evidence:
    """Columns by table, in the order in which they are first named."""

    def __init__(self) -> None:
        self._found: dict[str, dict[str, list[tuple[Strength, Column]]]] = {}

    def add(self, table: str, strength: Strength, column: Column) -> None:
        self._found.setdefault(table, {}).setdefault(column.name, []).append((strength, column))

    def tables(self) -> Iterable[str]:
        return self._found

    def columns(self, table: str) -> Iterator[Column]:
        return (self.column(table, name) for name in self._found.get(table, {}))

    def column(self, table: str, name: str) -> Column:
        """Raises: KeyError where no map names it."""
        found = sorted(self._found[table][name], key=lambda each: each[0])
        best = found[0][1]
        choices = {code: text for _, each in found for code, text in each.choices.items()}
        return msgspec.structs.replace(best, choices=choices) if best.type is ColumnType.CHOICE else best

    def has(self, table: str, name: str) -> bool:
        return name in self._found.get(table, {})


def column_of(name: str, kind: Kind) -> Column:
    text = label(split(name))
    if kind.type is ColumnType.TEXT:
        return Column(name=name, type=kind.type, label=text, length=kind.size)
    if kind.type is ColumnType.DECIMAL:
        return Column(name=name, type=kind.type, label=text, scale=kind.size)
    return Column(name=name, type=kind.type, label=text)


def is_code(text: str) -> bool:
    return bool(_CODE.fullmatch(text))


def is_truth(values: Iterable[str]) -> bool:
    return {value.lower() for value in values} <= {"true", "false"}

"""The shipped solution: maps as data, in the shape of `syncengine.mapping.definition`."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import msgspec

from syncengine.mapping.definition import MapDefinition, from_json

FOLDER = Path(__file__).parent / "core"


@dataclass(frozen=True, slots=True, kw_only=True)
class SolutionMap:
    """`field_list` says which published list of fields was used. `plain_copies` are the pairs of columns that are
    published as transformed, without the transform: they are copied as they are."""

    definition: MapDefinition
    version: str
    field_list: str
    plain_copies: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Solution:
    """Maps in the order of the solution file; in which order they run is for `mapping.graph` to say."""

    name: str
    publisher: str
    version: str
    description: str
    provenance: str
    maps: tuple[SolutionMap, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    file: str
    version: str
    field_list: str
    plain_copies: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Index:
    name: str
    publisher: str
    version: str
    description: str
    provenance: str
    maps: tuple[_Entry, ...]


@cache
def load() -> Solution:
    """The solution as shipped.

    Raises: msgspec.ValidationError for a file that is damaged.
    """
    index = msgspec.json.decode((FOLDER / "solution.json").read_bytes(), type=_Index)
    return Solution(
        name=index.name,
        publisher=index.publisher,
        version=index.version,
        description=index.description,
        provenance=index.provenance,
        maps=tuple(_map(entry) for entry in index.maps),
    )


def _map(entry: _Entry) -> SolutionMap:
    return SolutionMap(
        definition=from_json((FOLDER / entry.file).read_text(encoding="utf-8")),
        version=entry.version,
        field_list=entry.field_list,
        plain_copies=entry.plain_copies,
    )

"""What a map brings along while it is worked on."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from syncengine.catalog import Table
from syncengine.connectors.base import Connector
from syncengine.decide import ComparedField, Rules
from syncengine.mapping.compile import CompiledMap
from syncengine.states import MapState, Side

OWN_MARK = "twofold-"  # and the number of the link; capture leaves out pushed events that carry it


@dataclass(frozen=True, slots=True, kw_only=True)
class Parent:
    """A map of the same link that fills a right table which look-ups point to."""

    map_id: int
    name: str
    state: MapState
    key_parts: tuple[str, ...]  # right side of its integration key, in order
    company_part: str  # the one of them that is the company, "" for a global map
    left_columns: Mapping[str, str]  # right column → the left column that it is paired with


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One map of a lane, ready to work on. `companies` are folded codes; None for a global map."""

    map_id: int
    link_id: int
    name: str
    compiled: CompiledMap
    rules: Rules
    fields: tuple[ComparedField, ...]
    connectors: Mapping[Side, Connector]
    environments: Mapping[Side, str]  # their names, for messages
    companies: tuple[str, ...] | None
    parents: Mapping[str, tuple[Parent, ...]]  # right table in lower case → maps that fill it
    found: dict[tuple[str, str, str], str] = field(default_factory=dict)  # look-ups resolved outside bindings

    @property
    def mark(self) -> str:
        """The origin mark of this link's own writes."""
        return f"{OWN_MARK}{self.link_id}"

    def table(self, side: Side) -> Table:
        return self.compiled.left if side is Side.LEFT else self.compiled.right

    def columns(self, side: Side) -> tuple[str, ...]:
        return self.compiled.left_columns if side is Side.LEFT else self.compiled.right_columns

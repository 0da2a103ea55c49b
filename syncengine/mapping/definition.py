"""A map version as data: what is paired with what, and how values cross.

The same shape is stored in the database, shipped in `syncengine/builtin/` and moved in solutions:
`to_json` and `from_json` are each other's inverse.
"""

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import msgspec

from syncengine.states import DeletePolicy, Side


class Direction(StrEnum):
    BOTH = "both"
    TO_RIGHT = "to right"
    TO_LEFT = "to left"

    def flows_to(self, side: Side) -> bool:
        return self is Direction.BOTH or self is (Direction.TO_LEFT if side is Side.LEFT else Direction.TO_RIGHT)


@dataclass(frozen=True, slots=True, kw_only=True)
class ValuePair:
    left: str
    right: str  # "" stands for no value, as on the left


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldMapping:
    """One line of a map.

    `left` is a column or None; `right` a column, a look-up path (`msdyn_company.cdm_companycode`) or None.
    At most one of them is None, and then `default` is what the other side gets.
    `value_map` is compared without regard to letter case; the first pair that fits wins, in either direction.
    A value outside it is a sync error unless `otherwise_left` / `otherwise_right` names what to write.
    """

    left: str | None
    right: str | None
    direction: Direction
    value_map: tuple[ValuePair, ...] = ()
    otherwise_left: str | None = None
    otherwise_right: str | None = None
    default: str | None = None  # used when the source is missing, null or empty
    default_always: bool = False  # a default without a source is written on every update, not on create only
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPart:
    """One part of the integration key; `right` may be a look-up path."""

    left: str
    right: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """How rows say which company they belong to: a column on the left, a look-up path on the right."""

    left: str
    right: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Policies:
    deletes: DeletePolicy = DeletePolicy.DELETE
    leaving_filter: DeletePolicy = DeletePolicy.UNLINK
    creates_left: bool = True
    creates_right: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class MapDefinition:
    """`left_filter` is a finops range expression or OData, as the left side's kind speaks; `right_filter` is OData."""

    name: str
    group: str
    description: str
    left_table: str
    right_table: str
    key: tuple[KeyPart, ...]
    fields: tuple[FieldMapping, ...]
    company: Company | None = None
    left_filter: str = ""
    right_filter: str = ""
    policies: Policies = Policies()

    def flows_to(self, side: Side) -> bool:
        """Whether any column of this map is written on that side."""
        return any(line.direction.flows_to(side) for line in self.fields)


def to_json(definition: MapDefinition) -> str:
    return msgspec.json.encode(definition).decode()


@lru_cache(maxsize=2_000)
def from_json(text: str) -> MapDefinition:
    """Raises: msgspec.ValidationError with the path of the part that is wrong."""
    return msgspec.json.decode(text, type=MapDefinition)

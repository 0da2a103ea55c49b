"""The navigation properties of an entity: its references, and those of other entities to it.

Source: Finance and Operations OData documentation.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from syncengine.sandbox.declarations import COMPANY, FinopsTable, Relation
from syncengine.sandbox.finops import errors
from syncengine.sandbox.shape import Shape
from syncengine.sandbox.store import Stock


@dataclass(frozen=True, slots=True, kw_only=True)
class Navigation:
    """From one entity to another. `pairs` are the columns that are equal in both, those of this entity first.

    `is_many` tells that it leads to all rows that name this one; `partner` is the property that leads back.
    """

    name: str
    target: Shape
    pairs: tuple[tuple[str, str], ...]
    is_many: bool
    partner: str


def of_entity(stock: Stock, shape: Shape) -> Mapping[str, Navigation]:
    """The navigation properties by name; where two would have the same name the first has it."""
    found: dict[str, Navigation] = {}
    for one in (*_references(stock, shape), *_referrers(stock, shape)):
        if one.name not in shape.fields:
            found.setdefault(one.name, one)
    return found


def _references(stock: Stock, shape: Shape) -> Iterator[Navigation]:
    table = errors.table_of(shape)
    for relation in table.references:
        target = stock.shapes[relation.target]
        pairs = tuple(zip(relation.columns, relation.target_columns, strict=True))
        yield Navigation(
            name=relation.name,
            target=target,
            pairs=(*_company(shape, target), *pairs),
            is_many=False,
            partner=_name_back(table, relation),
        )


def _referrers(stock: Stock, shape: Shape) -> Iterator[Navigation]:
    for name, relation in stock.inventory.relations_to.get(shape.name, ()):
        other = stock.shapes[name]
        pairs = tuple(zip(relation.target_columns, relation.columns, strict=True))
        yield Navigation(
            name=_name_back(errors.table_of(other), relation),
            target=other,
            pairs=(*_company(shape, other), *pairs),
            is_many=True,
            partner=relation.name,
        )


def _company(shape: Shape, other: Shape) -> tuple[tuple[str, str], ...]:
    return ((COMPANY, COMPANY),) if shape.has_companies and other.has_companies else ()


def _name_back(table: FinopsTable, relation: Relation) -> str:
    """The set of those that refer; with the reference's name before it where they refer in several ways."""
    ways = sum(1 for one in table.references if one.target == relation.target)
    return table.set if ways == 1 else f"{relation.name}{table.set}"

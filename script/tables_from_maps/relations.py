"""References between finops entities, from the look-ups that their columns are mapped to, and lengths that fit them."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

import msgspec

from script.tables_from_maps.facts import COMPANY_CODE, Line, MapFacts
from script.tables_from_maps.words import camel, split
from syncengine.catalog import ColumnType
from syncengine.sandbox.declarations import COMPANY, FinopsTable, Relation

Place = tuple[str, str]  # set and column


def of_map(facts: MapFacts, maps: Sequence[MapFacts], sets: Mapping[str, str]) -> Iterator[Relation]:
    """A reference for each look-up whose target's key the map's lines name in full."""
    lookups: dict[tuple[str, str], dict[tuple[str, ...], str]] = defaultdict(dict)
    for line in facts.lines:
        if line.finops and line.is_lookup and not line.is_guess:
            for target in dict.fromkeys(_tables(line)):
                lookups[line.dataverse, target].setdefault(line.path[1:], line.finops)
    for (name, target), named in lookups.items():
        for other in _one_of(facts, [each for each in maps if each.table == target], sets):
            pairs = _key_pairs(other)
            if pairs and all(path in named for path, _ in pairs):
                yield Relation(
                    name=camel(" ".join(word for word in split(name) if word != "id")),
                    columns=[named[path] for path, _ in pairs],
                    target=sets[other.entity],
                    target_columns=[column for _, column in pairs],
                )


def _tables(line: Line) -> Sequence[str]:
    return line.targets if line.is_either else line.targets[:1]


def _one_of(facts: MapFacts, found: Sequence[MapFacts], sets: Mapping[str, str]) -> Sequence[MapFacts]:
    """The map that fills the table; of several entities the one of the same group, else none."""
    near = [each for each in found if each.group == facts.group]
    for some in (found, near):
        if len({sets[each.entity] for each in some}) == 1:
            return some[:1]
    return ()


def _key_pairs(other: MapFacts) -> list[tuple[tuple[str, ...], str]]:
    """The target's key: paths on the dataverse side with their finops columns, companies left out."""
    by_path = {line.path: line.finops for line in other.lines if line.finops}
    paths = [path for path in other.dataverse_key if path[-1] != COMPANY_CODE or len(path) == 1]
    columns = [column for column in other.finops_key if column != COMPANY]
    pairs = [(path, by_path.get(path, "")) for path in paths]
    return pairs if sorted(column for _, column in pairs) == sorted(columns) else []


def fitting(tables: Sequence[FinopsTable], fixed: Collection[Place]) -> list[FinopsTable]:
    """The tables with texts as long as what they refer to, which is what the `fixed` columns have."""
    together = _classes(tables)
    lengths = _lengths(tables, together, fixed)
    return [_with_lengths(table, together, lengths) for table in tables]


def _classes(tables: Iterable[FinopsTable]) -> dict[Place, Place]:
    """Columns that refer to each other, by the first of them."""
    parents: dict[Place, Place] = {}

    def root(place: Place) -> Place:
        while parents.get(place, place) != place:
            place = parents[place]
        return place

    for table in tables:
        for relation in table.references:
            for own, theirs in zip(relation.columns, relation.target_columns, strict=True):
                parents[root((table.set, own))] = root((relation.target, theirs))
    return {(table.set, column.name): root((table.set, column.name)) for table in tables for column in table.columns}


def _lengths(
    tables: Iterable[FinopsTable], together: Mapping[Place, Place], fixed: Collection[Place]
) -> dict[Place, int]:
    """The length of each class: that of a fixed column, else the greatest."""
    lengths: dict[Place, tuple[bool, int]] = {}
    for table in tables:
        for column in table.columns:
            place = (table.set, column.name)
            known = lengths.get(together[place], (False, 0))
            lengths[together[place]] = max(known, (place in fixed, column.length))
    return {place: length for place, (_, length) in lengths.items()}


def _with_lengths(table: FinopsTable, together: Mapping[Place, Place], lengths: Mapping[Place, int]) -> FinopsTable:
    columns = [
        msgspec.structs.replace(column, length=lengths[together[table.set, column.name]])
        if column.type is ColumnType.TEXT
        else column
        for column in table.columns
    ]
    return msgspec.structs.replace(table, columns=columns)

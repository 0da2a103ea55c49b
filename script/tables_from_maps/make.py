"""The declarations that the maps ask for, beside those made by hand: documents by the group of maps that names them."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from script.tables_from_maps import dataverse, finops, relations
from script.tables_from_maps.facts import MapFacts
from script.tables_from_maps.symbols import Symbols
from syncengine.catalog import ColumnType
from syncengine.sandbox.declarations import (
    DataverseDocument,
    DataverseExtension,
    DataverseTable,
    Document,
    Extension,
    FinopsDocument,
    FinopsExtension,
    FinopsTable,
    Kind,
    Relation,
    Table,
)

Group = str


@dataclass(frozen=True, slots=True, kw_only=True)
class HandMade:
    finops: FinopsDocument
    dataverse: DataverseDocument


def documents(maps: Sequence[MapFacts], hand_made: HandMade) -> Iterator[tuple[Kind, Group, Document]]:
    """What the hand-made documents lack."""
    known = {table.set: table for table in hand_made.finops.tables}
    sets = finops.sets(maps, known)
    symbols = Symbols(enum.name for enum in hand_made.finops.enums)
    on_dataverse = dataverse.evidence(maps)
    on_finops = finops.evidence(maps, on_dataverse, sets, symbols)
    sides = finops.Sides(finops=on_finops, dataverse=on_dataverse, sets=sets)

    entities = list(_finished(list(finops.tables(sides, maps, known)), maps, sets, known))
    made = dataverse.tables(on_dataverse, maps, {table.set: table for table in hand_made.dataverse.tables})
    lengths = _lengths([*known.values(), *entities], maps, sets)
    tables = [_long_enough(each, lengths) for each in made]

    groups = _groups(maps, sets)
    for group, some in _grouped(entities, groups, maps[0].group):
        yield Kind.FINOPS, group, _finops_document(some, symbols)
    for group, some in _grouped(tables, groups, maps[0].group):
        yield Kind.DATAVERSE, group, _dataverse_document(some)


def _finished(
    made: Sequence[FinopsTable | FinopsExtension],
    maps: Sequence[MapFacts],
    sets: Mapping[str, str],
    known: Mapping[str, FinopsTable],
) -> Iterator[FinopsTable | FinopsExtension]:
    """With references, and lengths that fit them."""
    every = {each.set: _whole(each, known) for each in made}
    every = {**known, **every}
    related = [_related(table, maps, sets, every, known) for table in every.values()]
    fixed = {(table.set, column.name) for table in known.values() for column in table.columns}
    fitted = {table.set: table for table in relations.fitting(related, fixed)}
    for each in made:
        yield fitted[each.set] if isinstance(each, FinopsTable) else _rest(fitted[each.set], known[each.set])


def _whole(each: FinopsTable | FinopsExtension, known: Mapping[str, FinopsTable]) -> FinopsTable:
    if isinstance(each, FinopsTable):
        return each
    return msgspec.structs.replace(known[each.set], columns=[*known[each.set].columns, *each.columns])


def _rest(table: FinopsTable, known: FinopsTable) -> FinopsExtension:
    names = {column.name for column in known.columns}
    return FinopsExtension(
        set=table.set,
        columns=[column for column in table.columns if column.name not in names],
        references=[relation for relation in table.references if relation not in known.references],
    )


def _related(
    table: FinopsTable,
    maps: Sequence[MapFacts],
    sets: Mapping[str, str],
    every: Mapping[str, FinopsTable],
    known: Mapping[str, FinopsTable],
) -> FinopsTable:
    """With the references of its maps; between columns made by hand there are those made by hand."""
    by_hand = {column.name for column in known[table.set].columns} if table.set in known else set()
    found = list(table.references)
    for facts in maps:
        for relation in relations.of_map(facts, maps, sets) if sets[facts.entity] == table.set else ():
            is_new = not any(each.columns == relation.columns for each in found)
            if is_new and not set(relation.columns) <= by_hand and _are_texts(relation, table, every[relation.target]):
                found.append(_named_apart(relation, found))
    return msgspec.structs.replace(table, references=found)


def _are_texts(relation: Relation, table: FinopsTable, target: FinopsTable) -> bool:
    types = {column.name: column.type for column in table.columns}
    theirs = {column.name: column.type for column in target.columns}
    pairs = zip(relation.columns, relation.target_columns, strict=True)
    return all(types[own] is ColumnType.TEXT and theirs[other] is ColumnType.TEXT for own, other in pairs)


def _named_apart(relation: Relation, others: Sequence[Relation]) -> Relation:
    taken = {each.name for each in others}
    names = (relation.name, *(f"{relation.name}{number}" for number in range(2, len(taken) + 3)))
    return msgspec.structs.replace(relation, name=next(name for name in names if name not in taken))


def _lengths(
    tables: Iterable[FinopsTable | FinopsExtension], maps: Iterable[MapFacts], sets: Mapping[str, str]
) -> dict[tuple[str, str], int]:
    """How long a dataverse column must be to take what is copied into it."""
    own = {(table.set, column.name): column for table in tables for column in table.columns}
    found: dict[tuple[str, str], int] = defaultdict(int)
    for each in maps:
        for line in each.lines:
            column = own.get((sets[each.entity], line.finops))
            if column is not None and len(line.path) == 1 and column.type is ColumnType.TEXT:
                place = (each.table, line.dataverse)
                found[place] = max(found[place], column.length)
    return found


def _long_enough(
    each: DataverseTable | DataverseExtension, lengths: Mapping[tuple[str, str], int]
) -> DataverseTable | DataverseExtension:
    columns = [
        msgspec.structs.replace(column, length=max(column.length, lengths.get((each.set, column.name), 0)))
        for column in each.columns
    ]
    return msgspec.structs.replace(each, columns=columns)


def _groups(maps: Iterable[MapFacts], sets: Mapping[str, str]) -> dict[str, Group]:
    """The group that names a table first; sets of the two sides have names of their own."""
    found: dict[str, Group] = {}
    for each in maps:
        found.setdefault(sets[each.entity], each.group)
        found.setdefault(each.table, each.group)
    return found


def _grouped(
    made: Iterable[Table | Extension], groups: Mapping[str, Group], other: Group
) -> Iterable[tuple[Group, list[Table | Extension]]]:
    found: dict[Group, list[Table | Extension]] = defaultdict(list)
    for each in made:
        found[groups.get(each.set, other)].append(each)
    return sorted(found.items())


def _finops_document(some: Iterable[Table | Extension], symbols: Symbols) -> FinopsDocument:
    some = list(some)
    used = {column.enum for each in some for column in each.columns}
    return FinopsDocument(
        tables=[each for each in some if isinstance(each, FinopsTable)],
        extensions=[each for each in some if isinstance(each, FinopsExtension)],
        enums=[enum for enum in symbols.all() if enum.name in used],
    )


def _dataverse_document(some: Iterable[Table | Extension]) -> DataverseDocument:
    some = list(some)
    return DataverseDocument(
        tables=[each for each in some if isinstance(each, DataverseTable)],
        extensions=[each for each in some if isinstance(each, DataverseExtension)],
    )

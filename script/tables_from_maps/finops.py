"""The finops entities that the maps name."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from script.tables_from_maps import kinds
from script.tables_from_maps.evidence import Evidence, Strength, column_of, is_code, is_truth
from script.tables_from_maps.facts import Line, MapFacts
from script.tables_from_maps.names import data_source, entity_set, public_entity
from script.tables_from_maps.symbols import Symbols
from script.tables_from_maps.words import label, split
from syncengine.catalog import ColumnType
from syncengine.sandbox.declarations import COMPANY, Column, FinopsExtension, FinopsTable

# Keys that the service numbers where a row comes without.
NUMBERED = {
    "PERSONNELNUMBER": "000000",
    "PROSPECTID": "PR-000000",
    "PURCHASEORDERNUMBER": "PO-000000",
    "SALESORDERNUMBER": "SO-000000",
    "SALESQUOTATIONNUMBER": "QUO-000000",
}
MAY_BE_EMPTY = {"color", "configuration", "site", "size", "style", "warehouse"}  # parts of a key that rows may lack
SHOWS_CHANGES = {"order", "orders", "quotation", "invoice"}  # entities with a modified time, by a word of their name
_COMPARED = re.compile(r"(\w+)\s*(?:==|!=|=)\s*(\"[^\"]*\"|\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """What is known of both sides, and the sets of entities by their display names."""

    finops: Evidence
    dataverse: Evidence
    sets: Mapping[str, str]


def sets(maps: Iterable[MapFacts], hand_made: Mapping[str, FinopsTable]) -> dict[str, str]:
    """The set of each entity: that of the hand-made table with its label, else made from its name."""
    known = {table.label: table.set for table in hand_made.values()}
    return {each.entity: known.get(each.entity) or entity_set(each.entity) for each in maps}


def evidence(maps: Sequence[MapFacts], dataverse: Evidence, sets: Mapping[str, str], symbols: Symbols) -> Evidence:
    found = Evidence()
    mapped = {(each.table, line.path, line.finops): line.values for each in maps for line in each.lines if line.values}
    for each in maps:
        name = sets[each.entity]
        for line in each.lines:
            values = line.values or mapped.get((each.table, line.path, line.finops))
            if line.finops:
                found.add(name, *_told(name, each.table, line, values, dataverse, symbols))
        for column, value in _COMPARED.findall(each.finops_filter):
            if not found.has(name, column.upper()):
                found.add(name, Strength.FILTER, _compared(name, column.upper(), value, symbols))
        for column in each.finops_key:
            if column != COMPANY and not found.has(name, column):
                found.add(name, Strength.KEY, _plain(column))
    return found


def tables(
    sides: Sides, maps: Sequence[MapFacts], hand_made: Mapping[str, FinopsTable]
) -> Iterator[FinopsTable | FinopsExtension]:
    """What the hand-made tables lack, and all others."""
    for name in sides.finops.tables():
        own = next(each for each in maps if sides.sets[each.entity] == name)
        columns = list(sides.finops.columns(name))
        if name not in hand_made:
            yield _table(name, own, columns)
            continue
        known = {column.name for column in hand_made[name].columns}
        missing = [column for column in columns if column.name not in known]
        if missing:
            yield FinopsExtension(set=name, columns=missing)


def _told(
    table: str, other: str, line: Line, values: Mapping[str, str] | None, dataverse: Evidence, symbols: Symbols
) -> tuple[Strength, Column]:
    """What one line tells of its finops column."""
    if line.is_lookup:
        return Strength.COPIED, _plain(line.finops)
    if values is not None:
        return Strength.VALUES, _of_values(table, line.finops, values, symbols)
    if line.finops_default:
        return Strength.DEFAULT, _enum(table, line.finops, [line.finops_default], symbols) or _plain(line.finops)
    partner = dataverse.column(other, line.dataverse).type if line.dataverse else ColumnType.TEXT
    if partner is ColumnType.CHOICE:  # copied as it is: the codes themselves
        return Strength.COPIED, column_of(line.finops, kinds.WHOLE)
    return Strength.COPIED, column_of(line.finops, kinds.of_pair(split(line.finops), split(line.dataverse)))


def _of_values(table: str, name: str, values: Mapping[str, str], symbols: Symbols) -> Column:
    text = label(split(name))
    if is_truth(values):
        return Column(name=name, type=ColumnType.BOOLEAN, label=text)
    is_coded = is_truth(values.values()) or all(map(is_code, values.values()))
    return (_enum(table, name, list(values), symbols) if is_coded else None) or _plain(name)


def _enum(table: str, name: str, values: Sequence[str], symbols: Symbols) -> Column | None:
    """None where the values are no symbols of an enumeration."""
    enum = symbols.enum_of(public_entity(table), name, values)
    return Column(name=name, type=ColumnType.ENUM, label=label(split(name)), enum=enum) if enum else None


def _compared(table: str, name: str, value: str, symbols: Symbols) -> Column:
    """A column of a filter; numbers stand for symbols."""
    known = ["no", "yes"] if split(name)[0] == "is" else [value.strip('"')]
    return (_enum(table, name, known, symbols) if value.isdigit() else None) or _plain(name)


def _plain(name: str) -> Column:
    return column_of(name, kinds.of_words(split(name)) or kinds.PLAIN)


def _table(name: str, facts: MapFacts, columns: Sequence[Column]) -> FinopsTable:
    key = [column for column in facts.finops_key if column != COMPANY]
    words = set(facts.entity.lower().split())
    return FinopsTable(
        set=name,
        entity=public_entity(name),
        table=data_source(facts.token, name),
        label=facts.entity,
        key=key,
        columns=[_as_key(column, key) if column.name in key else column for column in columns],
        company=COMPANY in facts.finops_key,
        modified=bool(words & SHOWS_CHANGES),
    )


def _as_key(column: Column, key: Sequence[str]) -> Column:
    pattern = NUMBERED.get(column.name, "") if len(key) == 1 else ""
    may_be_empty = len(key) > 2 and bool(set(split(column.name)) & MAY_BE_EMPTY)
    return msgspec.structs.replace(column, required=not may_be_empty, number_sequence=pattern)

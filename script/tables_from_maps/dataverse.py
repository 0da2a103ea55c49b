"""The dataverse tables that the maps name."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal

import msgspec

from script.tables_from_maps import kinds
from script.tables_from_maps.evidence import Evidence, Strength, column_of, is_code, is_truth
from script.tables_from_maps.facts import COMPANY_CODE, CUSTOMERS, Line, MapFacts
from script.tables_from_maps.kinds import Kind
from script.tables_from_maps.names import logical_name
from script.tables_from_maps.words import label, split
from syncengine.catalog import ColumnType
from syncengine.sandbox.dataverse.shape import COMMON, STATUS, VERSION
from syncengine.sandbox.declarations import AlternateKey, Column, DataverseExtension, DataverseTable

COMPANIES = "cdm_companies"
SHORTEST = 100  # texts are rarely shorter on this side
OPTION_SET = 100_000  # numbers from here on are codes of choices
# Of tables that come with the platform, whose names the maps do not mention.
NAMED_BY = {
    "invoicedetails": "invoicedetailname",
    "invoices": "name",
    "quotedetails": "quotedetailname",
    "salesorderdetails": "salesorderdetailname",
}
NAMES = ("name", "msdyn_name", "cdm_name", "msmrw_name", "subject", "fullname")
GIVEN = {column.name for column in (*COMMON, VERSION)}  # every table has these
_COMPARED = re.compile(r"(\w+)\s+(?:eq|ne)\s+('[^']*'|[\w-]+)")


def evidence(maps: Sequence[MapFacts]) -> Evidence:
    found = Evidence()
    for each in maps:
        for line in each.lines:
            _add_line(found, each.table, line)
        for name, value in _COMPARED.findall(each.dataverse_filter):
            _add_compared(found, each.table, name, value)
    for each in maps:
        for path in each.dataverse_key:
            _add_key(found, each.table, path)
    return found


def tables(
    found: Evidence, maps: Sequence[MapFacts], hand_made: Mapping[str, DataverseTable]
) -> Iterator[DataverseTable | DataverseExtension]:
    """What the hand-made tables lack, and all others."""
    for name in found.tables():
        own = [each for each in maps if each.table == name]
        columns = list(_columns(found, name, hand_made.get(name)))
        if name in hand_made:
            if columns:
                yield DataverseExtension(set=name, columns=columns)
        else:
            yield _table(name, columns, list(_keys(name, own) if own else _only_key(name, columns)))


def _add_line(found: Evidence, table: str, line: Line) -> None:
    name = line.dataverse
    if line.is_either:
        targets = {f"{name}_{target.lower()}": table for target, table in CUSTOMERS}
        found.add(table, Strength.LOOKUP, msgspec.structs.replace(_lookup(name, ""), targets=targets))
    elif line.is_lookup:
        _add_path(found, table, line)
    elif line.values is not None and _of_values(name, line.values):
        found.add(table, Strength.VALUES, _of_values(name, line.values) or column_of(name, kinds.PLAIN))
    elif line.dataverse_default:
        found.add(table, Strength.DEFAULT, _of_value(name, line.dataverse_default))
    elif name:
        kind = kinds.of_pair(split(line.finops), split(name))
        found.add(table, Strength.COPIED, _wide(name, kind))


def _add_path(found: Evidence, table: str, line: Line) -> None:
    """Each look-up on its table, and the key on the last."""
    for name, target in zip(line.path[:-1], line.targets, strict=True):
        found.add(table, Strength.LOOKUP, _lookup(name, target))
        table = target
    found.add(table, Strength.KEY, _wide(line.path[-1], kinds.of_words(split(line.path[-1])) or kinds.PLAIN))


def _add_key(found: Evidence, table: str, path: Sequence[str]) -> None:
    """The columns of a key that are no lines of the map: that of the company, above all."""
    *hops, last = path
    for place, name in enumerate(hops):
        if last == COMPANY_CODE and place == len(hops) - 1:
            found.add(table, Strength.LOOKUP, _lookup(name, COMPANIES))
        table = found.column(table, name).target
    if not hops:
        found.add(table, Strength.KEY, _wide(last, kinds.of_words(split(last)) or kinds.PLAIN))


def _add_compared(found: Evidence, table: str, name: str, value: str) -> None:
    if value != "null":
        found.add(table, Strength.FILTER, _of_value(name, value.strip("'")))
    elif not found.has(table, name):
        found.add(table, Strength.FILTER, _wide(name, kinds.of_words(split(name)) or kinds.PLAIN))


def _lookup(name: str, target: str) -> Column:
    words = split(name)
    return Column(
        name=name, type=ColumnType.LOOKUP, label=label(words[:-1] if words[-1] == "id" else words), target=target
    )


def _of_values(name: str, values: Mapping[str, str]) -> Column | None:
    """What a value map tells; None for one that only turns "no date" into nothing."""
    text = label(split(name))
    if is_truth(values.values()):
        return Column(name=name, type=ColumnType.BOOLEAN, label=text)
    if all(map(is_code, values.values())):
        choices = {code: _option(symbol) for symbol, code in reversed(list(values.items()))}
        choices = {code: choices[code] for code in values.values()}  # of two symbols of a code the first
        return Column(name=name, type=ColumnType.CHOICE, label=text, choices=choices)
    return _wide(name, kinds.PLAIN) if all(values.values()) else None


def _option(symbol: str) -> str:
    """A symbol as a choice reads: `salesLeadTime` is "Sales lead time"; language tags and the like stay."""
    if not symbol.isidentifier():
        return symbol
    return label(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", symbol).lower().split())


def _of_value(name: str, value: str) -> Column:
    """What a single value tells."""
    text, words = label(split(name)), split(name)
    if is_truth([value]):
        return Column(name=name, type=ColumnType.BOOLEAN, label=text)
    if is_code(value) and (int(value) >= OPTION_SET or words[-1] in ("code", "status", "state", "type")):
        return Column(name=name, type=ColumnType.CHOICE, label=text, choices={value: f"{text} {value}"})
    if is_code(value):
        return column_of(name, kinds.WHOLE)
    return _wide(name, kinds.of_words(words) or kinds.PLAIN)


def _wide(name: str, kind: Kind) -> Column:
    """The column as this side has it: longer texts, money as money, places on earth within limits."""
    column = column_of(name, kind)
    if kind.type is ColumnType.TEXT:
        return msgspec.structs.replace(column, length=max(kind.size, SHORTEST))
    if kind.limit:
        return msgspec.structs.replace(column, scale=5, minimum=Decimal(-kind.limit), maximum=Decimal(kind.limit))
    return msgspec.structs.replace(column, is_money=True, scale=4) if kind.is_money else column


def _columns(found: Evidence, table: str, hand_made: DataverseTable | None) -> Iterator[Column]:
    known = {column.name for column in hand_made.columns} if hand_made else set()
    own_id = hand_made.primary_id if hand_made else f"{logical_name(table)}id"
    for column in found.columns(table):
        if column.name in (*known, own_id):
            continue
        if column.name == STATUS.name and column.choices.keys() - STATUS.choices.keys():
            yield msgspec.structs.replace(column, choices={**STATUS.choices, **column.choices})
        elif column.name not in GIVEN:
            yield column


def _keys(table: str, maps: Iterable[MapFacts]) -> Iterator[AlternateKey]:
    """The keys of the maps as keys of the table: of a path its first look-up."""
    own_id = f"{logical_name(table)}id"
    found = dict.fromkeys(tuple(dict.fromkeys(path[0] for path in each.dataverse_key)) for each in maps)
    distinct = {frozenset(columns): columns for columns in found if own_id not in columns}
    for number, columns in enumerate(distinct.values(), start=1):
        name = f"{logical_name(table)}_key{'' if number == 1 else number}"
        yield AlternateKey(name=name if name.startswith(("msdyn_", "cdm_")) else f"msdyn_{name}", columns=list(columns))


def _only_key(table: str, columns: Sequence[Column]) -> Iterator[AlternateKey]:
    """Of a table that no map fills: the column that look-ups of others name its rows by."""
    yield AlternateKey(name=f"{logical_name(table)}_key", columns=[columns[0].name])


def _table(name: str, columns: list[Column], keys: list[AlternateKey]) -> DataverseTable:
    logical, own_name = logical_name(name), _own_name(name, columns, keys)
    if own_name not in {column.name for column in columns}:
        columns = [*columns, column_of(own_name, Kind(type=ColumnType.TEXT, size=SHORTEST))]
    return DataverseTable(
        set=name,
        logical=logical,
        label=label(split(logical)),
        primary_id=f"{logical}id",
        primary_name=own_name,
        columns=columns,
        keys=keys,
    )


def _own_name(table: str, columns: Iterable[Column], keys: Iterable[AlternateKey]) -> str:
    """The column that names a row: a usual one, else a text of the key, else one of its own."""
    texts = {column.name for column in columns if column.type is ColumnType.TEXT}
    usual = [NAMED_BY[table]] if table in NAMED_BY else [each for each in NAMES if each in texts]
    in_keys = [each for key in keys for each in key.columns if each in texts]
    return next(iter([*usual, *in_keys]), f"{table.partition('_')[0]}_name" if "_" in table else "name")

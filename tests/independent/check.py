"""The check: everything on dataverse compared with what must be there, over HTTP; and both sides with each other.

A difference is a sentence that names map, row and column, with what is there and what was expected.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache

from tests.independent.expected import ExpectedRow, Key, expected_rows, left_key
from tests.independent.facts import COMPANY, MapFacts, property_of
from tests.independent.services import Dataverse, Finops, Row
from tests.independent.values import UnmappedValueError, Value, agree, fold, image, passes, plain

COMPANY_PATHS = ("_msdyn_company_value", "_msdyn_companyid_value")


class Pointers:
    """What look-ups point to, by reading the target rows. Tables and targets are known from the service's metadata."""

    def __init__(self, dataverse: Dataverse) -> None:
        self.dataverse = dataverse
        self.rows = cache(self._rows)
        self.targets = cache(self._targets)
        self.tables = cache(self._tables)

    def _tables(self) -> dict[str, tuple[str, str]]:
        """Logical name → set and primary id column."""
        answer = self.dataverse.call("GET", "EntityDefinitions?$select=LogicalName,EntitySetName,PrimaryIdAttribute")
        found = answer.json()["value"]
        return {one["LogicalName"]: (one["EntitySetName"], one["PrimaryIdAttribute"]) for one in found}

    def _targets(self, right_set: str) -> dict[str, str]:
        """Look-up column → logical name of the table that it points to."""
        logical = next(name for name, (entity_set, _) in self.tables().items() if entity_set == right_set)
        path = f"EntityDefinitions(LogicalName='{logical}')/ManyToOneRelationships"
        options = "$select=ReferencingAttribute,ReferencedEntity"
        found = self.dataverse.call("GET", f"{path}?{options}").json()["value"]
        return {one["ReferencingAttribute"]: one["ReferencedEntity"] for one in found}

    def _rows(self, logical: str, key: str) -> dict[str, Row]:
        """All rows of a table by their id, with a key column and the company."""
        entity_set, primary_id = self.tables()[logical]
        companies = {f"_{column}_value" for column in self.targets(entity_set)}.intersection(COMPANY_PATHS)
        columns = [primary_id, key, *sorted(companies)]
        return {row[primary_id]: row for row in self.dataverse.rows(entity_set, columns=columns)}

    def company(self, row: Row) -> str:
        """The folded code of the company that a row of dataverse belongs to, "" for none."""
        row_id = next((row[path] for path in COMPANY_PATHS if row.get(path)), None)
        return fold(self.rows("cdm_company", "cdm_companycode")[row_id]["cdm_companycode"]) if row_id else ""

    def problem(self, facts: MapFacts, path: str, wanted: str | None, row: Row) -> str:
        """Why the look-up of this row does not point to the row with that key; "" when it does."""
        row_id = row[property_of(path)]
        if row_id is None or wanted is None:
            return "" if row_id is None and wanted is None else f"{path} points to {row_id}, expected {wanted!r}"
        column, _, key = path.partition(".")
        target = self.rows(self.targets(facts.right_set)[column], key).get(row_id)
        if target is None:
            return f"{path} points to {row_id}, which does not exist"
        if fold(target[key]) != wanted.casefold():
            return f"{path} points to {target[key]!r}, expected {wanted!r}"
        owner = self.company(target)
        return f"{path} points into company {owner!r}" if owner and owner != self.company(row) else ""


class Blanks:
    """How finops keeps "no value", as it has no null: 0 for a number, an enumeration's first symbol."""

    def __init__(self, finops: Finops) -> None:
        self.root = f"{finops.account.base_url}/Metadata"
        self.ask = cache(lambda path: finops.call("GET", f"{self.root}/{path}").json())
        self.columns = cache(self._columns)

    def _columns(self, left_set: str) -> dict[str, str]:
        entities = {one["PublicCollectionName"]: one["PublicEntityName"] for one in self.ask("DataEntities")["value"]}
        properties = self.ask(f"PublicEntities('{entities[left_set]}')")["Properties"]
        return {one["Name"]: self._blank(one["TypeName"]) for one in properties}

    def _blank(self, type_name: str) -> str:
        if type_name in ("Edm.Int32", "Edm.Int64", "Edm.Decimal", "Edm.Double"):
            return "0"
        if type_name.startswith("Edm."):
            return ""
        members = self.ask(f"PublicEnumerations('{type_name.rpartition('.')[2]}')")["Members"]
        return next(str(one["Name"]) for one in members if one["Value"] == 0)

    def is_blank(self, left_set: str, column: str, value: Value) -> bool:
        blank = self.columns(left_set)[column]
        return bool(blank) and (plain(value) or "") == blank


def right_rows(facts: MapFacts, pointers: Pointers) -> dict[Key, list[Row]]:
    """Dataverse's rows in the map's filter, by natural key; several under one key are a fault."""
    found: dict[Key, list[Row]] = {}
    for row in pointers.dataverse.rows(facts.right_set, columns=_select(facts)):
        if passes(facts.right_filter, row):
            company = pointers.company(row) if facts.company else ""
            found.setdefault((fold(row[facts.right_key]), company), []).append(row)
    return found


def _select(facts: MapFacts) -> Sequence[str]:
    names = facts.right_columns
    asked = [word for word in facts.right_filter.replace("(", " ").split() if word.isidentifier()]
    operators = {"eq", "ne", "and", "or", "true", "false", "null"}
    return tuple(dict.fromkeys([*names, *(word for word in asked if word not in operators)]))


def differences(
    facts: Sequence[MapFacts],
    rows: Mapping[str, Iterable[Mapping[str, Value]]],
    dataverse: Dataverse,
    *,
    may_have_more: bool = False,
) -> list[str]:
    """How dataverse differs from what these rows of finops (by entity set) must have made of it."""
    pointers = Pointers(dataverse)
    found: list[str] = []
    for one in facts:
        expected = expected_rows(one, rows[one.left_set])
        found += _compare(one, expected, right_rows(one, pointers), pointers, may_have_more)
    return found


def counts(facts: Sequence[MapFacts], dataverse: Dataverse) -> dict[str, int]:
    """Rows in the filter of each map on dataverse."""
    pointers = Pointers(dataverse)
    return {one.name: sum(map(len, right_rows(one, pointers).values())) for one in facts}


def _compare(
    facts: MapFacts,
    expected: Mapping[Key, ExpectedRow],
    actual: Mapping[Key, list[Row]],
    pointers: Pointers,
    may_have_more: bool,
) -> Iterator[str]:
    yield from _presence(facts, expected, actual, "dataverse")
    if not may_have_more:
        yield from _presence(facts, actual, expected, "finops")
    for key in expected.keys() & actual.keys():
        for row in actual[key]:
            yield from (f"{facts.name} {key}: {line}" for line in _row_problems(facts, expected[key], row, pointers))


def _presence(facts: MapFacts, has: Collection[Key], must: Collection[Key], side: str) -> Iterator[str]:
    yield from (f"{facts.name} {key}: is not on {side}" for key in sorted(set(has) - set(must)))
    if isinstance(must, Mapping):
        many = {key: rows for key, rows in must.items() if isinstance(rows, list) and len(rows) > 1}
        yield from (f"{facts.name} {key}: is there {len(rows)} times on {side}" for key, rows in many.items())


def _row_problems(facts: MapFacts, expected: ExpectedRow, row: Row, pointers: Pointers) -> Iterator[str]:
    for column, value in expected.values.items():
        if not agree(value, row[column]):
            yield f"{column} is {row[column]!r}, expected {value!r}"
    for path, wanted in expected.lookups.items():
        if problem := pointers.problem(facts, path, wanted, row):
            yield problem


# --- Both sides with each other


def equal_sides(
    facts: Sequence[MapFacts], finops: Finops, dataverse: Dataverse, *, companies: Collection[str] = ()
) -> list[str]:
    """How the sides of these maps differ: rows in the filter of one side that the other lacks, columns that disagree.

    `companies` are those of the link; none named: all. Columns that only have a default are not compared. Null on
    dataverse agrees with what finops has instead of null.
    """
    pointers, blanks, linked = Pointers(dataverse), Blanks(finops), {code.casefold() for code in companies}
    left_sets = {one.left_set: _left_columns(facts, one.left_set) for one in facts}
    lefts = {name: finops.rows(name, columns=columns) for name, columns in left_sets.items()}
    return [line for one in facts for line in _sides(one, lefts[one.left_set], pointers, blanks, linked)]


def _left_columns(facts: Sequence[MapFacts], left_set: str) -> list[str]:
    own = [one for one in facts if one.left_set == left_set]
    names = [name for one in own for name in one.left_columns]
    named = {name.casefold() for name in names}
    filtered = [name for one in own for name in _filter_columns(one) if name.casefold() not in named]
    return list(dict.fromkeys([*names, *filtered]))


def _filter_columns(facts: MapFacts) -> list[str]:
    """Filter columns as the map's own lines spell them."""
    spelling = {field.left.casefold(): field.left for field in facts.fields if field.left}
    words = facts.left_filter.replace("(", " ").replace(")", " ").split()
    return [spelling[word.casefold()] for word in words if word.casefold() in spelling]


def _sides(
    facts: MapFacts, left: Iterable[Row], pointers: Pointers, blanks: Blanks, linked: Collection[str]
) -> Iterator[str]:
    lefts: dict[Key, list[Row]] = {}
    for row in left:
        if passes(facts.left_filter, row) and _is_linked(facts, fold(row.get(COMPANY)), linked):
            lefts.setdefault(left_key(facts, row), []).append(row)
    rights = {
        key: rows for key, rows in right_rows(facts, pointers).items() if _is_linked(facts, key[1], linked) and key[0]
    }
    yield from _presence(facts, lefts, rights, "dataverse")
    if facts.flows_left:
        yield from _presence(facts, rights, lefts, "finops")
    for key in lefts.keys() & rights.keys():
        lines = _pair_problems(facts, lefts[key][0], rights[key][0], pointers, blanks)
        yield from (f"{facts.name} {key}: {line}" for line in lines)


def _is_linked(facts: MapFacts, company: str, linked: Collection[str]) -> bool:
    return not facts.company or (bool(company) and (not linked or company in linked))


def _pair_problems(facts: MapFacts, left: Row, right: Row, pointers: Pointers, blanks: Blanks) -> Iterator[str]:
    for field in facts.fields:
        if not (field.left and field.right and field.to_right):
            continue
        if right[property_of(field.right)] is None and blanks.is_blank(facts.left_set, field.left, left[field.left]):
            continue
        try:
            wanted = image(field, left[field.left])
        except UnmappedValueError as unmapped:
            yield str(unmapped)
            continue
        if field.is_lookup:
            if problem := pointers.problem(facts, field.right, wanted, right):
                yield problem
        elif not agree(wanted, right[field.right]):
            yield f"{field.right} is {right[field.right]!r}, {field.left} is {left[field.left]!r}"


def shown(found: Sequence[str], *, limit: int = 30) -> str:
    """A list of differences as a failing test shows it: how many of which map, then the first ones."""
    if not found:
        return "no difference"
    by_map = Counter(line.partition(" (")[0] for line in found)
    lines = [f"{len(found)} differences: {dict(by_map)}", *found[:limit]]
    return "\n".join(lines)

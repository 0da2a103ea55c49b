"""One change: which table and row, and what is done. Keys are never broken and references stay valid."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any
from uuid import UUID

from psycopg import Connection

from syncengine.catalog import ColumnType
from syncengine.sandbox import inside
from syncengine.sandbox.business import picks, values
from syncengine.sandbox.business.wishes import BadWish, Wish
from syncengine.sandbox.declarations import COMPANY, DataverseTable, FinopsTable, Relation
from syncengine.sandbox.finops.shape import NO_DATE
from syncengine.sandbox.shape import Field, Shape, is_made_up
from syncengine.sandbox.site import Site

CREATE, UPDATE, DELETE = "create", "update", "delete"
TRIES = 5  # rows that are looked at until one will do
MOST_COLUMNS = 3  # that an update changes


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """`body` is what a client would send; `row_id` is that of the row, "" for one that is to be."""

    operation: str
    shape: Shape
    row_id: str = ""
    body: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Planner:
    site: Site
    wish: Wish
    chance: Random
    weights: Mapping[str, int]

    def next(self, connection: Connection[Any]) -> Change | None:
        """The next change; None when no row of the chosen table will do."""
        shape = self.site.stock.shapes[self.chance.choices(list(self.weights), list(self.weights.values()))[0]]
        shares = (self.wish.creates, self.wish.updates, self.wish.deletes)
        operation = self.chance.choices((CREATE, UPDATE, DELETE), shares)[0]
        makers = {CREATE: self._create, UPDATE: self._update, DELETE: self._delete}
        for _ in range(TRIES):
            found = self._row(connection, shape)
            change = None if found is None else makers[operation](connection, shape, *found)
            if change is not None:
                return change
        return None

    def _row(self, connection: Connection[Any], shape: Shape) -> tuple[str, dict[str, Any]] | None:
        row_id = picks.row_id(connection, shape, self.chance)
        row = None if row_id is None else inside.stored(self.site, connection, shape, row_id)
        return None if row_id is None or row is None else (row_id, row)

    def _delete(self, connection: Connection[Any], shape: Shape, row_id: str, row: dict[str, Any]) -> Change | None:
        if picks.is_referred_to(self.site, connection, shape, row):
            return None
        return Change(operation=DELETE, shape=shape, row_id=row_id)

    def _update(self, connection: Connection[Any], shape: Shape, row_id: str, row: dict[str, Any]) -> Change | None:
        candidates: list[Field | Relation] = [*_plain_fields(shape, row), *_pointers(shape)]
        if not candidates:
            return None
        other = self._row(connection, shape)
        body: dict[str, Any] = {}
        count = min(len(candidates), self.chance.randint(1, MOST_COLUMNS))
        for one in self.chance.sample(candidates, count):
            if isinstance(one, Field) and one.type is not ColumnType.LOOKUP:
                body |= self._changed(one, row)
            elif other is not None:
                body |= _as_the_other(shape, one, row, other[1])
        return Change(operation=UPDATE, shape=shape, row_id=row_id, body=body) if body else None

    def _create(self, connection: Connection[Any], shape: Shape, row_id: str, row: dict[str, Any]) -> Change | None:
        """A row like this one, with a key of its own and a few other values."""
        keys = [one for one in shape.fields.values() if one.column in picks.key_columns(shape)]
        own = [one for one in keys if _may_be_made(shape, one)]
        if shape.name in picks.COMPANIES or (isinstance(shape.declared, FinopsTable) and not own):
            return None
        body = _copied(shape, row)
        for one in own:
            body.pop(one.name, None)
            if not (one.declared and one.declared.number_sequence):
                body[one.name] = values.new_key(self.chance, one)
        for one in _plain_fields(shape, row):
            if one.type is ColumnType.TEXT or self.chance.random() < 0.5:
                body |= self._changed(one, row)
        if isinstance(shape.declared, DataverseTable):
            body[shape.row_id.name] = str(UUID(int=self.chance.getrandbits(128), version=4))
        return Change(operation=CREATE, shape=shape, body=body)

    def _changed(self, one: Field, row: Mapping[str, Any]) -> dict[str, Any]:
        enums = {name: tuple(enum.members) for name, enum in self.site.stock.enums.items()} if one.declared else {}
        old = row.get(one.name)
        new = values.changed(self.chance, one, old, enums)
        return {} if new == old else {one.name: new}


def check(site: Site, wish: Wish) -> None:
    """Raises: BadWish when no table has rows."""
    if not planner(site, wish).weights:
        raise BadWish("None of these tables has rows yet. Create some, or load the demo rows, then try again.")


def planner(site: Site, wish: Wish) -> Planner:
    chance = Random(wish.seed)  # noqa: S311 - a game, no secret
    return Planner(site=site, wish=wish, chance=chance, weights=picks.weights(site, wish.tables))


def _plain_fields(shape: Shape, row: Mapping[str, Any]) -> list[Field]:
    """The columns that may get a value of any row's: those filled where there are some."""
    bound = _relation_columns(shape) | picks.key_columns(shape)
    known = [
        one
        for one in shape.fields.values()
        if one.column not in bound and values.is_known(one) and not _tells_a_sort(one)
    ]
    return [one for one in known if not _is_empty(row.get(one.name))] or known


def _tells_a_sort(one: Field) -> bool:
    """What sort of thing a row is decides about its other columns, so that it stays."""
    return one.type in (ColumnType.ENUM, ColumnType.CHOICE) and "type" in one.name.lower()


def _pointers(shape: Shape) -> Sequence[Field | Relation]:
    declared, keys = shape.declared, picks.key_columns(shape)
    if isinstance(declared, FinopsTable):
        return [one for one in declared.references if not set(one.columns) & keys]
    return [
        one
        for one in shape.fields.values()
        if one.type is ColumnType.LOOKUP and one.declared and not one.declared.targets and one.column not in keys
    ]


def _as_the_other(
    shape: Shape, one: Field | Relation, row: Mapping[str, Any], other: Mapping[str, Any]
) -> dict[str, Any]:
    """What another row of the same company points to, which is there."""
    if any(row.get(name) != other.get(name) for name in (COMPANY, "_msdyn_company_value")):
        return {}
    if isinstance(one, Relation):
        found = {name: other[name] for name in one.columns}
        writable = all((d := shape.fields[name].declared) and not d.read_only for name in found)
        return found if writable and any(row[name] != value for name, value in found.items()) else {}
    value = other.get(one.name)
    return (
        {}
        if value is None or value == row.get(one.name) or value == row.get(shape.row_id.name)
        else _bound(shape, one, value)
    )


def _bound(shape: Shape, one: Field, value: str) -> dict[str, Any]:
    assert one.declared is not None
    return {f"{inside.binding(shape, one)}@odata.bind": f"/{one.declared.target}({value})"}


def _copied(shape: Shape, row: Mapping[str, Any]) -> dict[str, Any]:
    """What a client would send to make a row like this one."""
    body: dict[str, Any] = {}
    for one in (*shape.fields.values(), *shape.branches):
        value = row.get(one.name)
        if _is_empty(value) or one.declared is None or one.declared.read_only or is_made_up(one.declared):
            continue
        if one is shape.row_id or one.name in values.KEPT:
            continue
        body |= _bound(shape, one, str(value)) if one.type is ColumnType.LOOKUP else {one.name: value}
    return body


def _is_empty(value: Any) -> bool:
    return value in (None, "") or (isinstance(value, str) and value.startswith(NO_DATE))


def _may_be_made(shape: Shape, one: Field) -> bool:
    """Whether a key column may get any value: it points to nothing."""
    if one.column == COMPANY or one.declared is None or one.column in _relation_columns(shape):
        return False
    return bool(one.declared.number_sequence) or one.type in (ColumnType.TEXT, ColumnType.INTEGER)


def _relation_columns(shape: Shape) -> set[str]:
    declared = shape.declared
    if not isinstance(declared, FinopsTable):
        return set()
    return {name for relation in declared.references for name in relation.columns}


def changes(site: Site, wish: Wish) -> Iterator[Change | None]:
    """So many changes, each planned on the rows as they are by then; None for one that could not be found."""
    made = planner(site, wish)
    for _ in range(wish.count if made.weights else 0):
        with site.reading() as connection:
            change = made.next(connection)
        yield change

"""A map definition and two catalogs → a map that runs.

Compiled once per map version. `forward` and `backward` map a batch with a few polars calls; look-ups are turned into
rows and back by `lookups`.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import polars as pl

from syncengine.catalog import Column, Table
from syncengine.mapping.definition import Company, KeyPart, MapDefinition
from syncengine.mapping.filters.ast import Filter
from syncengine.mapping.filters.columns import column_of, columns_of
from syncengine.mapping.filters.parse import parse_filter
from syncengine.mapping.filters.polars import to_expression
from syncengine.mapping.keys import fold, join_key
from syncengine.mapping.lines import CompiledField, compiled_field, is_pair, lines_of
from syncengine.mapping.lookups import Lookup
from syncengine.mapping.mapped import Mapped
from syncengine.mapping.plan import Plan, ends, image_of, plan_of, run
from syncengine.mapping.transforms import as_text, literal
from syncengine.mapping.validate import MapInvalid, validate
from syncengine.states import Side


@dataclass(frozen=True, slots=True, kw_only=True)
class _SideOf:
    """What a map is on one of its sides."""

    table: Table
    columns: tuple[str, ...]  # to be read: of fields in either direction, key, company and filter
    key_columns: tuple[str, ...]  # look-up columns where a part is a path
    key: pl.Expr
    written_key: pl.Expr
    where: Filter | None
    passes: pl.Expr
    plan: Plan  # towards this side


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CompiledMap:
    """A map that fits its tables. Column names are spelled as in the catalog, look-up paths as in the definition.

    `company_path` is the text column of an expanded right row that holds the company code, "" for a global map.
    """

    definition: MapDefinition
    right_tables: Mapping[str, Table]
    fields: tuple[CompiledField, ...]
    lookups: tuple[Lookup, ...]
    company_path: str
    company_lookup: Lookup | None
    sides: Mapping[Side, _SideOf]

    @property
    def left(self) -> Table:
        return self.sides[Side.LEFT].table

    @property
    def right(self) -> Table:
        return self.sides[Side.RIGHT].table

    @property
    def left_columns(self) -> tuple[str, ...]:
        return self.sides[Side.LEFT].columns

    @property
    def right_columns(self) -> tuple[str, ...]:
        return self.sides[Side.RIGHT].columns

    def left_name(self, name: str) -> str:
        """A left column as the catalog spells it."""
        return column_of(self.left, name).name

    def key_columns(self, side: Side) -> tuple[str, ...]:
        """The columns of the integration key in definition order, look-up columns where a part is a path."""
        return self.sides[side].key_columns

    def where(self, side: Side) -> Filter | None:
        """The definition's filter of that side, without the company."""
        return self.sides[side].where

    def passes(self, side: Side) -> pl.Expr:
        """`where` over a row frame: true or false, never null."""
        return self.sides[side].passes

    def create_defaults(self, side: Side) -> dict[str, pl.Expr]:
        """Column → constant, for columns without a source; given when a row is created."""
        return dict(_constants(self.fields, side))

    def update_defaults(self, side: Side) -> dict[str, pl.Expr]:
        """Those of `create_defaults` that are given on every update too."""
        return dict(_constants((field for field in self.fields if field.line.default_always), side))


def compile_map(
    definition: MapDefinition, *, left: Table, right: Table, right_tables: Mapping[str, Table]
) -> CompiledMap:
    """The map, ready to run. `right_tables` are the tables that its look-ups may point to, by name.

    Raises: MapInvalid with all findings.
    """
    errors = [finding for finding in validate(definition, left, right, right_tables) if finding.is_error]
    if errors:
        raise MapInvalid(errors)
    fields = _with_one_spelling(
        compiled_field(line, definition, left=left, right=right, right_tables=right_tables)
        for line in lines_of(definition)
    )
    company = _part(fields, definition.company) if definition.company is not None else None
    return CompiledMap(
        definition=definition,
        right_tables=right_tables,
        fields=fields,
        lookups=_lookups(fields),
        company_path=ends(company, Side.RIGHT)[1].name if company is not None else "",
        company_lookup=company.lookup if company is not None else None,
        sides={
            Side.LEFT: _side_of(definition, fields, left, Side.LEFT),
            Side.RIGHT: _side_of(definition, fields, right, Side.RIGHT),
        },
    )


def forward(compiled: CompiledMap, rows: pl.DataFrame) -> Mapped:
    """Left rows in the right's shape; look-ups are text columns named by their path (see `lookups.resolve`)."""
    return run(compiled.sides[Side.RIGHT].plan, rows)


def backward(compiled: CompiledMap, rows: pl.DataFrame) -> Mapped:
    """Expanded right rows (see `lookups.expand`) in the left's shape."""
    return run(compiled.sides[Side.LEFT].plan, rows)


def integration_key(compiled: CompiledMap, side: Side) -> pl.Expr:
    """The folded, joined key of a left row frame or of an expanded right one; null where a part is missing."""
    return compiled.sides[side].key


def written_key(compiled: CompiledMap, side: Side) -> pl.Expr:
    """As `integration_key`, but as the row spells it: for people."""
    return compiled.sides[side].written_key


# --- parts


def _side_of(definition: MapDefinition, fields: tuple[CompiledField, ...], table: Table, side: Side) -> _SideOf:
    text = definition.left_filter if side is Side.LEFT else definition.right_filter
    where = parse_filter(text, side)
    parts = [_part(fields, part) for part in definition.key]
    texts = [_key_text(part, side) for part in parts]
    return _SideOf(
        table=table,
        columns=_columns(fields, table, side, where),
        key_columns=tuple(column.name for part in parts if (column := part.column(side)) is not None),
        key=join_key([fold(text) for text in texts]),
        written_key=join_key(texts),
        where=where,
        passes=pl.lit(True) if where is None else to_expression(where, table),
        plan=plan_of(fields, side),
    )


def _with_one_spelling(fields: Iterable[CompiledField]) -> tuple[CompiledField, ...]:
    """A look-up that several lines use has one path: that of the key or company where one of them is it."""
    fields = tuple(fields)
    lookups = {field.lookup.path.lower(): field.lookup for field in reversed(fields) if field.lookup is not None}
    return tuple(
        field if field.lookup is None else replace(field, lookup=lookups[field.lookup.path.lower()]) for field in fields
    )


def _part(fields: Iterable[CompiledField], part: KeyPart | Company) -> CompiledField:
    """The line of a key part or of the company."""
    return next(field for field in fields if is_pair(field.line, part))


def _key_text(field: CompiledField, side: Side) -> pl.Expr:
    """Both sides take the right's text of a part: the left may spell it otherwise, or hold it in another type."""
    target = ends(field, Side.RIGHT)[1]
    value = image_of(field, Side.RIGHT) if side is Side.LEFT else pl.col(target.name)
    return as_text(value, target)


def _columns(fields: Iterable[CompiledField], table: Table, side: Side, where: Filter | None) -> tuple[str, ...]:
    complete = [field for field in fields if field.left is not None and field.right is not None]
    columns: list[Column | None] = [
        field.column(side) for field in sorted(complete, key=lambda field: not field.is_key)
    ]
    if where is not None:
        columns += [column_of(table, name) for name in sorted(columns_of(where))]
    return tuple(dict.fromkeys(column.name for column in columns if column is not None))


def _lookups(fields: Iterable[CompiledField]) -> tuple[Lookup, ...]:
    """Each look-up column and key column once."""
    lookups = [field.lookup for field in fields if field.lookup is not None]
    return tuple({(lookup.column, lookup.key_column): lookup for lookup in reversed(lookups)}.values())[::-1]


def _constants(fields: Iterable[CompiledField], side: Side) -> Iterator[tuple[str, pl.Expr]]:
    for field in fields:
        column, default = field.column(side), field.line.default
        has_source = field.column(side.other) is not None
        if column is not None and default is not None and not has_source and field.direction.flows_to(side):
            yield column.name, literal(column, default)

"""The catalog of a Finance and Operations environment, from its metadata service and the lengths in `$metadata`.

Source: Finance and Operations OData documentation.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from syncengine.catalog import Catalog, Choice, Column, ColumnType, Key, Reference, Table
from syncengine.connectors.finops.api import METADATA
from syncengine.connectors.service import Service, address
from syncengine.errors import PermanentError

COMPANY_COLUMN = "dataAreaId"
MODIFIED_COLUMNS = ("modifieddatetime", "sysmodifieddatetime")
MAX_SINGLE_READS = 60  # asked for more tables, all are read in one answer
MAX_LABELS = 200  # each is a call of its own; of more tables the labels stay ids
LANGUAGE = "en-us"
ENUM_PREFIX = "Microsoft.Dynamics.DataEntities."

_TYPES: Mapping[str, ColumnType] = {
    "Edm.String": ColumnType.TEXT,
    "Edm.Int32": ColumnType.INTEGER,
    "Edm.Int64": ColumnType.INTEGER,
    "Edm.Decimal": ColumnType.DECIMAL,
    "Edm.Double": ColumnType.DECIMAL,
    "Edm.Boolean": ColumnType.BOOLEAN,
    "Edm.Date": ColumnType.DATE,
    "Edm.DateTimeOffset": ColumnType.DATETIME,
    "Edm.Guid": ColumnType.UUID,
}
T = TypeVar("T")


class _Named(msgspec.Struct, kw_only=True, rename="pascal"):
    """One of the entities that are offered."""

    name: str
    public_entity_name: str | None = None
    public_collection_name: str | None = None
    label_id: str | None = None
    data_service_enabled: bool = True


class _Property(msgspec.Struct, kw_only=True, rename="pascal"):
    name: str
    type_name: str
    data_type: str | None = None
    label_id: str | None = None
    is_key: bool = False
    is_mandatory: bool = False
    allow_edit: bool = True
    allow_edit_on_create: bool = True


class _Constraint(msgspec.Struct, kw_only=True, rename="pascal"):
    property: str | None = None
    referenced_property: str | None = None


class _Navigation(msgspec.Struct, kw_only=True, rename="pascal"):
    name: str
    related_entity: str | None = None
    cardinality: str | None = None
    constraints: list[_Constraint] | None = None


class _Entity(msgspec.Struct, kw_only=True, rename="pascal"):
    name: str
    entity_set_name: str
    label_id: str | None = None
    is_read_only: bool = False
    properties: list[_Property] = []
    navigation_properties: list[_Navigation] | None = None


class _Member(msgspec.Struct, kw_only=True, rename="pascal"):
    name: str
    value: int | None = None


class _Enumeration(msgspec.Struct, kw_only=True, rename="pascal"):
    name: str
    members: list[_Member] = []


class _NamedList(msgspec.Struct):
    value: list[_Named]


class _EntityList(msgspec.Struct):
    value: list[_Entity]


class _EnumerationList(msgspec.Struct):
    value: list[_Enumeration]


class _LabelText(msgspec.Struct, rename="pascal"):
    value: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Facts:
    """What tables share: choices by enum type, entity set by entity, sizes by entity and property."""

    choices: Mapping[str, tuple[Choice, ...]]
    sets: Mapping[str, str]
    sizes: Mapping[tuple[str, str], Mapping[str, str]]


def read_catalog(service: Service, tables: Sequence[str]) -> Catalog:
    """All tables, or these; those not there are left out. Raises: PermanentError for metadata that cannot be read."""
    named = [each for each in _read(service, "DataEntities", _NamedList).value if each.data_service_enabled]
    sets = {str(each.public_entity_name): str(each.public_collection_name) for each in named}
    enumerations = _read(service, "PublicEnumerations", _EnumerationList).value
    facts = _Facts(
        choices={each.name: tuple(_choices(each)) for each in enumerations},
        sets=sets,
        sizes=_sizes(service.get("$metadata").body),
    )
    entities = _entities(service, sets, tables)
    with_labels = len(entities) <= MAX_LABELS
    return Catalog(tables=tuple(_table(service, entity, facts, with_label=with_labels) for entity in entities))


def _entities(service: Service, sets: Mapping[str, str], tables: Sequence[str]) -> list[_Entity]:
    wanted = {name.lower() for name in tables}
    names = [entity for entity, table in sets.items() if table.lower() in wanted]
    if wanted and len(names) <= MAX_SINGLE_READS:
        return [_read(service, f"PublicEntities('{name}')", _Entity) for name in names]
    entities = _read(service, "PublicEntities", _EntityList).value
    return [each for each in entities if not wanted or each.entity_set_name.lower() in wanted]


def _table(service: Service, entity: _Entity, facts: _Facts, *, with_label: bool) -> Table:
    columns = tuple(_columns(entity, facts))
    names = [column.name for column in columns]
    return Table(
        name=entity.entity_set_name,
        logical_name=entity.name,
        label=_label(service, entity.label_id) if with_label else entity.label_id or "",
        columns=columns,
        keys=_keys(entity),
        references=tuple(_references(entity, facts)),
        company_column=next((name for name in names if name.lower() == COMPANY_COLUMN.lower()), ""),
        modified_column=next((column.name for column in columns if _is_modified(column)), ""),
    )


def _columns(entity: _Entity, facts: _Facts) -> Iterator[Column]:
    for each in entity.properties:
        enum_type = each.type_name.removeprefix(ENUM_PREFIX)
        sizes = facts.sizes.get((entity.name, each.name), {})
        column_type = ColumnType.ENUM if enum_type in facts.choices else _TYPES.get(each.type_name)
        if column_type is None:
            continue
        is_date = column_type is ColumnType.DATETIME and each.data_type == "Date"
        yield Column(
            name=each.name,
            type=ColumnType.DATE if is_date else column_type,
            label=each.label_id or "",
            max_length=_number(sizes.get("MaxLength")),
            scale=_number(sizes.get("Scale")),
            is_required=each.is_mandatory,
            is_read_only=entity.is_read_only or not (each.allow_edit or each.allow_edit_on_create),
            choices=facts.choices.get(enum_type, ()),
            enum_type=enum_type if column_type is ColumnType.ENUM else "",
            null_value=_null_value(column_type, facts.choices.get(enum_type, ())),
        )


def _null_value(column_type: ColumnType, choices: tuple[Choice, ...]) -> str:
    """Numbers and enumerations have no null here: they hold zero and their first member."""
    if column_type in (ColumnType.INTEGER, ColumnType.DECIMAL):
        return "0"
    return choices[0].value if column_type is ColumnType.ENUM and choices else ""


def _keys(entity: _Entity) -> tuple[Key, ...]:
    columns = tuple(each.name for each in entity.properties if each.is_key)
    return (Key(name="EntityKey", columns=columns),) if columns else ()


def _references(entity: _Entity, facts: _Facts) -> Iterator[Reference]:
    for each in entity.navigation_properties or []:
        pairs = [(part.property, part.referenced_property) for part in each.constraints or []]
        named = [(ours, theirs) for ours, theirs in pairs if ours and theirs]
        target = facts.sets.get(each.related_entity or "")
        if named and target and each.cardinality != "Multiple":
            ours, theirs = zip(*named, strict=True)
            yield Reference(columns=tuple(ours), target_table=target, target_columns=tuple(theirs))


def _choices(enumeration: _Enumeration) -> Iterator[Choice]:
    """The symbols by their number, so that the first is what the service takes for no value."""
    for each in sorted(enumeration.members, key=lambda member: member.value or 0):
        yield Choice(value=each.name, label=each.name)


def _sizes(metadata: bytes) -> dict[tuple[str, str], dict[str, str]]:
    """Facets of properties by entity and property, found by tag: the document may have tens of megabytes."""
    sizes: dict[tuple[str, str], dict[str, str]] = {}
    entity = ""
    for tag in re.finditer(r"<(EntityType|Property)\s([^>]*)>", metadata.decode("utf-8", "replace")):
        facets = dict(re.findall(r'(\w+)="([^"]*)"', tag[2]))
        if tag[1] == "EntityType":
            entity = facets.get("Name", "")
        elif "MaxLength" in facets or "Scale" in facets:
            sizes[entity, facets.get("Name", "")] = facets
    return sizes


def _label(service: Service, label_id: str | None) -> str:
    if not label_id or not label_id.startswith("@"):
        return label_id or ""
    return _read(service, f"Labels(Id='{label_id}',Language='{LANGUAGE}')", _LabelText).value or label_id


def _read(service: Service, resource: str, kind: type[T]) -> T:
    answer = service.get(address(METADATA + resource, {}))
    try:
        return msgspec.json.decode(answer.body, type=kind)
    except msgspec.DecodeError as error:
        raise PermanentError(f"The metadata of {service.name} ({resource}) cannot be read: {error}.") from error


def _is_modified(column: Column) -> bool:
    return column.name.lower() in MODIFIED_COLUMNS and column.type is ColumnType.DATETIME


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdigit() else None

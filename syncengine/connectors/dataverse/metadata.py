"""The catalog of a Dataverse environment, from its metadata.

One read names the tables; then all details of all tables come in batches. Source: Dataverse Web API documentation.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec

from syncengine.catalog import Catalog, Choice, Column, ColumnType, Key, Table
from syncengine.connectors.dataverse.api import query
from syncengine.connectors.dataverse.metadata_answers import (
    AlternateKey,
    Attribute,
    Attributes,
    Definition,
    Definitions,
    Keys,
    LocalLabels,
    ManagedValue,
    Relationship,
    Relationships,
)
from syncengine.connectors.service import Service
from syncengine.errors import PermanentError

COMPANY_SET = "cdm_companies"
COMPANY_COLUMNS = ("msdyn_company", "msdyn_companyid")  # which of them a table has differs; both point to cdm_companies
MODIFIED_COLUMN = "modifiedon"

REQUIRED = frozenset({"ApplicationRequired", "SystemRequired"})
FILLED_IN = frozenset({"Uniqueidentifier", "Owner", "State", "Status"})  # the service gives them a value itself
T = TypeVar("T")

_TYPES: Mapping[str, ColumnType] = {
    "String": ColumnType.TEXT,
    "Memo": ColumnType.TEXT,
    "Integer": ColumnType.INTEGER,
    "BigInt": ColumnType.INTEGER,
    "Decimal": ColumnType.DECIMAL,
    "Double": ColumnType.DECIMAL,
    "Money": ColumnType.DECIMAL,
    "Boolean": ColumnType.BOOLEAN,
    "DateTime": ColumnType.DATETIME,
    "Uniqueidentifier": ColumnType.UUID,
    "Picklist": ColumnType.CHOICE,
    "State": ColumnType.CHOICE,
    "Status": ColumnType.CHOICE,
    "Lookup": ColumnType.LOOKUP,
    "Customer": ColumnType.LOOKUP,
    "Owner": ColumnType.LOOKUP,
}
_CASTS = {
    "String": "LogicalName,MaxLength",
    "Memo": "LogicalName,MaxLength",
    "Decimal": "LogicalName,Precision",
    "Double": "LogicalName,Precision",
    "Money": "LogicalName,Precision",
    "DateTime": "LogicalName,Format,DateTimeBehavior",
    "Lookup": "LogicalName,Targets",
    "Picklist": "LogicalName",
    "State": "LogicalName",
    "Status": "LogicalName",
}
_WITH_OPTIONS = frozenset({"Picklist", "State", "Status"})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
    """The answers about one table."""

    definition: Definition
    attributes: list[Attribute]
    details: dict[str, list[Attribute]] = field(default_factory=dict)
    keys: list[AlternateKey]
    relationships: list[Relationship]


def read_catalog(service: Service, tables: Sequence[str]) -> Catalog:
    """All tables, or these; those not there are left out. Raises: PermanentError for metadata that cannot be read."""
    definitions = _definitions(service)
    sets = {each.logical_name: str(each.entity_set_name) for each in definitions}
    wanted = {name.lower() for name in tables}
    chosen = [each for each in definitions if not wanted or str(each.entity_set_name).lower() in wanted]
    bodies = service.get_all([url for definition in chosen for url in _urls(definition.logical_name)])
    size = len(_urls(""))
    each = [bodies[place : place + size] for place in range(0, len(bodies), size)]
    return Catalog(tables=tuple(_table(_parts(*pair), sets) for pair in zip(chosen, each, strict=True)))


def _definitions(service: Service) -> list[Definition]:
    select = "LogicalName,EntitySetName,PrimaryIdAttribute,ChangeTrackingEnabled,DisplayName"
    answer = service.get(query("EntityDefinitions", select=select))
    found = _decoded(answer.body, Definitions).value
    return [each for each in found if each.entity_set_name and each.primary_id_attribute]


def _urls(logical_name: str) -> list[str]:
    base = f"EntityDefinitions(LogicalName='{logical_name}')"
    validity = "IsValidForCreate,IsValidForUpdate,IsValidForRead"
    general = f"LogicalName,AttributeType,AttributeOf,{validity},RequiredLevel,DisplayName"
    related = "ReferencingAttribute,ReferencedEntity,ReferencingEntityNavigationPropertyName"
    casts = [
        query(
            f"{base}/Attributes/Microsoft.Dynamics.CRM.{name}AttributeMetadata",
            select=select,
            expand="OptionSet" if name in _WITH_OPTIONS else "",
        )
        for name, select in _CASTS.items()
    ]
    return [
        query(f"{base}/Attributes", select=general),
        query(f"{base}/Keys", select="LogicalName,KeyAttributes,EntityKeyIndexStatus"),
        query(f"{base}/ManyToOneRelationships", select=related),
        *casts,
    ]


def _parts(definition: Definition, bodies: Sequence[bytes]) -> _Parts:
    attributes, keys, relationships, *casts = bodies
    return _Parts(
        definition=definition,
        attributes=_decoded(attributes, Attributes).value,
        keys=_decoded(keys, Keys).value,
        relationships=_decoded(relationships, Relationships).value,
        details={name: _decoded(body, Attributes).value for name, body in zip(_CASTS, casts, strict=True)},
    )


def _table(parts: _Parts, sets: Mapping[str, str]) -> Table:
    definition = parts.definition
    columns = tuple(_columns(parts, sets))
    names = {column.name for column in columns}
    return Table(
        name=str(definition.entity_set_name),
        logical_name=definition.logical_name,
        label=_text(definition.display_name) or definition.logical_name,
        columns=columns,
        keys=tuple(_key(key) for key in parts.keys),
        id_column=str(definition.primary_id_attribute),
        company_column=next((column.name for column in columns if _is_company(column)), ""),
        modified_column=MODIFIED_COLUMN if MODIFIED_COLUMN in names else "",
        tracks_changes=bool(definition.change_tracking_enabled),
    )


def _columns(parts: _Parts, sets: Mapping[str, str]) -> Iterator[Column]:
    """The columns that can be read, in the service's order."""
    details = {each.logical_name: each for attributes in parts.details.values() for each in attributes}
    for attribute in parts.attributes:
        column_type = _TYPES.get(attribute.attribute_type or "")
        # Names and other shadows of another column (`AttributeOf`) cannot be selected.
        if column_type is None or attribute.attribute_of is not None or attribute.is_valid_for_read is False:
            continue
        detail = details.get(attribute.logical_name, attribute)
        yield _column(attribute, detail, column_type, _relationships(parts, attribute.logical_name, sets), sets)


def _column(
    attribute: Attribute,
    detail: Attribute,
    column_type: ColumnType,
    relationships: Sequence[Relationship],
    sets: Mapping[str, str],
) -> Column:
    is_date = detail.format == "DateOnly" or _value(detail.date_time_behavior) == "DateOnly"
    return Column(
        name=attribute.logical_name,
        type=ColumnType.DATE if column_type is ColumnType.DATETIME and is_date else column_type,
        label=_text(attribute.display_name),
        max_length=detail.max_length,
        scale=detail.precision,
        is_required=_value(attribute.required_level) in REQUIRED and attribute.attribute_type not in FILLED_IN,
        is_read_only=attribute.is_valid_for_create is False and attribute.is_valid_for_update is False,
        choices=tuple(_choices(detail)),
        targets=tuple(sets[each.referenced_entity] for each in relationships),
        bind_name=next((str(each.referencing_entity_navigation_property_name) for each in relationships), ""),
    )


def _relationships(parts: _Parts, column: str, sets: Mapping[str, str]) -> list[Relationship]:
    """The relationships behind a look-up, in the order of its targets; a write binds by the first."""
    detail = next((each for each in parts.details["Lookup"] if each.logical_name == column), None)
    targets = (detail.targets or []) if detail else []
    order = {name: place for place, name in enumerate(targets) if name in sets}
    found = [each for each in parts.relationships if each.referencing_attribute == column]
    usable = [each for each in found if each.referencing_entity_navigation_property_name]
    return sorted(
        (each for each in usable if each.referenced_entity in order), key=lambda each: order[each.referenced_entity]
    )


def _choices(detail: Attribute) -> Iterator[Choice]:
    for option in (detail.option_set.options or []) if detail.option_set else []:
        yield Choice(value=str(option.value), label=_text(option.label))


def _key(key: AlternateKey) -> Key:
    is_active = key.entity_key_index_status in ("Active", 2)
    return Key(name=key.logical_name, columns=tuple(key.key_attributes), is_active=is_active)


def _is_company(column: Column) -> bool:
    return column.name in COMPANY_COLUMNS and COMPANY_SET in column.targets


def _text(label: LocalLabels | None) -> str:
    return (label.user.label if label and label.user else None) or ""


def _value(value: ManagedValue | None) -> object:
    return value.value if value else None


def _decoded(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.DecodeError as error:
        raise PermanentError(f"The service's metadata cannot be read: {error}.") from error

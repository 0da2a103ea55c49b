"""Tables, columns, keys and relations as the metadata of the Web API tells them.

Source: Dataverse Web API documentation.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from syncengine.catalog import ColumnType
from syncengine.mapping.filters.ast import And, Comparison, Filter, FilterError, In, Match, Operator, Or
from syncengine.mapping.filters.odata import parse
from syncengine.sandbox.addresses import Segment
from syncengine.sandbox.calls import JSON, Answer, Call, ServiceError, encode
from syncengine.sandbox.dataverse import errors
from syncengine.sandbox.dataverse.navigation import collection_name
from syncengine.sandbox.dataverse.payload import limits_of
from syncengine.sandbox.dataverse.shape import STATE, STATUS, VERSION, navigation
from syncengine.sandbox.declarations import Column, DataverseTable
from syncengine.sandbox.query import QueryRefused
from syncengine.sandbox.shape import Field, Shape
from syncengine.sandbox.site import Site

Item = dict[str, Any]
MEMO_LENGTH = 4_000
CUSTOMERS = {"accounts", "contacts"}  # a look-up to both is of a type of its own
_NAMESPACE = "Microsoft.Dynamics.CRM."
_EXPAND = re.compile(r"\s*(\w+)\s*(?:\(\s*\$select\s*=\s*([\w,\s]*)\))?\s*(?:,|$)")
_TYPES = {
    ColumnType.TEXT: "String",
    ColumnType.INTEGER: "Integer",
    ColumnType.DECIMAL: "Decimal",
    ColumnType.BOOLEAN: "Boolean",
    ColumnType.DATE: "DateTime",
    ColumnType.DATETIME: "DateTime",
    ColumnType.UUID: "Uniqueidentifier",
    ColumnType.CHOICE: "Picklist",
    ColumnType.LOOKUP: "Lookup",
}


def answer(site: Site, call: Call) -> Answer:
    """Everything below `EntityDefinitions`. Raises: ServiceError."""
    if call.method != "GET":
        raise ServiceError(405, "Metadata of a sandbox is changed by its declarations.", code=errors.URI)
    if site.settings.table_changes:  # answers are kept for all sandboxes of these declarations
        kind, content = _told(site, call)
    else:
        kind, content = site.stock.inventory.keep(call.address.text, lambda: _told(site, call))
    context = encode(f"{call.base}/$metadata#{kind}")
    return Answer(status=200, headers={"Content-Type": JSON}, body=b'{"@odata.context":%b,%b' % (context, content))


def _told(site: Site, call: Call) -> tuple[str, bytes]:
    """What the context ends with, and the answer behind it."""
    kind, item = _item(site, call)
    return kind, encode(item)[1:]


def _item(site: Site, call: Call) -> tuple[str, Item]:
    first, *rest = call.address.segments
    if first.key is None:
        found = [_expanded(site, call, item) for item in _filtered(call, _entities(site))]
        return "EntityDefinitions", _list(call, found)
    shape = shape_of(site, first)
    if not rest:
        entity = _expanded(site, call, _entity(errors.table_of(shape)))
        return "EntityDefinitions/$entity", _chosen(call, entity)
    return _below(site, call, shape, rest)


def _entities(site: Site) -> list[Item]:
    inventory = site.stock.inventory
    if site.settings.table_changes:
        return [_entity(errors.table_of(shape)) for shape in site.stock.shapes.values()]
    tables = (table for table in inventory.tables.values() if isinstance(table, DataverseTable))
    found: list[Item] = inventory.remember("entities", lambda: [_entity(table) for table in tables])
    return found


def _below(site: Site, call: Call, shape: Shape, rest: list[Segment]) -> tuple[str, Item]:
    segment, *casts = rest
    if segment.name not in _COLLECTIONS:
        raise errors.no_segment(segment.name)
    items = _collection(site, shape, segment.name)
    if segment.key is not None:
        return f"{segment.name}/$entity", _chosen(call, _named(items, segment))
    for cast in casts:
        kind = f"#{cast.name}"
        items = [item for item in items if item.get("@odata.type") == kind]
    return segment.name, _list(call, _filtered(call, items))


def _collection(site: Site, shape: Shape, name: str) -> list[Item]:
    """What belongs to a table; worked out once."""
    make = _COLLECTIONS[name]
    found: list[Item] = site.stock.inventory.remember(f"{shape.name}/{name}", lambda: list(make(site, shape)))
    return found


def shape_of(site: Site, segment: Segment) -> Shape:
    """The table that a key names: `LogicalName='account'` or its metadata id."""
    value = segment.key[0][1] if segment.key else None
    by_id = site.stock.inventory.remember("metadata ids", lambda: _ids(site.stock.inventory.names))
    name = site.stock.inventory.names.get(str(value)) or by_id.get(str(value))
    if name is None:
        raise ServiceError(404, f"Could not find an entity with name {value}.", code=errors.NO_ROW)
    return site.stock.shapes[name]


def _ids(names: Mapping[str, str]) -> dict[str, str]:
    return {_id(logical): name for logical, name in names.items()}


def _named(items: list[Item], segment: Segment) -> Item:
    value = segment.key[0][1] if segment.key else None
    found = next((item for item in items if value == item["LogicalName"] or str(value) == item["MetadataId"]), None)
    if found is None:
        raise ServiceError(404, f"Could not find an item with name {value}.", code=errors.NO_ROW)
    return found


def _entity(table: DataverseTable) -> Item:
    return {
        "MetadataId": _id(table.logical),
        "LogicalName": table.logical,
        "SchemaName": table.logical,
        "EntitySetName": table.set,
        "LogicalCollectionName": table.set,
        "PrimaryIdAttribute": table.primary_id,
        "PrimaryNameAttribute": table.primary_name,
        "DisplayName": _label(table.label),
        "ChangeTrackingEnabled": table.tracks_changes,
        "CanChangeTrackingBeEnabled": {"Value": not table.is_system, "CanBeChanged": True},
        "IsCustomEntity": "_" in table.logical,
        "IsPrivate": False,
        "TableType": "Elastic" if table.is_elastic else "Standard",
        "DataProviderId": None,
        "OwnershipType": "OrganizationOwned",
    }


def _attributes(site: Site, shape: Shape) -> Iterator[Item]:
    for one in shape.fields.values():
        assert one.declared is not None
        made = {**_attribute(shape, one, one.declared), **_details(one, one.declared)}
        if one.type is ColumnType.LOOKUP:
            targets = (branch.target for branch in one.declared.branches())
            made["Targets"] = [errors.table_of(site.stock.shapes[target]).logical for target in targets]
        yield made


def _attribute(shape: Shape, one: Field, column: Column) -> Item:
    table, kind = errors.table_of(shape), _type_name(one)
    is_id = one is shape.row_id
    return {
        "@odata.type": f"#{_NAMESPACE}{_metadata_type(kind)}AttributeMetadata",
        "MetadataId": _id(f"{table.logical}.{column.name}"),
        "LogicalName": column.name,
        "SchemaName": navigation(column),
        "EntityLogicalName": table.logical,
        "AttributeType": kind,
        "AttributeTypeName": {"Value": f"{kind}Type"},
        "AttributeOf": None,
        "DisplayName": _label(column.label),
        "IsPrimaryId": is_id,
        "IsPrimaryName": column.name == table.primary_name,
        "IsValidForCreate": not column.read_only,
        "IsValidForUpdate": not column.read_only and not is_id,
        "IsValidForRead": True,
        "RequiredLevel": {"Value": "SystemRequired" if column.required or is_id else "None", "CanBeChanged": False},
    }


def _details(one: Field, column: Column) -> Item:
    if column.is_multiple:
        return {"OptionSet": _options(one, column)}
    match one.type:
        case ColumnType.TEXT:
            return {"MaxLength": column.length, "Format": "Text"}
        case ColumnType.DECIMAL:
            limits = dict(zip(("MinValue", "MaxValue"), limits_of(one), strict=True))
            return {"Precision": column.scale, **limits, **({"PrecisionSource": 0} if column.is_money else {})}
        case ColumnType.INTEGER:
            return dict(zip(("MinValue", "MaxValue"), limits_of(one), strict=True))
        case ColumnType.DATE:
            return {"Format": "DateOnly", "DateTimeBehavior": {"Value": "DateOnly"}}
        case ColumnType.DATETIME:
            return {"Format": "DateAndTime", "DateTimeBehavior": {"Value": _behaviour(column)}}
        case ColumnType.CHOICE:
            return {"OptionSet": _options(one, column)}
        case ColumnType.BOOLEAN:
            options = {"TrueOption": _option(1, "Yes"), "FalseOption": _option(0, "No")}
            return {"OptionSet": options, "DefaultValue": False}
        case _:
            return {}


def _behaviour(column: Column) -> str:
    return "TimeZoneIndependent" if column.is_zone_independent else "UserLocal"


def _options(one: Field, column: Column) -> Item:
    options = [_option(int(code), label) for code, label in column.choices.items()]
    return {
        "Name": one.column,
        "OptionSetType": _type_name(one).removeprefix("MultiSelect"),
        "IsGlobal": False,
        "Options": options,
    }


def _option(value: int, label: str) -> Item:
    return {"Value": value, "Label": _label(label)}


def _type_name(one: Field) -> str:
    column = one.declared
    if one.column in (STATE.name, STATUS.name):
        return "State" if one.column == STATE.name else "Status"
    if column is VERSION:
        return "BigInt"
    if column and column.is_money:
        return "Money"
    if column and column.is_multiple:
        return "MultiSelectPicklist"
    if column and set(column.targets.values()) == CUSTOMERS:
        return "Customer"
    if one.type is ColumnType.TEXT and column and column.length > MEMO_LENGTH:
        return "Memo"
    return _TYPES[one.type]


def _metadata_type(kind: str) -> str:
    return {"Uniqueidentifier": "UniqueIdentifier", "Customer": "Lookup"}.get(kind, kind)


def _keys(site: Site, shape: Shape) -> Iterator[Item]:
    table = errors.table_of(shape)
    for key in table.keys:
        yield {
            "MetadataId": _id(f"{table.logical}.{key.name}"),
            "LogicalName": key.name,
            "SchemaName": key.name,
            "EntityLogicalName": table.logical,
            "DisplayName": _label(key.name),
            "KeyAttributes": key.columns,
            "EntityKeyIndexStatus": "Active",
        }


def _relationships(site: Site, shape: Shape) -> Iterator[Item]:
    table = errors.table_of(shape)
    for column in table.columns:
        for branch in column.branches() if column.type is ColumnType.LOOKUP else ():
            yield _relationship(table, column, branch, errors.table_of(site.stock.shapes[branch.target]))


def _relationship(table: DataverseTable, column: Column, branch: Column, target: DataverseTable) -> Item:
    name = collection_name(table, branch)
    return {
        "MetadataId": _id(name),
        "SchemaName": name,
        "LogicalName": name,
        "ReferencingEntity": table.logical,
        "ReferencingAttribute": column.name,
        "ReferencedEntity": target.logical,
        "ReferencedAttribute": target.primary_id,
        "ReferencingEntityNavigationPropertyName": navigation(branch),
        "ReferencedEntityNavigationPropertyName": name,
        "RelationshipType": "OneToManyRelationship",
    }


def _relationships_to(site: Site, shape: Shape) -> Iterator[Item]:
    """The same relations, from the side that is pointed to."""
    target = errors.table_of(shape)
    for name, branch in site.stock.inventory.lookups_to.get(shape.name, ()):
        table = errors.table_of(site.stock.shapes[name])
        column = next(one for one in table.columns if branch.name in {each.name for each in one.branches()})
        yield _relationship(table, column, branch, target)


def _no_relationships(site: Site, shape: Shape) -> Iterator[Item]:
    """The tables of a sandbox have none of many to many."""
    return iter(())


_COLLECTIONS: Mapping[str, Callable[[Site, Shape], Iterator[Item]]] = {
    "Attributes": _attributes,
    "Keys": _keys,
    "ManyToOneRelationships": _relationships,
    "OneToManyRelationships": _relationships_to,
    "ManyToManyRelationships": _no_relationships,
}


def _expanded(site: Site, call: Call, item: Item) -> Item:
    """The table with the collections that `$expand` names; their own `$select` holds."""
    text = call.address.option("$expand")
    if not text:
        return item
    shape = site.stock.shapes[item["EntitySetName"]]
    made = dict(item)
    for name, select in _EXPAND.findall(text):
        if name not in _COLLECTIONS:
            raise QueryRefused(f"The property '{name[:60]}' of '$expand' is not a collection of the table")
        made[name] = [_selected(each, select) for each in _collection(site, shape, name)]
    return made


def _chosen(call: Call, item: Item) -> Item:
    return _selected(item, call.address.option("$select") or "", call.address.option("$expand") or "")


def _list(call: Call, items: Iterable[Item]) -> Item:
    return {"value": [_chosen(call, item) for item in items]}


def _selected(item: Item, select: str, expand: str = "") -> Item:
    """The named properties; kind and id are always told, a set of options only when it is expanded."""
    expanded = {name for name, _ in _EXPAND.findall(expand)}
    names = {name.strip() for name in select.split(",") if name.strip()}
    always = {"@odata.type", "MetadataId", *expanded}
    return {
        name: value
        for name, value in item.items()
        if (name in always or not names or name in names) and (name != "OptionSet" or name in expanded)
    }


def _filtered(call: Call, items: list[Item]) -> list[Item]:
    text = call.address.option("$filter")
    if text is None:
        return items
    try:
        found = parse(text)
    except FilterError as error:
        raise QueryRefused(f"{error} at position {error.position} in '{text[:200]}'.") from error
    return [item for item in items if _passes(found, item)]


def _passes(found: Filter, item: Item) -> bool:
    """Comparisons of a property with a value, joined by and, or: what metadata can be filtered by."""
    match found:
        case And(terms=terms):
            return all(_passes(term, item) for term in terms)
        case Or(terms=terms):
            return any(_passes(term, item) for term in terms)
        case Comparison(column=column, operator=Operator.EQ | Operator.NE as operator, value=value) if column in item:
            return (item[column] == value) is (operator is Operator.EQ)
        case In(column=column, values=values) if column in item:
            return item[column] in values
        case Match() | _:
            raise QueryRefused("Metadata is filtered by comparing its properties with values")


def _label(text: str) -> Item:
    label = {"Label": text, "LanguageCode": 1033}
    return {"LocalizedLabels": [label], "UserLocalizedLabel": label}


def _id(name: str) -> str:
    return str(uuid5(NAMESPACE_URL, f"metadata {name}"))

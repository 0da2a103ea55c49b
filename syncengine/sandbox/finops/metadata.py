"""The metadata service, `$metadata`, and the actions that tell versions.

Source: Finance and Operations OData documentation.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any
from xml.sax.saxutils import quoteattr

from syncengine.catalog import ColumnType
from syncengine.sandbox.addresses import Segment
from syncengine.sandbox.calls import Answer, Call, ServiceError, json_answer
from syncengine.sandbox.declarations import COMPANY, Enumeration, FinopsTable, Relation
from syncengine.sandbox.finops import errors
from syncengine.sandbox.shape import Field, Shape
from syncengine.sandbox.site import Site

Item = dict[str, Any]
ENUMS = "Microsoft.Dynamics.DataEntities"
_EDM = {
    ColumnType.TEXT: ("Edm.String", "String"),
    ColumnType.INTEGER: ("Edm.Int32", "Int32"),
    ColumnType.DECIMAL: ("Edm.Decimal", "Real"),
    ColumnType.BOOLEAN: ("Edm.Boolean", "Boolean"),
    ColumnType.DATE: ("Edm.DateTimeOffset", "Date"),
    ColumnType.DATETIME: ("Edm.DateTimeOffset", "UtcDateTime"),
    ColumnType.UUID: ("Edm.Guid", "Guid"),
}
_LANGUAGES = ("en-us", "en")


def answer(site: Site, call: Call) -> Answer:
    """Everything below `/Metadata`. Raises: ServiceError."""
    if call.method != "GET" or not call.address.segments:
        raise errors.not_found()
    first = call.address.segments[0]
    key = None if first.key is None else dict(first.key)
    if first.name == "Labels" and key is not None:
        return json_answer(200, _label(site, str(key.get("Id")), str(key.get("Language", "en-us"))))
    if first.name not in _COLLECTIONS:
        raise errors.not_found()
    return _listed(call, first, _collection(site, first.name), key)


def _collection(site: Site, name: str) -> Mapping[str, Item]:
    """The items by their names in lower case; worked out once."""
    make = _COLLECTIONS[name]
    found: Mapping[str, Item] = site.stock.inventory.remember(
        name, lambda: {item["Name"].lower(): item for item in make(site)}
    )
    return found


def _listed(call: Call, segment: Segment, items: Mapping[str, Item], key: Mapping[str, Any] | None) -> Answer:
    context = f"{call.base}/$metadata#{segment.name}"
    if key is None:
        return json_answer(200, {"@odata.context": context, "value": list(items.values())})
    found = items.get(str(next(iter(key.values()), "")).lower())
    if found is None:
        raise errors.not_found()
    return json_answer(200, {"@odata.context": f"{context}/$entity", **found})


def _data_entity(shape: Shape) -> Item:
    table = errors.table_of(shape)
    return {
        "Name": table.table,
        "PublicEntityName": table.entity,
        "PublicCollectionName": table.set,
        "LabelId": f"@Sandbox:{table.set}",
        "DataServiceEnabled": True,
        "DataManagementEnabled": not table.is_system,
        "EntityCategory": "Parameter" if table.is_system else "Master",
        "IsReadOnly": False,
    }


def _public_entity(site: Site, shape: Shape) -> Item:
    table = errors.table_of(shape)
    return {
        "Name": table.entity,
        "EntitySetName": table.set,
        "LabelId": f"@Sandbox:{table.set}",
        "IsReadOnly": False,
        "ConfigurationEnabled": True,
        "Properties": [_property(shape, one) for one in _ordered(shape)],
        "NavigationProperties": list(_navigations(site, table)),
        "PropertyGroups": [],
        "Actions": [],
    }


def _ordered(shape: Shape) -> list[Field]:
    """The key first, in its order."""
    return [*shape.key, *(one for one in shape.fields.values() if one not in shape.key)]


def _property(shape: Shape, one: Field) -> Item:
    column, is_key = one.declared, one in shape.key
    assert column is not None
    type_name, data_type = _types(one)
    return {
        "Name": one.name,
        "TypeName": type_name,
        "DataType": data_type,
        "LabelId": f"@Sandbox:{shape.name}.{one.name}",
        "IsKey": is_key,
        "IsMandatory": column.required,
        "ConfigurationEnabled": True,
        "AllowEdit": not column.read_only and not is_key,
        "AllowEditOnCreate": not column.read_only,
        "IsDimension": False,
        "DimensionRelation": None,
        "IsDynamicDimension": False,
    }


def _types(one: Field) -> tuple[str, str]:
    if one.type is ColumnType.ENUM and one.declared:
        return f"{ENUMS}.{one.declared.enum}", "Enum"
    return _EDM[one.type]


def _navigations(site: Site, table: FinopsTable) -> Iterator[Item]:
    for relation in table.references:
        target = site.shape(relation.target)
        if target is not None:
            yield _navigation(table, relation, errors.table_of(target))


def _navigation(table: FinopsTable, relation: Relation, target: FinopsTable) -> Item:
    kind = "#Microsoft.Dynamics.Metadata.ReferentialConstraint"
    pairs = [*zip(relation.columns, relation.target_columns, strict=True)]
    if table.company and target.company:
        pairs.insert(0, (COMPANY, COMPANY))
    return {
        "Name": relation.name,
        "RelatedEntity": target.entity,
        "RelatedRelationName": table.set,
        "Cardinality": "Single",
        "Constraints": [{"@odata.type": kind, "Property": own, "ReferencedProperty": theirs} for own, theirs in pairs],
    }


def _enumeration(enum: Enumeration) -> Item:
    members = [
        {"Name": name, "Value": value, "LabelId": f"@Sandbox:{enum.name}.{name}", "ConfigurationEnabled": True}
        for value, name in enumerate(enum.members)
    ]
    return {"Name": enum.name, "LabelId": f"@Sandbox:{enum.name}", "Members": members}


def _label(site: Site, label_id: str, language: str) -> Item:
    """The text behind a label id; the id itself where there is none, as the service answers."""
    set_name, _, column = label_id.removeprefix("@Sandbox:").partition(".")
    shape, text = site.shape(set_name), label_id
    if shape is not None and language.lower() in _LANGUAGES:
        one = shape.fields.get(column)
        text = (one.declared.label or one.name) if one and one.declared else errors.table_of(shape).label
    return {"Id": label_id, "Language": language, "Value": text}


_COLLECTIONS: Mapping[str, Callable[[Site], Iterator[Item]]] = {
    "DataEntities": lambda site: (_data_entity(shape) for shape in site.stock.shapes.values()),
    "PublicEntities": lambda site: (_public_entity(site, shape) for shape in site.stock.shapes.values()),
    "PublicEnumerations": lambda site: (_enumeration(enum) for enum in site.stock.enums.values()),
}


def versions(site: Site, name: str) -> Answer:
    """The actions of `DataManagementEntities`. Raises: ServiceError."""
    settings = site.settings
    known = {
        "GetApplicationVersion": settings.version,
        "GetApplicationBuildVersion": settings.build,
        "GetPlatformBuildVersion": settings.build,
    }
    action = name.rpartition(".")[2]
    if action not in known:
        raise ServiceError(404, f"The action '{action}' does not exist.", kind=errors.NOT_FOUND)
    return json_answer(200, {"value": known[action]})


def csdl(site: Site) -> Answer:
    """`$metadata`: entity types with their facets, enumerations, sets."""
    body = site.stock.inventory.remember("$metadata", lambda: _document(site))
    return Answer(status=200, headers={"Content-Type": "application/xml"}, body=body)


def _document(site: Site) -> bytes:
    types = "".join(_entity_type(shape) for shape in site.stock.shapes.values())
    enums = "".join(_enum_type(enum) for enum in site.stock.enums.values())
    sets = "".join(
        f"<EntitySet Name={quoteattr(shape.name)} EntityType={quoteattr(f'{ENUMS}.{errors.table_of(shape).entity}')}/>"
        for shape in site.stock.shapes.values()
    )
    text = (
        '<?xml version="1.0" encoding="utf-8"?>'
        '<edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx"><edmx:DataServices>'
        f'<Schema Namespace="{ENUMS}" xmlns="http://docs.oasis-open.org/odata/ns/edm">{enums}{types}'
        f'<EntityContainer Name="Resources">{sets}</EntityContainer></Schema></edmx:DataServices></edmx:Edmx>'
    )
    return text.encode()


def _entity_type(shape: Shape) -> str:
    keys = "".join(f"<PropertyRef Name={quoteattr(one.name)}/>" for one in shape.key)
    properties = "".join(_csdl_property(one) for one in _ordered(shape))
    name = quoteattr(errors.table_of(shape).entity)
    return f"<EntityType Name={name}><Key>{keys}</Key>{properties}</EntityType>"


def _csdl_property(one: Field) -> str:
    facets = {"Name": one.name, "Type": _types(one)[0]}
    if one.declared and one.type is ColumnType.TEXT:
        facets["MaxLength"] = str(one.declared.length)
    if one.declared and one.type is ColumnType.DECIMAL:
        facets["Scale"] = str(one.declared.scale)
    return f"<Property {' '.join(f'{name}={quoteattr(value)}' for name, value in facets.items())}/>"


def _enum_type(enum: Enumeration) -> str:
    members = "".join(f'<Member Name={quoteattr(name)} Value="{value}"/>' for value, name in enumerate(enum.members))
    return f"<EnumType Name={quoteattr(enum.name)}>{members}</EnumType>"

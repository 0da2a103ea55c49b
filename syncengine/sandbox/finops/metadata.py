"""The metadata service, and the actions that tell versions.

Source: Finance and Operations OData documentation.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from syncengine.catalog import ColumnType
from syncengine.sandbox.addresses import Segment
from syncengine.sandbox.calls import Answer, Call, json_answer
from syncengine.sandbox.declarations import Enumeration
from syncengine.sandbox.finops import errors, navigations
from syncengine.sandbox.finops.navigations import Navigation
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
        "Properties": [_property(shape, one) for one in ordered(shape)],
        "NavigationProperties": [_navigation(one) for one in navigations.of_entity(site.stock, shape).values()],
        "PropertyGroups": [],
        "Actions": [],
    }


def ordered(shape: Shape) -> list[Field]:
    """The key first, in its order."""
    return [*shape.key, *(one for one in shape.fields.values() if one not in shape.key)]


def _property(shape: Shape, one: Field) -> Item:
    column, is_key = one.declared, one in shape.key
    assert column is not None
    type_name, data_type = types_of(one)
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


def types_of(one: Field) -> tuple[str, str]:
    """The type's name, and the kind of data that it is."""
    if one.type is ColumnType.ENUM and one.declared:
        return f"{ENUMS}.{one.declared.enum}", "Enum"
    return _EDM[one.type]


def _navigation(one: Navigation) -> Item:
    """A property to many says no columns: those of its partner are the same."""
    kind = "#Microsoft.Dynamics.Metadata.ReferentialConstraint"
    pairs = () if one.is_many else one.pairs
    return {
        "Name": one.name,
        "RelatedEntity": errors.table_of(one.target).entity,
        "RelatedRelationName": one.partner,
        "Cardinality": "Multiple" if one.is_many else "Single",
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


def versions(site: Site, call: Call, name: str) -> Answer:
    """The actions of `DataManagementEntities`. Raises: ServiceError."""
    settings = site.settings
    known = {
        f"{ENUMS}.GetApplicationVersion": settings.version,
        f"{ENUMS}.GetApplicationBuildVersion": settings.build,
        f"{ENUMS}.GetPlatformBuildVersion": settings.build,
    }
    if name not in known:
        raise errors.no_resource(f"{call.base}/DataManagementEntities/{name}")
    return json_answer(200, {"@odata.context": f"{call.base}/$metadata#Edm.String", "value": known[name]})

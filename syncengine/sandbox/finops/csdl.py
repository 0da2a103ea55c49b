"""`$metadata`: entity types with their facets and navigation properties, enumerations, sets and what binds them.

Source: OData 4.0 CSDL.
"""

from xml.sax.saxutils import quoteattr

from syncengine.catalog import ColumnType
from syncengine.sandbox.calls import Answer
from syncengine.sandbox.declarations import Enumeration
from syncengine.sandbox.finops import errors, navigations
from syncengine.sandbox.finops.metadata import ENUMS, ordered, types_of
from syncengine.sandbox.finops.navigations import Navigation
from syncengine.sandbox.shape import Field, Shape
from syncengine.sandbox.site import Site


def answer(site: Site) -> Answer:
    body = site.stock.inventory.remember("$metadata", lambda: _document(site))
    return Answer(status=200, headers={"Content-Type": "application/xml"}, body=body)


def _document(site: Site) -> bytes:
    types = "".join(_entity_type(site, shape) for shape in site.stock.shapes.values())
    enums = "".join(_enum_type(enum) for enum in site.stock.enums.values())
    sets = "".join(_entity_set(site, shape) for shape in site.stock.shapes.values())
    text = (
        '<?xml version="1.0" encoding="utf-8"?>'
        '<edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx"><edmx:DataServices>'
        f'<Schema Namespace="{ENUMS}" xmlns="http://docs.oasis-open.org/odata/ns/edm">{enums}{types}'
        f'<EntityContainer Name="Resources">{sets}</EntityContainer></Schema></edmx:DataServices></edmx:Edmx>'
    )
    return text.encode()


def _entity_set(site: Site, shape: Shape) -> str:
    bindings = "".join(
        f"<NavigationPropertyBinding Path={quoteattr(one.name)} Target={quoteattr(one.target.name)}/>"
        for one in navigations.of_entity(site.stock, shape).values()
    )
    kind = quoteattr(f"{ENUMS}.{errors.table_of(shape).entity}")
    if not bindings:
        return f"<EntitySet Name={quoteattr(shape.name)} EntityType={kind}/>"
    return f"<EntitySet Name={quoteattr(shape.name)} EntityType={kind}>{bindings}</EntitySet>"


def _entity_type(site: Site, shape: Shape) -> str:
    keys = "".join(f"<PropertyRef Name={quoteattr(one.name)}/>" for one in shape.key)
    properties = "".join(_csdl_property(one) for one in ordered(shape))
    related = "".join(map(_csdl_navigation, navigations.of_entity(site.stock, shape).values()))
    name = quoteattr(errors.table_of(shape).entity)
    return f"<EntityType Name={name}><Key>{keys}</Key>{properties}{related}</EntityType>"


def _csdl_navigation(one: Navigation) -> str:
    kind = f"{ENUMS}.{errors.table_of(one.target).entity}"
    constraints = "".join(
        f"<ReferentialConstraint Property={quoteattr(own)} ReferencedProperty={quoteattr(theirs)}/>"
        for own, theirs in (() if one.is_many else one.pairs)
    )
    names = {"Name": one.name, "Type": f"Collection({kind})" if one.is_many else kind, "Partner": one.partner}
    attributes = " ".join(f"{name}={quoteattr(value)}" for name, value in names.items())
    return f"<NavigationProperty {attributes}>{constraints}</NavigationProperty>"


def _csdl_property(one: Field) -> str:
    facets = {"Name": one.name, "Type": types_of(one)[0]}
    if one.declared and one.type is ColumnType.TEXT:
        facets["MaxLength"] = str(one.declared.length)
    if one.declared and one.type is ColumnType.DECIMAL:
        facets["Scale"] = str(one.declared.scale)
    return f"<Property {' '.join(f'{name}={quoteattr(value)}' for name, value in facets.items())}/>"


def _enum_type(enum: Enumeration) -> str:
    members = "".join(f'<Member Name={quoteattr(name)} Value="{value}"/>' for value, name in enumerate(enum.members))
    return f"<EnumType Name={quoteattr(enum.name)}>{members}</EnumType>"

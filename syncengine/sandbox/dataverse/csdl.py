"""The service's own description: `$metadata`, in CSDL. Source: Dataverse Web API documentation, CSDL metadata document.

Choices are plain numbers (Edm.Int32), as the service has them. `?annotations=true` adds what columns are called.
"""

from collections.abc import Iterator
from xml.sax.saxutils import quoteattr

from syncengine.catalog import ColumnType
from syncengine.sandbox.calls import Answer, Call, ServiceError
from syncengine.sandbox.dataverse import errors
from syncengine.sandbox.dataverse.navigation import collection_name, collections
from syncengine.sandbox.dataverse.shape import VERSION, navigation
from syncengine.sandbox.declarations import Column, DataverseTable
from syncengine.sandbox.shape import Field, Shape
from syncengine.sandbox.site import Site

NAMESPACE, ALIAS, BASE = "Microsoft.Dynamics.CRM", "mscrm", "crmbaseentity"
CONTENT_TYPE = "application/xml"
_TYPES = {
    ColumnType.TEXT: "Edm.String",
    ColumnType.INTEGER: "Edm.Int32",
    ColumnType.DECIMAL: "Edm.Decimal",
    ColumnType.BOOLEAN: "Edm.Boolean",
    ColumnType.DATE: "Edm.Date",
    ColumnType.DATETIME: "Edm.DateTimeOffset",
    ColumnType.UUID: "Edm.Guid",
    ColumnType.CHOICE: "Edm.Int32",
    ColumnType.LOOKUP: "Edm.Guid",
}
_HEAD = (
    '<?xml version="1.0" encoding="utf-8"?>'
    '<edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx">'
    '<edmx:Reference Uri="http://vocabularies.odata.org/OData.Community.Keys.V1.xml">'
    '<edmx:Include Namespace="OData.Community.Keys.V1" Alias="Keys"/>'
    '<edmx:IncludeAnnotations TermNamespace="OData.Community.Keys.V1"/></edmx:Reference>'
    "<edmx:DataServices>"
    f'<Schema Namespace="{NAMESPACE}" Alias="{ALIAS}" xmlns="http://docs.oasis-open.org/odata/ns/edm">'
    f'<EntityType Name="{BASE}" Abstract="true"/>'
)
_FUNCTIONS = (
    '<Function Name="WhoAmI"><ReturnType Type="mscrm.WhoAmIResponse" Nullable="false"/></Function>'
    '<ComplexType Name="WhoAmIResponse"><Property Name="BusinessUnitId" Type="Edm.Guid" Nullable="false"/>'
    '<Property Name="UserId" Type="Edm.Guid" Nullable="false"/>'
    '<Property Name="OrganizationId" Type="Edm.Guid" Nullable="false"/></ComplexType>'
    '<Function Name="RetrieveVersion"><ReturnType Type="mscrm.RetrieveVersionResponse" Nullable="false"/></Function>'
    '<ComplexType Name="RetrieveVersionResponse"><Property Name="Version" Type="Edm.String"/></ComplexType>'
)
_IMPORTS = (
    '<FunctionImport Name="WhoAmI" Function="mscrm.WhoAmI"/>'
    '<FunctionImport Name="RetrieveVersion" Function="mscrm.RetrieveVersion"/>'
)
_TAIL = "</EntityContainer></Schema></edmx:DataServices></edmx:Edmx>"


def answer(site: Site, call: Call) -> Answer:
    if call.method != "GET":
        raise ServiceError(405, "The description of the service can only be read.", code=errors.NO_SEGMENT)
    is_annotated = (call.address.option("annotations") or "").lower() == "true"
    kind = "annotated" if is_annotated else "plain"
    body: bytes = site.stock.inventory.remember(
        f"csdl/{kind}", lambda: "".join(_document(site, is_annotated=is_annotated)).encode()
    )
    return Answer(status=200, headers={"Content-Type": CONTENT_TYPE}, body=body)


def _document(site: Site, *, is_annotated: bool) -> Iterator[str]:
    yield _HEAD
    shapes = list(site.stock.shapes.values())
    for shape in shapes:
        yield from _entity_type(site, shape, is_annotated=is_annotated)
    yield _FUNCTIONS
    yield '<EntityContainer Name="System">'
    for shape in shapes:
        yield from _entity_set(site, shape)
    yield f"{_IMPORTS}{_TAIL}"


def _entity_type(site: Site, shape: Shape, *, is_annotated: bool) -> Iterator[str]:
    table = errors.table_of(shape)
    yield f'<EntityType Name={quoteattr(table.logical)} BaseType="{ALIAS}.{BASE}">'
    yield f'<Key><PropertyRef Name="{table.primary_id}"/></Key>'
    for one in shape.fields.values():
        yield _property(shape, one, is_annotated=is_annotated)
    for column in table.columns:
        for branch in column.branches() if column.type is ColumnType.LOOKUP else ():
            yield _to_one(site, table, column, branch)
    for name, (other, column) in collections(site, shape).items():
        target = errors.table_of(site.stock.shapes[other]).logical
        partner = quoteattr(navigation(column))
        yield f'<NavigationProperty Name={quoteattr(name)} Type="Collection({ALIAS}.{target})" Partner={partner}/>'
    yield from _keys(table)
    if is_annotated:
        yield _description(table.label)
    yield "</EntityType>"


def _property(shape: Shape, one: Field, *, is_annotated: bool) -> str:
    kind = "Edm.Int64" if one.declared is VERSION else _TYPES[one.type]
    more = f' Scale="{one.declared.scale}"' if one.type is ColumnType.DECIMAL and one.declared else ""
    more += ' Unicode="false"' if one.type is ColumnType.TEXT else ""
    more += ' Nullable="false"' if one is shape.row_id else ""
    start = f'<Property Name="{one.name}" Type="{kind}"{more}'
    if not is_annotated or one.declared is None:
        return f"{start}/>"
    computed = '<Annotation Term="Org.OData.Core.V1.Computed" Bool="true"/>' if one.declared.read_only else ""
    return f"{start}>{_description(one.declared.label)}{computed}</Property>"


def _to_one(site: Site, table: DataverseTable, column: Column, branch: Column) -> str:
    target = errors.table_of(site.stock.shapes[branch.target])
    return (
        f'<NavigationProperty Name={quoteattr(navigation(branch))} Type="{ALIAS}.{target.logical}" Nullable="false"'
        f" Partner={quoteattr(collection_name(table, branch))}>"
        f'<ReferentialConstraint Property="_{column.name}_value" ReferencedProperty="{target.primary_id}"/>'
        "</NavigationProperty>"
    )


def _keys(table: DataverseTable) -> Iterator[str]:
    """The alternate keys, look-ups by the property that reads them."""
    if not table.keys:
        return
    lookups = {column.name for column in table.columns if column.type is ColumnType.LOOKUP}
    yield '<Annotation Term="OData.Community.Keys.V1.AlternateKeys"><Collection>'
    for key in table.keys:
        yield '<Record Type="OData.Community.Keys.V1.AlternateKey"><PropertyValue Property="Key"><Collection>'
        for name in key.columns:
            shown = f"_{name}_value" if name in lookups else name
            yield (
                '<Record Type="OData.Community.Keys.V1.PropertyRef">'
                f'<PropertyValue Property="Alias" String="{shown}"/>'
                f'<PropertyValue Property="Name" PropertyPath="{shown}"/></Record>'
            )
        yield "</Collection></PropertyValue></Record>"
    yield "</Collection></Annotation>"


def _entity_set(site: Site, shape: Shape) -> Iterator[str]:
    table = errors.table_of(shape)
    yield f'<EntitySet Name="{table.set}" EntityType="{NAMESPACE}.{table.logical}">'
    for branch in table.lookups():
        yield f'<NavigationPropertyBinding Path={quoteattr(navigation(branch))} Target="{branch.target}"/>'
    for name, (other, _) in collections(site, shape).items():
        yield f'<NavigationPropertyBinding Path={quoteattr(name)} Target="{other}"/>'
    yield "</EntitySet>"


def _description(text: str) -> str:
    return f'<Annotation Term="Org.OData.Core.V1.Description" String={quoteattr(text)}/>' if text else ""

"""Data events: a change as the entity's virtual table in the linked Dataverse tells it.

Source: data events overview; RemoteExecutionContext of Dataverse. Names are `mserp_` and the finops name in lower
case; enumerations are choices that count from 200000000; a date-time without value is left out.
"""

import zlib
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time
from typing import Any
from uuid import UUID, uuid4

from syncengine.catalog import ColumnType
from syncengine.sandbox.finops import errors
from syncengine.sandbox.finops.events.event import Event
from syncengine.sandbox.finops.shape import FIRST_DAY, NO_DATE, stand_in
from syncengine.sandbox.shape import Field, Shape
from syncengine.sandbox.site import Site

PREFIX = "mserp_"
FIRST_CHOICE = 200_000_000
NOBODY = str(UUID(int=0))
_CONTRACTS = "http://schemas.microsoft.com/xrm/2011/Contracts"


def context(site: Site, event: Event) -> dict[str, Any]:
    """A RemoteExecutionContext: `Target` holds the changed values, `PreImage` the row as it was."""
    logical, row_id = logical_name(event.shape), record_id(event.shape, event.record)
    parameters = [{"key": "Target", "value": _target(site, event, logical, row_id)}]
    if event.before is not None:
        parameters.append({"key": "PreImage", "value": _entity(site, event.shape, logical, row_id, event.before)})
    return {
        "MessageName": message_name(site, event),
        "Mode": 1,
        "Stage": 40,
        "Depth": 1,
        "IsolationMode": 1,
        "IsInTransaction": False,
        "OrganizationId": site.settings.organization_id,
        "OrganizationName": site.record.name,
        "BusinessUnitId": site.settings.organization_id,
        "UserId": user_id(site, event.by),
        "InitiatingUserId": user_id(site, event.by),
        "PrimaryEntityName": logical,
        "PrimaryEntityId": row_id,
        "SecondaryEntityName": "none",
        "RequestId": str(uuid4()),
        "CorrelationId": str(uuid4()),
        "OperationId": str(uuid4()),
        "OperationCreatedOn": _moment(datetime.now(UTC)),
        "InputParameters": parameters,
        "OutputParameters": [],
        "PreEntityImages": [],
        "PostEntityImages": [],
        "SharedVariables": [],
        "OwningExtension": {"Id": str(UUID(int=0)), "LogicalName": "sdkmessageprocessingstep", "Name": ""},
        "ParentContext": None,
    }


def user_id(site: Site, client_id: str) -> str:
    """The id of the user that acts for this client; no id for what the environment does itself."""
    return next((one.user_id for one in site.settings.clients if one.client_id == client_id), NOBODY)


def message_name(site: Site, event: Event) -> str:
    """By entity and operation, or as plug-ins of virtual tables know it."""
    if site.settings.data_event_names == "on_external":
        return f"OnExternal{event.operation}"
    return f"{logical_name(event.shape)}_{event.operation.lower()}"


def logical_name(shape: Shape) -> str:
    """The name of the virtual table."""
    return PREFIX + errors.table_of(shape).table.lower()


def record_id(shape: Shape, record: int) -> str:
    """The id of the row in the virtual table: made of the table's and the record's number."""
    table = zlib.crc32(shape.name.encode()) & 0x7FFFFFFF
    return str(UUID(bytes=table.to_bytes(4, "big") + bytes(4) + record.to_bytes(8, "little")))


def _target(site: Site, event: Event, logical: str, row_id: str) -> dict[str, Any]:
    if event.operation == "Deleted":
        return {
            "__type": f"EntityReference:{_CONTRACTS}",
            "Id": row_id,
            "LogicalName": logical,
            "Name": None,
            "KeyAttributes": [],
            "RowVersion": None,
        }
    if event.operation == "Created":
        firsts = site.stock.firsts
        stored = {one.column: stand_in(one, firsts) for one in event.shape.stored() if one.column != "_touched"}
        return _entity(site, event.shape, logical, row_id, {**stored, **event.values})
    before = event.before or {}
    changed = {name: value for name, value in event.values.items() if name not in before or before[name] != value}
    return _entity(site, event.shape, logical, row_id, changed)


def _entity(site: Site, shape: Shape, logical: str, row_id: str, values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "__type": f"Entity:{_CONTRACTS}",
        "LogicalName": logical,
        "Id": row_id,
        "EntityState": None,
        "RowVersion": None,
        "KeyAttributes": [],
        "RelatedEntities": [],
        "FormattedValues": [],
        "Attributes": [{"key": f"{logical}id", "value": row_id}, *_attributes(site, shape, values)],
    }


def _attributes(site: Site, shape: Shape, values: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for name, value in values.items():
        one = shape.by_column.get(name)
        if one is not None and not _is_no_date(one, value):
            yield {"key": PREFIX + one.name.lower(), "value": _value(site, one, value)}


def _is_no_date(one: Field, value: Any) -> bool:
    if one.type not in (ColumnType.DATE, ColumnType.DATETIME):
        return False
    return value == NO_DATE or (value.date() if isinstance(value, datetime) else value) == FIRST_DAY


def _value(site: Site, one: Field, value: Any) -> Any:
    if one.type is ColumnType.ENUM and one.declared:
        place = site.stock.enums[one.declared.enum].members.index(value)
        return {"__type": f"OptionSetValue:{_CONTRACTS}", "Value": FIRST_CHOICE + place}
    if isinstance(value, datetime):
        return _moment(value)
    if isinstance(value, date):
        return _moment(datetime.combine(value, time(12), tzinfo=UTC))
    return str(value) if isinstance(value, UUID) else value


def _moment(value: datetime) -> str:
    return f"/Date({int(value.timestamp() * 1000)}+0000)/"

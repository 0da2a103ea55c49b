"""The message that a step is told of a change: a RemoteExecutionContext. Source: Dataverse Web API documentation."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from syncengine.catalog import ColumnType
from syncengine.sandbox.calls import Call
from syncengine.sandbox.dataverse.errors import table_of
from syncengine.sandbox.dataverse.identities import UNIT
from syncengine.sandbox.dataverse.shape import MODIFIED
from syncengine.sandbox.dataverse.steps import AFTER, BEFORE, BOTH, SYNCHRONOUS, Step
from syncengine.sandbox.shape import Field, Shape
from syncengine.sandbox.site import Site

MODIFIED_BY, USER = "modifiedby", "systemuser"
_CONTRACTS = "http://schemas.microsoft.com/xrm/2011/Contracts"
Row = Mapping[str, Any]
_NOTHING: Row = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A row that was written: `values` are the columns that the writer gave, `before` and `after` the whole row.

    `related` is the other row of an association, `relationship` its name. `depth` counts writes that writes caused.
    """

    message: str
    shape: Shape
    row_id: UUID
    values: Row = field(default_factory=dict)
    before: Row = field(default_factory=dict)
    after: Row = field(default_factory=dict)
    depth: int = 1
    related: tuple[Shape, UUID] | None = None
    relationship: str = ""

    def written(self) -> dict[str, tuple[Field, Any]]:
        """What the writer gave, by the column's name; of a look-up with several targets the branch that is filled."""
        return shown(self.shape, self.values)


def shown(shape: Shape, values: Row) -> dict[str, tuple[Field, Any]]:
    found: dict[str, tuple[Field, Any]] = {}
    for name, value in values.items():
        one = shape.by_column[name]
        if value is not None or (one.part_of or name) not in found:
            found[one.part_of or name] = (one, value)
    return found


def context_of(site: Site, call: Call, step: Step, change: Change) -> dict[str, Any]:
    row_id, tag = str(change.row_id), call.address.option("tag")
    is_synchronous = step.mode == SYNCHRONOUS
    return {
        "MessageName": change.message,
        "Mode": step.mode,
        "Stage": step.stage,
        "Depth": change.depth,
        "IsolationMode": 1,
        "IsInTransaction": is_synchronous,
        "OrganizationId": site.settings.organization_id,
        "OrganizationName": site.record.name,
        "BusinessUnitId": str(UNIT),
        "UserId": call.user_id,
        "InitiatingUserId": call.initiator_id or call.user_id,
        "PrimaryEntityName": table_of(change.shape).logical,
        "PrimaryEntityId": row_id,
        "SecondaryEntityName": table_of(change.related[0]).logical if change.related else "none",
        "RequestId": str(uuid4()),
        "CorrelationId": str(uuid4()),
        "OperationId": "00000000-0000-0000-0000-000000000000" if is_synchronous else str(uuid4()),
        "OperationCreatedOn": _moment(datetime.now(UTC)),
        "InputParameters": list(_input(site, call, change)),
        "OutputParameters": [{"key": "id", "value": row_id}] if change.message == "Create" else [],
        "PreEntityImages": list(_images(site, step, change, change.before, (BEFORE, BOTH))),
        "PostEntityImages": list(_images(site, step, change, change.after, (AFTER, BOTH))),
        "SharedVariables": [] if tag is None else [{"key": "tag", "value": tag}],
        "OwningExtension": {"Id": str(step.id), "LogicalName": "sdkmessageprocessingstep", "Name": step.name},
        "ParentContext": None,
    }


def _input(site: Site, call: Call, change: Change) -> Iterator[dict[str, Any]]:
    if change.message in ("Create", "Update"):
        yield {"key": "Target", "value": _target(site, call, change)}
        return
    yield {"key": "Target", "value": _reference(table_of(change.shape).logical, change.row_id)}
    if change.related is not None:
        other, row_id = change.related
        yield {"key": "Relationship", "value": {"PrimaryEntityRole": None, "SchemaName": change.relationship}}
        yield {"key": "RelatedEntities", "value": [_reference(table_of(other).logical, row_id)]}


def _target(site: Site, call: Call, change: Change) -> dict[str, Any]:
    """What was written; of an update also when and by whom, which the service adds."""
    sent = list(_attributes(site, change.written().items()))
    if change.message == "Update":
        moment = change.after.get(MODIFIED.name)
        if moment is not None:
            sent.append({"key": MODIFIED.name, "value": _moment(moment)})
        sent.append({"key": MODIFIED_BY, "value": _reference(USER, call.user_id)})
    sent.append({"key": table_of(change.shape).primary_id, "value": str(change.row_id)})
    return _entity(change, sent)


def _images(site: Site, step: Step, change: Change, row: Row, kinds: tuple[int, ...]) -> Iterator[dict[str, Any]]:
    if not row:
        return
    for image in step.images:
        if image.kind in kinds:
            told = {
                name: pair
                for name, pair in shown(change.shape, row).items()
                if pair[1] is not None and (not image.columns or name in image.columns)
            }
            yield {"key": image.alias, "value": _entity(change, list(_attributes(site, told.items())))}


def _attributes(site: Site, told: Iterable[tuple[str, tuple[Field, Any]]]) -> Iterator[dict[str, Any]]:
    return ({"key": name, "value": _value(site, one, value)} for name, (one, value) in told)


def _entity(change: Change, attributes: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "__type": f"Entity:{_CONTRACTS}",
        "LogicalName": table_of(change.shape).logical,
        "Id": str(change.row_id),
        "EntityState": None,
        "RowVersion": None,
        "KeyAttributes": [],
        "RelatedEntities": [],
        "FormattedValues": [],
        "Attributes": attributes,
    }


def _reference(logical: str, row_id: UUID | str) -> dict[str, Any]:
    return {
        "__type": f"EntityReference:{_CONTRACTS}",
        "Id": str(row_id),
        "LogicalName": logical,
        "Name": None,
        "KeyAttributes": [],
        "RowVersion": None,
    }


def _value(site: Site, one: Field, value: Any) -> Any:
    if value is None:
        return None
    if one.type is ColumnType.LOOKUP and one.declared:
        return _reference(table_of(site.stock.shapes[one.declared.target]).logical, value)
    if one.declared is not None and one.declared.is_multiple:
        return [{"__type": f"OptionSetValue:{_CONTRACTS}", "Value": int(part)} for part in value.split(",")]
    if one.type is ColumnType.CHOICE:
        return {"__type": f"OptionSetValue:{_CONTRACTS}", "Value": value}
    if isinstance(value, Decimal | int) and one.declared and one.declared.is_money:
        return {"__type": f"Money:{_CONTRACTS}", "Value": value}
    if isinstance(value, datetime):
        return _moment(value)
    if isinstance(value, date):
        return _moment(datetime.combine(value, time(), tzinfo=UTC))
    return str(value) if isinstance(value, UUID) else value


def _moment(moment: datetime) -> str:
    return f"/Date({int(moment.timestamp() * 1000)}+0000)/"

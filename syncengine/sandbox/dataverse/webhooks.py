"""Asynchronous webhooks: which steps are registered, and the message that a change sends to each.

Source: Dataverse Web API documentation.

Registrations are ordinary rows of `serviceendpoints` and `sdkmessageprocessingsteps`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from urllib.parse import quote
from uuid import UUID, uuid4
from xml.etree import ElementTree as ET

from psycopg import Connection, sql

from syncengine.catalog import ColumnType
from syncengine.sandbox.calls import Call, encode
from syncengine.sandbox.dataverse.errors import table_of
from syncengine.sandbox.events import Attempt, Delivery, Policy, queue
from syncengine.sandbox.shape import Field, Shape
from syncengine.sandbox.site import Site

MAX_BYTES = 256 * 1024
AUTH_KEY, AUTH_HEADER, AUTH_QUERY = 4, 5, 6
FAILED = {"statecode": 3, "statuscode": 31}
_CONTRACTS = "http://schemas.microsoft.com/xrm/2011/Contracts"
_STRIPPED = ("ParentContext", "InputParameters", "PreEntityImages", "PostEntityImages")
_RETRIED = (502, 503, 504)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A row that was written: `values` are the columns that the writer gave."""

    message: str
    shape: Shape
    row_id: UUID
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A registered step. `filtering` holds the columns of which an update must write one; empty for any."""

    id: UUID
    name: str
    message: str
    table: str
    filtering: frozenset[str]
    url: str
    auth_type: int
    auth_value: str


def tell(site: Site, connection: Connection[Any], call: Call, changes: Sequence[Change]) -> None:
    """Queue the messages of these changes, in the caller's transaction."""
    steps = site.remember("steps", lambda: _read_steps(site, connection))
    if not steps:
        return
    tag = call.address.option("tag")
    deliveries: list[Delivery] = []
    for change in changes:
        heard = steps.get((change.shape.name, change.message), ())
        deliveries += [_delivery(site, call, step, change, tag) for step in heard if _hears(step, change)]
    queue(site, connection, deliveries)


def _hears(step: Step, change: Change) -> bool:
    """An update is told when it wrote one of the columns that the step is for."""
    return change.message != "Update" or not step.filtering or bool(step.filtering & _written(change).keys())


def _written(change: Change) -> dict[str, tuple[Field, Any]]:
    """What the writer gave, by the column's name; of a look-up with several targets the branch that is filled."""
    found: dict[str, tuple[Field, Any]] = {}
    for name, value in change.values.items():
        one = change.shape.by_column[name]
        if value is not None or (one.part_of or name) not in found:
            found[one.part_of or name] = (one, value)
    return found


def _read_steps(site: Site, connection: Connection[Any]) -> dict[tuple[str, str], list[Step]]:
    """The enabled asynchronous steps by table and message."""
    steps: dict[tuple[str, str], list[Step]] = {}
    sets = site.stock.inventory.names
    for row in connection.execute(_STEPS.format(s=sql.Identifier(site.schema))).fetchall():
        step = _step(row)
        steps.setdefault((sets.get(step.table, ""), step.message), []).append(step)
    return steps


_STEPS = sql.SQL(
    "SELECT s.sdkmessageprocessingstepid, s.name, m.name, f.primaryobjecttypecode, s.filteringattributes, e.url,"
    " e.authtype, e.authvalue FROM {s}.sdkmessageprocessingsteps s"
    " JOIN {s}.sdkmessages m ON m.sdkmessageid = s.sdkmessageid"
    " JOIN {s}.sdkmessagefilters f ON f.sdkmessagefilterid = s.sdkmessagefilterid"
    " JOIN {s}.serviceendpoints e ON e.serviceendpointid = s.eventhandler"
    " WHERE s.statecode = 0 AND s.mode = 1 AND e.contract = 8"
)


def _step(row: tuple[Any, ...]) -> Step:
    names = (name.strip() for name in (row[4] or "").split(","))
    return Step(
        id=row[0],
        name=row[1] or "",
        message=row[2],
        table=row[3],
        filtering=frozenset(name for name in names if name),
        url=row[5],
        auth_type=row[6],
        auth_value=row[7] or "",
    )


def _delivery(site: Site, call: Call, step: Step, change: Change, tag: str | None) -> Delivery:
    context = _context(site, call, step, change, tag)
    body = encode(context)
    headers = {
        "Content-Type": "application/json",
        "x-ms-dynamics-organization": f"{site.record.name}",
        "x-ms-dynamics-entity-name": table_of(change.shape).logical,
        "x-ms-dynamics-request-name": change.message,
        "x-ms-correlation-request-id": context["CorrelationId"],
    }
    if len(body) > MAX_BYTES:
        headers["x-ms-dynamics-msg-size-exceeded"] = "true"
        body = encode({name: value for name, value in context.items() if name not in _STRIPPED})
    return Delivery(target=str(step.id), url=_url(step), headers={**headers, **_auth_headers(step)}, body=body.decode())


def _url(step: Step) -> str:
    mark = "&" if "?" in step.url else "?"
    if step.auth_type == AUTH_KEY:
        return f"{step.url}{mark}code={quote(step.auth_value, safe='')}"
    if step.auth_type == AUTH_QUERY:
        pairs = [f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in _settings(step.auth_value)]
        return f"{step.url}{mark}{'&'.join(pairs)}" if pairs else step.url
    return step.url


def _auth_headers(step: Step) -> dict[str, str]:
    return dict(_settings(step.auth_value)) if step.auth_type == AUTH_HEADER else {}


def _settings(text: str) -> Iterator[tuple[str, str]]:
    """The pairs of `<settings><setting name="…" value="…"/></settings>`; what is no such text has none."""
    if re.search(r"<!(?:DOCTYPE|ENTITY)", text, re.IGNORECASE):
        return
    try:
        found = ET.fromstring(text)  # noqa: S314 - no document type, hence no entities
    except ET.ParseError:
        return
    for one in found.iter("setting"):
        yield one.get("name", ""), one.get("value", "")


def _context(site: Site, call: Call, step: Step, change: Change, tag: str | None) -> dict[str, Any]:
    """A RemoteExecutionContext."""
    table, row_id, user_id = table_of(change.shape), str(change.row_id), call.user_id
    return {
        "MessageName": change.message,
        "Mode": 1,
        "Stage": 40,
        "Depth": 1,
        "IsolationMode": 1,
        "IsInTransaction": False,
        "OrganizationId": site.settings.organization_id,
        "OrganizationName": site.record.name,
        "BusinessUnitId": site.settings.organization_id,
        "UserId": user_id,
        "InitiatingUserId": user_id,
        "PrimaryEntityName": table.logical,
        "PrimaryEntityId": row_id,
        "SecondaryEntityName": "none",
        "RequestId": str(uuid4()),
        "CorrelationId": str(uuid4()),
        "OperationId": str(uuid4()),
        "OperationCreatedOn": _moment(datetime.now(UTC)),
        "InputParameters": [{"key": "Target", "value": _target(site, change)}],
        "OutputParameters": [{"key": "id", "value": row_id}] if change.message == "Create" else [],
        "PreEntityImages": [],
        "PostEntityImages": [],
        "SharedVariables": [] if tag is None else [{"key": "tag", "value": tag}],
        "OwningExtension": {"Id": str(step.id), "LogicalName": "sdkmessageprocessingstep", "Name": step.name},
        "ParentContext": None,
    }


def _target(site: Site, change: Change) -> dict[str, Any]:
    table = table_of(change.shape)
    if change.message == "Delete":
        return _reference(table.logical, change.row_id)
    written = _written(change).items()
    sent = [{"key": name, "value": _value(site, one, value)} for name, (one, value) in written]
    own_id = {"key": table.primary_id, "value": str(change.row_id)}
    return {
        "__type": f"Entity:{_CONTRACTS}",
        "LogicalName": table.logical,
        "Id": str(change.row_id),
        "EntityState": None,
        "RowVersion": None,
        "KeyAttributes": [],
        "RelatedEntities": [],
        "FormattedValues": [],
        "Attributes": [*sent, own_id],
    }


def _reference(logical: str, row_id: UUID) -> dict[str, Any]:
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


def _give_up(site: Site, connection: Connection[Any], attempt: Attempt) -> None:
    """A message that nobody took is a failed system job."""
    reason = "no answer" if attempt.status is None else f"status {attempt.status}"
    connection.execute(
        sql.SQL(
            "INSERT INTO {}.asyncoperations (name, messagename, friendlymessage, message, operationtype, retrycount,"
            " owningextensionid, completedon, statecode, statuscode)"
            " SELECT coalesce(max(s.name), 'step'), %(message)s, %(text)s, %(problem)s, 1, %(tries)s,"
            " max(s.sdkmessageprocessingstepid::text)::uuid, clock_timestamp(), %(statecode)s, %(statuscode)s"
            " FROM {}.sdkmessageprocessingsteps s WHERE s.sdkmessageprocessingstepid = %(step)s"
        ).format(sql.Identifier(site.schema), sql.Identifier(site.schema)),
        {
            "message": attempt.delivery.headers.get("x-ms-dynamics-request-name"),
            "text": f"The webhook call failed: {reason}.",
            "problem": attempt.problem,
            "tries": attempt.number - 1,
            "step": UUID(attempt.delivery.target),
            **FAILED,
        },
    )


POLICY = Policy(tries_again=lambda attempt: attempt.number == 1 and attempt.status in _RETRIED, give_up=_give_up)

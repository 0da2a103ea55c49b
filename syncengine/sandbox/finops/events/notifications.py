"""Which endpoints are told of a write: business events and data events, queued in the writing transaction.

Source: Finance and Operations OData documentation; business events and data events overview.

A business event's own fields name the entity set, the operation, the key and the record's version; the row itself is
to be read. A data event holds the values.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

from psycopg import Connection, sql

from syncengine.sandbox.calls import encode
from syncengine.sandbox.declarations import COMPANY
from syncengine.sandbox.events import Attempt, Delivery, Policy, queue
from syncengine.sandbox.finops.events import data_events, data_limits, endpoints, undelivered
from syncengine.sandbox.finops.events.endpoints import Endpoint, EventKind
from syncengine.sandbox.finops.events.event import Event
from syncengine.sandbox.shape import Shape
from syncengine.sandbox.site import Site

TRIES = 3
EVENT = "DataEntityChangedBusinessEvent"


def tell(site: Site, connection: Connection[Any], events: Sequence[Event]) -> None:
    """Queue the notifications of these events, in the caller's transaction."""
    found = _registered(site, connection)
    if not found:
        return
    deliveries = [*_business(site, connection, events, found), *_data(site, connection, events, found)]
    if deliveries:
        queue(site, connection, deliveries)


def wants_before(site: Site, connection: Connection[Any], shape: Shape) -> bool:
    """Whether somebody is to be told what a row of the table was before a write."""
    return any(one.kind is EventKind.DATA and one.covers(shape.name) for one in _registered(site, connection))


def register(site: Site, endpoint: Endpoint) -> None:
    """Add an endpoint, or change the one of this name, and send it the test message. Raises: TooManyEndpoints."""
    with site.transaction() as connection:
        endpoints.save(site, connection, endpoint)
        queue(site, connection, [delivery(endpoint, _test_message())])
    site.forget()


def unregister(site: Site, name: str) -> bool:
    """Whether there was one of this name."""
    with site.transaction() as connection:
        done = endpoints.remove(site, connection, name)
    site.forget()
    return done


def delivery(endpoint: Endpoint, body: Mapping[str, Any], delay_s: float = 0.0) -> Delivery:
    return undelivered.delivery_to(endpoint, encode(body).decode(), delay_s)


def _registered(site: Site, connection: Connection[Any]) -> list[Endpoint]:
    found: list[Endpoint] = site.remember("endpoints", lambda: endpoints.all_endpoints(site, connection))
    return found


def _told(
    events: Sequence[Event], found: Sequence[Endpoint], kind: EventKind
) -> Iterator[tuple[Event, list[Endpoint]]]:
    """The events that somebody is told, with those that are."""
    of_kind = [one for one in found if one.kind is kind]
    for event in events:
        told = [one for one in of_kind if one.wants(event.shape.name, event.operation, event.key)]
        if told:
            yield event, told


def _business(
    site: Site, connection: Connection[Any], events: Sequence[Event], found: Sequence[Endpoint]
) -> Iterator[Delivery]:
    told = list(_told(events, found, EventKind.BUSINESS))
    if not told:
        return
    for (event, receivers), control in zip(told, _control_numbers(site, connection, len(told)), strict=True):
        envelope = _envelope(site, event, control)
        for endpoint in receivers:
            yield delivery(endpoint, envelope)


def _data(
    site: Site, connection: Connection[Any], events: Sequence[Event], found: Sequence[Endpoint]
) -> Iterator[Delivery]:
    told = list(_told(events, found, EventKind.DATA))
    if not told:
        return
    delays = data_limits.delays(site, connection, len(told))
    for (event, receivers), delay_s in zip(told, delays, strict=True):
        if delay_s and site.settings.drops_data_events:
            continue
        context = data_events.context(site, event)
        for endpoint in receivers:
            yield delivery(endpoint, context, delay_s)


def _control_numbers(site: Site, connection: Connection[Any], count: int) -> list[int]:
    sequence = sql.Literal(sql.Identifier(site.schema, "_control").as_string())
    rows = connection.execute(
        sql.SQL("SELECT nextval({}) FROM generate_series(1, {})").format(sequence, sql.Literal(count))
    )
    return [number for (number,) in rows]


def _envelope(site: Site, event: Event, control_number: int) -> dict[str, Any]:
    return {
        **_outer(str(uuid4()), control_number, str(event.key.get(COMPANY, "")), by=data_events.user_id(site, event.by)),
        "EntitySetName": event.shape.name,
        "Operation": event.operation,
        "KeyValues": {name: _json(value) for name, value in event.key.items()},
        "RecordETag": event.etag,
    }


def _test_message() -> dict[str, Any]:
    return {**_outer("", 0, ""), "EntitySetName": "", "Operation": "", "KeyValues": {}, "RecordETag": ""}


def _outer(event_id: str, control_number: int, company: str, *, by: str = data_events.NOBODY) -> dict[str, Any]:
    now = datetime.now(UTC)
    return {
        "BusinessEventId": EVENT,
        "BusinessEventLegalEntity": company.upper(),
        "ContextRecordSubject": "",
        "ControlNumber": control_number,
        "EventId": event_id,
        "EventTime": f"/Date({int(now.timestamp() * 1000)})/",
        "EventTimeIso8601": now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "InitiatingUserAADObjectId": f"{{{by}}}",
        "MajorVersion": 0,
        "MinorVersion": 0,
        "ParentContextRecordSubjects": [],
    }


def _json(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, date):
        return f"{value}T12:00:00Z"
    return value if isinstance(value, str | int | Decimal | bool) else str(value)


def _tries_again(attempt: Attempt) -> bool:
    return attempt.number < TRIES


POLICY = Policy(tries_again=_tries_again, give_up=undelivered.keep)

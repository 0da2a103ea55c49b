"""Business events over HTTPS: to which endpoints, and the envelope. Source: Finance and Operations OData documentation.

Endpoints are registered by an administrator (here through the management API), as in the real service. The envelope's
own fields name the entity set, the operation, the key and the record's version; the row itself is to be read.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from psycopg import Connection, sql

from syncengine.sandbox.calls import encode
from syncengine.sandbox.declarations import COMPANY
from syncengine.sandbox.events import Attempt, Delivery, Policy, queue
from syncengine.sandbox.shape import Shape
from syncengine.sandbox.site import Site

TRIES = 3
EVENT = "DataEntityChangedBusinessEvent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A row that was written."""

    shape: Shape
    operation: str
    key: Mapping[str, Any]
    etag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """`sets` are the entity sets that it is told of, none for all; `secret` is sent in the header of that name."""

    name: str
    url: str
    secret_header: str
    secret: str
    sets: tuple[str, ...]


def tell(site: Site, connection: Connection[Any], events: Sequence[Event]) -> None:
    """Queue the notifications of these events, in the caller's transaction."""
    found = site.remember("endpoints", lambda: endpoints(site, connection))
    deliveries = [
        _delivery(endpoint, _envelope(site, connection, event))
        for event in events
        for endpoint in found
        if not endpoint.sets or event.shape.name in endpoint.sets
    ]
    if deliveries:
        queue(site, connection, deliveries)


def endpoints(site: Site, connection: Connection[Any]) -> list[Endpoint]:
    rows = connection.execute(
        sql.SQL("SELECT name, url, secret_header, secret, sets FROM {}._endpoint ORDER BY id").format(
            sql.Identifier(site.schema)
        )
    )
    return [Endpoint(name=row[0], url=row[1], secret_header=row[2], secret=row[3], sets=tuple(row[4])) for row in rows]


def register(site: Site, endpoint: Endpoint) -> None:
    """Add an endpoint, or change the one of this name, and send it the test message."""
    with site.transaction() as connection:
        connection.execute(
            sql.SQL(
                "INSERT INTO {}._endpoint (name, url, secret_header, secret, sets) VALUES (%s, %s, %s, %s, %s)"
                " ON CONFLICT (name) DO UPDATE SET url = excluded.url, secret_header = excluded.secret_header,"
                " secret = excluded.secret, sets = excluded.sets"
            ).format(sql.Identifier(site.schema)),
            (endpoint.name, endpoint.url, endpoint.secret_header, endpoint.secret, list(endpoint.sets)),
        )
        queue(site, connection, [_delivery(endpoint, _test_message())])
    site.forget()


def unregister(site: Site, name: str) -> bool:
    """Whether there was one of this name."""
    with site.transaction() as connection:
        done = connection.execute(
            sql.SQL("DELETE FROM {}._endpoint WHERE name = %s").format(sql.Identifier(site.schema)), (name,)
        )
    site.forget()
    return done.rowcount > 0


def _delivery(endpoint: Endpoint, envelope: dict[str, Any]) -> Delivery:
    headers = {"Content-Type": "application/json"}
    if endpoint.secret_header:
        headers[endpoint.secret_header] = endpoint.secret
    return Delivery(target=endpoint.name, url=endpoint.url, headers=headers, body=encode(envelope).decode())


def _envelope(site: Site, connection: Connection[Any], event: Event) -> dict[str, Any]:
    row = connection.execute(
        sql.SQL("SELECT nextval({})").format(sql.Literal(sql.Identifier(site.schema, "_control").as_string()))
    ).fetchone()
    return {
        **_outer(str(uuid4()), row[0] if row else 0, str(event.key.get(COMPANY, ""))),
        "EntitySetName": event.shape.name,
        "Operation": event.operation,
        "KeyValues": {name: _json(value) for name, value in event.key.items()},
        "RecordETag": event.etag,
    }


def _test_message() -> dict[str, Any]:
    return {**_outer("", 0, ""), "EntitySetName": "", "Operation": "", "KeyValues": {}, "RecordETag": ""}


def _outer(event_id: str, control_number: int, company: str) -> dict[str, Any]:
    now = datetime.now(UTC)
    return {
        "BusinessEventId": EVENT,
        "BusinessEventLegalEntity": company.upper(),
        "ContextRecordSubject": "",
        "ControlNumber": control_number,
        "EventId": event_id,
        "EventTime": f"/Date({int(now.timestamp() * 1000)})/",
        "EventTimeIso8601": now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "InitiatingUserAADObjectId": f"{{{UUID(int=0)}}}",
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


def _give_up(site: Site, connection: Connection[Any], attempt: Attempt) -> None:
    """After the last try the event is lost, as far as the receiver goes."""


POLICY = Policy(tries_again=lambda attempt: attempt.number < TRIES, give_up=_give_up)

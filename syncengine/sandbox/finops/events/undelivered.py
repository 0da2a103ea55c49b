"""The errors list: events that no try could deliver, which an administrator can send again.

Source: business events overview ("Errors"): a resent event goes to the endpoint as it is registered now.
"""

from collections.abc import Sequence
from typing import Any

from psycopg import Connection, sql

from syncengine.sandbox.events import Attempt, Delivery, queue
from syncengine.sandbox.finops.events import endpoints
from syncengine.sandbox.finops.events.endpoints import Endpoint
from syncengine.sandbox.site import Site

KEPT = 10_000


class NotListed(LookupError):
    """No error has this number."""


class EndpointGone(ValueError):
    """The endpoint that was to be told is not registered any longer."""


def delivery_to(endpoint: Endpoint, body: str, delay_s: float = 0.0) -> Delivery:
    headers = {"Content-Type": "application/json"}
    if endpoint.secret_header:
        headers[endpoint.secret_header] = endpoint.secret
    return Delivery(target=endpoint.name, url=endpoint.url, headers=headers, body=body, delay_s=delay_s)


def keep(site: Site, connection: Connection[Any], attempt: Attempt) -> None:
    """After the last try. The newest `KEPT` are kept."""
    connection.execute(
        sql.SQL(
            "INSERT INTO {}._event_error (endpoint, body, status, problem, tries) VALUES (%s, %s, %s, %s, %s)"
        ).format(sql.Identifier(site.schema)),
        (attempt.delivery.target, attempt.delivery.body, attempt.status, attempt.problem, attempt.number),
    )
    connection.execute(
        sql.SQL("DELETE FROM {table} WHERE id <= (SELECT max(id) FROM {table}) - {kept}").format(
            table=sql.Identifier(site.schema, "_event_error"), kept=sql.Literal(KEPT)
        )
    )


def listed(site: Site) -> Sequence[dict[str, Any]]:
    """All errors, the oldest first; `payload` is what was to be delivered."""
    with site.reading() as connection:
        rows = connection.execute(
            sql.SQL(
                "SELECT id, endpoint, status, problem, tries, processed_at, body FROM {}._event_error ORDER BY id"
            ).format(sql.Identifier(site.schema))
        ).fetchall()
    names = ("id", "endpoint", "status", "problem", "tries", "last_process_time", "payload")
    return [dict(zip(names, [*row[:5], row[5].isoformat(), row[6]], strict=True)) for row in rows]


def resend(site: Site, number: int) -> None:
    """Queue it once more. Raises: NotListed; EndpointGone."""
    with site.transaction() as connection:
        table = sql.Identifier(site.schema, "_event_error")
        row = connection.execute(
            sql.SQL("DELETE FROM {} WHERE id = %s RETURNING endpoint, body").format(table), (number,)
        ).fetchone()
        if row is None:
            raise NotListed(f"There is no error {number}.")
        known = {one.name: one for one in endpoints.all_endpoints(site, connection)}
        if row[0] not in known:
            raise EndpointGone(f"The endpoint {row[0]!r} is not registered; register it again, then resend.")
        queue(site, connection, [delivery_to(known[row[0]], row[1])])

"""What subscribers are told: queued in the transaction that changed the rows, sent by threads of the sandbox.

Nothing is lost when the process ends: what was queued or half sent goes out after the next start. No order is promised
and a message may come twice, as with the real services.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
import psycopg
from psycopg import Connection, sql
from psycopg.types.json import Jsonb

from syncengine.sandbox.site import Site

SENDERS = 2
CLAIM_ROWS = 20
AWAY_S = 1.0  # how long to wait for a database that does not answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """`target` names the subscription in the service's own terms; it is sent in `delay_s` seconds at the earliest.

    Address and headers may hold the subscriber's secret.
    """

    target: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: str = field(repr=False)
    delay_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try to send; `status` is None when nobody answered."""

    delivery: Delivery
    number: int
    status: int | None
    problem: str = ""

    @property
    def is_taken(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """When to try again, and what to do when no try is left, or when the message was taken."""

    tries_again: Callable[[Attempt], bool]
    give_up: Callable[[Site, Connection[Any], Attempt], None]
    took: Callable[[Site, Connection[Any], Attempt], None] | None = None


def queue(site: Site, connection: Connection[Any], deliveries: Sequence[Delivery]) -> None:
    """In the caller's transaction. What the faults let be lost is not queued, what they double comes twice."""
    kept = [one for one in deliveries for _ in range(site.faults.copies())]
    if not kept:
        return
    connection.execute(
        sql.SQL(
            "INSERT INTO {}._delivery (target, url, headers, body, due_at)"
            " SELECT target, url, headers, body, clock_timestamp() + delay_s * interval '1 second'"
            " FROM unnest(%s::text[], %s::text[], %s::jsonb[], %s::text[], %s::float8[])"
            " AS v (target, url, headers, body, delay_s)"
        ).format(sql.Identifier(site.schema)),
        (
            [one.target for one in kept],
            [one.url for one in kept],
            [Jsonb(dict(one.headers)) for one in kept],
            [one.body for one in kept],
            [one.delay_s + site.faults.delay_s() for one in kept],
        ),
    )
    site.ring(connection)


def waiting(site: Site) -> int:
    """How many messages are still to be sent."""
    with site.reading() as connection:
        row = connection.execute(
            sql.SQL("SELECT count(*) FROM {}._delivery").format(sql.Identifier(site.schema))
        ).fetchone()
    return int(row[0]) if row else 0


class Senders:
    """The threads that send a sandbox's messages, from `start` to `stop`."""

    def __init__(self, site: Site, policy: Policy) -> None:
        self._site = site
        self._policy = policy
        self._is_stopped = threading.Event()
        self._has_lost = False
        self._client = httpx.Client(trust_env=False)
        self._threads = [
            threading.Thread(target=self._run, name=f"{site.record.name} sender", daemon=True) for _ in range(SENDERS)
        ]

    def start(self) -> None:
        _take_back(self._site)
        self._site.has_deliveries.set()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Waits for the messages on their way, a second at most."""
        self._is_stopped.set()
        self._site.has_deliveries.set()
        for thread in self._threads:
            thread.join(timeout=1)
        self._client.close()

    def _run(self) -> None:
        while not self._is_stopped.is_set():
            try:
                self._site.has_deliveries.wait(timeout=_seconds_to_next(self._site))
                self._site.has_deliveries.clear()
                while not self._is_stopped.is_set() and self._send_some():
                    pass
            except psycopg.Error:  # the database is away: what this thread had taken is taken back when it is there
                self._is_stopped.wait(timeout=AWAY_S)
                self._has_lost = True
        self._site.has_deliveries.set()  # the other threads are to see the end too

    def _send_some(self) -> bool:
        """Whether there was anything to send."""
        if self._has_lost:
            _take_back(self._site)
            self._has_lost = False
        claimed = _claim(self._site)
        for delivery_id, number, delivery in claimed:
            self._settle(delivery_id, self._try(delivery, number))
        return bool(claimed)

    def _try(self, delivery: Delivery, number: int) -> Attempt:
        try:
            answer = self._client.post(
                delivery.url,
                content=delivery.body.encode(),
                headers=dict(delivery.headers),
                timeout=self._site.settings.webhook_time_limit_s,
            )
        except (httpx.HTTPError, httpx.InvalidURL, RuntimeError) as error:
            return Attempt(delivery=delivery, number=number, status=None, problem=str(error) or type(error).__name__)
        return Attempt(delivery=delivery, number=number, status=answer.status_code, problem=answer.text[:200])

    def _settle(self, delivery_id: int, attempt: Attempt) -> None:
        table = sql.Identifier(self._site.schema, "_delivery")
        with self._site.pool.connection() as connection, connection.transaction():
            if not attempt.is_taken and self._policy.tries_again(attempt):
                connection.execute(
                    sql.SQL(
                        "UPDATE {} SET taken_at = NULL, due_at = clock_timestamp() + interval '1 second' WHERE id = %s"
                    ).format(table),
                    (delivery_id,),
                )
                return
            connection.execute(sql.SQL("DELETE FROM {} WHERE id = %s").format(table), (delivery_id,))
            if not attempt.is_taken:
                self._policy.give_up(self._site, connection, attempt)
            elif self._policy.took is not None:
                self._policy.took(self._site, connection, attempt)


def _claim(site: Site) -> list[tuple[int, int, Delivery]]:
    """Some due messages, taken by this thread: id, number of this try, message."""
    table = sql.Identifier(site.schema, "_delivery")
    with site.pool.connection() as connection:
        rows = connection.execute(
            sql.SQL(
                "UPDATE {table} SET taken_at = clock_timestamp(), attempts = attempts + 1 WHERE id IN ("
                "SELECT id FROM {table} WHERE taken_at IS NULL AND due_at <= clock_timestamp()"
                " ORDER BY id LIMIT {limit} FOR UPDATE SKIP LOCKED)"
                " RETURNING id, attempts, target, url, headers, body"
            ).format(table=table, limit=sql.Literal(CLAIM_ROWS))
        ).fetchall()
    return [(row[0], row[1], Delivery(target=row[2], url=row[3], headers=row[4], body=row[5])) for row in sorted(rows)]


def _seconds_to_next(site: Site) -> float | None:
    """Until the next message is due again; None when none waits."""
    with site.pool.connection() as connection:
        row = connection.execute(
            sql.SQL(
                "SELECT greatest(extract(epoch FROM min(due_at) - clock_timestamp()), 0)::float8"
                " FROM {}._delivery WHERE taken_at IS NULL HAVING count(*) > 0"
            ).format(sql.Identifier(site.schema))
        ).fetchone()
    return row[0] if row else None


def _take_back(site: Site) -> None:
    """What an earlier process had in its hands is sent again."""
    with site.pool.connection() as connection:
        connection.execute(
            sql.SQL("UPDATE {}._delivery SET taken_at = NULL WHERE taken_at IS NOT NULL").format(
                sql.Identifier(site.schema)
            )
        )

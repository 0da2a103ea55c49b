"""Endpoints: where an administrator has business events and data events sent (here through the management API).

Each is registered for events (entity sets and operations) of all companies or of one.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from psycopg import Connection, sql

from syncengine.sandbox.declarations import COMPANY
from syncengine.sandbox.site import Site


class EventKind(StrEnum):
    BUSINESS = "business"
    DATA = "data"


OPERATIONS = ("Created", "Updated", "Deleted")


class TooManyEndpoints(ValueError):
    """An event of a company has as many endpoints as it may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """`sets` and `operations` are what it is told of, none for all; so is `company`, "" for all.

    `secret` is sent in the header of that name.
    """

    name: str
    url: str
    kind: EventKind = EventKind.BUSINESS
    secret_header: str = ""
    secret: str = field(default="", repr=False)
    sets: tuple[str, ...] = ()
    company: str = ""
    operations: tuple[str, ...] = ()

    def wants(self, set_name: str, operation: str, key: Any) -> bool:
        """Whether it is told of this operation on a row with this key; a row without company is every company's."""
        is_its_company = not self.company or key.get(COMPANY, self.company).lower() == self.company.lower()
        return self.covers(set_name) and (not self.operations or operation in self.operations) and is_its_company

    def covers(self, set_name: str) -> bool:
        return not self.sets or set_name in self.sets


def all_endpoints(site: Site, connection: Connection[Any]) -> list[Endpoint]:
    rows = connection.execute(
        sql.SQL(
            "SELECT name, url, kind, secret_header, secret, sets, company, operations FROM {}._endpoint ORDER BY id"
        ).format(sql.Identifier(site.schema))
    )
    return [
        Endpoint(
            name=row[0],
            url=row[1],
            kind=EventKind(row[2]),
            secret_header=row[3],
            secret=row[4],
            sets=tuple(row[5]),
            company=row[6],
            operations=tuple(row[7]),
        )
        for row in rows
    ]


def save(site: Site, connection: Connection[Any], endpoint: Endpoint) -> None:
    """Add an endpoint, or change the one of this name. Raises: TooManyEndpoints."""
    others = [one for one in all_endpoints(site, connection) if one.name != endpoint.name]
    check_number(endpoint, others, most=site.settings.max_endpoints)
    connection.execute(
        sql.SQL(
            "INSERT INTO {}._endpoint (name, kind, url, secret_header, secret, sets, company, operations)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (name) DO UPDATE SET kind = excluded.kind,"
            " url = excluded.url, secret_header = excluded.secret_header, secret = excluded.secret,"
            " sets = excluded.sets, company = excluded.company, operations = excluded.operations"
        ).format(sql.Identifier(site.schema)),
        (
            endpoint.name,
            endpoint.kind,
            endpoint.url,
            endpoint.secret_header,
            endpoint.secret,
            list(endpoint.sets),
            endpoint.company,
            list(endpoint.operations),
        ),
    )


def remove(site: Site, connection: Connection[Any], name: str) -> bool:
    """Whether there was one of this name."""
    done = connection.execute(
        sql.SQL("DELETE FROM {}._endpoint WHERE name = %s").format(sql.Identifier(site.schema)), (name,)
    )
    return done.rowcount > 0


def check_number(endpoint: Endpoint, others: Sequence[Endpoint], *, most: int) -> None:
    """Raises: TooManyEndpoints when an event that it is registered for has `most` endpoints already."""
    alike = [one for one in others if one.kind is endpoint.kind]
    for set_name, operation, company in _events(endpoint, alike):
        number = sum(1 for one in alike if _is_for(one, set_name, operation, company))
        if number >= most:
            raise TooManyEndpoints(f"An event has at most {most} endpoints in a company; remove one of them first.")


def _is_for(one: Endpoint, set_name: str, operation: str, company: str) -> bool:
    is_its_company = not one.company or not company or one.company.lower() == company.lower()
    return one.covers(set_name) and (not one.operations or operation in one.operations) and is_its_company


def _events(endpoint: Endpoint, others: Iterable[Endpoint]) -> Iterator[tuple[str, str, str]]:
    """The events that it is registered for, as far as others tell them apart: set, operation, company."""
    named = {name for one in others for name in one.sets}
    companies = {one.company for one in others if one.company} if not endpoint.company else {endpoint.company}
    for set_name in endpoint.sets or (*sorted(named), ""):
        for operation in endpoint.operations or OPERATIONS:
            for company in sorted(companies) or ("",):
                yield set_name, operation, company

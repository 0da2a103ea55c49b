"""Who a call comes from: the application user of its client, or a user that it acts for.

Source: Dataverse Web API documentation, impersonate another user.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from uuid import UUID

from psycopg import sql

from syncengine.sandbox.calls import Call, ServiceError
from syncengine.sandbox.dataverse import errors, privileges
from syncengine.sandbox.site import Site

BY_OBJECT, BY_USER = "callerobjectid", "mscrmcallerid"


@dataclass(frozen=True, slots=True)
class _Users:
    """Ids of enabled users: of applications with a role, of anybody by Entra id, and all of them."""

    by_client: Mapping[str, str]
    by_object: Mapping[str, str]
    every: frozenset[str]


def user_of(site: Site, client_id: str) -> str:
    """The id of the application user of this client; "" where it has none, without a role, or disabled."""
    return _users(site).by_client.get(client_id, "")


def acting(site: Site, call: Call) -> Call:
    """The call as the user that it acts for. Raises: ServiceError for a user that is none, or may not be acted for."""
    named = call.header(BY_OBJECT) or call.header(BY_USER)
    if not named:
        return call
    try:
        wanted = str(UUID(named.strip()))
    except ValueError as error:
        raise errors.bad_uri(f"'{named[:60]}' is not the id of a user.") from error
    users = _users(site)
    user_id = users.by_object.get(wanted) if call.header(BY_OBJECT) else wanted if wanted in users.every else None
    if user_id is None:
        raise not_a_member()
    initiator_id = call.initiator_id or call.user_id
    privileges.check_named(site, replace(call, user_id=initiator_id, initiator_id=""), privileges.ACT_ON_BEHALF)
    return replace(call, user_id=user_id, initiator_id=initiator_id)


def not_a_member() -> ServiceError:
    return ServiceError(403, "The user is not a member of the organization.", code=errors.NOT_A_MEMBER)


def _users(site: Site) -> _Users:
    found: _Users = site.remember("users", lambda: _read(site))
    return found


def _read(site: Site) -> _Users:
    with site.reading() as connection:
        rows = connection.execute(
            sql.SQL(
                "SELECT u.systemuserid::text, u.applicationid::text, u.azureactivedirectoryobjectid::text, EXISTS"
                " (SELECT FROM {s}.systemuserrolescollection r WHERE r.systemuserid = u.systemuserid)"
                " FROM {s}.systemusers u WHERE u.isdisabled IS NOT TRUE"
            ).format(s=sql.Identifier(site.schema))
        ).fetchall()
    return _Users(
        by_client={client_id: user_id for user_id, client_id, _, has_role in rows if client_id and has_role},
        by_object={object_id: user_id for user_id, _, object_id, _ in rows if object_id},
        every=frozenset(row[0] for row in rows),
    )

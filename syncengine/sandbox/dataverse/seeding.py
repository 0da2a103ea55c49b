"""The rows that every new Dataverse environment has."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID, uuid5

from psycopg import Connection, sql

from syncengine.sandbox.dataverse.identities import UNIT, own_id
from syncengine.sandbox.declarations import DataverseTable
from syncengine.sandbox.registry import Client
from syncengine.sandbox.site import Site

MESSAGES = ("Create", "Update", "Delete", "CreateMultiple", "UpdateMultiple", "UpsertMultiple", "Retrieve")
OF_ELASTIC = ("DeleteMultiple",)
OF_NO_TABLE = ("Associate", "Disassociate")
ROLE = "System Administrator"
SOLUTION = {
    "uniquename": "DualWriteCore",
    "friendlyname": "Dual Write Core",
    "version": "1.0.24112.1",
    "ismanaged": True,
}


def seed(connection: Connection[Any], site: Site) -> None:
    """What a new environment has: its organization, users with a role, the messages that steps are registered for."""
    name = site.record.name
    first: dict[str, dict[str, Any]] = {
        "organizations": {
            "organizationid": UUID(site.settings.organization_id),
            "name": name,
            "languagecode": 1033,
        },
        "businessunits": {"businessunitid": UNIT, "name": name},
        "roles": {"roleid": own_id(ROLE), "name": ROLE, "businessunitid": UNIT},
        "teams": {"name": name, "businessunitid": UNIT, "isdefault": True},
        "solutions": SOLUTION,
    }
    for table, row in first.items():
        _insert(connection, site, table, [row])
    for client in site.settings.clients:
        add_user(connection, site, client)
    names = (*MESSAGES, *OF_ELASTIC, *OF_NO_TABLE)
    messages = [{"sdkmessageid": _message_id(name), "name": name} for name in names]
    _insert(connection, site, "sdkmessages", messages)
    add_message_filters(connection, site, site.stock.inventory.tables)


def add_user(connection: Connection[Any], site: Site, client: Client) -> None:
    """The application user of a client, with the administrator's role."""
    user = {
        "systemuserid": UUID(client.user_id),
        "fullname": f"# {client.name}",
        "domainname": client.client_id,
        "applicationid": UUID(client.client_id),
        "businessunitid": UNIT,
    }
    _insert(connection, site, "systemusers", [user])
    held = {"systemuserid": UUID(client.user_id), "roleid": own_id(ROLE)}
    _insert(connection, site, "systemuserrolescollection", [held])


def _message_id(name: str) -> UUID:
    return own_id(f"sdkmessage {name}")


def add_message_filters(connection: Connection[Any], site: Site, sets: Iterable[str]) -> None:
    """Which messages the tables of these sets take."""
    tables = [site.stock.inventory.tables[name] for name in sets]
    own = [table for table in tables if isinstance(table, DataverseTable) and not table.is_system]
    pairs = [
        (table.logical, message) for table in own for message in (*MESSAGES, *(OF_ELASTIC if table.is_elastic else ()))
    ]
    connection.execute(
        sql.SQL(
            "INSERT INTO {}.sdkmessagefilters (sdkmessagefilterid, sdkmessageid, primaryobjecttypecode, name)"
            " SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::text[])"
        ).format(sql.Identifier(site.schema)),
        (
            [uuid5(_message_id(message), name) for name, message in pairs],
            [_message_id(message) for _, message in pairs],
            [name for name, _ in pairs],
            [f"{message} of {name}" for name, message in pairs],
        ),
    )


def _insert(connection: Connection[Any], site: Site, table: str, rows: list[dict[str, Any]]) -> None:
    names = list(rows[0])
    with connection.cursor() as cursor:
        cursor.executemany(
            sql.SQL("INSERT INTO {} ({}) VALUES ({}) ON CONFLICT DO NOTHING").format(
                sql.Identifier(site.schema, table),
                sql.SQL(", ").join(map(sql.Identifier, names)),
                sql.SQL(", ").join([sql.SQL("%s")] * len(names)),
            ),
            [tuple(row.values()) for row in rows],
        )

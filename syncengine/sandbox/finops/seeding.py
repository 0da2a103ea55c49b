"""The rows that every new finops environment has."""

from typing import Any

from psycopg import Connection, sql

from syncengine.sandbox.registry import Client
from syncengine.sandbox.site import Site


def add_client(connection: Connection[Any], site: Site, client: Client) -> None:
    """List the application among those that may sign in."""
    connection.execute(
        sql.SQL('INSERT INTO {}."SysAADClients" ("AADClientId", "UserId", "Name") VALUES (%s, %s, %s)').format(
            sql.Identifier(site.schema)
        ),
        (client.client_id, client.user_id[:8], client.name[:60]),
    )

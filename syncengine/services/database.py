"""The psycopg connection behind Django's, so that the engine's SQL and the models share a transaction."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection, transaction
from psycopg import Connection


def raw() -> Connection[Any]:
    connection.ensure_connection()
    conn = connection.connection
    assert isinstance(conn, Connection)
    return conn


@contextmanager
def atomic() -> Iterator[Connection[Any]]:
    """A transaction, and the connection that is in it."""
    with transaction.atomic():
        yield raw()

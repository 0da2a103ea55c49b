"""A table that logical replication feeds is captured: a real publisher, a real subscriber."""

import time
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql

from tests import embedded
from tests.integration.databases import Side

TABLE = "CREATE TABLE things (id int PRIMARY KEY, name text)"
DATABASES = ("publisher", "subscriber")


@pytest.fixture(scope="module")
def sides() -> Iterator[list[Side]]:
    """Two databases of a server that decodes its log."""
    services = embedded.plan(options={**embedded.QUICK, "wal_level": "logical", "shared_buffers": "32MB"})
    try:
        server = services.server_url()
        with psycopg.connect(server, autocommit=True) as connection:
            for name in DATABASES:
                connection.execute(sql.SQL("CREATE DATABASE {} OWNER twofold").format(sql.Identifier(name)))
        made = [Side(services.database_url(name), server) for name in DATABASES]
        yield made
        for side in made:
            side.close()
    finally:
        services.stop()


def test_rows_that_a_subscription_brings_are_told(sides: list[Side]) -> None:
    publisher, subscriber = sides
    for side in sides:
        side.run(TABLE)
    publisher.run("INSERT INTO things VALUES (1, 'a'), (2, 'b')")
    publisher.admin().execute("CREATE PUBLICATION p FOR TABLE things")
    publisher.admin().execute("SELECT pg_create_logical_replication_slot('s', 'pgoutput')")
    cursor = subscriber.start("public.things")
    admin = subscriber.admin()
    address = psycopg.conninfo.make_conninfo(publisher.server_url, dbname="publisher")
    admin.execute(
        sql.SQL("CREATE SUBSCRIPTION s CONNECTION {} PUBLICATION p WITH (create_slot = false, slot_name = 's')").format(
            address
        )
    )
    wait_for(subscriber, [(1, "a"), (2, "b")])
    publisher.run("INSERT INTO things VALUES (3, 'c'); UPDATE things SET name = 'x' WHERE id = 1")
    publisher.run("DELETE FROM things WHERE id = 2")
    wait_for(subscriber, [(1, "x"), (3, "c")])
    assert subscriber.events("public.things", cursor) == {"1": "upsert", "2": "delete", "3": "upsert"}
    admin.execute("DROP SUBSCRIPTION s")


def test_decoding_is_said_to_be_at_hand_where_it_is(sides: list[Side]) -> None:
    sides[0].admin().execute("ALTER ROLE twofold REPLICATION")
    details = {check.code: check.detail for check in sides[0].connector.check()}
    assert details["decoding"].startswith("It could be had")


def wait_for(side: Side, rows: list[tuple[int, str]]) -> None:
    deadline = time.monotonic() + 30
    while side.run("SELECT * FROM things ORDER BY id") != rows:
        assert time.monotonic() < deadline
        side.connector.changes_waiting(0.05)

"""Databases for tests of the PostgreSQL connector."""

from collections.abc import Callable, Iterator
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from tests.embedded import Services
from tests.integration.databases import Side


@pytest.fixture
def make_side(new_database: Callable[[], str], postgres_url: str) -> Iterator[Callable[..., Side]]:
    made: list[Side] = []

    def make(statements: str = "", **options: str) -> Side:
        made.append(Side(new_database(), postgres_url, options))
        if statements:
            made[-1].run(statements)
        return made[-1]

    yield make
    for side in made:
        side.close()


@pytest.fixture
def side(make_side: Callable[..., Side]) -> Side:
    return make_side()


@pytest.fixture(scope="module")
def shared_side(services: Services, postgres_url: str) -> Iterator[Side]:
    """One database for a whole file of tests."""
    name = sql.Identifier(f"shared_{uuid4().hex[:8]}")
    with psycopg.connect(postgres_url, autocommit=True) as server:
        server.execute(sql.SQL("CREATE DATABASE {} OWNER twofold").format(name))
        side = Side(services.database_url(name.as_string(None).strip('"')), postgres_url)
        yield side
        side.close()
        server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))

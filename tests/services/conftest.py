from collections.abc import Iterator
from typing import TYPE_CHECKING
from uuid import uuid4

import httpx
import psycopg
import pytest
from psycopg import sql
from pytest_django import DjangoDbBlocker, Settings

if TYPE_CHECKING:
    from syncengine.sandbox.server import SandboxServer
    from tests.doubles import Answering, Known, Live
    from tests.services import Services


@pytest.fixture
def _known(monkeypatch: pytest.MonkeyPatch) -> "Known":
    from syncengine.connectors import KINDS
    from tests.doubles import Known  # needs Django's apps, which load after this file

    known = Known()
    for kind in ("finops", "dataverse"):
        monkeypatch.setitem(KINDS, kind, known.connect)  # type: ignore[arg-type]
    return known


@pytest.fixture
def answering(_known: "Known") -> "Answering":
    """Makes a service in memory answer at an address."""
    return _known.answer


@pytest.fixture
def live(_known: "Known") -> "Live":
    """Makes a stored environment and the service behind it."""
    return _known.live


@pytest.fixture
def committed(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """A test whose rows are really committed, for other connections to see; they are deleted afterwards."""
    with django_db_blocker.unblock():
        from django.db import connection

        yield
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE syncengine_environment CASCADE")
        connection.close()


@pytest.fixture(scope="session")
def sandbox_server(services: "Services", postgres_url: str) -> "Iterator[SandboxServer]":
    """A real sandbox server over a database of its own."""
    from syncengine.sandbox.server import Options, SandboxServer

    name = f"sandbox_{uuid4().hex[:12]}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} OWNER twofold_sandbox").format(sql.Identifier(name)))
    url = services.database_url(name, "twofold_sandbox")
    server = SandboxServer(Options(database_url=url, token="management token", port=0))
    assert server.start() == []
    yield server
    server.stop()
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def sandbox_http(sandbox_server: "SandboxServer") -> Iterator[httpx.Client]:
    """A client of the sandboxes' management."""
    headers = {"Authorization": "Bearer management token"}
    with httpx.Client(base_url=sandbox_server.url, headers=headers, timeout=120) as client:
        yield client


@pytest.fixture
def management(
    sandbox_server: "SandboxServer",
    sandbox_http: httpx.Client,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> httpx.Client:
    """The sandboxes' management, known to the portal; connectors do not wait long before they try again."""
    settings.SANDBOX_URL, settings.SANDBOX_TOKEN = sandbox_server.url, "management token"
    monkeypatch.setattr("syncengine.connectors.http.FIRST_WAIT_S", 0.001)
    return sandbox_http

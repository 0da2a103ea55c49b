"""The session's services. Tests that touch no database start none.

The addresses are set before Django's settings load; PostgreSQL starts with the first test that has a database, Valkey
with the first that asks for `valkey`. Tasks sent inside the test process go to a broker in memory.
"""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from django.db import connection
from hypothesis import settings as hypothesis_settings
from psycopg import sql
from pytest_django import Settings

from syncengine.sandbox.server import Options, SandboxServer
from tests import embedded
from tests.embedded import Services
from tests.stack import Stack, run_stack

if TYPE_CHECKING:
    from tests.doubles import Answering, Known, Live

SERVICES = embedded.plan()
os.environ.update(SERVICES.environment())
os.environ["DJANGO_SETTINGS_MODULE"] = "portal.settings"
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "1")  # browser tests hold an event loop in the main thread

hypothesis_settings.register_profile("same every time", derandomize=True, deadline=None, database=None)
hypothesis_settings.load_profile("same every time")

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET_BROWSER = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


def pytest_configure(config: pytest.Config) -> None:
    from django.conf import settings

    settings.CELERY_BROKER_URL = "memory://"
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser tests need Debian's Chromium; without it they are skipped, and counted as such."""
    if CHROMIUM is None:
        for item in items:
            if item.get_closest_marker("browser"):
                item.add_marker(pytest.mark.skip(reason="no Chromium found (apt-get install chromium)"))


def pytest_unconfigure(config: pytest.Config) -> None:
    SERVICES.stop()
    environments = sys.modules.get("syncengine.services.environments")
    for connector in environments._connectors.values() if environments else ():
        connector.close()  # the process would end with its sockets open


@pytest.fixture(scope="session")
def services() -> Services:
    return SERVICES


@pytest.fixture(scope="session")
def postgres_url(services: Services) -> str:
    """The superuser's address of the session's PostgreSQL."""
    return services.server_url()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(postgres_url: str) -> Iterator[None]:
    """pytest-django asks for this before it makes the test database: the server runs by then.

    Tests that commit empty the database afterwards. That has to reach the tables that Django does not manage, too.
    """
    with pytest.MonkeyPatch.context() as patch:
        operations = type(connection.ops)
        patch.setattr(operations, "sql_flush", sql_flush_everything(operations.sql_flush))
        yield


def sql_flush_everything(sql_flush: Callable[..., list[str]]) -> Callable[..., list[str]]:
    def flush(self: Any, style: Any, tables: list[str], **_: bool) -> list[str]:
        found = set(self.connection.introspection.table_names()) - {"django_migrations"}
        return sql_flush(self, style, sorted(found), reset_sequences=False, allow_cascade=True)

    return flush


@pytest.fixture
def valkey_url(services: Services) -> str:
    """The address of the session's Valkey, empty."""
    address = services.valkey_url()
    services.flush_valkey()
    return address


@pytest.fixture
def new_database(services: Services, postgres_url: str) -> Iterator[Callable[[], str]]:
    """Makes empty databases, owned by an ordinary role, and gives their addresses. They go after the test."""
    made: list[str] = []

    def make() -> str:
        made.append(f"t_{uuid4().hex[:12]}")
        with psycopg.connect(postgres_url, autocommit=True) as server:
            server.execute(sql.SQL("CREATE DATABASE {} OWNER twofold").format(sql.Identifier(made[-1])))
        return services.database_url(made[-1])

    yield make
    with psycopg.connect(postgres_url, autocommit=True) as server:
        for name in made:
            server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def make_stack() -> Iterator[Callable[..., Stack]]:
    """Runs complete process groups (`tests.stack.run_stack`) that end with the test."""
    with ExitStack() as running:
        yield lambda **wishes: running.enter_context(run_stack(**wishes))


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """pytest-playwright asks for this: the system's Chromium, which looks nothing up on the network."""
    return {**browser_type_launch_args, "executable_path": CHROMIUM, "args": list(QUIET_BROWSER)}


@pytest.fixture(scope="session")
def sandbox_server(services: Services, postgres_url: str) -> Iterator[SandboxServer]:
    """A real sandbox server over a database of its own."""
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
def sandbox_http(sandbox_server: SandboxServer) -> Iterator[httpx.Client]:
    """A client of the sandboxes' management."""
    headers = {"Authorization": "Bearer management token"}
    with httpx.Client(base_url=sandbox_server.url, headers=headers, timeout=120) as client:
        yield client


@pytest.fixture
def management(
    sandbox_server: SandboxServer,
    sandbox_http: httpx.Client,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> httpx.Client:
    """The sandboxes' management, known to the portal; connectors do not wait long before they try again."""
    settings.SANDBOX_URL, settings.SANDBOX_TOKEN = sandbox_server.url, "management token"
    monkeypatch.setattr("syncengine.connectors.http.FIRST_WAIT_S", 0.001)
    return sandbox_http


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
def live(_known: "Known", db: None) -> "Live":
    """Makes a stored environment and the service behind it."""
    return _known.live

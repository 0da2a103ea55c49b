"""The session's services. Tests that touch no database start none.

The addresses are set before Django's settings load; PostgreSQL starts with the first test that has a database, Valkey
with the first that asks for `valkey`. Tasks sent inside the test process go to a broker in memory.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.db import connection
from hypothesis import settings as hypothesis_settings
from psycopg import sql

from tests import embedded
from tests.embedded import Services
from tests.stack import Stack, run_stack

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

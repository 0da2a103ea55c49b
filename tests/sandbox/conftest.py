"""A real sandbox server over the session's PostgreSQL, and clients of its sandboxes."""

import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from psycopg import sql

from syncengine.sandbox.certificates import CERTIFICATE
from syncengine.sandbox.server import Options, SandboxServer
from tests.embedded import Services
from tests.sandbox.client import Client
from tests.sandbox.receiver import Receiver, receiving


@dataclass(slots=True, kw_only=True)
class Management:
    """The management API, as tests use it."""

    url: str
    token: str
    http: httpx.Client

    def call(self, method: str, path: str, body: Any = None, **options: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}", **options.pop("headers", {})}
        return self.http.request(method, f"{self.url}/{path}", json=body, headers=headers, **options)

    def done(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        answer = self.call(method, path, body, **options)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None

    def create(self, kind: str, **more: Any) -> dict[str, Any]:
        info: dict[str, Any] = self.done("POST", "sandboxes", {"name": f"{kind} {uuid4()}", "kind": kind, **more})
        return info

    def faults(self, info: dict[str, Any], **switches: Any) -> None:
        self.done("PUT", f"sandboxes/{info['name']}/faults", switches)

    def work(self, info: dict[str, Any]) -> dict[str, int]:
        counts: dict[str, int] = self.done("GET", f"sandboxes/{info['name']}/counts")["work"]
        return counts


@pytest.fixture(scope="session")
def http() -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False, timeout=30) as client:
        yield client


@pytest.fixture(scope="session")
def sandbox_database(services: Services, postgres_url: str) -> Iterator[str]:
    name = f"sandbox_{uuid4().hex[:12]}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} OWNER twofold_sandbox").format(sql.Identifier(name)))
    yield services.database_url(name, "twofold_sandbox")
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the sandboxes keep their certificate."""
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture(scope="session")
def server(sandbox_database: str, certificates: Path) -> Iterator[SandboxServer]:
    options = Options(database_url=sandbox_database, token="management token", port=0, certificates=certificates)
    made = SandboxServer(options)
    assert made.start() == []
    yield made
    made.stop()


@pytest.fixture(scope="session")
def management(server: SandboxServer, http: httpx.Client) -> Management:
    return Management(url=server.url, token="management token", http=http)


@pytest.fixture(scope="session")
def trusted(management: Management, certificates: Path) -> ssl.SSLContext:
    """What a client trusts the sandboxes by; strict, as newer clients are."""
    management.create("finops", settings={"is_secure": True})  # with the first one the certificate is made
    context = ssl.create_default_context(cafile=certificates / CERTIFICATE)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    return context


@pytest.fixture(scope="session")
def new_client(management: Management) -> Callable[..., Client]:
    def make(kind: str, **more: Any) -> Client:
        return Client(info=management.create(kind, **more), http=management.http)

    return make


@pytest.fixture(scope="module")
def dataverse(new_client: Callable[..., Client]) -> Client:
    """A dataverse sandbox of the test module's own."""
    return new_client("dataverse")


@pytest.fixture(scope="module")
def finops(new_client: Callable[..., Client]) -> Client:
    """A finops sandbox of the test module's own, with two companies."""
    client = new_client("finops")
    for company in ("usmf", "demf"):
        assert client.post("LegalEntities", {"LEGALENTITYID": company, "NAME": company.upper()}).status_code == 201
    return client


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


@pytest.fixture
def told(management: Management, finops: Client, receiver: Receiver) -> Iterator[Receiver]:
    """Is told of what happens in finops, and has had the test message."""
    endpoints = f"sandboxes/{finops.info['name']}/endpoints"
    management.done("POST", endpoints, {"name": "told", "url": receiver.url})
    receiver.wait(1)
    yield receiver
    management.done("DELETE", f"{endpoints}/told")

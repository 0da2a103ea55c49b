"""Sandboxes that speak HTTPS, with a certificate of their own making."""

import os
import re
import signal
import socket
import ssl
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509

from syncengine.sandbox import certificates as module
from syncengine.sandbox.certificates import CERTIFICATE, KEY, certificate
from syncengine.sandbox.server import Options, SandboxServer
from tests.sandbox.client import END, Client, part
from tests.sandbox.conftest import Management
from tests.sandbox.rows import make_account

PROJECT = Path(__file__).resolve().parents[2]
SECURE = {"settings": {"is_secure": True}}


@pytest.fixture(scope="module")
def trusting(trusted: ssl.SSLContext) -> Iterator[httpx.Client]:
    """A client that trusts the sandboxes."""
    with httpx.Client(trust_env=False, timeout=30, verify=trusted) as client:
        yield client


@pytest.fixture(scope="module")
def secure(trusting: httpx.Client, management: Management) -> Client:
    return Client(info=management.create("dataverse", **SECURE), http=trusting)


@pytest.mark.parametrize("kind", ["dataverse", "finops"])
def test_addresses_begin_with_https(kind: str, management: Management, trusting: httpx.Client) -> None:
    info = management.create(kind, **SECURE)
    assert {info[name].partition(":")[0] for name in ("base_url", "api_url", "token_url")} == {"https"}
    client = Client(info=info, http=trusting)
    assert client.sign_in().status_code == 200
    assert client.get("").status_code == 200


def test_links_begin_as_the_client_began(secure: Client) -> None:
    answer = secure.post("accounts", {"name": "A"})
    assert answer.headers["OData-EntityId"].startswith(f"{secure.info['api_url']}/accounts(")
    make_account(secure)
    by_name = secure.info["api_url"].replace("127.0.0.1", "localhost")
    page = secure.get(f"{by_name}/accounts", Prefer="odata.maxpagesize=1").json()
    assert page["@odata.nextLink"].startswith(f"{by_name}/accounts?")
    forwarded = secure.get("accounts?$top=1", Host="org.example", X_Forwarded_Proto="https").json()
    assert forwarded["@odata.context"].startswith("https://org.example/api/data/v9.2/$metadata#accounts")


def test_batches_name_their_parts_by_https(secure: Client) -> None:
    answer = secure.batch(part("POST", f"{secure.info['api_url']}/accounts", '{"name": "B"}') + END)
    assert answer.statuses == [204]
    assert f"OData-EntityId: {secure.info['api_url']}/accounts(" in answer.parts[0]


def test_nobody_is_trusted_who_did_not_ask_for_it(secure: Client, http: httpx.Client) -> None:
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        http.get(secure.info["base_url"])


def test_plain_http_is_not_answered_and_others_are(secure: Client, http: httpx.Client, capfd: Any) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        http.get(secure.info["base_url"].replace("https:", "http:"))
    assert secure.get("WhoAmI").status_code == 200
    assert capfd.readouterr().err == ""


def test_a_silent_client_holds_up_nobody(secure: Client, trusted: ssl.SSLContext) -> None:
    silent = socket.create_connection(("127.0.0.1", secure.info["port"]))
    with silent, httpx.Client(trust_env=False, timeout=3, verify=trusted) as fresh:
        assert fresh.get(f"{secure.info['api_url']}/WhoAmI").status_code == 401


def test_a_sandbox_is_switched_and_keeps_its_port(management: Management, trusting: httpx.Client) -> None:
    client = Client(info=management.create("dataverse"), http=trusting)
    made = make_account(client)
    for is_secure, scheme in ((True, "https"), (False, "http")):
        info = management.done("PATCH", f"sandboxes/{client.info['name']}", {"is_secure": is_secure})
        assert (info["base_url"].partition(":")[0], info["port"]) == (scheme, client.info["port"])
        assert Client(info=info, http=trusting).get(f"accounts({made})").status_code == 200


def test_the_files_are_for_this_user_alone(certificates: Path, secure: Client) -> None:
    assert secure.info["port"]
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in certificates.iterdir()} == {
        CERTIFICATE: 0o600,
        KEY: 0o600,
    }


def test_the_certificate_is_made_once_and_names_its_hosts(tmp_path: Path) -> None:
    made = certificate(tmp_path / "new", "sandbox.example")
    content = made.path.read_bytes(), made.key.read_bytes()
    certificate(tmp_path / "new", "localhost")
    assert (made.path.read_bytes(), made.key.read_bytes()) == content
    read = x509.load_pem_x509_certificate(content[0])
    names = read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost", "sandbox.example"]
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]


@pytest.mark.parametrize("spoil", ["other host", "no key", "damaged", "old"])
def test_a_certificate_that_does_not_hold_is_made_anew(
    tmp_path: Path, spoil: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = certificate(tmp_path, "localhost")
    content, host = made.path.read_bytes(), "localhost"
    if spoil == "other host":
        host = "10.0.0.7"
    elif spoil == "no key":
        made.key.unlink()
    elif spoil == "damaged":
        made.path.write_text("nothing")
    else:
        monkeypatch.setattr(module, "SPARE", module.LIFETIME + timedelta(days=1))
    certificate(tmp_path, host)
    assert made.path.read_bytes() not in (content, b"nothing")
    assert made.key.exists()
    assert x509.load_pem_x509_certificate(made.path.read_bytes()).not_valid_after_utc > datetime.now(UTC)


def test_without_a_folder_for_it_nobody_speaks_https(new_database: Callable[[], str], http: httpx.Client) -> None:
    server = SandboxServer(Options(database_url=new_database(), token="t", port=0))
    assert server.start() == []
    try:
        answer = Management(url=server.url, token="t", http=http).call(
            "POST", "sandboxes", {"name": "x", "kind": "finops", **SECURE}
        )
    finally:
        server.stop()
    assert (answer.status_code, "no folder for a certificate" in answer.json()["error"]) == (400, True)


def test_the_command_serves_all_by_https(new_database: Callable[[], str], http: httpx.Client, tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **os.environ,
        "SANDBOX_DATABASE_URL": new_database(),
        "TWOFOLD_SANDBOX_TOKEN": "t",
        "TWOFOLD_SANDBOX_PORT": str(port),
        "TWOFOLD_VAR": str(tmp_path),
        "PYTHONUNBUFFERED": "1",
    }
    process = subprocess.Popen(
        [sys.executable, "manage.py", "sandbox", "serve", "--tls"],
        cwd=PROJECT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout
        told = [process.stdout.readline() for _ in range(2)]
        assert told[0] == f"Sandboxes are managed at http://127.0.0.1:{port}\n"
        found = re.fullmatch(r"Clients trust them by (.+)\n", told[1])
        assert found
        info = Management(url=f"http://127.0.0.1:{port}", token="t", http=http).create("finops")
        trusted = ssl.create_default_context(cafile=found[1])
        with httpx.Client(trust_env=False, verify=trusted) as client:
            assert Client(info=info, http=client).sign_in().status_code == 200
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)

"""A scripted service behind a connector: no network, every request kept."""

import json
from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

import httpx

from syncengine.catalog import Choice, Column, ColumnType, Key, Table
from syncengine.connectors.base import Settings
from syncengine.connectors.batch import read_batch
from syncengine.connectors.http import HttpClient

ROOT = "http://service.test/data/"
Reply = httpx.Response | Exception | Callable[[httpx.Request], httpx.Response]


class Script(httpx.BaseTransport):
    """Answers with the replies in turn, the last one for ever; sign-in is answered apart."""

    def __init__(self, *replies: Reply, token: Reply | None = None) -> None:
        self.replies = list(replies)
        self.token = token
        self.requests: list[httpx.Request] = []
        self.sign_ins: list[httpx.Request] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        if request.url.path.endswith("/token"):
            self.sign_ins.append(request)
            granted = httpx.Response(200, json={"access_token": f"token-{len(self.sign_ins)}", "expires_in": 3599})
            return _answered(self.token or granted, request)
        self.requests.append(request)
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        return _answered(reply, request)


def make_settings(**overrides: Any) -> Settings:
    values: dict[str, Any] = {
        "kind": "dataverse",
        "name": "Contoso",
        "base_url": "http://service.test",
        "token_url": "http://login.test/tenant/oauth2/v2.0/token",
        "client_id": str(uuid4()),  # tokens are kept for the process by client
        "secret": "s3cret",
    }
    return Settings(**values | overrides)


def make_client(*replies: Reply, token: Reply | None = None, **overrides: Any) -> tuple[HttpClient, Script]:
    script = Script(*replies, token=token)
    return HttpClient(make_settings(**overrides), root=ROOT, headers={}, transport=script), script


def answer(status: int = 200, body: Any = None, **headers: str) -> httpx.Response:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, json={} if body is None else body, headers=sent)


def batch_answer(
    *parts: tuple[int, Any], overall: int = 200, headers: Mapping[str, str] | None = None
) -> httpx.Response:
    """Answers to the calls of a batch, numbered from 1."""
    out = []
    for number, (status, body) in enumerate(parts, start=1):
        text = "" if body is None else json.dumps(body)
        lines = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
        out.append(
            "--b\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n"
            f"Content-ID: {number}\r\n\r\nHTTP/1.1 {status} X\r\n{lines}\r\n{text}\r\n"
        )
    content = "".join(out) + "--b--\r\n"
    return httpx.Response(overall, content=content, headers={"Content-Type": "multipart/mixed; boundary=b"})


def sent_calls(request: httpx.Request) -> list[tuple[str, str, Mapping[str, str], bytes]]:
    """Method, address, headers and body of each call in a batch that was sent."""
    body = request.content.replace(b" HTTP/1.1\r\n", b"\r\n")
    calls = []
    for method in (b"GET", b"POST", b"PATCH", b"DELETE"):
        body = body.replace(b"\r\n\r\n" + method + b" ", b"\r\n\r\nHTTP/1.1 200 " + method + b" ")
    lines = [line for line in request.content.decode().split("\r\n") if line.endswith(" HTTP/1.1")]
    for line, part in zip(lines, read_batch(request.headers["content-type"], body), strict=True):
        method_, url, _ = line.split(" ")
        calls.append((method_, url, part.headers, part.body))
    return calls


def make_accounts() -> Table:
    return Table(
        name="accounts",
        logical_name="account",
        label="Account",
        columns=(
            Column(name="accountid", type=ColumnType.UUID),
            Column(name="accountnumber", type=ColumnType.TEXT, max_length=20),
            Column(name="name", type=ColumnType.TEXT),
            Column(name="creditlimit", type=ColumnType.DECIMAL, scale=2),
            Column(name="employees", type=ColumnType.INTEGER),
            Column(name="opened", type=ColumnType.DATE),
            Column(name="seen", type=ColumnType.DATETIME),
            Column(name="closed", type=ColumnType.BOOLEAN),
            Column(name="kind", type=ColumnType.CHOICE, choices=(Choice(value="1", label="A"),)),
            Column(name="groupid", type=ColumnType.LOOKUP, targets=("groups",), bind_name="GroupId"),
            Column(name="modifiedon", type=ColumnType.DATETIME, is_read_only=True),
        ),
        keys=(Key(name="number", columns=("accountnumber", "groupid")),),
        id_column="accountid",
        modified_column="modifiedon",
        tracks_changes=True,
    )


def make_customers() -> Table:
    return Table(
        name="CustomersV3",
        logical_name="CustomerV3",
        label="Customers V3",
        columns=(
            Column(name="dataAreaId", type=ColumnType.TEXT),
            Column(name="CustomerAccount", type=ColumnType.TEXT, max_length=20),
            Column(name="Name", type=ColumnType.TEXT),
            Column(name="CreditLimit", type=ColumnType.DECIMAL, scale=2),
            Column(name="Opened", type=ColumnType.DATE),
            Column(
                name="OnHold",
                type=ColumnType.ENUM,
                enum_type="CustVendorBlocked",
                choices=(Choice(value="No", label="No"), Choice(value="All", label="All")),
            ),
            Column(name="ModifiedDateTime", type=ColumnType.DATETIME, is_read_only=True),
        ),
        keys=(Key(name="EntityKey", columns=("dataAreaId", "CustomerAccount")),),
        company_column="dataAreaId",
        modified_column="ModifiedDateTime",
    )


def _answered(reply: Reply, request: httpx.Request) -> httpx.Response:
    if isinstance(reply, Exception):
        raise reply
    return reply(request) if callable(reply) else reply

"""Both services over HTTP, as small as a check and a story need them: sign-in, lists, single rows, changes, batches.

Numbers are read exactly (Decimal). Every call counts what it does in `writes`, so that a story knows its own part in
the counters of the service.
"""

import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx

from tests.independent.facts import COMPANY
from tests.independent.values import Value

Row = dict[str, Any]
TIMEOUT_S = 120.0
CRLF = "\r\n"


class AnswerError(Exception):
    """The service refused; the text is its own."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status}: {text[:1000]}")
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Who signs in where."""

    base_url: str
    token_url: str
    client_id: str
    secret: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One write of a batch: the path below the service's root, and the body."""

    method: str
    path: str
    body: Mapping[str, Any] | None = None


class Service:
    """What both have in common. `root` is the path of the service below its address."""

    root = ""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.writes = 0
        self._client = httpx.Client(timeout=TIMEOUT_S)
        self._token = ("", 0.0)
        self._lock = threading.Lock()

    def close(self) -> None:
        self._client.close()

    def token(self) -> str:
        """A token that is good for a while."""
        with self._lock:
            text, until = self._token
            if time.monotonic() < until:
                return text
            words = {
                "grant_type": "client_credentials",
                "client_id": self.account.client_id,
                "client_secret": self.account.secret,
                "scope": f"{self.account.base_url}/.default",
            }
            answer = self._client.post(self.account.token_url, data=words)
            if answer.status_code != 200:
                raise AnswerError(answer.status_code, answer.text)
            given = answer.json()
            self._token = (given["access_token"], time.monotonic() + int(given["expires_in"]) * 0.5)
            return str(given["access_token"])

    def call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """One request. `path` is below the root, or a whole address that the service gave. Raises: AnswerError."""
        url = path if path.startswith("http") else f"{self.account.base_url}{self.root}/{path}"
        given = {"Authorization": f"Bearer {self.token()}", "Accept": "application/json", **(headers or {})}
        if body is not None:
            content = json.dumps(body, default=str).encode()
            given["Content-Type"] = "application/json"
        answer = self._client.request(method, url, content=content, headers=given)
        if answer.status_code >= 400:
            raise AnswerError(answer.status_code, answer.text)
        return answer

    def pages(self, path: str, *, page_rows: int) -> Iterator[list[Row]]:
        """The pages of a list, by the links that the service gives."""
        following: str | None = path
        while following:
            answer = self.call("GET", following, headers={"Prefer": f"odata.maxpagesize={page_rows}"})
            page = json.loads(answer.content, parse_float=Decimal)
            yield page["value"]
            following = page.get("@odata.nextLink")

    def send(self, operations: Sequence[Operation]) -> None:
        """Writes them in one change set: all or none. Raises: AnswerError with the first refusal."""
        mark = f"batch_{uuid4().hex}"
        text = _batch(mark, [self._inner(number, one) for number, one in enumerate(operations, 1)])
        headers = {"Content-Type": f'multipart/mixed; boundary="{mark}"'}
        answer = self.call("POST", "$batch", content=text.encode(), headers=headers).text
        refused = [line for line in answer.splitlines() if line.startswith("HTTP/1.1 ") and line[9] not in "23"]
        if refused:
            raise AnswerError(int(refused[0][9:12]), answer[answer.index(refused[0]) :])
        self.writes += len(operations)

    def _inner(self, number: int, one: Operation) -> str:
        lines = ["Content-Type: application/http", "Content-Transfer-Encoding: binary", f"Content-ID: {number}", ""]
        lines.append(f"{one.method} {self.account.base_url}{self.root}/{one.path} HTTP/1.1")
        lines += ["Content-Type: application/json; type=entry", ""]
        lines.append("" if one.body is None else json.dumps(one.body, default=str))
        return CRLF.join(lines)


def _batch(mark: str, parts: Sequence[str]) -> str:
    inner = f"changeset_{uuid4().hex}"
    lines = [f"--{mark}", f'Content-Type: multipart/mixed; boundary="{inner}"', ""]
    for part in parts:
        lines += [f"--{inner}", part]
    return CRLF.join([*lines, f"--{inner}--", f"--{mark}--", ""])


class Finops(Service):
    root = "/data"

    def rows(self, name: str, *, columns: Sequence[str] = (), where: str = "") -> list[Row]:
        """All rows of all companies."""
        options = _options({"$select": ",".join(columns), "$filter": where, "cross-company": "true"})
        return [row for page in self.pages(f"{name}?{options}", page_rows=10_000) for row in page]

    def row(self, name: str, key: Mapping[str, str]) -> Row | None:
        return _or_none(lambda: self.call("GET", f"{address(name, key)}?cross-company=true"))

    def create(self, name: str, body: Mapping[str, Any]) -> Row:
        answer = self.call("POST", name, body)
        self.writes += 1
        return dict(json.loads(answer.content, parse_float=Decimal))

    def update(self, name: str, key: Mapping[str, str], changes: Mapping[str, Any], *, version: str = "*") -> None:
        """Raises: AnswerError when the row is not there, or not in that version any more."""
        self.call("PATCH", f"{address(name, key)}?cross-company=true", changes, headers={"If-Match": version})
        self.writes += 1

    def delete(self, name: str, key: Mapping[str, str]) -> None:
        self.call("DELETE", f"{address(name, key)}?cross-company=true")
        self.writes += 1


class Dataverse(Service):
    root = "/api/data/v9.2"

    def rows(self, name: str, *, columns: Sequence[str] = (), where: str = "") -> list[Row]:
        options = _options({"$select": ",".join(columns), "$filter": where})
        return [row for page in self.pages(f"{name}?{options}", page_rows=5_000) for row in page]

    def row(self, name: str, row_id: str) -> Row | None:
        return _or_none(lambda: self.call("GET", f"{name}({row_id})"))

    def create(self, name: str, body: Mapping[str, Any]) -> str:
        """The new row's id."""
        answer = self.call("POST", name, body)
        self.writes += 1
        return answer.headers["OData-EntityId"].rpartition("(")[2].rstrip(")")

    def update(self, name: str, row_id: str, changes: Mapping[str, Any], *, version: str = "*") -> None:
        """Raises: AnswerError when the row is not there, or not in that version any more."""
        self.call("PATCH", f"{name}({row_id})", changes, headers={"If-Match": version})
        self.writes += 1

    def delete(self, name: str, row_id: str) -> None:
        self.call("DELETE", f"{name}({row_id})")
        self.writes += 1


def address(name: str, key: Mapping[str, str]) -> str:
    """The path of one row by its natural key."""
    parts = [f"{column}='{quote(value.replace(chr(39), chr(39) * 2))}'" for column, value in key.items()]
    return f"{name}({','.join(parts)})"


def natural_key(column: str, value: Value, company: Value = None) -> dict[str, str]:
    """A row's key of finops, with its company where it belongs to one."""
    key = {COMPANY: str(company)} if company else {}
    return {**key, column: str(value)}


def _options(given: Mapping[str, str]) -> str:
    return "&".join(f"{name}={quote(value, safe=chr(39) + '(),._/')}" for name, value in given.items() if value)


def _or_none(ask: Any) -> Row | None:
    try:
        return dict(json.loads(ask().content, parse_float=Decimal))
    except AnswerError as refusal:
        if refusal.status == 404:
            return None
        raise

"""A small client of a sandbox, for tests: signs in, calls, reads parts of batches."""

import re
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx


@dataclass(slots=True, kw_only=True)
class Client:
    """Calls one sandbox as one application. `info` is what the management tells of it."""

    info: dict[str, Any]
    http: httpx.Client
    client_id: str = ""
    client_secret: str = ""
    token: str = field(default="", repr=False)

    def sign_in(self) -> httpx.Response:
        form = {
            "grant_type": "client_credentials",
            "client_id": self.client_id or self.info["client_id"],
            "client_secret": self.client_secret or self.info["client_secret"],
            "scope": f"{self.info['base_url']}/.default",
        }
        answer = self.http.post(self.info["token_url"], data=form)
        self.token = answer.json().get("access_token", "")
        return answer

    def call(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None, **options: Any
    ) -> httpx.Response:
        if not self.token:
            self.sign_in()
        url = path if path.startswith("http") else f"{self.info['api_url']}/{path}"
        sent = {"Authorization": f"Bearer {self.token}", "Accept": "application/json", **(headers or {})}
        if isinstance(body, bytes | str):
            return self.http.request(method, url, content=body, headers=sent, **options)
        return self.http.request(method, url, json=body, headers=sent, **options)

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self.call("GET", path, headers=_headers(headers))

    def rows(self, path: str, **headers: str) -> list[dict[str, Any]]:
        answer = self.get(path, **headers)
        assert answer.status_code == 200, answer.text
        value: list[dict[str, Any]] = answer.json()["value"]
        return value

    def post(self, path: str, body: Any, **headers: str) -> httpx.Response:
        return self.call("POST", path, body, _headers(headers))

    def patch(self, path: str, body: Any, **headers: str) -> httpx.Response:
        return self.call("PATCH", path, body, _headers(headers))

    def delete(self, path: str, **headers: str) -> httpx.Response:
        return self.call("DELETE", path, headers=_headers(headers))

    def make(self, table: str, body: dict[str, Any]) -> str:
        """Create a dataverse row; gives its id."""
        answer = self.post(table, body)
        assert answer.status_code == 204, answer.text
        return answer.headers["OData-EntityId"].rpartition("(")[2].rstrip(")")

    def batch(self, body: str, **headers: str) -> "BatchAnswer":
        """Send a batch written with boundary `b`; line ends are made CR LF."""
        content = body.replace("\r\n", "\n").replace("\n", "\r\n").encode()
        sent = {"Content-Type": 'multipart/mixed; boundary="b"', **_headers(headers)}
        return BatchAnswer(self.call("POST", "$batch", content, sent))


class BatchAnswer:
    """`statuses` and `bodies` of the parts, in order; change sets flattened."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self.status = answer.status_code
        parts = re.split(r"\r\n?HTTP/1\.1 ", answer.text)[1:]
        self.statuses = [int(part[:3]) for part in parts]
        self.parts = parts


def part(method: str, url: str, body: str = "", *, content_id: int = 0, **headers: str) -> str:
    lines = ["--b", "Content-Type: application/http", "Content-Transfer-Encoding: binary"]
    lines += [f"Content-ID: {content_id}"] if content_id else []
    return "\n".join([*lines, "", _request(method, url, body, headers), ""])


def change_set(*calls: tuple[str, str, str]) -> str:
    """Calls (method, url, body) with content ids 1, 2, …"""
    mark = f"c{uuid4().hex}"
    lines = ["--b", f"Content-Type: multipart/mixed; boundary={mark}", ""]
    for number, (method, url, body) in enumerate(calls, start=1):
        lines += [f"--{mark}", "Content-Type: application/http", "Content-Transfer-Encoding: binary"]
        lines += [f"Content-ID: {number}", "", _request(method, url, body, {})]
    return "\n".join([*lines, f"--{mark}--", ""])


def _request(method: str, url: str, body: str, headers: dict[str, str]) -> str:
    sent = {"Content-Type": "application/json", **_headers(headers)} if method != "GET" else _headers(headers)
    lines = [f"{method} {url} HTTP/1.1", *(f"{name}: {value}" for name, value in sent.items()), "", body]
    return "\n".join(lines)


END = "--b--\n"


def _headers(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}

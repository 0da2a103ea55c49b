"""The sandboxes that Twofold itself runs, spoken to by their management address."""

from dataclasses import asdict, dataclass, field, fields
from typing import Any
from urllib.parse import quote

import httpx
from django.conf import settings

from syncengine.connectors.http import ssl_context
from syncengine.errors import PermanentError, SyncError, UnreachableError
from syncengine.models import Environment
from syncengine.services.environment_drafts import EnvironmentDraft

OPTION = "sandbox"  # of an environment: the name of the sandbox that it is
ENDPOINT = "Twofold"  # what our registration is called there
SECRET_HEADER = "X-Twofold-Secret"
TIMEOUT_S = 120.0  # a sandbox is made with all its tables and rows
LOOK_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What the sandbox tells of itself when it is asked, as an environment; each can be set."""

    tenant_id: str
    version: str
    build: str
    data_centre: str
    is_trial: bool
    default_company: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox:
    """`user_name` and `password` open its own pages, the client's id and secret its service."""

    name: str
    kind: str
    base_url: str
    token_url: str
    tenant_id: str
    client_id: str
    client_secret: str = field(repr=False)
    user_name: str
    password: str = field(repr=False)
    about: About

    @property
    def kind_label(self) -> str:
        return str(Environment.Kind(self.kind).label)

    def draft(self) -> EnvironmentDraft:
        """The sandbox as an environment to add."""
        return EnvironmentDraft(
            name=self.name,
            kind=self.kind,
            base_url=self.base_url,
            token_url=self.token_url,
            tenant=self.tenant_id,
            client_id=self.client_id,
            secret=self.client_secret,
        )


def all_sandboxes() -> list[Sandbox]:
    """The sandboxes that there are. Raises: UnreachableError when their management does not answer."""
    return [_read(found) for found in _call("GET", "/sandboxes", timeout_s=LOOK_TIMEOUT_S)["sandboxes"]]


def create(*, name: str, kind: str, tenant_id: str = "", demo: str = "") -> Sandbox:
    """A new sandbox with every table; `demo` names the rows that it comes with, "" for none.

    Raises: PermanentError when the name is taken.
    """
    wanted = {"tenant_id": tenant_id} if tenant_id else {}
    return _read(_call("POST", "/sandboxes", {"name": name, "kind": kind, "demo": demo, "settings": wanted}))


def get(name: str) -> Sandbox:
    """Raises: PermanentError when there is none of this name; UnreachableError."""
    return _read(_call("GET", _path(name), timeout_s=LOOK_TIMEOUT_S))


def copy(name: str, *, new_name: str) -> Sandbox:
    """A sandbox with the same tables and rows, and credentials of its own. Raises: PermanentError."""
    return _read(_call("POST", f"{_path(name)}/copy", {"name": new_name}))


def change(name: str, about: About) -> Sandbox:
    """Raises: PermanentError."""
    return _read(_call("PATCH", _path(name), asdict(about)))


def reset(name: str) -> None:
    """All rows go; tables and credentials stay."""
    _call("POST", f"{_path(name)}/reset")


def delete(name: str) -> None:
    _call("DELETE", _path(name))


def sets(name: str) -> list[str]:
    """The tables that it can have rows in, by their set names."""
    found: list[str] = _call("GET", f"{_path(name)}/sets")["sets"]
    return found


def load_csv(name: str, *, table: str, content: bytes) -> int:
    """How many rows of the file are in the table now: all of them. Raises: PermanentError, none is there then."""
    return int(_call("POST", f"{_path(name)}/tables/{quote(table, safe='')}/rows", content)["rows"])


def options_of(base_url: str) -> dict[str, str]:
    """What makes an environment at this address known as a sandbox; nothing for any other."""
    try:
        found = next((each for each in all_sandboxes() if each.base_url == base_url), None)
    except SyncError:
        return {}
    return {OPTION: found.name} if found is not None else {}


def register_endpoint(environment: Environment, *, url: str, secret: str) -> bool:
    """Whether the environment is a sandbox, which from now on pushes its changes to the address.

    What an administrator of a real finops environment does by hand; once is the same as twice.
    Raises: UnreachableError when the sandboxes' management does not answer.
    """
    name = environment.options.get(OPTION)
    if name is None:
        return False
    endpoint = {"name": ENDPOINT, "url": url, "secret_header": SECRET_HEADER, "secret": secret}
    _call("POST", f"{_path(name)}/endpoints", endpoint)
    return True


def remove_endpoint(environment: Environment) -> bool:
    """Whether the environment is a sandbox, which pushes nothing to us any more.

    Raises: UnreachableError when the sandboxes' management does not answer.
    """
    name = environment.options.get(OPTION)
    if name is None:
        return False
    try:
        _call("DELETE", f"{_path(name)}/endpoints/{ENDPOINT}")
    except PermanentError as exc:
        if exc.code != "404":
            raise
    return True


def _path(name: str) -> str:
    return f"/sandboxes/{quote(name, safe='')}"


def _call(method: str, path: str, body: dict[str, Any] | bytes | None = None, *, timeout_s: float = TIMEOUT_S) -> Any:
    """What the management answers; bytes are sent as a CSV file."""
    headers = {"Authorization": f"Bearer {settings.SANDBOX_TOKEN}"}
    sent: dict[str, Any] = {"json": body}
    if isinstance(body, bytes):
        headers["Content-Type"] = "text/csv"
        sent = {"content": body}
    try:
        url = settings.SANDBOX_URL + path
        answer = httpx.request(method, url, headers=headers, timeout=timeout_s, verify=ssl_context(), **sent)
    except httpx.HTTPError as exc:
        reason = str(exc) or type(exc).__name__
        raise UnreachableError(f"The sandboxes do not answer at {settings.SANDBOX_URL}: {reason}") from exc
    if answer.status_code >= 400:
        raise PermanentError(_reason(answer), code=str(answer.status_code))
    return answer.json() if answer.content else None


def _reason(answer: httpx.Response) -> str:
    """The management's own sentence where it gave one."""
    try:
        return str(answer.json()["error"])
    except (ValueError, KeyError, TypeError):
        return f"The sandboxes answered with status {answer.status_code}."


def _read(found: dict[str, Any]) -> Sandbox:
    about = About(**{one.name: found[one.name] for one in fields(About)})
    own = {one.name: found[one.name] for one in fields(Sandbox) if one.name != "about"}
    return Sandbox(about=about, **own)

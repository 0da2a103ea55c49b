"""The sandboxes that Twofold itself runs, spoken to by their management address."""

from dataclasses import dataclass, field
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
class Sandbox:
    name: str
    kind: str
    base_url: str
    token_url: str
    tenant_id: str
    client_id: str
    client_secret: str = field(repr=False)

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
    _call("POST", f"/sandboxes/{quote(name, safe='')}/endpoints", endpoint)
    return True


def remove_endpoint(environment: Environment) -> bool:
    """Whether the environment is a sandbox, which pushes nothing to us any more.

    Raises: UnreachableError when the sandboxes' management does not answer.
    """
    name = environment.options.get(OPTION)
    if name is None:
        return False
    try:
        _call("DELETE", f"/sandboxes/{quote(name, safe='')}/endpoints/{ENDPOINT}")
    except PermanentError as exc:
        if exc.code != "404":
            raise
    return True


def _call(method: str, path: str, body: dict[str, Any] | None = None, *, timeout_s: float = TIMEOUT_S) -> Any:
    headers = {"Authorization": f"Bearer {settings.SANDBOX_TOKEN}"}
    try:
        url = settings.SANDBOX_URL + path
        answer = httpx.request(method, url, json=body, headers=headers, timeout=timeout_s, verify=ssl_context())
    except httpx.HTTPError as exc:
        reason = str(exc) or type(exc).__name__
        raise UnreachableError(f"The sandboxes do not answer at {settings.SANDBOX_URL}: {reason}") from exc
    if answer.status_code >= 400:
        message = f"The sandboxes refused {method} {path}: {answer.text[:500]}"
        raise PermanentError(message, code=str(answer.status_code))
    return answer.json() if answer.content else None


def _read(found: dict[str, Any]) -> Sandbox:
    return Sandbox(
        name=found["name"],
        kind=found["kind"],
        base_url=found["base_url"],
        token_url=found["token_url"],
        tenant_id=found["tenant_id"],
        client_id=found["client_id"],
        client_secret=found["client_secret"],
    )

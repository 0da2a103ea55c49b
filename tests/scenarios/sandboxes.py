"""Sandboxes for a story: made, disturbed and counted through their management API."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx

from tests.independent.services import Account
from tests.stack import Stack

TIMEOUT_S = 120.0
UNLIMITED = {"requests": 0, "execution_s": 0, "concurrency": 0}  # stories poll more often than anybody should


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox:
    """A sandbox as it was made. `account` is the one that Twofold gets; people have accounts of their own."""

    stack: Stack
    name: str
    tenant: str
    account: Account

    def person(self) -> Account:
        """Credentials of somebody else, who may do everything too."""
        made = self.ask("POST", "clients", {"name": "A person", "is_user": True})
        return Account(
            base_url=self.account.base_url,
            token_url=self.account.token_url,
            client_id=made["client_id"],
            secret=made["client_secret"],
        )

    def disturb(self, **faults: Any) -> None:
        """Exactly these faults from now on; none named: all is well again."""
        self.ask("PUT", "faults", faults)

    def writes(self) -> dict[str, int]:
        """Rows that Twofold's own account created, updated and deleted so far."""
        clients = self.ask("GET", "counts")["clients"]
        counted = clients.get(self.account.client_id, {})
        return {work: counted.get(work, 0) for work in ("creates", "updates", "deletes")}

    def is_writing(self) -> bool:
        """Whether a call that may write is kept waiting by the sandbox."""
        return bool(self.ask("GET", "counts")["waiting"].keys() & {"POST", "PATCH", "PUT", "DELETE"})

    def undelivered(self) -> int:
        return int(self.ask("GET", "deliveries")["waiting"])

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        return _ask(self.stack, method, f"/sandboxes/{quote(self.name)}/{path}", body)


def make_sandbox(stack: Stack, *, name: str, kind: str, tenant: str, demo: str = "") -> Sandbox:
    """A sandbox with every table; `demo` names the rows that it starts with."""
    wanted = {"name": name, "kind": kind, "demo": demo, "settings": {"tenant_id": tenant, "limits": UNLIMITED}}
    made = _ask(stack, "POST", "/sandboxes", wanted)
    account = Account(
        base_url=made["base_url"],
        token_url=made["token_url"],
        client_id=made["client_id"],
        secret=made["client_secret"],
    )
    return Sandbox(stack=stack, name=name, tenant=made["tenant_id"], account=account)


def make_pair(stack: Stack, *, demo: str = "") -> tuple[Sandbox, Sandbox]:
    """Finance and sales of one tenant."""
    tenant = str(uuid4())
    finance = make_sandbox(stack, name="Story finance", kind="finops", tenant=tenant, demo=demo)
    return finance, make_sandbox(stack, name="Story sales", kind="dataverse", tenant=tenant, demo=demo)


def _ask(stack: Stack, method: str, path: str, body: dict[str, Any] | None) -> Any:
    headers = {"Authorization": f"Bearer {stack.sandbox_token}"}
    answer = httpx.request(method, stack.sandbox_url + path, json=body, headers=headers, timeout=TIMEOUT_S)
    assert answer.status_code < 400, f"{method} {path}: {answer.text}"
    return answer.json() if answer.content else None

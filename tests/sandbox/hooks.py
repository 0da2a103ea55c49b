"""Steps of dataverse registered over its own API, as tests need them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.sandbox.client import Client
from tests.sandbox.conftest import Management

AFTER = {"mode": 1, "stage": 40, "rank": 1, "asyncautodelete": True, "supporteddeployment": 0}
TABLES = ("asyncoperations", "sdkmessageprocessingstepimages", "sdkmessageprocessingsteps", "serviceendpoints")


@dataclass(frozen=True, slots=True)
class Hooks:
    client: Client

    def endpoint(self, url: str, authtype: int = 5, authvalue: str = "") -> str:
        values = {"name": "sync", "contract": 8, "url": url, "authtype": authtype, "authvalue": authvalue}
        return self.client.make("serviceendpoints", values)

    def step(self, endpoint: str, message: str, table: str = "account", **more: Any) -> str:
        """A step for the message of a table; of no table in particular for an empty one."""
        (found,) = self.client.rows(f"sdkmessages?$filter=name eq '{message}'")
        binds = {
            "sdkmessageid@odata.bind": f"/sdkmessages({found['sdkmessageid']})",
            "eventhandler_serviceendpoint@odata.bind": f"/serviceendpoints({endpoint})",
        }
        if table:
            path = f"sdkmessagefilters?$filter=_sdkmessageid_value eq {found['sdkmessageid']}"
            (allowed,) = self.client.rows(f"{path} and primaryobjecttypecode eq '{table}'")
            binds["sdkmessagefilterid@odata.bind"] = f"/sdkmessagefilters({allowed['sdkmessagefilterid']})"
        return self.client.make("sdkmessageprocessingsteps", {"name": f"{message} step", **binds, **AFTER, **more})

    def image(self, step: str, kind: int, alias: str = "image", attributes: str = "") -> str:
        bound = {"sdkmessageprocessingstepid@odata.bind": f"/sdkmessageprocessingsteps({step})"}
        named = {"name": alias, "entityalias": alias, "messagepropertyname": "Target", "attributes": attributes or None}
        return self.client.make("sdkmessageprocessingstepimages", {"imagetype": kind, **named, **bound})

    def waiting(self, management: Management) -> int:
        found: int = management.done("GET", f"sandboxes/{self.client.info['name']}/deliveries")["waiting"]
        return found


@contextmanager
def registering(client: Client) -> Iterator[Hooks]:
    """The registrations of the test go with it."""
    try:
        yield Hooks(client)
    finally:
        for table in TABLES:
            for row in client.rows(table):
                client.delete(f"{table}({row[f'{table[:-1]}id']})")


def attributes(message: dict[str, Any]) -> dict[str, Any]:
    return values_of(message["InputParameters"][0]["value"])


def values_of(entity: dict[str, Any]) -> dict[str, Any]:
    return {one["key"]: one["value"] for one in entity["Attributes"]}

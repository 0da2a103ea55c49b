"""Push from Dataverse: a web hook (service endpoint) of ours and one asynchronous step a table and message.

Registrations are known by name, which holds a mark of the address that is called, so that registering twice leaves
one and two installations do not take each other's. Source: Dataverse Web API documentation.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import quoteattr

import msgspec

from syncengine.catalog import Table
from syncengine.connectors.base import Subscription
from syncengine.connectors.dataverse.api import query
from syncengine.connectors.dataverse.names import quoted
from syncengine.connectors.service import Service
from syncengine.errors import CatalogError, PermanentError

SECRET_HEADER = "x-twofold-secret"
MESSAGES = ("Create", "Update", "Delete")
_ENDPOINTS, _STEPS = "serviceendpoints", "sdkmessageprocessingsteps"
_WEBHOOK = {"contract": 8, "authtype": 5}  # a web hook that proves itself by a header
_AFTERWARDS = {"mode": 1, "stage": 40, "rank": 1, "asyncautodelete": True, "supporteddeployment": 0}


class _Row(msgspec.Struct, kw_only=True):
    """A row of one of the registration tables, as far as we need it."""

    name: str = ""
    serviceendpointid: str = ""
    sdkmessageprocessingstepid: str = ""
    sdkmessageid: str = ""
    sdkmessagefilterid: str = ""
    primaryobjecttypecode: str = ""
    message_id: str = msgspec.field(name="_sdkmessageid_value", default="")
    endpoint_id: str | None = msgspec.field(name="_eventhandler_value", default=None)
    filteringattributes: str | None = None


class _Rows(msgspec.Struct):
    value: list[_Row]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Registry:
    """What the service has, read once: message ids by name, filter ids by table and message, our steps by name."""

    prefix: str
    endpoint_id: str
    messages: Mapping[str, str]
    filters: Mapping[tuple[str, str], str]
    steps: Mapping[str, _Row]


def subscribe(
    service: Service, tables: Sequence[Table], *, url: str, secret: str, columns: Mapping[str, Sequence[str]]
) -> list[Subscription]:
    """Create what is missing, set right what differs. Raises: CatalogError for a table that cannot be hooked."""
    if not tables:
        return []
    registry = _read_registry(service, tables, url, secret)
    subscriptions = []
    for table in tables:
        mapped = ",".join(sorted(columns.get(table.name, ())))
        steps = [_step(service, registry, table, message, mapped) for message in MESSAGES]
        subscriptions.append(Subscription(table=table.name, handle=",".join([registry.endpoint_id, *steps])))
    return subscriptions


def unsubscribe(service: Service, subscriptions: Sequence[Subscription]) -> None:
    """Remove the steps, and an endpoint of ours that no step uses any more."""
    endpoints = set()
    for subscription in subscriptions:
        endpoint_id, *steps = subscription.handle.split(",")
        endpoints.add(endpoint_id)
        for step in steps:
            _delete(service, f"{_STEPS}({step})")
    for endpoint_id in endpoints:
        if not _rows(service, _STEPS, select="name", where=f"_eventhandler_value eq {endpoint_id}"):
            _delete(service, f"{_ENDPOINTS}({endpoint_id})")


def _read_registry(service: Service, tables: Sequence[Table], url: str, secret: str) -> _Registry:
    prefix = f"Twofold {hashlib.sha256(url.encode()).hexdigest()[:8]}"
    names = _any_of("primaryobjecttypecode", (table.logical_name for table in tables))
    fields = "sdkmessagefilterid,primaryobjecttypecode,_sdkmessageid_value"
    messages = _rows(service, "sdkmessages", select="sdkmessageid,name", where=_any_of("name", MESSAGES))
    filters = _rows(service, "sdkmessagefilters", select=fields, where=names)
    ours = f"startswith(name,{quoted(prefix + ':')})"
    steps = _rows(service, _STEPS, select="sdkmessageprocessingstepid,name,filteringattributes", where=ours)
    return _Registry(
        prefix=prefix,
        endpoint_id=_endpoint(service, prefix, url, secret),
        messages={row.name: row.sdkmessageid for row in messages},
        filters={(row.primaryobjecttypecode, row.message_id): row.sdkmessagefilterid for row in filters},
        steps={row.name: row for row in steps},
    )


def _endpoint(service: Service, name: str, url: str, secret: str) -> str:
    """The id of our endpoint, with this address and secret."""
    header = f"<setting name={quoteattr(SECRET_HEADER)} value={quoteattr(secret)}/>"
    wanted = {"name": name, "url": url, **_WEBHOOK, "authvalue": f"<settings>{header}</settings>"}
    found = _rows(service, _ENDPOINTS, select="serviceendpointid,name", where=f"name eq {quoted(name)}")
    if not found:
        return _create(service, _ENDPOINTS, wanted)
    _change(service, f"{_ENDPOINTS}({found[0].serviceendpointid})", wanted)
    return found[0].serviceendpointid


def _step(service: Service, registry: _Registry, table: Table, message: str, mapped: str) -> str:
    """The id of our step for this message; an update is told only when a mapped column is among what was written."""
    name = f"{registry.prefix}: {message} of {table.logical_name}"
    filtering = mapped if message == "Update" else None
    known = registry.steps.get(name)
    if known is not None:
        if filtering is not None and known.filteringattributes != filtering:
            _change(service, f"{_STEPS}({known.sdkmessageprocessingstepid})", {"filteringattributes": filtering})
        return known.sdkmessageprocessingstepid
    message_id = registry.messages.get(message, "")
    filter_id = registry.filters.get((table.logical_name, message_id))
    if filter_id is None:
        raise CatalogError(f"{service.name} has no message {message} for table {table.name}; push cannot be set up.")
    wanted = {
        "name": name,
        "sdkmessageid@odata.bind": f"/sdkmessages({message_id})",
        "sdkmessagefilterid@odata.bind": f"/sdkmessagefilters({filter_id})",
        "eventhandler_serviceendpoint@odata.bind": f"/{_ENDPOINTS}({registry.endpoint_id})",
        **_AFTERWARDS,
        **({} if filtering is None else {"filteringattributes": filtering}),
    }
    return _create(service, _STEPS, wanted)


def _any_of(column: str, values: Iterable[str]) -> str:
    return " or ".join(f"{column} eq {quoted(value)}" for value in values)


def _rows(service: Service, resource: str, *, select: str, where: str) -> list[_Row]:
    answer = service.get(query(resource, select=select, where=where))
    try:
        return msgspec.json.decode(answer.body, type=_Rows).value
    except msgspec.DecodeError as error:
        raise PermanentError(f"{service.name} answered with {resource} that cannot be read.") from error


def _create(service: Service, resource: str, values: Mapping[str, Any]) -> str:
    answer = service.checked(service.client.send("POST", resource, content=msgspec.json.encode(values), headers=_JSON))
    found = re.search(r"\(([0-9a-fA-F-]{36})\)\s*$", answer.headers.get("odata-entityid", ""))
    if found is None:
        raise PermanentError(f"{service.name} did not tell the id of what it created in {resource}.")
    return found.group(1).lower()


def _change(service: Service, url: str, values: Mapping[str, Any]) -> None:
    headers = {**_JSON, "If-Match": "*"}
    service.checked(service.client.send("PATCH", url, content=msgspec.json.encode(values), headers=headers))


def _delete(service: Service, url: str) -> None:
    answer = service.client.send("DELETE", url, only_reads=True)  # deleting twice does the same as once
    if answer.status != 404:
        service.checked(answer)


_JSON = {"Content-Type": "application/json"}

"""What an administrator of a finops sandbox can do: endpoints, the errors list, data projects and their executions.

The management API has these routes below a sandbox's own address.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from syncengine.sandbox.calls import decode_as
from syncengine.sandbox.finops.events import endpoints, notifications, undelivered
from syncengine.sandbox.finops.events.endpoints import OPERATIONS, Endpoint, EventKind
from syncengine.sandbox.finops.packages import definition_groups, executions
from syncengine.sandbox.finops.packages.definition_groups import GroupEntity
from syncengine.sandbox.site import Site

Made = tuple[int, Any]


class _NewEndpoint(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    name: str
    url: str
    kind: EventKind = EventKind.BUSINESS
    secret_header: str = ""
    secret: str = ""
    sets: tuple[str, ...] = ()
    company: str = ""
    operations: tuple[str, ...] = ()


class _NewGroup(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    name: str
    entities: list[GroupEntity]


def _endpoints(site: Site, body: bytes) -> Made:
    with site.reading() as connection:
        found = endpoints.all_endpoints(site, connection)
    return 200, {"endpoints": [_described(one) for one in found]}


def _described(one: Endpoint) -> dict[str, Any]:
    """Without its secret."""
    return {
        "name": one.name,
        "url": one.url,
        "kind": one.kind,
        "sets": list(one.sets),
        "company": one.company,
        "operations": list(one.operations),
    }


def _add_endpoint(site: Site, body: bytes) -> Made:
    asked = decode_as(_NewEndpoint, body)
    _check_sets(site, asked.sets)
    unknown = set(asked.operations) - set(OPERATIONS)
    if unknown:
        raise ValueError(f"There is no operation {min(unknown)!r}; there are {', '.join(OPERATIONS)}.")
    notifications.register(site, Endpoint(**msgspec.structs.asdict(asked)))
    return 201, {"name": asked.name}


def _remove_endpoint(site: Site, body: bytes, name: str) -> Made:
    if not notifications.unregister(site, name):
        return 404, {"error": f"There is no endpoint named {name!r}."}
    return 204, None


def _errors(site: Site, body: bytes) -> Made:
    return 200, {"errors": undelivered.listed(site)}


def _resend(site: Site, body: bytes, number: str) -> Made:
    try:
        undelivered.resend(site, _number(number))
    except undelivered.NotListed as error:
        return 404, {"error": str(error)}
    return 202, {"waiting": True}


def _groups(site: Site, body: bytes) -> Made:
    with site.reading() as connection:
        found = definition_groups.all_groups(site, connection)
    return 200, {"definition_groups": [msgspec.to_builtins(one) for one in found]}


def _add_group(site: Site, body: bytes) -> Made:
    asked = decode_as(_NewGroup, body)
    if not asked.name.strip() or not asked.entities:
        raise ValueError("A definition group has a name and at least one entity.")
    _check_sets(site, [one.set for one in asked.entities])
    with site.transaction() as connection:
        definition_groups.save(site, connection, asked.name, asked.entities)
    return 201, {"name": asked.name}


def _remove_group(site: Site, body: bytes, name: str) -> Made:
    with site.transaction() as connection:
        is_gone = definition_groups.remove(site, connection, name)
    return (204, None) if is_gone else (404, {"error": f"There is no definition group named {name!r}."})


def _executions(site: Site, body: bytes) -> Made:
    return 200, {"executions": executions.listed(site)}


def _cancel(site: Site, body: bytes, execution_id: str) -> Made:
    if not executions.cancel(site, execution_id):
        return 404, {"error": f"No execution {execution_id!r} waits to be run."}
    return 204, None


def _check_sets(site: Site, names: Iterable[str]) -> None:
    unknown = [name for name in names if site.shape(name) is None]
    if unknown:
        raise ValueError(f"There is no entity set {unknown[0]!r}.")


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise ValueError(f"{text[:40]!r} is no number of an error.")
    return int(text)


Handler = Callable[..., Made]
ROUTES: Mapping[tuple[str, str], Handler] = {
    ("GET", "endpoints"): _endpoints,
    ("POST", "endpoints"): _add_endpoint,
    ("DELETE", "endpoints/ENDPOINT"): _remove_endpoint,
    ("GET", "errors"): _errors,
    ("POST", "errors/NUMBER/resend"): _resend,
    ("GET", "definition-groups"): _groups,
    ("POST", "definition-groups"): _add_group,
    ("DELETE", "definition-groups/GROUP"): _remove_group,
    ("GET", "executions"): _executions,
    ("POST", "executions/EXECUTION/cancel"): _cancel,
}

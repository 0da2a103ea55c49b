"""The management origin: what an administrator of environments could do, as a JSON API with one bearer token.

GET    /sandboxes                          all, with addresses and credentials
POST   /sandboxes                          {"name", "kind", "port"?, "settings"?, "demo"?}
GET    /sandboxes/NAME                     PATCH changes settings, DELETE removes it
POST   /sandboxes/NAME/reset               all rows go
POST   /sandboxes/NAME/copy                {"name"}
POST   /sandboxes/NAME/clients             {"name", "is_user"?}: another application that may sign in
POST   /sandboxes/NAME/expire-tokens       every token given so far is refused
GET    /sandboxes/NAME/sets                the names of all tables
GET    /sandboxes/NAME/tables              POST adds tables: a declaration document
POST   /sandboxes/NAME/tables/SET/rows     rows as JSON or CSV; PATCH and DELETE edit rows silently
POST   /sandboxes/NAME/changes             random business changes: GET how far, DELETE stops; see business/wishes.py
POST   /sandboxes/NAME/silent-changes      random changes that raise no events, made at once
GET    /sandboxes/NAME/faults              PUT sets them
GET    /sandboxes/NAME/counts              DELETE sets them to 0
GET    /sandboxes/NAME/deliveries          how many messages wait
GET    /sandboxes/NAME/endpoints           finops: POST registers one, DELETE …/endpoints/ENDPOINT removes it
GET    /sandboxes/NAME/errors              finops: events not delivered; POST …/errors/NUMBER/resend
GET    /sandboxes/NAME/definition-groups   finops: POST makes one, DELETE …/definition-groups/GROUP removes it
GET    /sandboxes/NAME/executions          finops: imports and exports; POST …/executions/EXECUTION/cancel
"""

import hmac
import re
import time
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs, unquote

import msgspec
from werkzeug.wrappers import Request, Response

from syncengine.sandbox import change_log, declarations, events, loading, registry, routes, silent
from syncengine.sandbox.business import silently, wishes
from syncengine.sandbox.business.runner import Busy
from syncengine.sandbox.business.wishes import Wish
from syncengine.sandbox.calls import ServiceError, decode, decode_as, encode
from syncengine.sandbox.declarations import DeclarationError, Kind
from syncengine.sandbox.demo import of_demo
from syncengine.sandbox.finops import administration
from syncengine.sandbox.host import Host
from syncengine.sandbox.origins import PortTaken
from syncengine.sandbox.registry import NameTaken, Record, UnknownSandbox
from syncengine.sandbox.shape import Shape
from syncengine.sandbox.site import Site
from syncengine.sandbox.web import MAX_BODY_BYTES, Wsgi

Handler = Callable[..., tuple[int, Any]]
LOADED = "load"  # who wrote, in the change log


class Refused(ValueError):
    """A request that the management does not take."""


class _Creation(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    name: str
    kind: Kind
    port: int = 0
    demo: str = ""
    settings: dict[str, Any] = {}


class _Copy(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    name: str


class _NewClient(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    name: str = "Another application"
    is_user: bool = True


class _SilentEdit(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    filter: str
    values: dict[str, Any]


class _SilentDelete(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    filter: str


def application(host: Host, token: str) -> Wsgi:
    """The WSGI application of the management origin."""

    def respond(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        status, content = _answer(host, token, Request(environ), str(environ.get("REQUEST_URI") or "/"))
        body = b"" if content is None else encode(content)
        response = Response(body, status=status, mimetype="application/json")
        return response(environ, start_response)

    return respond


def _answer(host: Host, token: str, request: Request, uri: str) -> tuple[int, Any]:
    path, _, query = uri.partition("?")
    parts = [unquote(part) for part in path.strip("/").split("/")]
    if parts == ["healthz"]:
        return 200, {"ok": True}
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if not hmac.compare_digest(given.encode(), token.encode()):
        return 401, {"error": "The bearer token of the sandboxes' management is missing or wrong."}
    if (request.content_length or 0) > MAX_BODY_BYTES:
        return 413, {"error": "The request is too large."}
    try:
        return _handled(host, request, parts, query)
    except UnknownSandbox as error:
        return 404, {"error": str(error)}
    except NameTaken as error:
        return 409, {"error": str(error)}
    except (Refused, DeclarationError, PortTaken, ServiceError, ValueError) as error:
        return 400, {"error": str(error)}


def _handled(host: Host, request: Request, parts: list[str], query: str) -> tuple[int, Any]:
    for method, pattern, handler in _ROUTES:
        found = routes.match(pattern, parts)
        if found is not None and method == request.method:
            return handler(host, request, query, *found)
    return 404, {"error": f"There is no {request.method} /{'/'.join(parts)}."}


def _list(host: Host, request: Request, query: str) -> tuple[int, Any]:
    return 200, {"sandboxes": [_described(host, record) for record in host.records()]}


def _create(host: Host, request: Request, query: str) -> tuple[int, Any]:
    asked = _read(request, _Creation)
    if not re.fullmatch(r"\S(?:.{0,78}\S)?", asked.name) or "/" in asked.name:
        raise Refused("The name of a sandbox has 1 to 80 characters, no slash and no space at its ends.")
    settings = registry.changed_settings(registry.new_settings(asked.kind), asked.settings)
    rows = of_demo(asked.demo, asked.kind) if asked.demo else {}
    record = host.create(name=asked.name, kind=asked.kind, port=asked.port, settings=settings)
    site = host.site(asked.name)
    for table, some in rows.items():
        with change_log.written_by(LOADED):
            loading.load(site, _shape(site, table), decode(encode(some)), raises_events=False)
    return 201, _described(host, record)


def _get(host: Host, request: Request, query: str, name: str) -> tuple[int, Any]:
    return 200, _described(host, host.site(name).record)


def _change(host: Host, request: Request, query: str, name: str) -> tuple[int, Any]:
    return 200, _described(host, host.change_settings(name, _read(request, dict[str, Any])))


def _delete(host: Host, request: Request, query: str, name: str) -> tuple[int, Any]:
    host.delete(name)
    return 204, None


def _reset(host: Host, request: Request, query: str, name: str) -> tuple[int, Any]:
    return 200, _described(host, host.reset(name))


def _copy(host: Host, request: Request, query: str, name: str) -> tuple[int, Any]:
    return 201, _described(host, host.copy(name, new_name=_read(request, _Copy).name))


def _add_client(host: Host, request: Request, query: str, name: str) -> tuple[int, Any]:
    asked = _read(request, _NewClient)
    return 201, msgspec.to_builtins(host.add_client(name, client_name=asked.name, is_user=asked.is_user))


def _expire_tokens(host: Host, request: Request, query: str, name: str) -> tuple[int, Any]:
    host.change_settings(name, {"tokens_valid_from": time.time()})
    return 204, None


def _tables(host: Host, request: Request, query: str, name: str) -> tuple[int, Any]:
    return 200, msgspec.to_builtins(host.site(name).record.inventory.document)


def _sets(host: Host, request: Request, query: str, name: str) -> tuple[int, Any]:
    return 200, {"sets": sorted(host.site(name).record.inventory.tables)}


def _add_tables(host: Host, request: Request, query: str, name: str) -> tuple[int, Any]:
    document = declarations.read(host.site(name).record.kind, request.get_data())
    host.add_tables(name, document)
    return 201, {"tables": [table.set for table in document.tables]}


def _load(host: Host, request: Request, query: str, name: str, table: str) -> tuple[int, Any]:
    site = host.site(name)
    shape = _shape(site, table)
    rows = _rows(request, shape)
    raises_events = parse_qs(query).get("events") == ["true"]
    with change_log.written_by(LOADED):
        return 201, {"rows": loading.load(site, shape, rows, raises_events=raises_events)}


def _rows(request: Request, shape: Shape) -> list[dict[str, Any]]:
    if request.mimetype == "text/csv":
        return list(loading.rows_of_csv(shape, _text(request)))
    rows = decode(request.get_data())
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Refused("A list of objects was expected.")
    return rows


def _text(request: Request) -> str:
    try:
        return request.get_data().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refused("The file is not in UTF-8. Save it as CSV in UTF-8 and load it again.") from error


def _edit_silently(host: Host, request: Request, query: str, name: str, table: str) -> tuple[int, Any]:
    site, asked = host.site(name), _read(request, _SilentEdit)
    return 200, {"rows": silent.edit(site, _shape(site, table), asked.filter, asked.values)}


def _change_silently(host: Host, request: Request, query: str, name: str) -> tuple[int, Any]:
    site, wish = host.site(name), _wish(host, request, name)
    return 200, silently.make(site, wish)


def _start_changes(host: Host, request: Request, query: str, name: str) -> tuple[int, Any]:
    try:
        host.runner(name).start(_wish(host, request, name))
    except Busy as error:
        return 409, {"error": str(error)}
    return 202, _progress(host, name)


def _changes(host: Host, request: Request, query: str, name: str) -> tuple[int, Any]:
    return 200, _progress(host, name)


def _stop_changes(host: Host, request: Request, query: str, name: str) -> tuple[int, Any]:
    host.runner(name).stop()
    return 200, _progress(host, name)


def _progress(host: Host, name: str) -> Any:
    return msgspec.to_builtins({"changes": host.runner(name).progress})


def _wish(host: Host, request: Request, name: str) -> Wish:
    """Raises: ValueError; BadWish."""
    wish: Wish = _read(request, Wish)
    wishes.check(wish, set(host.site(name).record.inventory.tables))
    return wish


def _delete_silently(host: Host, request: Request, query: str, name: str, table: str) -> tuple[int, Any]:
    site, asked = host.site(name), _read(request, _SilentDelete)
    return 200, {"rows": silent.delete(site, _shape(site, table), asked.filter)}


def _faults(host: Host, request: Request, query: str, name: str) -> tuple[int, Any]:
    return 200, host.site(name).faults.as_dict()


def _set_faults(host: Host, request: Request, query: str, name: str) -> tuple[int, Any]:
    host.set_faults(name, _read(request, dict[str, Any]))
    return 200, host.site(name).faults.as_dict()


def _counts(host: Host, request: Request, query: str, name: str) -> tuple[int, Any]:
    return 200, host.site(name).counts.as_dict()


def _clear_counts(host: Host, request: Request, query: str, name: str) -> tuple[int, Any]:
    host.site(name).counts.clear()
    return 204, None


def _deliveries(host: Host, request: Request, query: str, name: str) -> tuple[int, Any]:
    return 200, {"waiting": events.waiting(host.site(name))}


def _of_finops(handler: Handler) -> Handler:
    """The handler of a route that only finops sandboxes have."""

    def handle(host: Host, request: Request, query: str, name: str, *parts: str) -> tuple[int, Any]:
        return handler(_finops(host, name), request.get_data(), *parts)

    return handle


def _finops(host: Host, name: str) -> Site:
    site = host.site(name)
    if site.record.kind is not Kind.FINOPS:
        raise Refused("Only finops has endpoints, errors and packages; register webhooks through the Web API.")
    return site


def _shape(site: Site, table: str) -> Shape:
    """The table, which is there from now on. Raises: Refused."""
    shape = site.shape(table)
    if shape is None:
        raise Refused(f"Sandbox {site.record.name!r} has no table {table!r}.")
    site.need([table])
    return shape


def _described(host: Host, record: Record) -> dict[str, Any]:
    settings, client = record.settings, record.settings.clients[0]
    base = host.base_url(record)
    return {
        "name": record.name,
        "kind": str(record.kind),
        "port": record.port,
        "base_url": base,
        "api_url": f"{base}{'/api/data/v9.2' if record.kind is Kind.DATAVERSE else '/data'}",
        "token_url": f"{base}/{settings.tenant_id}/oauth2/v2.0/token",
        "tenant_id": settings.tenant_id,
        "client_id": client.client_id,
        "client_secret": client.client_secret,
        "user_name": settings.user_name,
        "password": settings.password,
        "organization_id": settings.organization_id,
        "environment_id": settings.environment_id,
        "version": settings.version,
        "build": settings.build,
        "data_centre": settings.data_centre,
        "is_trial": settings.is_trial,
        "default_company": settings.default_company,
    }


def _read(request: Request, kind: Any) -> Any:
    """The body as this type. Raises: ValueError."""
    return decode_as(kind, request.get_data())


def _route(method: str, path: str, handler: Handler) -> tuple[str, re.Pattern[str], Handler]:
    return method, routes.pattern(path), handler


_ROUTES = [
    _route("GET", "sandboxes", _list),
    _route("POST", "sandboxes", _create),
    _route("GET", "sandboxes/NAME", _get),
    _route("PATCH", "sandboxes/NAME", _change),
    _route("DELETE", "sandboxes/NAME", _delete),
    _route("POST", "sandboxes/NAME/reset", _reset),
    _route("POST", "sandboxes/NAME/copy", _copy),
    _route("POST", "sandboxes/NAME/clients", _add_client),
    _route("POST", "sandboxes/NAME/expire-tokens", _expire_tokens),
    _route("GET", "sandboxes/NAME/sets", _sets),
    _route("GET", "sandboxes/NAME/tables", _tables),
    _route("POST", "sandboxes/NAME/tables", _add_tables),
    _route("POST", "sandboxes/NAME/tables/SET/rows", _load),
    _route("PATCH", "sandboxes/NAME/tables/SET/rows", _edit_silently),
    _route("DELETE", "sandboxes/NAME/tables/SET/rows", _delete_silently),
    _route("POST", "sandboxes/NAME/changes", _start_changes),
    _route("GET", "sandboxes/NAME/changes", _changes),
    _route("DELETE", "sandboxes/NAME/changes", _stop_changes),
    _route("POST", "sandboxes/NAME/silent-changes", _change_silently),
    _route("GET", "sandboxes/NAME/faults", _faults),
    _route("PUT", "sandboxes/NAME/faults", _set_faults),
    _route("GET", "sandboxes/NAME/counts", _counts),
    _route("DELETE", "sandboxes/NAME/counts", _clear_counts),
    _route("GET", "sandboxes/NAME/deliveries", _deliveries),
    *(
        _route(method, f"sandboxes/NAME/{path}", _of_finops(handler))
        for (method, path), handler in administration.ROUTES.items()
    ),
]

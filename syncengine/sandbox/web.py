"""The origin of one sandbox as a WSGI application: sign-in, faults, and then the service of its kind."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import psycopg
from werkzeug.wrappers import Request, Response

from syncengine.sandbox import environments, tokens
from syncengine.sandbox.addresses import Address
from syncengine.sandbox.calls import Answer, Call, ServiceError
from syncengine.sandbox.dataverse import errors as dataverse_errors
from syncengine.sandbox.dataverse import service as dataverse
from syncengine.sandbox.declarations import Kind
from syncengine.sandbox.finops import errors as finops_errors
from syncengine.sandbox.finops import service as finops
from syncengine.sandbox.registry import Client
from syncengine.sandbox.site import Site

MAX_BODY_BYTES = 120 * 1024 * 1024
Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
_AWAY = b"<html><head><title>503 Service Unavailable</title></head><body><h1>Service Unavailable</h1></body></html>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What a kind of sandbox answers with. `roots` are the paths below which it lies, in lower case."""

    roots: tuple[str, ...]
    parse: Callable[[str], Address]
    answer: Callable[[Site, Call], Answer]
    user_of: Callable[[Site, str], str]
    refused: Callable[[ServiceError], Answer]
    throttled: Callable[[int], ServiceError]
    unauthorized: Callable[[], Answer]


SERVICES: Mapping[Kind, Service] = {
    Kind.DATAVERSE: Service(
        roots=dataverse.ROOTS,
        parse=dataverse.parse,
        answer=dataverse.answer,
        user_of=dataverse.user_of,
        refused=dataverse.refused,
        throttled=dataverse_errors.throttled,
        unauthorized=dataverse_errors.unauthorized,
    ),
    Kind.FINOPS: Service(
        roots=finops.ROOTS,
        parse=finops.parse,
        answer=finops.answer,
        user_of=finops.user_of,
        refused=finops.refused,
        throttled=finops_errors.throttled,
        unauthorized=finops_errors.unauthorized,
    ),
}


def application(site: Site) -> Wsgi:
    """The WSGI application of this sandbox."""

    def respond(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        made = answer(site, Request(environ), str(environ.get("REQUEST_URI") or environ.get("PATH_INFO", "/")))
        response = Response(made.body, status=made.status, headers=dict(made.headers))
        if made.status == 204 or made.status == 304:
            response.headers.remove("Content-Type")
        return response(environ, start_response)

    return respond


def answer(site: Site, request: Request, uri: str) -> Answer:
    switches = site.faults.switches
    split = urlsplit(uri)
    parts = split.path.strip("/").split("/")
    is_sign_in = parts[1:] in (["oauth2", "v2.0", "token"], ["oauth2", "token"])
    if switches.latency_s:
        with site.counts.kept_waiting("sign-in" if is_sign_in else request.method):
            time.sleep(switches.latency_s)
    if switches.is_down:
        return Answer(status=503, headers={"Content-Type": "text/html"}, body=_AWAY)
    if is_sign_in:
        return _token(site, request, parts[0])
    return _service(site, request, split.path, split.query)


def _token(site: Site, request: Request, tenant: str) -> Answer:
    if request.method != "POST":
        return Answer(status=405, headers={"Allow": "POST"})
    text = request.get_data(cache=False).decode("utf-8", "replace") if not _is_too_large(request) else ""
    form = dict(parse_qsl(text, keep_blank_values=True))
    refuses = site.faults.switches.refuses_tokens
    return tokens.answer(site.settings, tenant, form, refuses=refuses, now=datetime.now(UTC))


def _service(site: Site, request: Request, path: str, query: str) -> Answer:
    service = SERVICES[site.record.kind]
    roots = (*service.roots, environments.PATH)
    root = next((one for one in roots if path.lower() == one or path.lower().startswith(f"{one}/")), None)
    if root is None:
        return Answer(status=404, headers={"Content-Type": "text/html"}, body=b"<html><body>Not Found</body></html>")
    client = tokens.signed_in(site.settings, request.headers.get("Authorization", ""), datetime.now(UTC))
    site.counts.add_call(request.method)
    if client is None:
        return service.unauthorized()
    if root == environments.PATH:
        return environments.answer(site, _origin(request))
    try:
        base = f"{_origin(request)}{path[: len(root)]}"
        return _signed_in(site, service, request, client, base, f"{path[len(root) + 1 :]}?{query}".rstrip("?"))
    except ServiceError as error:
        return service.refused(error)
    except psycopg.Error:
        return service.refused(ServiceError(503, "The service is not available for the moment."))


def _signed_in(site: Site, service: Service, request: Request, client: Client, base: str, target: str) -> Answer:
    """Raises: ServiceError for a call that does not come as far as the service."""
    if site.faults.is_throttled():
        raise service.throttled(site.faults.switches.retry_after_s)
    if _is_too_large(request):
        raise ServiceError(413, "The request is too large.")
    call = Call(
        method=request.method,
        address=service.parse(target),
        base=base,
        headers={name.lower(): value for name, value in request.headers.items()},
        body=request.get_data(cache=False),
        client_id=client.client_id,
        user_id=service.user_of(site, client.client_id),
    )
    return service.answer(site, call)


def _origin(request: Request) -> str:
    """The origin as the client addressed it."""
    return f"{request.headers.get('X-Forwarded-Proto', request.scheme)}://{request.host}"


def _is_too_large(request: Request) -> bool:
    return (request.content_length or 0) > MAX_BODY_BYTES

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
from syncengine.sandbox.finops.packages import blobs
from syncengine.sandbox.limits import Exceeded, Limit
from syncengine.sandbox.site import Site
from syncengine.sandbox.tokens import SignedIn

HANG_UP = "sandbox.hang_up"  # in the WSGI environment: ends the connection without an answer
MAX_BODY_BYTES = 120 * 1024 * 1024
Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
Pages = Callable[[Request, str], Answer | None]


class _Dropped(Exception):
    """The connection is to end without an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What a kind of sandbox answers with. `roots` are the paths below which it lies, in lower case.

    `unsigned` answers calls that need no token, None for all others.
    """

    roots: tuple[str, ...]
    parse: Callable[[str], Address]
    answer: Callable[[Site, Call], Answer]
    user_of: Callable[[Site, str], str]
    refused: Callable[[ServiceError], Answer]
    throttled: Callable[[Site, Exceeded], Answer]
    unauthorized: Callable[[], Answer]
    unsigned: Callable[[Site, Request, str, str], Answer | None]


def _dataverse_throttled(site: Site, error: Exceeded) -> Answer:
    return dataverse.refused(dataverse_errors.throttled(error.limit, error.retry_after_s))


def _dataverse_unsigned(site: Site, request: Request, path: str, query: str) -> Answer | None:
    return None


def _finops_unsigned(site: Site, request: Request, path: str, query: str) -> Answer | None:
    """Files of packages, whose addresses carry their right in themselves."""
    if not path.startswith(blobs.ROOT):
        return None
    headers = {name.lower(): value for name, value in request.headers.items()}
    body = None if _is_too_large(request) else request.get_data(cache=False)
    try:
        return blobs.answer(
            site, blobs.Request(method=request.method, path=path, query=query, headers=headers, body=body)
        )
    except psycopg.Error:
        return _gateway_answer(503, "Service Unavailable")


SERVICES: Mapping[Kind, Service] = {
    Kind.DATAVERSE: Service(
        roots=dataverse.ROOTS,
        parse=dataverse.parse,
        answer=dataverse.answer,
        user_of=dataverse.user_of,
        refused=dataverse.refused,
        throttled=_dataverse_throttled,
        unauthorized=dataverse_errors.unauthorized,
        unsigned=_dataverse_unsigned,
    ),
    Kind.FINOPS: Service(
        roots=finops.ROOTS,
        parse=finops.parse,
        answer=finops.answer,
        user_of=finops.user_of,
        refused=finops.refused,
        throttled=finops.throttled,
        unauthorized=finops_errors.unauthorized,
        unsigned=_finops_unsigned,
    ),
}


def application(site: Site, pages: Pages) -> Wsgi:
    """The WSGI application of this sandbox. Its own pages come first: faults do not keep a person from ending them."""

    def respond(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        request, uri = Request(environ), str(environ.get("REQUEST_URI") or environ.get("PATH_INFO", "/"))
        try:
            made = pages(request, uri) or answer(site, request, uri)
        except _Dropped:
            environ[HANG_UP]()
            made = Answer(status=500)
        response = Response(made.body, status=made.status, headers=dict(made.headers))
        if made.status == 204 or made.status == 304:
            response.headers.remove("Content-Type")
        return response(environ, start_response)

    return respond


def answer(site: Site, request: Request, uri: str) -> Answer:
    split = urlsplit(uri)
    parts = split.path.strip("/").split("/")
    is_sign_in = parts[1:] in (["oauth2", "v2.0", "token"], ["oauth2", "token"])
    wait_s = site.faults.wait_s
    if wait_s:
        with site.counts.kept_waiting("sign-in" if is_sign_in else request.method):
            time.sleep(wait_s)
    if site.faults.is_down:
        return _gateway_answer(503, "Service Unavailable")
    if site.faults.uses("bad_gateway"):
        return _gateway_answer(502, "Bad Gateway")
    if is_sign_in:
        return _token(site, request, parts[0])
    return _service(site, request, split.path, split.query)


def _gateway_answer(status: int, text: str) -> Answer:
    """What stands in front of the service says, in HTML."""
    body = f"<html><head><title>{status} {text}</title></head><body><h1>{text}</h1></body></html>"
    return Answer(status=status, headers={"Content-Type": "text/html"}, body=body.encode())


def _token(site: Site, request: Request, tenant: str) -> Answer:
    if request.method != "POST":
        return Answer(status=405, headers={"Allow": "POST"})
    text = request.get_data(cache=False).decode("utf-8", "replace") if not _is_too_large(request) else ""
    form = dict(parse_qsl(text, keep_blank_values=True))
    refuses = site.faults.switches.refuses_tokens
    return tokens.answer(site.settings, tenant, form, refuses=refuses, now=datetime.now(UTC))


def _service(site: Site, request: Request, path: str, query: str) -> Answer:
    service = SERVICES[site.record.kind]
    opened = service.unsigned(site, request, path, query)
    if opened is not None:
        return opened
    roots = (*service.roots, environments.PATH)
    root = next((one for one in roots if path.lower() == one or path.lower().startswith(f"{one}/")), None)
    if root is None:
        return Answer(status=404, headers={"Content-Type": "text/html"}, body=b"<html><body>Not Found</body></html>")
    signed_in = tokens.signed_in(site.settings, request.headers.get("Authorization", ""), datetime.now(UTC))
    if signed_in is None:
        return service.unauthorized()
    try:
        site.begin_call(request.method, signed_in.at)
    except ServiceError:
        return service.unauthorized()
    if root == environments.PATH:
        return environments.answer(site, origin(request))
    try:
        base = f"{origin(request)}{path[: len(root)]}"
        return _limited(site, service, request, signed_in, base, f"{path[len(root) + 1 :]}?{query}".rstrip("?"))
    except Exceeded as error:
        return service.throttled(site, error)
    except ServiceError as error:
        return service.refused(error)
    except psycopg.Error:
        return service.refused(ServiceError(503, "The service is not available for the moment."))


def _limited(site: Site, service: Service, request: Request, signed_in: SignedIn, base: str, target: str) -> Answer:
    """Raises: Exceeded; ServiceError for a call that does not come as far as the service."""
    if site.faults.is_throttled():
        raise Exceeded(Limit.REQUESTS, site.faults.switches.retry_after_s)
    user_id = service.user_of(site, signed_in.client.client_id)
    with site.limiter.call(user_id):
        if _is_too_large(request):
            raise ServiceError(413, "The request is too large.")
        call = Call(
            method=request.method,
            address=service.parse(target),
            base=base,
            headers={name.lower(): value for name, value in request.headers.items()},
            body=request.get_data(cache=False),
            client_id=signed_in.client.client_id,
            user_id=user_id,
            signed_in_at=signed_in.at,
        )
        return _connected(site, service, call)


def _connected(site: Site, service: Service, call: Call) -> Answer:
    """The service's answer, unless the connection is dropped. Raises: _Dropped."""
    is_write = call.method != "GET"
    if is_write and site.faults.uses("drop_before"):
        raise _Dropped
    made = service.answer(site, call)
    if is_write and site.faults.uses("drop_after"):
        raise _Dropped
    return made


def scheme(request: Request) -> str:
    """That of the address which the client used, also where a proxy stands before the sandbox."""
    return request.headers.get("X-Forwarded-Proto", request.scheme)


def origin(request: Request) -> str:
    """The origin as the client addressed it."""
    return f"{scheme(request)}://{request.host}"


def _is_too_large(request: Request) -> bool:
    return (request.content_length or 0) > MAX_BODY_BYTES

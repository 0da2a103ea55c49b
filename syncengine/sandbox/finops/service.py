"""What the finops OData service does with a call: find the entity, do the work in one transaction, word the answer."""

import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import psycopg
from psycopg import Connection, sql

from syncengine.sandbox import addresses
from syncengine.sandbox.addresses import Address, BadAddress
from syncengine.sandbox.calls import Answer, Call, ServiceError, json_answer
from syncengine.sandbox.counts import Work
from syncengine.sandbox.finops import csdl, errors, keys, metadata, multipart, read, write
from syncengine.sandbox.finops.packages import actions, runner
from syncengine.sandbox.limits import Exceeded
from syncengine.sandbox.query import QueryRefused
from syncengine.sandbox.shape import Shape
from syncengine.sandbox.site import Site

ROOTS = ("/data", "/metadata", "/namespaces/axsf/data", "/namespaces/axsf/metadata")  # the last two on premises
REMEMBERED = ("LegalEntities", "SysAADClients")  # entities whose rows are kept in memory
ACTIONS = "DataManagementEntities"


def answer(site: Site, call: Call) -> Answer:
    """The answer to a call of the service, batches included. Never raises for what the client did."""
    begun = time.monotonic()
    if call.user_id == "":
        return _with_headers(errors.answer_of(errors.forbidden()), begun)
    if call.address.segments and call.address.segments[0].name == "$batch":
        made = _guarded(site, lambda: multipart.answer(site, call, answer_part))
        if any(name.encode() in call.body for name in REMEMBERED):
            site.forget()
        if actions.SET.encode() in call.body:
            runner.ring(site)
        return _with_headers(made, begun)
    return _with_headers(_guarded(site, lambda: _alone(site, call)), begun)


def answer_part(site: Site, connection: Connection[Any], call: Call) -> Answer:
    """A part of a batch, in the caller's transaction. Raises: ServiceError."""
    return _guarding(site, lambda: _dispatch(site, connection, call))


def refused(error: ServiceError) -> Answer:
    return _with_headers(errors.answer_of(error), time.monotonic())


def throttled(site: Site, error: Exceeded) -> Answer:
    return _with_headers(errors.throttled(site.settings, error), time.monotonic())


def parse(text: str) -> Address:
    """Raises: ServiceError."""
    try:
        return addresses.parse(text)
    except BadAddress as error:
        raise errors.bad_request(str(error)) from error


def user_of(site: Site, client_id: str) -> str:
    """The user that acts for this client; "" where the client is not registered."""
    return str(site.remember("clients", lambda: _read_clients(site)).get(client_id, ""))


def _read_clients(site: Site) -> dict[str, str]:
    with site.reading() as connection:
        rows = connection.execute(
            sql.SQL('SELECT lower("AADClientId"), "UserId" FROM {}."SysAADClients"').format(sql.Identifier(site.schema))
        )
        return dict(rows.fetchall())


def _alone(site: Site, call: Call) -> Answer:
    """The call in a transaction of its own. Raises: ServiceError."""
    site.need(segment.name for segment in call.address.segments[:1])
    opened = site.reading if call.method == "GET" else site.transaction
    with opened() as connection:
        made = _guarding(site, lambda: _dispatch(site, connection, call))
    name = call.address.segments[0].name if call.address.segments else ""
    if call.method != "GET" and name in REMEMBERED:
        site.forget()
    if call.method != "GET" and name == actions.SET:
        runner.ring(site)
    return made


def _guarded(site: Site, work: Callable[[], Answer]) -> Answer:
    try:
        return _guarding(site, work)
    except ServiceError as error:
        return errors.answer_of(error, refuses_with_500=site.settings.refuses_with_500)


def _guarding(site: Site, work: Callable[[], Answer]) -> Answer:
    """Raises: ServiceError for whatever goes wrong in a way that is known."""
    try:
        return work()
    except QueryRefused as error:
        raise errors.bad_request(str(error)) from error
    except psycopg.Error as error:
        raise errors.translated(error, site.stock) from error


def _dispatch(site: Site, connection: Connection[Any], call: Call) -> Answer:
    if call.base.lower().endswith("/metadata"):
        site.count(Work.READS, call)
        return metadata.answer(site, call)
    segments = call.address.segments
    if not segments:
        return _service_document(site, call)
    if segments[0].name == "$metadata":
        return csdl.answer(site)
    if segments[0].name == ACTIONS and len(segments) == 2 and call.method == "POST":
        return metadata.versions(site, call, segments[1].name)
    if segments[0].name == actions.SET and len(segments) == 2 and call.method == "POST":
        return actions.act(site, connection, call, segments[1].name)
    shape = site.shape(segments[0].name)
    if shape is None:
        raise errors.no_resource(f"{call.base}/{segments[0].name}")
    errors.check_privilege(site.settings, shape)
    if segments[0].key is None:
        return _collection(site, connection, call, shape)
    if len(segments) > 1:
        raise errors.not_found()
    return _row(site, connection, call, shape, keys.read_key(site.stock, shape, segments[0]))


def _collection(site: Site, connection: Connection[Any], call: Call, shape: Shape) -> Answer:
    rest = call.address.segments[1:]
    if call.method == "POST" and not rest:
        made = write.create(site, connection, call, shape)
        return read.row_answer(201, call, shape, made.text, {"Location": read.location(call, shape, made.key)})
    if call.method != "GET":
        raise _not_allowed(call)
    site.count(Work.READS, call)
    if not rest:
        return read.list_rows(site, connection, call, shape)
    if rest[0].name == "$count":
        return read.count_rows(site, connection, call, shape)
    raise errors.no_resource(f"{call.base}/{shape.name}/{rest[0].name}")


def _row(site: Site, connection: Connection[Any], call: Call, shape: Shape, key: keys.Key) -> Answer:
    match call.method:
        case "GET":
            site.count(Work.READS, call)
            return read.get_row(site, connection, call, shape, key)
        case "PATCH" | "MERGE" | "PUT":
            write.update(site, connection, call, shape, key, is_whole=call.method == "PUT")
        case "DELETE":
            write.delete(site, connection, call, shape, key)
        case _:
            raise _not_allowed(call)
    return Answer(status=204)


def _service_document(site: Site, call: Call) -> Answer:
    sets = [{"name": name, "kind": "EntitySet", "url": name} for name in sorted(site.stock.inventory.tables)]
    return json_answer(200, {"@odata.context": f"{call.base}/$metadata", "value": sets})


def _with_headers(made: Answer, begun: float) -> Answer:
    """`begun` is when the service took the call up, in seconds of the monotonic clock."""
    headers = {
        "OData-Version": "4.0",
        "ms-dyn-aid": str(uuid4()),
        "x-ms-request-id": str(uuid4()),
        "server-timing": f"total;dur={(time.monotonic() - begun) * 1000:.1f}",
        **made.headers,
    }
    return Answer(status=made.status, headers=headers, body=made.body)


def _not_allowed(call: Call) -> ServiceError:
    return ServiceError(405, f"The requested resource does not support http method '{call.method}'.", kind=errors.PLAIN)

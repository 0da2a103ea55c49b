"""What the Dataverse Web API does with a call: find the resource, do the work in one transaction, word the answer."""

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg import Connection

from syncengine.sandbox import addresses
from syncengine.sandbox.addresses import Address, BadAddress, Segment
from syncengine.sandbox.calls import Answer, Call, ServiceError, json_answer
from syncengine.sandbox.counts import Work
from syncengine.sandbox.dataverse import (
    annotations,
    bulk,
    callers,
    csdl,
    delta,
    errors,
    functions,
    keys,
    metadata,
    multipart,
    navigation,
    privileges,
    read,
    references,
    tracking,
    view,
    write,
)
from syncengine.sandbox.dataverse.keys import Key
from syncengine.sandbox.query import QueryRefused
from syncengine.sandbox.shape import Shape
from syncengine.sandbox.site import Site

ROOTS = ("/api/data/v9.2", "/api/data/v9.1", "/api/data/v9.0")
REMEMBERED = (b"sdkmessageprocessingstep", b"serviceendpoint", b"systemuser", b"duplicaterule")  # rows kept in memory
DOP_HINT = "4"  # how many calls at once the service recommends
_REPRESENTATION = "representation"

Handler = Callable[[Site, Connection[Any], Call, Shape], Answer]


def answer(site: Site, call: Call) -> Answer:
    """The answer to a call of the service, batches included. Never raises for what the client did."""
    if call.user_id == "":
        return _with_headers(site, call, annotations.refusal(call, callers.not_a_member()))
    if call.address.segments and call.address.segments[0].name == "$batch":
        made = _guarded(site, call, lambda: multipart.answer(site, callers.acting(site, call), answer_part))
        if any(name in call.body for name in REMEMBERED):
            site.forget()
        return _with_headers(site, call, made)
    return _with_headers(site, call, _guarded(site, call, lambda: _alone(site, callers.acting(site, call))))


def answer_part(site: Site, connection: Connection[Any], call: Call) -> Answer:
    """A part of a change set, in the set's transaction. Raises: ServiceError."""
    return _guarding(site, lambda: _dispatch(site, connection, callers.acting(site, call)))


def refused(error: ServiceError) -> Answer:
    """The answer to a call that does not come as far as the service."""
    made = errors.answer_of(error)
    return Answer(status=made.status, headers={**_identified(), **made.headers}, body=made.body)


def _identified() -> dict[str, str]:
    """What every answer carries: the version of OData, and names by which support would find the request."""
    return {"OData-Version": "4.0", "x-ms-service-request-id": str(uuid4()), "REQ_ID": str(uuid4())}


def _alone(site: Site, call: Call) -> Answer:
    """The call in a transaction of its own. Raises: ServiceError."""
    site.need(segment.name for segment in call.address.segments[:1])
    opened = site.reading if call.method == "GET" else site.transaction
    with opened() as connection:
        made = _guarding(site, lambda: _dispatch(site, connection, call))
    if call.method != "GET" and _may_be_remembered(site, call.address):
        site.forget()
    return made


def _guarded(site: Site, call: Call, work: Callable[[], Answer]) -> Answer:
    try:
        return _guarding(site, work)
    except ServiceError as error:
        return annotations.refusal(call, error)


def _guarding(site: Site, work: Callable[[], Answer]) -> Answer:
    """Raises: ServiceError for whatever goes wrong in a way that is known."""
    try:
        return work()
    except QueryRefused as error:
        raise errors.bad_uri(str(error)) from error
    except psycopg.Error as error:
        raise errors.translated(error, site.stock) from error


def _may_be_remembered(site: Site, address: Address) -> bool:
    """Whether a write there may change rows that are kept in memory: those of the platform's tables."""
    shape = site.shape(address.segments[0].name) if address.segments else None
    return shape is None or errors.table_of(shape).is_system


def _dispatch(site: Site, connection: Connection[Any], call: Call) -> Answer:
    segments = call.address.segments
    if not segments:
        return _service_document(site, call)
    special = functions.find(segments[0].name)
    if special is not None:
        return special(site, connection, call)
    if segments[0].name == "$metadata":
        return csdl.answer(site, call)
    if segments[0].name == "EntityDefinitions":
        if call.method == "PUT":
            return tracking.change(site, connection, call)
        site.count(Work.READS, call)
        return metadata.answer(site, call)
    shape = site.shape(segments[0].name)
    if shape is None:
        raise errors.no_segment(segments[0].name)
    if segments[0].key is None:
        return _collection(site, connection, call, shape)
    return _row(site, connection, call, shape, keys.read_key(shape, segments[0]))


def _collection(site: Site, connection: Connection[Any], call: Call, shape: Shape) -> Answer:
    rest = call.address.segments[1:]
    if call.method == "POST":
        if not rest:
            return _create(site, connection, call, shape)
        return bulk.answer(site, connection, call, shape, rest[0].name.rpartition(".")[2])
    if call.method != "GET":
        raise _not_allowed(call)
    privileges.check(site, call, privileges.READ, shape)
    site.count(Work.READS, call)
    if not rest:
        is_delta = delta.is_asked(call)
        return (delta.list_changes if is_delta else read.list_rows)(site, connection, call, shape)
    if rest[0].name == "$count":
        is_delta = call.address.option("$deltatoken") is not None
        return (delta.count_changes if is_delta else read.count_rows)(site, connection, call, shape)
    raise errors.no_segment(rest[0].name)


def _row(site: Site, connection: Connection[Any], call: Call, shape: Shape, key: Key) -> Answer:
    rest = call.address.segments[1:]
    if rest:
        return _part_of_row(site, connection, call, shape, key, rest)
    if call.method == "GET":
        privileges.check(site, call, privileges.READ, shape)
        site.count(Work.READS, call)
        return read.get_row(site, connection, call, shape, key)
    if call.method == "PATCH":
        return _patch(site, connection, call, shape, key)
    if call.method == "DELETE":
        write.delete(site, connection, call, shape, key)
        return Answer(status=204)
    raise _not_allowed(call)


def _part_of_row(
    site: Site, connection: Connection[Any], call: Call, shape: Shape, key: Key, rest: tuple[Segment, ...]
) -> Answer:
    name = rest[0].name
    if functions.is_association(shape, name) and call.method == "GET":
        site.count(Work.READS, call)
        return functions.associated(site, connection, call, shape, key, name)
    if len(rest) == 2 and rest[1].name == "$ref":
        return _reference(site, connection, call, shape, key, rest[0])
    if functions.is_bound(shape, name) and call.method == "POST":
        return functions.bound(site, connection, call, shape, key, name)
    if call.method == "GET" and len(rest) == 1 and name not in shape.fields:
        return _related(site, connection, call, shape, key, name)
    one = shape.fields.get(name)
    if one is None or len(rest) > 1:
        raise errors.no_segment(name)
    if call.method == "GET":
        privileges.check(site, call, privileges.READ, shape)
        site.count(Work.READS, call)
        return read.get_value(site, connection, call, shape, key, one)
    if call.method == "PUT":
        write.put_property(site, connection, call, shape, key, name)
        return Answer(status=204)
    if call.method == "DELETE" and one.declared and not one.declared.read_only:
        write.set_values(site, connection, call, shape, key, {one.column: None})
        return Answer(status=204)
    raise _not_allowed(call)


def _related(site: Site, connection: Connection[Any], call: Call, shape: Shape, key: Key, name: str) -> Answer:
    """The row that a look-up leads to, or the rows of a collection."""
    target, collection = navigation.target_of(site, shape, name), navigation.collection_of(site, shape, name)
    other = collection.shape if collection is not None else target
    if other is None:
        raise errors.no_segment(name)
    privileges.check(site, call, privileges.READ, other)
    site.count(Work.READS, call)
    if collection is None:
        row_id = references.pointed_to(connection, shape, key, shape.bindings[name])
        if row_id is None:
            return Answer(status=204)
        return read.get_row(site, connection, call, other, [(other.row_id, row_id)])
    if not site.is_made(other.name):
        raise errors.no_key_row()
    within = references.within(connection, shape, key, collection)
    return read.list_rows(site, connection, call, other, within=within)


def _reference(site: Site, connection: Connection[Any], call: Call, shape: Shape, key: Key, segment: Segment) -> Answer:
    """A look-up, or a collection of rows that point here, set or emptied by itself."""
    name, collection = segment.name, navigation.collection_of(site, shape, segment.name)
    if name in shape.bindings and call.method == "PUT":
        references.put(site, connection, call, shape, key, name)
    elif name in shape.bindings and call.method == "DELETE":
        references.clear(site, connection, call, shape, key, name)
    elif collection is not None and call.method == "POST":
        references.add(site, connection, call, shape, key, collection)
    elif collection is not None and call.method == "DELETE":
        references.remove(site, connection, call, shape, key, collection, segment)
    elif name in shape.bindings or collection is not None:
        raise _not_allowed(call)
    else:
        raise errors.no_segment(name)
    return Answer(status=204)


def _create(site: Site, connection: Connection[Any], call: Call, shape: Shape) -> Answer:
    written = write.create(site, connection, call, shape)
    if call.preferences.get("return") == _REPRESENTATION:
        return _represented(site, connection, call, shape, written.row_id, 201)
    location = read.entity_id(call, shape, written.row_id)
    return Answer(status=204, headers={"Location": location, "OData-EntityId": location})


def _patch(site: Site, connection: Connection[Any], call: Call, shape: Shape, key: Key) -> Answer:
    written = write.patch(site, connection, call, shape, key)
    if call.preferences.get("return") == _REPRESENTATION:
        return _represented(site, connection, call, shape, written.row_id, 201 if written.is_new else 200)
    location = read.entity_id(call, shape, written.row_id)
    new = {"Location": location} if written.is_new else {}
    return Answer(status=204, headers={"OData-EntityId": location, **new})


def _represented(
    site: Site, connection: Connection[Any], call: Call, shape: Shape, row_id: UUID, status: int
) -> Answer:
    told = view.of_call(site, call, shape)
    text = read.one_row(site, connection, told, [(shape.row_id, row_id)])
    location = read.entity_id(call, shape, row_id)
    headers = {**read.applied(call, "return=representation"), "OData-EntityId": location}
    if status == 201:
        headers["Location"] = location
    return read.row_answer(status, call, told, text or "{}", headers)


def _service_document(site: Site, call: Call) -> Answer:
    sets = [{"name": name, "kind": "EntitySet", "url": name} for name in sorted(site.stock.inventory.tables)]
    return json_answer(200, {"@odata.context": f"{call.base}/$metadata", "value": sets})


def _with_headers(site: Site, call: Call, made: Answer) -> Answer:
    left = site.limiter.remaining(call.user_id)
    headers = {
        **_identified(),
        "Set-Cookie": f"ARRAffinity={site.record.id:064x}; path=/; HttpOnly",
        "x-ms-ratelimit-burst-remaining-xrm-requests": str(left.requests),
        "x-ms-ratelimit-time-remaining-xrm-requests": f"{left.execution_s:.2f}",
        "x-ms-dop-hint": DOP_HINT,
        **made.headers,
    }
    return Answer(status=made.status, headers=headers, body=made.body)


def _not_allowed(call: Call) -> ServiceError:
    text = f"The HTTP method '{call.method}' is not allowed for this resource."
    return ServiceError(405, text, code=errors.NO_SEGMENT)


def user_of(site: Site, client_id: str) -> str:
    """The id of the application user of this client; "" where it has none, without a role, or disabled."""
    return callers.user_of(site, client_id)


def parse(text: str) -> Address:
    """Raises: ServiceError."""
    try:
        return addresses.parse(text)
    except BadAddress as error:
        raise errors.bad_uri(str(error)) from error

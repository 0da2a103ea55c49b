"""`$batch` of Dataverse: the first failure ends it unless the client asks to go on.

Source: Dataverse Web API documentation.
"""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from psycopg import Connection

from syncengine.sandbox import batch
from syncengine.sandbox.addresses import BadAddress
from syncengine.sandbox.batch import BadBatch, ChangeSet, Part, PartAnswer
from syncengine.sandbox.calls import Answer, Call, ServiceError
from syncengine.sandbox.dataverse import annotations, errors
from syncengine.sandbox.dataverse.payload import referred
from syncengine.sandbox.site import Site

MAX_CALLS = 1_000
MAX_URL = 64 * 1024
MARKER = "/api/data/v9."

Handle = Callable[[Site, Connection[Any], Call], Answer]


def answer(site: Site, call: Call, handle: Handle) -> Answer:
    try:
        items = _items(site, call)
    except ServiceError as error:
        return annotations.refusal(call, error)
    goes_on = "odata.continue-on-error" in call.preferences
    answers: list[batch.ItemAnswer] = []
    has_failed = False
    site.need({batch.set_of(_resource(part.url)) for part in batch.parts(items)})
    with site.transactions() as connection:
        for item in items:
            made = (
                _change_set(site, connection, call, item, handle)
                if isinstance(item, ChangeSet)
                else _single(site, connection, call, item, handle)
            )
            answers.append(made)
            has_failed = isinstance(made, PartAnswer) and made.answer.status >= 400
            if has_failed and not goes_on:
                break
    return batch.write(answers, status=400 if has_failed and not goes_on else 200)


def _items(site: Site, call: Call) -> list[batch.Item]:
    """Raises: ServiceError for a batch that is refused as a whole."""
    if call.method != "POST":
        raise ServiceError(405, "A batch request must be a POST.", code=errors.URI)
    try:
        body = batch.with_line_ends(call.body) if site.settings.takes_bare_line_feeds else call.body
        items = batch.read(call.header("content-type"), body)
        # Whether the service demands content ids is told by users only, so that a setting decides.
        batch.check_content_ids(items, are_needed=site.settings.needs_content_ids)
    except BadBatch as error:
        raise errors.bad_uri(str(error)) from error
    if batch.size(items) > MAX_CALLS:
        text = f"Batch request contains more than {MAX_CALLS} operations, which is the limit."
        raise errors.bad_uri(text)
    return items


def _single(site: Site, connection: Connection[Any], call: Call, part: Part, handle: Handle) -> PartAnswer:
    inner = call
    try:
        inner = _inner_call(site, call, part, {})
        with nullcontext() if part.method == "GET" else connection.transaction():
            made = handle(site, connection, inner)
    except ServiceError as error:
        made = annotations.refusal(inner, error)
    return PartAnswer(answer=_leaf(made), content_id=part.content_id)


def _change_set(
    site: Site, connection: Connection[Any], call: Call, item: ChangeSet, handle: Handle
) -> batch.ItemAnswer:
    """The answers of all parts, or one answer with what undid them."""
    made: list[PartAnswer] = []
    references: dict[str, str] = {}
    part: Part | None = None
    inner = call
    try:
        with connection.transaction():
            for part in item.parts:
                if part.method == "GET":
                    raise errors.bad_uri("A GET request is not allowed in a change set.")
                inner = _inner_call(site, call, part, references)
                done = handle(site, connection, inner)
                made.append(PartAnswer(answer=_leaf(done), content_id=part.content_id))
                if part.content_id:
                    references[part.content_id] = done.headers.get("OData-EntityId", "").rpartition(call.base)[2]
    except ServiceError as error:
        return PartAnswer(answer=_leaf(annotations.refusal(inner, error)), content_id=part.content_id if part else "")
    return tuple(made)


def _inner_call(site: Site, call: Call, part: Part, references: dict[str, str]) -> Call:
    """The part as a call of its own. Raises: ServiceError when it is not understood."""
    site.begin_call(part.method, call.signed_in_at)
    url = part.url
    if len(url) > MAX_URL:
        raise errors.bad_uri("Invalid URI: The Uri string is too long.")
    if url.lstrip("/").startswith("$") and not url.lstrip("/").startswith("$batch"):
        first, slash, rest = url.lstrip("/").partition("/")
        url = f"{referred(first, references)}{slash}{rest}"
    try:
        return batch.part_call(call, part, _resource(url), references)
    except (BadAddress, BadBatch) as error:
        raise errors.bad_uri(str(error)) from error


def _resource(url: str) -> str:
    """The address below the service's root."""
    path = batch.path_of(url)
    _, marker, rest = path.partition(MARKER)
    return rest.partition("/")[2] if marker else path.lstrip("/")


def _leaf(made: Answer) -> Answer:
    return Answer(status=made.status, headers={"OData-Version": "4.0", **made.headers}, body=made.body)

"""`$batch` of finops: every item is tried, the whole answers 200 whatever its parts say.

Source: Finance and Operations OData documentation.
"""

from collections.abc import Callable
from typing import Any

from psycopg import Connection

from syncengine.sandbox import batch
from syncengine.sandbox.addresses import BadAddress
from syncengine.sandbox.batch import BadBatch, ChangeSet, Part, PartAnswer
from syncengine.sandbox.calls import Answer, Call, ServiceError
from syncengine.sandbox.finops import errors
from syncengine.sandbox.site import Site

MAX_CALLS = 5_000
ROOT = "/data/"

Handle = Callable[[Site, Connection[Any], Call], Answer]


def answer(site: Site, call: Call, handle: Handle) -> Answer:
    try:
        items = _items(call)
    except ServiceError as error:
        return errors.answer_of(error)
    answers: list[batch.ItemAnswer] = []
    site.need({batch.set_of(_resource(part.url)) for part in batch.parts(items)})
    with site.transactions() as connection:
        for item in items:
            if isinstance(item, ChangeSet):
                answers.append(_change_set(site, connection, call, item, handle))
            else:
                made = _change_set(site, connection, call, ChangeSet(parts=(item,)), handle)
                answers.append(made[0] if isinstance(made, tuple) else made)
    return batch.write(answers, status=200)


def _items(call: Call) -> list[batch.Item]:
    """Raises: ServiceError for a batch that is refused as a whole."""
    if call.method != "POST":
        raise ServiceError(405, "A batch request must be a POST.", kind=errors.REQUEST)
    try:
        items = batch.read(call.header("content-type"), call.body)
    except BadBatch as error:
        raise errors.bad_request(str(error)) from error
    if batch.size(items) > MAX_CALLS:
        raise errors.bad_request(f"The batch request contains more than {MAX_CALLS} operations, which is the limit.")
    return items


def _change_set(
    site: Site, connection: Connection[Any], call: Call, item: ChangeSet, handle: Handle
) -> batch.ItemAnswer:
    """The answers of all parts, or one answer with what undid them."""
    made: list[PartAnswer] = []
    part: Part | None = None
    try:
        with connection.transaction():
            for part in item.parts:
                done = handle(site, connection, _inner_call(site, call, part))
                made.append(PartAnswer(answer=done, content_id=part.content_id))
    except ServiceError as error:
        refused = errors.answer_of(error, refuses_with_500=site.settings.refuses_with_500)
        return PartAnswer(answer=refused, content_id=part.content_id if part else "")
    return tuple(made)


def _inner_call(site: Site, call: Call, part: Part) -> Call:
    """The part as a call of its own. Raises: ServiceError when it is not understood."""
    site.counts.add_call(part.method)
    try:
        return batch.part_call(call, part, _resource(part.url))
    except (BadAddress, BadBatch) as error:
        raise errors.bad_request(str(error)) from error


def _resource(url: str) -> str:
    """The address below the service's root."""
    path = batch.path_of(url)
    return path[len(ROOT) :] if path.lower().startswith(ROOT) else path.lstrip("/")

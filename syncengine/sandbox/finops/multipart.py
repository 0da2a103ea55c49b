"""`$batch` of finops: every item is tried, the whole answers 200 whatever its parts say.

Source: Finance and Operations OData documentation.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from psycopg import Connection

from syncengine.sandbox import batch
from syncengine.sandbox.addresses import BadAddress
from syncengine.sandbox.batch import BadBatch, ChangeSet, Part, PartAnswer
from syncengine.sandbox.calls import Answer, Call, ServiceError
from syncengine.sandbox.finops import errors
from syncengine.sandbox.site import Site

MAX_CALLS = 5_000
ROOTS = ("/data/", "/namespaces/axsf/data/")
_REFERENCE = re.compile(r"\$(\d{1,9})(?=[/?]|$)")

Handle = Callable[[Site, Connection[Any], Call], Answer]


def answer(site: Site, call: Call, handle: Handle) -> Answer:
    try:
        items = _items(site, call)
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


def _items(site: Site, call: Call) -> list[batch.Item]:
    """Raises: ServiceError for a batch that is refused as a whole."""
    if call.method != "POST":
        raise ServiceError(405, "A batch request must be a POST.", kind=errors.REQUEST)
    try:
        body = batch.with_line_ends(call.body) if site.settings.takes_bare_line_feeds else call.body
        items = batch.read(call.header("content-type"), body)
        batch.check_content_ids(items, are_needed=site.settings.needs_content_ids)
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
    written: dict[str, str] = {}
    part: Part | None = None
    try:
        with connection.transaction():
            for part in item.parts:
                done = handle(site, connection, _inner_call(site, call, part, written))
                made.append(PartAnswer(answer=done, content_id=part.content_id))
                written[part.content_id] = done.headers.get("Location", "")
    except ServiceError as error:
        refused = errors.answer_of(error, refuses_with_500=site.settings.refuses_with_500)
        failed = PartAnswer(answer=refused, content_id=part.content_id if part else "")
        return (failed,) if site.settings.nests_failed_change_sets else failed
    return tuple(made)


def _inner_call(site: Site, call: Call, part: Part, written: Mapping[str, str]) -> Call:
    """The part as a call of its own; `written` are the addresses of rows that the change set made, by content id.

    Raises: ServiceError when it is not understood.
    """
    site.begin_call(part.method, call.signed_in_at)
    try:
        return batch.part_call(call, part, _resource(_referred(part.url, written)))
    except (BadAddress, BadBatch) as error:
        raise errors.bad_request(str(error)) from error


def _referred(url: str, written: Mapping[str, str]) -> str:
    """The address, with that of the row in place of a reference such as `$1`. Raises: ServiceError."""
    found = _REFERENCE.match(url)
    if found is None:
        return url
    if not written.get(found[1]):
        raise errors.bad_request(f"Content-ID Reference: '{found[0]}' does not exist in the batch context.")
    return written[found[1]] + url[found.end() :]


def _resource(url: str) -> str:
    """The address below the service's root."""
    path = batch.path_of(url)
    root = next((one for one in ROOTS if path.lower().startswith(one)), "")
    return path[len(root) :] if root else path.lstrip("/")

"""Bulk messages of elastic tables: each row stands alone, and what failed is told row by row.

Source: Dataverse Web API documentation, bulk operation messages, on error behavior with elastic tables.
"""

from collections.abc import Callable
from typing import Any

import msgspec
import psycopg
from psycopg import Connection

from syncengine.sandbox.calls import Answer, Call, ServiceError, encode, json_answer
from syncengine.sandbox.dataverse import annotations, errors
from syncengine.sandbox.shape import Shape
from syncengine.sandbox.store import Stock

MAX_ROWS = 100
DETAILS = "ErrorDetails.Plugin.BulkApiErrorDetails"
_TEXT = "One or more records of the bulk operation could not be processed. See the error details for each record."

Targets = list[dict[str, Any]]


def answer(
    stock: Stock,
    connection: Connection[Any],
    call: Call,
    shape: Shape,
    targets: Targets,
    work: Callable[[Targets], Answer],
) -> Answer:
    """Does each row by itself; one that fails leaves the others. Raises: ServiceError for more rows than are taken."""
    if len(targets) > MAX_ROWS:
        raise errors.bad_payload(shape, f"The bulk operation holds more than {MAX_ROWS} records.")
    made = [_one(stock, connection, target, work) for target in targets]
    if any(one.status >= 400 for one in made):
        return _refusal(call, shape, targets, made)
    ids = [row_id for one in made if one.body for row_id in msgspec.json.decode(one.body)["Ids"]]
    if not ids:
        return made[0] if made else work([])
    content = {**msgspec.json.decode(made[0].body), "Ids": ids}
    return Answer(status=200, headers=made[0].headers, body=encode(content))


def _one(
    stock: Stock, connection: Connection[Any], target: dict[str, Any], work: Callable[[Targets], Answer]
) -> Answer:
    try:
        with connection.transaction():
            return work([target])
    except ServiceError as error:
        return errors.answer_of(error)
    except psycopg.Error as error:
        return errors.answer_of(errors.translated(error, stock))


def _refusal(call: Call, shape: Shape, targets: Targets, made: list[Answer]) -> Answer:
    """The fault of the whole call; what became of each row stands in its details, where the client asks for them."""
    rows = [
        {"RequestIndex": place, "Id": _id(shape, target, one), "StatusCode": one.status}
        for place, (target, one) in enumerate(zip(targets, made, strict=True))
    ]
    details = annotations.of_error(errors.UNEXPECTED, _TEXT, annotations.wanted(call), {DETAILS: encode(rows).decode()})
    return json_answer(500, {"error": {"code": errors.UNEXPECTED, "message": _TEXT, **details}})


def _id(shape: Shape, target: dict[str, Any], made: Answer) -> str | None:
    if made.status == 200 and made.body:
        return str(msgspec.json.decode(made.body)["Ids"][0])
    value = target.get(shape.row_id.name)
    return value if isinstance(value, str) else None

"""Telling registered steps of what was written: at once within the transaction, or afterwards by a queue.

Source: Dataverse Web API documentation.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote
from uuid import UUID
from xml.etree import ElementTree as ET

from psycopg import Connection, sql

from syncengine.sandbox.calls import Call, encode
from syncengine.sandbox.dataverse import errors, steps, synchronous
from syncengine.sandbox.dataverse.contexts import Change, context_of
from syncengine.sandbox.dataverse.errors import table_of
from syncengine.sandbox.dataverse.logic import logic_of
from syncengine.sandbox.dataverse.steps import AFTER, ASYNCHRONOUS, BOTH, SYNCHRONOUS, Step
from syncengine.sandbox.events import Attempt, Delivery, Policy, queue
from syncengine.sandbox.site import Site

MAX_BYTES = 256 * 1024
MAX_DEPTH = 8
AUTH_KEY, AUTH_HEADER, AUTH_QUERY = 4, 5, 6
COMPLETED, SUCCEEDED, FAILED = 3, 30, 31
_STRIPPED = ("ParentContext", "InputParameters", "PreEntityImages", "PostEntityImages")


def tell(site: Site, connection: Connection[Any], call: Call, changes: Sequence[Change]) -> None:
    """In the caller's transaction: ask those who answer at once, queue the messages of the others.

    Raises: ServiceError when one of the former refuses, or when writes cause writes without end.
    """
    if any(change.depth > MAX_DEPTH for change in changes):
        raise errors.endless()
    registry = steps.registered(site, connection)
    if registry is None:
        return
    heard = [
        (step, change)
        for change in changes
        for step in registry.of(change.shape, change.message)
        if _hears(step, change)
    ]
    if not heard:
        return
    logic = logic_of(site, call)
    deliveries: list[Delivery] = []
    for step, change in _with_rows(connection, heard):
        if step.mode == SYNCHRONOUS and logic.is_synchronous_run:
            synchronous.ask(site, _delivery(site, call, step, change))
        elif step.mode == ASYNCHRONOUS and logic.is_asynchronous_run:
            deliveries.append(_delivery(site, call, step, change))
    queue(site, connection, deliveries)


def _hears(step: Step, change: Change) -> bool:
    """An update is told when it wrote one of the columns that the step is for."""
    return change.message != "Update" or not step.filtering or bool(step.filtering & change.written().keys())


def _with_rows(connection: Connection[Any], heard: Sequence[tuple[Step, Change]]) -> Iterator[tuple[Step, Change]]:
    """The changes with their rows as they are now, where these are told."""
    shape = heard[0][1].shape
    asked = [
        change.row_id
        for step, change in heard
        if change.message == "Update" or (change.message == "Create" and step.has_image(AFTER, BOTH))
    ]
    rows = steps.read_rows(connection, shape, asked) if asked else {}
    for step, change in heard:
        yield step, replace(change, after=rows.get(change.row_id, {})) if asked else change


def _delivery(site: Site, call: Call, step: Step, change: Change) -> Delivery:
    context = context_of(site, call, step, change)
    body = encode(context)
    headers = {
        "Content-Type": "application/json",
        "x-ms-dynamics-organization": f"{site.record.name}",
        "x-ms-dynamics-entity-name": table_of(change.shape).logical,
        "x-ms-dynamics-request-name": change.message,
        "x-ms-correlation-request-id": context["CorrelationId"],
    }
    if len(body) > MAX_BYTES:
        headers["x-ms-dynamics-msg-size-exceeded"] = "true"
        body = encode({name: value for name, value in context.items() if name not in _STRIPPED})
    return Delivery(target=str(step.id), url=_url(step), headers={**headers, **_auth_headers(step)}, body=body.decode())


def _url(step: Step) -> str:
    mark = "&" if "?" in step.url else "?"
    if step.auth_type == AUTH_KEY:
        return f"{step.url}{mark}code={quote(step.auth_value, safe='')}"
    if step.auth_type == AUTH_QUERY:
        pairs = [f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in _settings(step.auth_value)]
        return f"{step.url}{mark}{'&'.join(pairs)}" if pairs else step.url
    return step.url


def _auth_headers(step: Step) -> dict[str, str]:
    return dict(_settings(step.auth_value)) if step.auth_type == AUTH_HEADER else {}


def _settings(text: str) -> Iterator[tuple[str, str]]:
    """The pairs of `<settings><setting name="…" value="…"/></settings>`; what is no such text has none."""
    if re.search(r"<!(?:DOCTYPE|ENTITY)", text, re.IGNORECASE):
        return
    try:
        found = ET.fromstring(text)  # noqa: S314 - no document type, hence no entities
    except ET.ParseError:
        return
    for one in found.iter("setting"):
        yield one.get("name", ""), one.get("value", "")


def _give_up(site: Site, connection: Connection[Any], attempt: Attempt) -> None:
    """A message that nobody took is a failed system job."""
    reason = "no answer" if attempt.status is None else f"status {attempt.status}"
    _note_job(site, connection, attempt, FAILED, f"The webhook call failed: {reason}.")


def _took(site: Site, connection: Connection[Any], attempt: Attempt) -> None:
    """A message that was taken is a job that is done, which goes at once unless the step keeps its jobs."""
    registry = steps.registered(site, connection)
    step = registry.by_id.get(UUID(attempt.delivery.target)) if registry is not None else None
    if step is not None and step.keeps_jobs:
        _note_job(site, connection, attempt, SUCCEEDED, None)


def _note_job(site: Site, connection: Connection[Any], attempt: Attempt, status: int, text: str | None) -> None:
    connection.execute(
        sql.SQL(
            "INSERT INTO {}.asyncoperations (name, messagename, friendlymessage, message, operationtype, retrycount,"
            " owningextensionid, correlationid, completedon, statecode, statuscode)"
            " SELECT coalesce(max(s.name), 'step'), %(message)s, %(text)s, %(problem)s, 1, %(tries)s,"
            " max(s.sdkmessageprocessingstepid::text)::uuid, %(correlation)s, clock_timestamp(), %(state)s, %(status)s"
            " FROM {}.sdkmessageprocessingsteps s WHERE s.sdkmessageprocessingstepid = %(step)s"
        ).format(sql.Identifier(site.schema), sql.Identifier(site.schema)),
        {
            "message": attempt.delivery.headers.get("x-ms-dynamics-request-name"),
            "text": text,
            "problem": attempt.problem,
            "tries": attempt.number - 1,
            "step": UUID(attempt.delivery.target),
            "correlation": attempt.delivery.headers.get("x-ms-correlation-request-id"),
            "state": COMPLETED,
            "status": status,
        },
    )


POLICY = Policy(
    tries_again=lambda attempt: attempt.number == 1 and attempt.status in synchronous.RETRIED,
    give_up=_give_up,
    took=_took,
)

"""What Finance and Operations says when it refuses, worded after the service.

Source: Finance and Operations OData documentation.
"""

from collections.abc import Iterable

import psycopg
from psycopg import errors as pg

from syncengine.sandbox.calls import Answer, ServiceError, json_answer
from syncengine.sandbox.declarations import COMPANY, FinopsTable
from syncengine.sandbox.limits import Exceeded
from syncengine.sandbox.registry import Settings
from syncengine.sandbox.shape import Shape
from syncengine.sandbox.store import Stock

WRITE, REQUEST, NOT_FOUND, CONFLICT, PLAIN = "write", "request", "not found", "conflict", "plain"
_WRITE_TYPE = "Microsoft.Dynamics.Platform.Integration.Services.OData.AxODataWriteException"
_DELETE_TYPE = "Microsoft.Dynamics.Platform.Integration.Services.OData.AxODataDeleteException"
_REQUEST_TYPE = "Microsoft.OData.ODataException"
_STACK = "   at Microsoft.Dynamics.Platform.Integration.Services.OData.Update.UpdateProcessor.SaveEntity()"
CONFLICT_TEXT = (
    "An update conflict occurred due to another user process deleting the record or changing one or more fields in the"
    " record."
)


def infolog(shape: Shape, lines: Iterable[str], *, verb: str = "Write") -> ServiceError:
    """A row that a rule refused, with the lines of the infolog."""
    name, text = table_of(shape).table, "; ".join(lines)
    return ServiceError(400, f"{verb} failed for table row of type '{name}'. Infolog: {text}.", kind=WRITE)


def field_failed(shape: Shape, column: str, reason: str) -> ServiceError:
    """A value that validateField refused."""
    name = table_of(shape).table
    return infolog(shape, [f"Warning: {reason}", f"Warning: validateField failed on field '{name}.{column}'"])


def duplicate(shape: Shape, key: str) -> ServiceError:
    table = table_of(shape)
    return infolog(
        shape, [f"Error: Cannot create a record in {table.label} ({table.table}). {key}. The record already exists"]
    )


def bad_request(text: str) -> ServiceError:
    return ServiceError(400, text, kind=REQUEST)


def not_found() -> ServiceError:
    return ServiceError(404, "Not found.", kind=NOT_FOUND)


def no_resource(url: str) -> ServiceError:
    return ServiceError(404, f"No HTTP resource was found that matches the request URI '{url}'", kind=PLAIN)


def version_differs() -> ServiceError:
    return ServiceError(412, CONFLICT_TEXT, kind=CONFLICT)


def throttled(settings: Settings, error: Exceeded) -> Answer:
    """The body of a 429 is not settled by documents: there is one for each form that clients have met."""
    text = "Too many requests have been received. Please try again later."
    headers = {"Retry-After": str(error.retry_after_s)} if settings.sends_retry_after else {}
    match settings.throttled_body:
        case "message":
            return json_answer(429, {"Message": text}, headers)
        case "html":
            page = f"<html><head><title>429</title></head><body><h1>{text}</h1></body></html>"
            return Answer(status=429, headers={"Content-Type": "text/html", **headers}, body=page.encode())
        case "empty":
            return Answer(status=429, headers=headers)
        case _:
            return json_answer(429, {"error": {"code": "429", "message": text}}, headers)


def unauthorized() -> Answer:
    return Answer(status=401, headers={"WWW-Authenticate": 'Bearer authorization_uri="sign-in"'})


def forbidden() -> ServiceError:
    return ServiceError(403, "The user is not authorized: the application is not registered.", kind=REQUEST)


def check_privilege(settings: Settings, shape: Shape) -> None:
    """Raises: ServiceError for an entity that the users have no privilege on."""
    if shape.name in settings.forbidden_sets:
        text = f"Access to entity '{table_of(shape).entity}' is denied to the user."
        raise ServiceError(403, text, kind=REQUEST)


def table_of(shape: Shape) -> FinopsTable:
    assert isinstance(shape.declared, FinopsTable)
    return shape.declared


def answer_of(error: ServiceError, *, refuses_with_500: bool = False) -> Answer:
    """`refuses_with_500`: builds differ in the status of a refusal by a rule."""
    if error.kind == PLAIN:
        return json_answer(error.status, {"Message": str(error)})
    if error.kind in (WRITE, "rule"):
        status = 500 if refuses_with_500 else error.status
        return json_answer(status, {"error": _inner("An error has occurred.", str(error), _write_type(error))})
    if error.kind in (REQUEST, CONFLICT):
        inner = _inner("The request is invalid." if error.kind == REQUEST else "An error has occurred.", str(error), "")
        return json_answer(error.status, {"error": inner}, error.headers)
    return json_answer(error.status, {"error": {"code": error.code, "message": str(error)}}, error.headers)


def _write_type(error: ServiceError) -> str:
    return _DELETE_TYPE if str(error).startswith("Delete ") else _WRITE_TYPE


def _inner(message: str, detail: str, kind: str) -> dict[str, object]:
    inner = {"message": detail, "type": kind or _REQUEST_TYPE, "stacktrace": _STACK if kind else ""}
    return {"code": "", "message": message, "innererror": inner}


def rule(shape: Shape, error: ServiceError) -> ServiceError:
    """A business rule's message as the infolog has it."""
    return infolog(shape, [f"Error: {error}"])


def translated(error: psycopg.Error, stock: Stock) -> ServiceError:
    """What the service says to a refusal of the database."""
    match error:
        case pg.UniqueViolation():
            shape = stock.shapes.get(error.diag.table_name or "")
            return duplicate(shape, key_text(shape, error.diag.message_detail or "")) if shape else version_differs()
        case pg.DeadlockDetected() | pg.SerializationFailure():
            return ServiceError(500, "A deadlock occurred in the database. Try again.", kind=REQUEST)
        case pg.DataError() | pg.ProgramLimitExceeded() | pg.StatementTooComplex():
            return bad_request("The request holds a value that cannot be compared or stored.")
        case _:
            return ServiceError(503, "The service is not available for the moment.")


def key_text(shape: Shape, detail: str) -> str:
    """The key of a duplicate as its message names it, from the database's `Key (…)=(…)`."""
    values = detail.partition(")=(")[2].rpartition(")")[0].split(", ")
    names = [one.declared.label if one.declared else one.name for one in shape.key]
    pairs = zip(shape.key, names, values, strict=False)
    return ", ".join(f"{name}: {value}" for one, name, value in pairs if one.name != COMPANY)

"""What Dataverse says when it refuses: codes and texts, and the answer that carries them.

Source: Dataverse Web API documentation; the texts are worded after the service's.
"""

from collections.abc import Mapping
from uuid import UUID

import psycopg
from psycopg import errors as pg

from syncengine.sandbox.calls import Answer, ServiceError, json_answer
from syncengine.sandbox.declarations import DataverseTable
from syncengine.sandbox.limits import Limit
from syncengine.sandbox.shape import Shape
from syncengine.sandbox.store import Stock

PAYLOAD = "0x80048d19"
URI = "0x80060888"
NO_SEGMENT = "0x8006088a"
NO_ROW = "0x80040217"
NO_KEY_ROW = "0x80060891"
VERSION_DIFFERS = "0x80060882"
KEY_TAKEN = "0x80060892"
ROW_EXISTS = "0x80040237"
STILL_REFERENCED = "0x80040227"
TOO_LONG = "0x80044331"
NO_SUCH_CHOICE = "0x8004431A"
INTEGER_RANGE = "0x8004432f"
DECIMAL_RANGE = "0x80044330"
DATE_RANGE = "0x80040239"
REQUIRED = "0x80040203"
RULE = "0x80040265"
NOT_A_MEMBER = "0x80072560"
TOKEN_EXPIRED = "0x80044352"
NOT_YET = "0x80040801"
SQL_TIMEOUT = "0x80044151"
DUPLICATE = "0x80040333"
PRIVILEGE_MISSING = "0x80040220"
ACCESS_DENIED = "0x80048306"
ENDLESS = "0x80044182"
UNEXPECTED = "0x80040216"
_THROTTLED = {
    Limit.REQUESTS: ("0x80072322", "Number of requests exceeded the limit of 6000 over time window of 300 seconds."),
    Limit.EXECUTION: (
        "0x80072321",
        (
            "Combined execution time of incoming requests exceeded limit of 1,200,000 milliseconds over time window of"
            " 300 seconds. Decrease number of concurrent requests or reduce the duration of requests and try again"
            " later."
        ),
    ),
    Limit.CONCURRENCY: ("0x80072326", "Number of concurrent requests exceeded the limit of 52."),
}


def bad_payload(shape: Shape | None, text: str) -> ServiceError:
    entity = f" for Entity :'{shape.name}'" if shape else ""
    message = f"Error identified in Payload provided by the user{entity} ----> InnerException : {text}"
    return ServiceError(400, message, code=PAYLOAD)


def bad_uri(text: str) -> ServiceError:
    return ServiceError(400, text, code=URI)


def bad_key(shape: Shape) -> ServiceError:
    return bad_uri(
        f"The key in the request URI is not valid for resource '{type_name(shape)}'. Ensure that the names and number"
        " of key properties match the declared alternate key properties for the resource."
    )


def no_segment(name: str) -> ServiceError:
    return ServiceError(404, f"Resource not found for the segment '{name}'.", code=NO_SEGMENT)


def no_row(shape: Shape, row_id: UUID | str) -> ServiceError:
    return ServiceError(404, f"{table_of(shape).logical} With Id = {row_id} Does Not Exist", code=NO_ROW)


def no_key_row() -> ServiceError:
    return ServiceError(404, "A record with the specified key values does not exist.", code=NO_KEY_ROW)


def version_differs() -> ServiceError:
    text = "The version of the existing record doesn't match the RowVersion property provided."
    return ServiceError(412, text, code=VERSION_DIFFERS)


def row_exists() -> ServiceError:
    return ServiceError(412, "A record with matching key values already exists.", code=ROW_EXISTS)


def endless() -> ServiceError:
    text = (
        "This workflow job was canceled because the workflow that started it included an infinite loop."
        " Correct the workflow logic and try again."
    )
    return ServiceError(400, text, code=ENDLESS)


def type_name(shape: Shape) -> str:
    return f"Microsoft.Dynamics.CRM.{table_of(shape).logical}"


def table_of(shape: Shape) -> DataverseTable:
    assert isinstance(shape.declared, DataverseTable)
    return shape.declared


def code_of(error: ServiceError) -> str:
    return RULE if error.kind == "rule" else error.code or "0x0"


def answer_of(error: ServiceError, details: Mapping[str, str] | None = None) -> Answer:
    """The error's own answer; `details` stand beside code and text."""
    content = {"code": code_of(error), "message": str(error), **(details or {})}
    return json_answer(error.status, {"error": content}, error.headers)


def unauthorized() -> Answer:
    headers = {
        "WWW-Authenticate": 'Bearer error="invalid_token", error_description="The access token is missing or expired"'
    }
    return Answer(status=401, headers=headers)


def throttled(limit: Limit, retry_after_s: int) -> ServiceError:
    code, text = _THROTTLED[limit]
    return ServiceError(429, text, code=code, headers={"Retry-After": str(retry_after_s)})


def translated(error: psycopg.Error, stock: Stock) -> ServiceError:
    """What the service says to a refusal of the database."""
    match error:
        case pg.UniqueViolation():
            return _duplicate(error, stock)
        case pg.ForeignKeyViolation() | pg.CheckViolation():
            return _reference(error, stock)
        case pg.DeadlockDetected() | pg.SerializationFailure():
            return ServiceError(500, "Generic SQL error. Sql Number: 1205", code=SQL_TIMEOUT)
        case pg.QueryCanceled() | pg.LockNotAvailable():
            return ServiceError(500, "SQL timeout expired.", code=SQL_TIMEOUT)
        case pg.NumericValueOutOfRange():
            text = "A validation error occurred. A number is outside the valid range."
            return ServiceError(400, text, code=DECIMAL_RANGE)
        case pg.DataError() | pg.ProgramLimitExceeded() | pg.StatementTooComplex():
            return bad_uri("The request holds a value that cannot be compared or stored.")
        case pg.NotNullViolation():
            text = f"Required field '{error.diag.column_name}' is missing"
            return ServiceError(400, text, code=REQUIRED)
        case _:
            return ServiceError(503, "The service is not available for the moment.", code=SQL_TIMEOUT)


def _duplicate(error: psycopg.Error, stock: Stock) -> ServiceError:
    constraint, shape = error.diag.constraint_name or "", stock.shapes.get(error.diag.table_name or "")
    if shape is None or constraint.endswith("_pkey"):
        return ServiceError(412, "Cannot insert duplicate key.", code=ROW_EXISTS)
    name = constraint.removeprefix(f"{shape.name}.")
    columns = next((key.columns for key in table_of(shape).keys if key.name.startswith(name)), [])
    return ServiceError(
        412,
        f"A record that has the attribute values {', '.join(columns)} already exists. The entity key {name} requires"
        " that this set of attributes contains unique values. Select unique values and try again.",
        code=KEY_TAKEN,
    )


def _reference(error: psycopg.Error, stock: Stock) -> ServiceError:
    """Either a look-up to nothing, or a delete of what look-ups point to.

    A look-up whose target has no table yet fails its check, which does not tell the value.
    """
    shape = stock.shapes.get(error.diag.table_name or "")
    detail = error.diag.message_detail or ""
    if shape is None or "is still referenced" in detail:
        text = "The object you tried to delete is associated with another object and cannot be deleted."
        return ServiceError(400, text, code=STILL_REFERENCED)
    column = next((one for one in table_of(shape).lookups() if one.name == error.diag.constraint_name), None)
    target = stock.shapes.get(column.target) if column else None
    row_id = detail.partition(")=(")[2].partition(")")[0] or f"(the value of '{error.diag.constraint_name}')"
    return no_row(target or shape, row_id)

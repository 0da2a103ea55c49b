"""Jobs of the service: deleting what a query finds. A sandbox works at once, the job tells how it went.

Source: Dataverse Web API documentation, action BulkDelete and complex type QueryExpression.
"""

from collections.abc import Iterable
from typing import Any
from uuid import UUID, uuid4

import msgspec
import psycopg
from psycopg import Connection, sql

from syncengine.mapping.filters.ast import And, Comparison, Filter, In, Operator, Or, Value
from syncengine.sandbox import query
from syncengine.sandbox.calls import Answer, Call, ServiceError, json_answer
from syncengine.sandbox.dataverse import conditions, errors, write
from syncengine.sandbox.query import QueryRefused
from syncengine.sandbox.shape import Shape
from syncengine.sandbox.site import Site
from syncengine.sandbox.sql_filter import FilterRefused, condition

BULK_DELETE = 13
COMPLETED, SUCCEEDED = 3, 30
_OPERATORS = {
    "Equal": Operator.EQ,
    "NotEqual": Operator.NE,
    "GreaterThan": Operator.GT,
    "GreaterEqual": Operator.GE,
    "LessThan": Operator.LT,
    "LessEqual": Operator.LE,
}


class _Object(msgspec.Struct, kw_only=True):
    Value: Any = None


class _Condition(msgspec.Struct, kw_only=True):
    AttributeName: str
    Operator: str = "Equal"
    Values: list[_Object | Any] = []


class _Criteria(msgspec.Struct, kw_only=True):
    FilterOperator: str = "And"
    Conditions: list[_Condition] = []


class _Query(msgspec.Struct, kw_only=True):
    EntityName: str
    Criteria: _Criteria = msgspec.field(default_factory=_Criteria)


class _BulkDelete(msgspec.Struct, kw_only=True):
    QuerySet: list[_Query]
    JobName: str = ""


def bulk_delete(site: Site, connection: Connection[Any], call: Call) -> Answer:
    """Delete what the queries find, row by row; what is refused stays. Raises: ServiceError."""
    if call.method != "POST":
        raise ServiceError(405, f"The HTTP method '{call.method}' is not allowed for this resource.", code=errors.URI)
    try:
        asked = msgspec.json.decode(call.body, type=_BulkDelete)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise errors.bad_payload(None, str(error)) from error
    refused = 0
    for each in asked.QuerySet:
        shape = _shape(site, each.EntityName)
        if site.is_made(shape.name):
            for row_id in _found(connection, shape, each.Criteria):
                refused += not _is_deleted(site, connection, call, shape, row_id)
    job_id = _note(site, connection, asked.JobName, refused)
    context = f"{call.base}/$metadata#Microsoft.Dynamics.CRM.BulkDeleteResponse"
    return json_answer(200, {"@odata.context": context, "JobId": str(job_id)})


def _shape(site: Site, logical: str) -> Shape:
    name = site.stock.inventory.names.get(logical.lower())
    if name is None:
        raise errors.bad_payload(None, f"The entity with a name = '{logical[:80]}' was not found in the MetadataCache.")
    return site.stock.shapes[name]


def _found(connection: Connection[Any], shape: Shape, criteria: _Criteria) -> Iterable[UUID]:
    terms = tuple(_term(shape, each) for each in criteria.Conditions)
    wanted: Filter = Or(terms=terms) if criteria.FilterOperator == "Or" else And(terms=terms)
    try:
        passing = [condition(wanted, shape.fields, conditions.DIALECT)] if terms else []
    except FilterRefused as error:
        raise QueryRefused(str(error)) from error
    rows = connection.execute(
        sql.SQL("SELECT {} FROM {} WHERE {}").format(shape.row_id.identifier, shape.relation, query.all_of(passing))
    ).fetchall()
    return [row_id for (row_id,) in rows]


def _term(shape: Shape, each: _Condition) -> Filter:
    one = shape.by_column.get(each.AttributeName)
    if one is None:
        raise QueryRefused(f"'{shape.name}' entity doesn't contain attribute with Name = '{each.AttributeName[:80]}'")
    values = tuple(_value(value) for value in each.Values)
    if each.Operator == "In":
        return In(column=one.name, values=values)
    if each.Operator not in _OPERATORS or len(values) != 1:
        raise QueryRefused(f"The condition operator '{each.Operator[:40]}' is not supported")
    return Comparison(column=one.name, operator=_OPERATORS[each.Operator], value=values[0])


def _value(value: Any) -> Value:
    """The value of a condition; a GUID may come as text."""
    bare = value.get("Value") if isinstance(value, dict) else value
    try:
        return UUID(bare) if isinstance(bare, str) and len(bare) == 36 else bare
    except ValueError:
        return str(bare)


def _is_deleted(site: Site, connection: Connection[Any], call: Call, shape: Shape, row_id: UUID) -> bool:
    try:
        with connection.transaction():
            write.delete(site, connection, call, shape, [(shape.row_id, row_id)])
    except (ServiceError, psycopg.errors.IntegrityError):
        return False
    return True


def _note(site: Site, connection: Connection[Any], name: str, refused: int) -> UUID:
    """The job as a row that can be asked for."""
    job_id = uuid4()
    text = f"{refused} records could not be deleted." if refused else None
    connection.execute(
        sql.SQL(
            "INSERT INTO {}.asyncoperations (asyncoperationid, name, messagename, friendlymessage, operationtype,"
            " completedon, statecode, statuscode) VALUES (%s, %s, 'BulkDelete', %s, %s, clock_timestamp(), %s, %s)"
        ).format(sql.Identifier(site.schema)),
        (job_id, name[:100], text, BULK_DELETE, COMPLETED, SUCCEEDED),
    )
    return job_id

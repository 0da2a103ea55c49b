"""The solution that a component is made in. Source: Dataverse Web API documentation, `MSCRM.SolutionUniqueName`."""

from typing import Any

from psycopg import Connection, sql

from syncengine.sandbox.calls import Call, ServiceError
from syncengine.sandbox.dataverse import errors
from syncengine.sandbox.shape import Shape
from syncengine.sandbox.site import Site

HEADER = "mscrm.solutionuniquename"


def check(site: Site, connection: Connection[Any], call: Call, shape: Shape) -> None:
    """Rows of business tables belong to none, whatever is said. Raises: ServiceError for one that is unknown."""
    name = call.header(HEADER)
    if not name or not errors.table_of(shape).is_system:
        return
    found = connection.execute(
        sql.SQL("SELECT FROM {}.solutions WHERE lower(uniquename) = lower(%s)").format(sql.Identifier(site.schema)),
        (name,),
    )
    if not found.rowcount:
        text = f"solution With uniquename = {name[:65]} Does Not Exist"
        raise ServiceError(404, text, code=errors.NO_ROW)

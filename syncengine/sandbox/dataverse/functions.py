"""Functions and actions of the service, and the roles of a user. Source: Dataverse Web API documentation."""

from collections.abc import Callable
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid4, uuid5

from psycopg import Connection, sql

from syncengine.sandbox.calls import Answer, Call, json_answer
from syncengine.sandbox.counts import Work
from syncengine.sandbox.dataverse import duplicates, errors, jobs, keys, read, view, write
from syncengine.sandbox.dataverse.identities import UNIT
from syncengine.sandbox.dataverse.keys import Key
from syncengine.sandbox.dataverse.payload import read_body
from syncengine.sandbox.query import Rows
from syncengine.sandbox.shape import Shape
from syncengine.sandbox.site import Site

ROLES_OF_USER = "systemuserroles_association"
CUSTOMER, TRIAL = "Customer", "Trial"
PUBLISH = "PublishDuplicateRule"

Function = Callable[[Site, Connection[Any], Call], Answer]


def find(name: str) -> Function | None:
    return {
        "WhoAmI": _who_am_i,
        "RetrieveVersion": _retrieve_version,
        "RetrieveCurrentOrganization": _retrieve_current_organization,
        "BulkDelete": jobs.bulk_delete,
        "UnpublishDuplicateRule": _unpublish_duplicate_rule,
    }.get(name)


def is_bound(shape: Shape, name: str) -> bool:
    return shape.name == "duplicaterules" and name == f"Microsoft.Dynamics.CRM.{PUBLISH}"


def bound(site: Site, connection: Connection[Any], call: Call, shape: Shape, key: Key, name: str) -> Answer:
    """The action of a row: a duplicate detection rule is published."""
    write.set_values(site, connection, call, shape, key, {"statuscode": duplicates.PUBLISHED, "statecode": 1})
    context = f"{call.base}/$metadata#Microsoft.Dynamics.CRM.{PUBLISH}Response"
    return json_answer(200, {"@odata.context": context, "JobId": str(uuid4())})


def _unpublish_duplicate_rule(site: Site, connection: Connection[Any], call: Call) -> Answer:
    shape = site.stock.shapes["duplicaterules"]
    body = read_body(call, shape)
    try:
        rule_id = UUID(str(body.get("DuplicateRuleId")))
    except ValueError as error:
        raise errors.bad_payload(None, "'DuplicateRuleId' must be the id of a rule.") from error
    values = {"statuscode": duplicates.UNPUBLISHED, "statecode": 0}
    write.set_values(site, connection, call, shape, [(shape.row_id, rule_id)], values)
    return Answer(status=204)


def is_association(shape: Shape, name: str) -> bool:
    return shape.name == "systemusers" and name == ROLES_OF_USER


def associated(site: Site, connection: Connection[Any], call: Call, shape: Shape, key: Key, name: str) -> Answer:
    """The roles of a user."""
    user_id = keys.row_id_of(connection, shape, key)
    roles = site.shape("roles")
    if user_id is None or roles is None:
        raise errors.no_row(shape, key[0][1])
    held = sql.SQL("roleid IN (SELECT s.roleid FROM {}.systemuserrolescollection s WHERE s.systemuserid = {})").format(
        sql.Identifier(site.schema), sql.Literal(user_id)
    )
    told = view.of_call(site, call, roles)
    rows = connection.execute(
        sql.SQL("SELECT {} FROM {} WHERE {} ORDER BY name").format(view.row_text(site, told), roles.relation, held)
    )
    return read.rows_answer(call, roles, Rows(texts=[text for (text,) in rows]), told)


def _who_am_i(site: Site, connection: Connection[Any], call: Call) -> Answer:
    site.count(Work.READS, call)
    return json_answer(
        200,
        {
            "@odata.context": f"{call.base}/$metadata#Microsoft.Dynamics.CRM.WhoAmIResponse",
            "BusinessUnitId": str(UNIT),
            "UserId": call.user_id,
            "OrganizationId": site.settings.organization_id,
        },
    )


def _retrieve_version(site: Site, connection: Connection[Any], call: Call) -> Answer:
    context = f"{call.base}/$metadata#Microsoft.Dynamics.CRM.RetrieveVersionResponse"
    return json_answer(200, {"@odata.context": context, "Version": site.settings.version})


def _retrieve_current_organization(site: Site, connection: Connection[Any], call: Call) -> Answer:
    """Source: the complex type OrganizationDetail of the Web API reference."""
    settings = site.settings
    detail = {
        "OrganizationId": settings.organization_id,
        "FriendlyName": site.record.name,
        "OrganizationVersion": settings.version,
        "EnvironmentId": settings.environment_id,
        "DatacenterId": str(uuid5(NAMESPACE_URL, settings.data_centre)),
        "Geo": settings.data_centre,
        "TenantId": settings.tenant_id,
        "UrlName": f"sandbox{site.record.id}",
        "UniqueName": f"sandbox{site.record.id}",
        "State": "Enabled",
        "OrganizationType": TRIAL if settings.is_trial else CUSTOMER,
        "SchemaType": "Full",
        "Endpoints": {"Count": 0, "IsReadOnly": False, "Keys": [], "Values": []},
    }
    context = f"{call.base}/$metadata#Microsoft.Dynamics.CRM.RetrieveCurrentOrganizationResponse"
    return json_answer(200, {"@odata.context": context, "Detail": detail})

"""The package API: actions of `DataManagementDefinitionGroups`. Source: Data management package REST API."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from psycopg import Connection

from syncengine.sandbox.calls import Answer, Call, ServiceError, json_answer
from syncengine.sandbox.finops import errors
from syncengine.sandbox.finops.packages import (
    blobs,
    definition_groups,
    error_files,
    executions,
    imports,
    package_files,
)
from syncengine.sandbox.finops.packages.definition_groups import GroupEntity
from syncengine.sandbox.finops.packages.executions import Direction, Execution, Status
from syncengine.sandbox.finops.packages.package_files import BadPackage
from syncengine.sandbox.finops.packages.staging import STAGING, TARGET
from syncengine.sandbox.finops.payload import read_body
from syncengine.sandbox.finops.read import has_company
from syncengine.sandbox.shape import Shape
from syncengine.sandbox.site import Site

SET = "DataManagementDefinitionGroups"
NAMESPACE = "Microsoft.Dynamics.DataEntities."
_NAME = re.compile(r"[^\x00-\x1f]{1,200}")

Body = Mapping[str, Any]
Value = str | bool


def act(site: Site, connection: Connection[Any], call: Call, name: str) -> Answer:
    """The answer of the action. Raises: ServiceError."""
    action = _ACTIONS.get(name.removeprefix(NAMESPACE)) if name.startswith(NAMESPACE) else None
    if action is None:
        raise errors.no_resource(f"{call.base}/{SET}/{name}")
    value = action(site, connection, call, read_body(call))
    kind = "Boolean" if isinstance(value, bool) else "String"
    return json_answer(200, {"@odata.context": f"{call.base}/$metadata#Edm.{kind}", "value": value})


def _write_url(site: Site, connection: Connection[Any], call: Call, body: Body) -> Value:
    name = _name(body, "uniqueFileName")
    blob_id = blobs.make(site, connection, name)
    made = {"BlobId": f"{{{blob_id}}}", "BlobUrl": blobs.address(site, call, blob_id, name, blobs.WRITE)}
    return json.dumps(made, separators=(",", ":"))


def _import(site: Site, connection: Connection[Any], call: Call, body: Body) -> Value:
    blob_id = blobs.blob_of(site, _text(body, "packageUrl"))
    content = blobs.content_of(site, connection, blob_id) if blob_id else None
    if content is None:
        text = "The package URL is none of this environment, has expired, or nothing was written to it."
        raise errors.bad_request(text)
    group = _name(body, "definitionGroupId")
    known = definition_groups.find(site, connection, group)
    try:
        parts = package_files.read_parts(content, imports.tables_of(site), known.entities if known else [])
    except BadPackage as error:
        raise errors.bad_request(str(error)) from error
    overwrites = _flag(body, "overwrite")
    if known is None or overwrites:
        entities = [GroupEntity(set=part.table.set, is_incremental=part.is_incremental) for part in parts]
        definition_groups.save(site, connection, known.name if known else group, entities)
    execution = Execution(
        id=_new_id(site, connection, body, group),
        group=known.name if known else group,
        direction=Direction.IMPORT,
        company=_company(site, connection, body),
        runs_target=_flag(body, "execute"),
        blob_id=blob_id,
    )
    executions.queue(site, connection, execution)
    return execution.id


def _export(site: Site, connection: Connection[Any], call: Call, body: Body) -> Value:
    group = definition_groups.find(site, connection, _name(body, "definitionGroupId"))
    if group is None:
        raise errors.bad_request(f"The definition group '{_name(body, 'definitionGroupId')}' does not exist.")
    company = _company(site, connection, body)
    again = _text(body, "executionId") if _flag(body, "reExecute") else ""
    if again:
        found = executions.find(site, connection, again)
        if found is None or found.direction is not Direction.EXPORT:
            raise errors.bad_request(f"The execution '{again[:100]}' is none of an export.")
        executions.requeue(site, connection, again)
        return again
    execution = Execution(
        id=_new_id(site, connection, body, group.name),
        group=group.name,
        direction=Direction.EXPORT,
        company=company,
        package_name=f"{_name(body, 'packageName').removesuffix('.zip')}.zip",
    )
    executions.queue(site, connection, execution)
    return execution.id


def _status(site: Site, connection: Connection[Any], call: Call, body: Body) -> Value:
    return executions.status(site, connection, _text(body, "executionId"))


def _exported_url(site: Site, connection: Connection[Any], call: Call, body: Body) -> Value:
    execution_id = _text(body, "executionId")
    found = executions.find(site, connection, execution_id)
    is_ready = executions.status(site, connection, execution_id) is Status.SUCCEEDED
    if found is None or found.direction is not Direction.EXPORT or not is_ready or found.blob_id is None:
        return ""
    return blobs.address(site, call, found.blob_id, found.package_name, blobs.READ)


def _staging_error_url(site: Site, connection: Connection[Any], call: Call, body: Body) -> Value:
    execution_id, shape = _of_entity(site, body)
    made = error_files.make(site, connection, execution_id, shape, STAGING)
    return _file_url(site, call, execution_id, shape, STAGING, made)


def _make_target_error_keys(site: Site, connection: Connection[Any], call: Call, body: Body) -> Value:
    execution_id, shape = _of_entity(site, body)
    return error_files.make(site, connection, execution_id, shape, TARGET) is not None


def _target_error_keys_url(site: Site, connection: Connection[Any], call: Call, body: Body) -> Value:
    execution_id, shape = _of_entity(site, body)
    found = error_files.find(site, connection, execution_id, shape, TARGET)
    return _file_url(site, call, execution_id, shape, TARGET, found)


_ACTIONS: Mapping[str, Callable[[Site, Connection[Any], Call, Body], Value]] = {
    "GetAzureWriteUrl": _write_url,
    "ImportFromPackage": _import,
    "ExportToPackage": _export,
    "GetExecutionSummaryStatus": _status,
    "GetExportedPackageUrl": _exported_url,
    "GetImportStagingErrorFileUrl": _staging_error_url,
    "GenerateImportTargetErrorKeysFile": _make_target_error_keys,
    "GetImportTargetErrorKeysFileUrl": _target_error_keys_url,
}


def _file_url(site: Site, call: Call, execution_id: str, shape: Shape, stage: str, blob_id: UUID | None) -> str:
    if blob_id is None:
        return ""
    return blobs.address(site, call, blob_id, error_files.name_of(execution_id, shape, stage), blobs.READ)


def _of_entity(site: Site, body: Body) -> tuple[str, Shape]:
    name = _text(body, "entityName")
    table = package_files.find_table(name, imports.tables_of(site))
    if table is None:
        raise errors.bad_request(f"Entity {name[:100]} does not exist in the target environment.")
    return _text(body, "executionId"), site.stock.shapes[table.set]


def _new_id(site: Site, connection: Connection[Any], body: Body, group: str) -> str:
    """The id that was given, which nothing may have, or a new one."""
    given = _text(body, "executionId")
    if not given:
        return executions.new_id(group)
    if executions.status(site, connection, given) is not Status.UNKNOWN:
        raise errors.bad_request(f"The execution '{given[:100]}' is already there.")
    return _name(body, "executionId")


def _company(site: Site, connection: Connection[Any], body: Body) -> str:
    name = _text(body, "legalEntityId")
    if not has_company(site, connection, name):
        raise errors.bad_request(f"The legal entity '{name[:40]}' does not exist.")
    return name.lower()


def _name(body: Body, parameter: str) -> str:
    text = _text(body, parameter)
    if not _NAME.fullmatch(text.strip()):
        raise _wrong(parameter)
    return text.strip()


def _text(body: Body, parameter: str) -> str:
    value = body.get(parameter)
    if not isinstance(value, str) or "\x00" in value:
        raise _wrong(parameter)
    return value


def _flag(body: Body, parameter: str) -> bool:
    value = body.get(parameter)
    if not isinstance(value, bool):
        raise _wrong(parameter)
    return value


def _wrong(parameter: str) -> ServiceError:
    return errors.bad_request(f"The parameter '{parameter}' is missing or has no value of its type.")

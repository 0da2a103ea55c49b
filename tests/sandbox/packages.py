"""Data packages as tests send them: made, uploaded, imported, waited for, read."""

import csv
import io
import json
import time
import zipfile
from collections.abc import Mapping
from typing import Any

import httpx

from tests.sandbox.client import Client
from tests.sandbox.rows import number

ACTIONS = "DataManagementDefinitionGroups/Microsoft.Dynamics.DataEntities."
SPACE = "http://schemas.microsoft.com/dynamics/2015/01/DataManagement"
WAIT_S = 20
ENDED = {"Succeeded", "PartiallySucceeded", "Failed", "Canceled"}


def act(client: Client, action: str, body: Mapping[str, Any]) -> httpx.Response:
    return client.post(ACTIONS + action, dict(body))


def value(client: Client, action: str, **body: Any) -> Any:
    answer = act(client, action, body)
    assert answer.status_code == 200, answer.text
    return answer.json()["value"]


def zipped(files: Mapping[str, str | bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as package:
        for name, content in files.items():
            package.writestr(name, content)
    return out.getvalue()


def manifest(group: str, *entities: tuple[str, str], source: str = "CSV", refresh: str = "FullPush") -> str:
    """`entities` are names with their files, in the order of their import."""
    parts = "".join(
        f"<DataManagementPackageEntityData><DefaultRefreshType>{refresh}</DefaultRefreshType>"
        f"<EntityName>{name}</EntityName><InputFilePath>{file}</InputFilePath><ExecutionUnit>1</ExecutionUnit>"
        f"<LevelInExecutionUnit>1</LevelInExecutionUnit><SequenceInLevel>{place}</SequenceInLevel>"
        f"<SourceFormat>{source}</SourceFormat></DataManagementPackageEntityData>"
        for place, (name, file) in enumerate(entities)
    )
    return (
        f'<?xml version="1.0" encoding="utf-8"?><DataManagementPackageManifest xmlns="{SPACE}">'
        f"<DefinitionGroupName>{group}</DefinitionGroupName><PackageEntityList>{parts}</PackageEntityList>"
        "</DataManagementPackageManifest>"
    )


def package(group: str, label: str, text: str, **more: str) -> bytes:
    """A package of one entity."""
    files = {"Manifest.xml": manifest(group, (label, f"{label}.csv"), **more), f"{label}.csv": text}
    return zipped({**files, "PackageHeader.xml": "<DataManagementPackageHeader/>"})


def write_url(client: Client, name: str = "") -> str:
    made = json.loads(value(client, "GetAzureWriteUrl", uniqueFileName=name or f"{number()}.zip"))
    url: str = made["BlobUrl"]
    return url


def put(client: Client, url: str, content: bytes, **headers: str) -> httpx.Response:
    sent = {name.replace("_", "-"): text for name, text in headers.items()}
    return client.http.put(url, content=content, headers=sent)


def upload(client: Client, content: bytes) -> str:
    url = write_url(client)
    assert put(client, url, content, x_ms_blob_type="BlockBlob").status_code == 201
    return url


def ask_import(client: Client, content: bytes, group: str, **more: Any) -> httpx.Response:
    body = {"packageUrl": upload(client, content), "definitionGroupId": group, "executionId": "", "execute": True}
    return act(client, "ImportFromPackage", {**body, "overwrite": True, "legalEntityId": "USMF", **more})


def begin_import(client: Client, content: bytes, group: str, **more: Any) -> str:
    answer = ask_import(client, content, group, **more)
    assert answer.status_code == 200, answer.text
    execution_id: str = answer.json()["value"]
    return execution_id


def begin_export(client: Client, group: str, **more: Any) -> str:
    body = {"definitionGroupId": group, "packageName": "out", "executionId": "", "reExecute": False}
    execution_id: str = value(client, "ExportToPackage", **{**body, "legalEntityId": "USMF", **more})
    return execution_id


def status(client: Client, execution_id: str) -> str:
    found: str = value(client, "GetExecutionSummaryStatus", executionId=execution_id)
    return found


def ended(client: Client, execution_id: str) -> str:
    """The status once it has ended."""
    deadline = time.monotonic() + WAIT_S
    while (found := status(client, execution_id)) not in ENDED:
        assert time.monotonic() < deadline, found
        time.sleep(0.02)
    return found


def imported(client: Client, content: bytes, group: str, **more: Any) -> tuple[str, str]:
    """The execution's id and how it ended."""
    execution_id = begin_import(client, content, group, **more)
    return execution_id, ended(client, execution_id)


def exported(client: Client, group: str, **more: Any) -> dict[str, bytes]:
    """The files of the package that was made."""
    execution_id = begin_export(client, group, **more)
    assert ended(client, execution_id) == "Succeeded"
    return files_at(client, value(client, "GetExportedPackageUrl", executionId=execution_id))


def files_at(client: Client, url: str) -> dict[str, bytes]:
    answer = client.http.get(url)
    assert answer.status_code == 200, answer.text
    with zipfile.ZipFile(io.BytesIO(answer.content)) as found:
        return {name: found.read(name) for name in found.namelist()}


def rows_of(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def address_of(group: str, company: str = "usmf") -> str:
    return f"CustomerGroups(dataAreaId='{company}',CUSTOMERGROUPID='{group}')?cross-company=true"

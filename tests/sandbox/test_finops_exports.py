"""Exports by packages, whole and incremental. Source: PROTOCOLS 6.2.6."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.sandbox.client import Client
from tests.sandbox.conftest import Management
from tests.sandbox.packages import (
    act,
    address_of,
    begin_export,
    ended,
    exported,
    files_at,
    imported,
    rows_of,
    status,
    value,
    zipped,
)
from tests.sandbox.rows import make_group, number

GROUPS = "Customer groups.csv"


@pytest.fixture(scope="module")
def finops(new_client: Callable[..., Client]) -> Client:
    client = new_client("finops")
    for company in ("usmf", "demf"):
        client.post("LegalEntities", {"LEGALENTITYID": company, "NAME": company})
    return client


@pytest.fixture
def define(finops: Client, management: Management) -> Any:
    """Makes a definition group of customer groups; gives its name."""

    def make(*sets: str, is_incremental: bool = False) -> str:
        name = number()
        entities = [{"set": one, "is_incremental": is_incremental} for one in sets or ("CustomerGroups",)]
        path = f"sandboxes/{finops.info['name']}/definition-groups"
        management.done("POST", path, {"name": name, "entities": entities})
        return name

    return make


@pytest.fixture
def slow(finops: Client, management: Management) -> Iterator[None]:
    path = f"sandboxes/{finops.info['name']}"
    management.done("PATCH", path, {"package_wait_s": 0.4})
    yield
    management.done("PATCH", path, {"package_wait_s": 0.0})


def keys(files: dict[str, bytes]) -> set[str]:
    return {row["CUSTOMERGROUPID"] for row in rows_of(files[GROUPS])}


def test_a_package_holds_a_manifest_and_a_file_for_each_entity(finops: Client, define: Any) -> None:
    group = make_group(finops, DESCRIPTION='A "quoted", text')
    files = exported(finops, define("CustomerGroups", "CustomersV3"))
    assert files.keys() == {"Manifest.xml", "PackageHeader.xml", GROUPS, "Customers V3.csv"}
    (row,) = (row for row in rows_of(files[GROUPS]) if row["CUSTOMERGROUPID"] == group)
    assert (row["DESCRIPTION"], row["ISSALESTAXINCLUDEDINPRICE"]) == ('A "quoted", text', "No")
    assert "dataAreaId" not in row
    assert b"<EntityName>Customer groups</EntityName>" in files["Manifest.xml"]


def test_an_export_holds_the_rows_of_its_company(finops: Client, define: Any) -> None:
    ours, theirs, name = make_group(finops), make_group(finops, "demf"), define()
    found = keys(exported(finops, name))
    assert (ours in found, theirs in found) == (True, False)
    assert theirs in keys(exported(finops, name, legalEntityId="DEMF"))


def test_the_address_is_empty_until_it_is_ready(finops: Client, define: Any, slow: None) -> None:
    execution_id = begin_export(finops, define())
    assert value(finops, "GetExportedPackageUrl", executionId=execution_id) == ""
    assert ended(finops, execution_id) == "Succeeded"
    url = value(finops, "GetExportedPackageUrl", executionId=execution_id)
    assert url.startswith(f"{finops.info['base_url']}/dmf/out.zip?")
    assert GROUPS in files_at(finops, url)
    assert finops.http.put(url, content=b"x", headers={"x-ms-blob-type": "BlockBlob"}).status_code == 403
    assert value(finops, "GetExportedPackageUrl", executionId="nothing") == ""


def test_an_incremental_group_exports_only_what_changed_since(
    finops: Client, define: Any, management: Management
) -> None:
    old, silent, name = make_group(finops), make_group(finops), define(is_incremental=True)
    assert {old, silent} <= keys(exported(finops, name))
    assert keys(exported(finops, name)) == set()
    new = make_group(finops)
    finops.patch(address_of(old), {"DESCRIPTION": "Changed"})
    rows = f"sandboxes/{finops.info['name']}/tables/CustomerGroups/rows"
    management.done("PATCH", rows, {"filter": f"CUSTOMERGROUPID eq '{silent}'", "values": {"DESCRIPTION": "S"}})
    assert keys(exported(finops, name)) == {old, new, silent}
    assert keys(exported(finops, name)) == set()


def test_deletes_are_not_in_it(finops: Client, define: Any) -> None:
    group, name = make_group(finops), define(is_incremental=True)
    exported(finops, name)
    finops.delete(address_of(group))
    assert keys(exported(finops, name)) == set()


def test_each_group_and_company_has_a_memory_of_its_own(finops: Client, define: Any) -> None:
    group, first, second = make_group(finops), define(is_incremental=True), define(is_incremental=True)
    theirs = make_group(finops, "demf")
    assert group in keys(exported(finops, first))
    assert group in keys(exported(finops, second))
    assert theirs in keys(exported(finops, first, legalEntityId="demf"))


def test_without_change_tracking_everything_is_exported_each_time(
    finops: Client, define: Any, management: Management
) -> None:
    table = {
        "set": f"Untracked{number()}",
        "entity": f"Untracked{number()}",
        "table": "UntrackedEntity",
        "label": "Untracked",
        "key": ["Code"],
        "columns": [{"name": "Code", "type": "text", "required": True}],
        "tracks_changes": False,
    }
    management.done("POST", f"sandboxes/{finops.info['name']}/tables", {"tables": [table]})
    finops.post(str(table["set"]), {"Code": "A"})
    name = define(str(table["set"]), is_incremental=True)
    for _ in range(2):
        assert len(rows_of(exported(finops, name)["Untracked.csv"])) == 1


def test_an_export_of_a_table_that_nobody_used_has_no_rows(finops: Client, define: Any) -> None:
    (content,) = (text for name, text in exported(finops, define("PaymentTerms")).items() if name.endswith(".csv"))
    assert rows_of(content) == []


def test_an_export_needs_its_definition_group(finops: Client) -> None:
    body = {"definitionGroupId": "none", "packageName": "x", "executionId": "", "reExecute": False}
    answer = act(finops, "ExportToPackage", {**body, "legalEntityId": "USMF"})
    assert (answer.status_code, "'none' does not exist" in answer.text) == (400, True)


def test_an_export_can_run_once_more(finops: Client, define: Any) -> None:
    name = define()
    execution_id = begin_export(finops, name)
    assert ended(finops, execution_id) == "Succeeded"
    group = make_group(finops)
    assert begin_export(finops, name, executionId=execution_id, reExecute=True) == execution_id
    assert ended(finops, execution_id) == "Succeeded"
    url = value(finops, "GetExportedPackageUrl", executionId=execution_id)
    assert group in keys(files_at(finops, url))
    body = {"definitionGroupId": name, "packageName": "x", "executionId": "none", "reExecute": True}
    assert act(finops, "ExportToPackage", {**body, "legalEntityId": "USMF"}).status_code == 400


def test_what_was_exported_can_be_imported(finops: Client, define: Any) -> None:
    group, name = make_group(finops, DESCRIPTION="Größe, ja"), define()
    files = exported(finops, name)
    finops.delete(address_of(group))
    assert imported(finops, zipped(files), name)[1] == "Succeeded"
    assert finops.get(address_of(group)).json()["DESCRIPTION"] == "Größe, ja"


def test_an_export_whose_group_is_gone_has_failed(
    finops: Client, define: Any, slow: None, management: Management
) -> None:
    name = define()
    execution_id = begin_export(finops, name)
    management.done("DELETE", f"sandboxes/{finops.info['name']}/definition-groups/{name}")
    assert ended(finops, execution_id) == "Failed"
    assert value(finops, "GetExportedPackageUrl", executionId=execution_id) == ""
    assert status(finops, execution_id) == "Failed"

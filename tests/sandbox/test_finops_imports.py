"""Imports by packages. Source: PROTOCOLS 6.2.6; Data management package REST API."""

import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import psycopg
import pytest

from syncengine.sandbox.finops.packages import runner
from syncengine.sandbox.finops.packages.executions import Direction, Execution, Result
from syncengine.sandbox.site import Site
from tests.sandbox.client import Client
from tests.sandbox.conftest import Management
from tests.sandbox.packages import (
    address_of,
    ask_import,
    begin_import,
    ended,
    imported,
    manifest,
    package,
    rows_of,
    status,
    value,
    zipped,
)
from tests.sandbox.receiver import receiving
from tests.sandbox.rows import infolog_of, make_customer, make_group, number

GROUPS = "Customer groups"
HEADER = "CUSTOMERGROUPID,DESCRIPTION,ISSALESTAXINCLUDEDINPRICE,PAYMENTTERMID\r\n"


@pytest.fixture
def slow(finops: Client, management: Management) -> Iterator[None]:
    """Executions take a moment."""
    path = f"sandboxes/{finops.info['name']}"
    management.done("PATCH", path, {"package_wait_s": 0.4})
    yield
    management.done("PATCH", path, {"package_wait_s": 0.0})


def executions(finops: Client, management: Management) -> dict[str, Any]:
    found = management.done("GET", f"sandboxes/{finops.info['name']}/executions")["executions"]
    return {one["id"]: one for one in found}


def csv(*rows: str) -> str:
    return HEADER + "".join(f"{row}\r\n" for row in rows)


def test_an_import_that_lost_its_database_runs_again(finops: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    work, losses = runner.WORK[Direction.IMPORT], iter([psycopg.OperationalError("the connection is lost")])

    def run(site: Site, execution: Execution) -> Result:
        for loss in losses:
            raise loss
        return work(site, execution)

    monkeypatch.setattr(runner, "WORK", {Direction.IMPORT: run})
    name, group = number(), number()
    _, found = imported(finops, package(name, GROUPS, csv(f"{group},New,No,")), name)
    assert found == "Succeeded"
    assert finops.get(address_of(group)).json()["DESCRIPTION"] == "New"


def test_rows_are_created_and_updated_by_their_key(finops: Client, management: Management) -> None:
    old, new, name = make_group(finops, DESCRIPTION="Old"), number(), number()
    content = package(name, GROUPS, csv(f"{old},Changed,Yes,", f"{new},New,No,"))
    execution_id, found = imported(finops, content, name)
    assert found == "Succeeded"
    changed = finops.get(address_of(old)).json()
    assert (changed["DESCRIPTION"], changed["ISSALESTAXINCLUDEDINPRICE"]) == ("Changed", "Yes")
    assert finops.get(address_of(new)).json()["DESCRIPTION"] == "New"
    counts = executions(finops, management)[execution_id]["counts"]
    assert counts == {"created": 1, "updated": 1, "staged": 0, "failed": 0}


def test_the_company_is_that_of_the_call(finops: Client) -> None:
    group, name = number(), number()
    assert imported(finops, package(name, GROUPS, csv(f"{group},A,,")), name, legalEntityId="demf")[1] == "Succeeded"
    assert finops.get(address_of(group, "demf")).status_code == 200
    assert finops.get(address_of(group)).status_code == 404


def test_it_happens_later_with_a_status_to_ask_for(finops: Client, slow: None) -> None:
    group, name = number(), number()
    execution_id = begin_import(finops, package(name, GROUPS, csv(f"{group},A,,")), name)
    assert status(finops, execution_id) in ("NotRun", "Executing")
    assert finops.get(address_of(group)).status_code == 404
    assert ended(finops, execution_id) == "Succeeded"
    assert finops.get(address_of(group)).status_code == 200


def test_an_execution_that_is_not_there_is_unknown(finops: Client) -> None:
    assert status(finops, "nothing") == "Unknown"


def test_executions_of_one_definition_group_run_one_after_another(
    finops: Client, slow: None, management: Management
) -> None:
    name, other, group = number(), number(), number()
    first, second = (begin_import(finops, package(name, GROUPS, csv(f"{group},{text},,")), name) for text in "AB")
    third = begin_import(finops, package(other, GROUPS, csv(f"{number()},C,,")), other)
    assert {ended(finops, one) for one in (first, second, third)} == {"Succeeded"}
    found = executions(finops, management)
    begun, over = ({one: datetime.fromisoformat(found[one][at]) for one in found} for at in ("started_at", "ended_at"))
    assert begun[second] >= over[first]
    assert begun[third] < over[second]
    assert finops.get(address_of(group)).json()["DESCRIPTION"] == "B"


def test_an_execution_that_waits_can_be_cancelled(finops: Client, slow: None, management: Management) -> None:
    name, group = number(), number()
    first = begin_import(finops, package(name, GROUPS, csv(f"{number()},A,,")), name)
    second = begin_import(finops, package(name, GROUPS, csv(f"{group},B,,")), name)
    cancel = f"sandboxes/{finops.info['name']}/executions/{second}/cancel"
    assert management.call("POST", cancel).status_code == 204
    assert ended(finops, first) == "Succeeded"
    assert status(finops, second) == "Canceled"
    assert management.call("POST", cancel).status_code == 404
    assert finops.get(address_of(group)).status_code == 404


def test_each_row_follows_the_rules_for_a_write_of_its_own(finops: Client, management: Management) -> None:
    good, bad, name = number(), number(), number()
    content = package(name, GROUPS, csv(f"{good},A,,", f"{bad},B,,Nowhere"))
    execution_id, found = imported(finops, content, name)
    assert found == "PartiallySucceeded"
    assert finops.get(address_of(good)).status_code == 200
    assert finops.get(address_of(bad)).status_code == 404
    told = executions(finops, management)[execution_id]
    assert told["counts"]["failed"] == 1
    assert "is not found in the related table" in told["first_error"]


def test_of_many_changes_those_that_are_refused_leave_the_others_alone(finops: Client, management: Management) -> None:
    groups, name = [make_group(finops) for _ in range(5)], number()
    rows = [f"{group},Changed,,{'Nowhere' if group == groups[2] else ''}" for group in groups]
    execution_id, found = imported(finops, package(name, GROUPS, csv(*rows)), name)
    assert found == "PartiallySucceeded"
    texts = [finops.get(address_of(group)).json()["DESCRIPTION"] for group in groups]
    assert texts == ["Changed", "Changed", "Group", "Changed", "Changed"]
    counts = executions(finops, management)[execution_id]["counts"]
    assert (counts["updated"], counts["failed"]) == (4, 1)


def test_changes_of_an_import_raise_events_and_versions(finops: Client, management: Management) -> None:
    endpoints = f"sandboxes/{finops.info['name']}/endpoints"
    groups, name = [make_group(finops) for _ in range(3)], number()
    before = [finops.get(address_of(group)).json()["@odata.etag"] for group in groups]
    with receiving() as receiver:
        management.done("POST", endpoints, {"name": "sync", "url": receiver.url})
        imported(finops, package(name, GROUPS, csv(*(f"{group},B,," for group in groups))), name)
        told = receiver.wait(4)[1:]
        management.done("DELETE", f"{endpoints}/sync")
    after = [finops.get(address_of(group)).json()["@odata.etag"] for group in groups]
    assert {one["Operation"] for one in told} == {"Updated"}
    assert {one["RecordETag"] for one in told} == set(after)
    assert not set(before) & set(after)


def test_when_every_row_fails_the_import_has_failed(finops: Client) -> None:
    name = number()
    assert imported(finops, package(name, GROUPS, csv(f"{number()},B,,Nowhere")), name)[1] == "Failed"


def test_the_keys_of_rows_that_could_not_be_written_are_in_a_file(finops: Client) -> None:
    bad, name = number(), number()
    content = package(name, GROUPS, csv(f"{number()},A,,", f"{bad},B,,Nowhere"))
    body = {"executionId": imported(finops, content, name)[0], "entityName": GROUPS}
    assert value(finops, "GetImportTargetErrorKeysFileUrl", **body) == ""
    assert value(finops, "GetImportStagingErrorFileUrl", **body) == ""
    assert value(finops, "GenerateImportTargetErrorKeysFile", **body) is True
    url = value(finops, "GetImportTargetErrorKeysFileUrl", **body)
    assert rows_of(finops.http.get(url).content) == [{"CUSTOMERGROUPID": bad}]


def test_rows_that_cannot_be_staged_are_in_a_file(finops: Client) -> None:
    good, name = number(), number()
    content = package(name, GROUPS, csv(f"{good},A,,", "K,B,Perhaps,", "too,few"))
    execution_id, found = imported(finops, content, name)
    assert found == "PartiallySucceeded"
    body = {"executionId": execution_id, "entityName": "CustomerGroups"}
    assert value(finops, "GenerateImportTargetErrorKeysFile", **body) is False
    failed = rows_of(finops.http.get(value(finops, "GetImportStagingErrorFileUrl", **body)).content)
    assert [row["CUSTOMERGROUPID"] for row in failed] == ["K", "too"]
    assert failed[0]["ISSALESTAXINCLUDEDINPRICE"] == "Perhaps"


def test_without_execute_rows_are_staged_alone(finops: Client) -> None:
    group, name = number(), number()
    assert imported(finops, package(name, GROUPS, csv(f"{group},A,,")), name, execute=False)[1] == "Succeeded"
    assert finops.get(address_of(group)).status_code == 404


def test_entities_are_imported_in_the_order_of_the_manifest(finops: Client) -> None:
    group, account, name = number(), number(), number()
    files = {
        "Manifest.xml": manifest(name, (GROUPS, "g.csv"), ("Customers V3", "c.csv")),
        "g.csv": f"CUSTOMERGROUPID\r\n{group}\r\n",
        "c.csv": f"CUSTOMERACCOUNT,CUSTOMERGROUPID,CREDITLIMIT\r\n{account},{group},10.5\r\n",
    }
    assert imported(finops, zipped(files), name)[1] == "Succeeded"
    row = finops.get(f"CustomersV3(dataAreaId='usmf',CUSTOMERACCOUNT='{account}')?cross-company=true").json()
    assert (row["CUSTOMERGROUPID"], row["CREDITLIMIT"]) == (group, 10.5)


def test_rows_without_a_key_are_numbered(finops: Client) -> None:
    group, name = make_group(finops), number()
    text = f"CUSTOMERACCOUNT,CUSTOMERGROUPID,ORGANIZATIONNAME\r\n,{group},{name}\r\n,{group},{name}\r\n"
    assert imported(finops, package(name, "Customers V3", text), name)[1] == "Succeeded"
    rows = finops.rows(f"CustomersV3?cross-company=true&$filter=ORGANIZATIONNAME eq '{name}'")
    assert len({row["CUSTOMERACCOUNT"] for row in rows}) == 2
    assert all(row["CUSTOMERACCOUNT"].startswith("C-") for row in rows)


def test_dates_and_empty_cells_are_read(finops: Client) -> None:
    finops.post("VendorGroups", {"dataAreaId": "usmf", "VENDORGROUPID": "10"})
    account, name = number(), number()
    text = (
        "VENDORACCOUNTNUMBER,VENDORGROUPID,VENDORHOLDRELEASEDATE\r\n"
        f"{account},10,2026-11-21 00:00:00\r\n{account}b,10,\r\n"
    )
    assert imported(finops, package(name, "Vendors V2", text), name)[1] == "Succeeded"
    path = "VendorsV2(dataAreaId='usmf',VENDORACCOUNTNUMBER='{}')?cross-company=true"
    assert finops.get(path.format(account)).json()["VENDORHOLDRELEASEDATE"] == "2026-11-21T12:00:00Z"
    assert finops.get(path.format(f"{account}b")).json()["VENDORHOLDRELEASEDATE"] == "1900-01-01T12:00:00Z"


@pytest.mark.parametrize(("label", "encoding"), [("utf-8-sig", "utf-8-sig"), ("utf-8", "utf-8"), ("16", "utf-16")])
def test_files_and_manifests_may_be_unicode(finops: Client, label: str, encoding: str) -> None:
    group, name = number(), number()
    text = manifest(name, (GROUPS, "g.csv"), source="CSV-Unicode" if label == "16" else "CSV")
    files = {
        "Manifest.xml": text.replace("utf-8", encoding if label == "16" else "utf-8").encode(encoding),
        "g.csv": csv(f"{group},Größe,,").encode(encoding),
    }
    assert imported(finops, zipped(files), name)[1] == "Succeeded"
    assert finops.get(address_of(group)).json()["DESCRIPTION"] == "Größe"


def test_a_map_in_the_manifest_renames_columns(finops: Client) -> None:
    group, name = number(), number()
    text = manifest(name, (GROUPS, "g.csv")).replace(
        "<SourceFormat>",
        "<EntityMap><EntityField>CUSTOMERGROUPID</EntityField><XMLField>Id</XMLField></EntityMap><SourceFormat>",
    )
    assert imported(finops, zipped({"Manifest.xml": text, "g.csv": f"ID\r\n{group}\r\n"}), name)[1] == "Succeeded"
    assert finops.get(address_of(group)).status_code == 200


def test_without_a_manifest_the_definition_group_says_what_is_in_it(finops: Client, management: Management) -> None:
    group, name = number(), number()
    groups = f"sandboxes/{finops.info['name']}/definition-groups"
    management.done("POST", groups, {"name": name, "entities": [{"set": "CustomerGroups"}]})
    assert imported(finops, zipped({"CustomerGroups.csv": csv(f"{group},A,,")}), name)[1] == "Succeeded"
    assert finops.get(address_of(group)).status_code == 200


def test_a_manifest_makes_its_definition_group(finops: Client, management: Management) -> None:
    name, groups = number(), f"sandboxes/{finops.info['name']}/definition-groups"
    imported(finops, package(name, GROUPS, csv(), refresh="IncrementalPush"), name)
    found = {one["name"]: one["entities"] for one in management.done("GET", groups)["definition_groups"]}
    assert found[name] == [{"set": "CustomerGroups", "is_incremental": True}]
    assert management.call("DELETE", f"{groups}/{name}").status_code == 204
    assert management.call("DELETE", f"{groups}/{name}").status_code == 404


def test_imported_rows_raise_events(finops: Client, management: Management) -> None:
    endpoints = f"sandboxes/{finops.info['name']}/endpoints"
    name, group = number(), number()
    with receiving() as receiver:
        management.done("POST", endpoints, {"name": "sync", "url": receiver.url})
        imported(finops, package(name, GROUPS, csv(f"{group},A,,")), name)
        assert receiver.wait(2)[1]["KeyValues"] == {"dataAreaId": "usmf", "CUSTOMERGROUPID": group}
        management.done("DELETE", f"{endpoints}/sync")


def test_many_rows_go_fast(finops: Client) -> None:
    name, mark = number(), number()
    begun = time.monotonic()
    content = package(name, GROUPS, csv(*(f"{mark}{place:04},x,," for place in range(3_000))))
    assert imported(finops, content, name)[1] == "Succeeded"
    assert time.monotonic() - begun < 5
    count = finops.get(f"CustomerGroups/$count?cross-company=true&$filter=startswith(CUSTOMERGROUPID,'{mark}')")
    assert count.text == "3000"


def test_a_row_named_twice_is_written_twice(finops: Client) -> None:
    group, name = number(), number()
    assert imported(finops, package(name, GROUPS, csv(f"{group},A,,", f"{group.lower()},B,,")), name)[1] == "Succeeded"
    assert finops.get(address_of(group)).json()["DESCRIPTION"] == "B"


def test_a_file_that_is_no_csv_of_the_entity_fails_the_import(finops: Client, management: Management) -> None:
    for text in ("NOTHING\r\n1\r\n", "", 'CUSTOMERGROUPID\r\n"x\r\n', "CUSTOMERGROUPID,CUSTOMERGROUPID\r\n1,2\r\n"):
        name = number()
        execution_id, found = imported(finops, package(name, GROUPS, text), name)
        assert found == "Failed"
        assert executions(finops, management)[execution_id]["message"]


def test_a_file_that_is_not_unicode_as_its_manifest_says_fails_the_import(
    finops: Client, management: Management
) -> None:
    name = number()
    execution_id, found = imported(finops, package(name, GROUPS, csv(), source="CSV-Unicode"), name)
    assert (found, "is not Unicode" in executions(finops, management)[execution_id]["message"]) == ("Failed", True)


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"Manifest.xml": manifest("x", ("Nothing", "n.csv")), "n.csv": ""}, "Entity Nothing does not exist"),
        ({"Manifest.xml": manifest("x", (GROUPS, "n.csv"))}, "has no file 'n.csv'"),
        ({"Manifest.xml": "<a"}, "no XML"),
        ({"Manifest.xml": "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"}, "has a document type"),
        ({"Manifest.xml": "<!DOCTYPE a><a/>".encode("utf-16")}, "has a document type"),
        ({"x.csv": ""}, "names no entity"),
        ({"../Manifest.xml": manifest("x", (GROUPS, "n.csv")), "n.csv": ""}, "names no entity"),
        ({f"{place}.csv": "" for place in range(201)}, "more than 200 files"),
        ({"a.csv": "", "A.CSV": ""}, "two files of one name"),
    ],
)
def test_a_package_that_cannot_be_imported_is_refused(finops: Client, files: dict[str, Any], reason: str) -> None:
    answer = ask_import(finops, zipped(files), "x")
    assert answer.status_code == 400
    assert reason in infolog_of(answer)


@pytest.mark.parametrize("content", [b"", b"PK", b"no zip", zipped({"a.csv": "x"})[:-30]])
def test_what_is_no_zip_is_refused(finops: Client, content: bytes) -> None:
    answer = ask_import(finops, content, "x")
    assert (answer.status_code, "no zip file" in infolog_of(answer)) == (400, True)


def test_a_zip_bomb_is_refused(finops: Client) -> None:
    bomb = zipped({"Customer groups.csv": b"0" * (30 * 1024 * 1024)})
    assert len(bomb) < 100_000
    answer = ask_import(finops, bomb, "x")
    assert (answer.status_code, "packed more tightly" in infolog_of(answer)) == (400, True)


@pytest.mark.parametrize(
    "change",
    [
        {"packageUrl": "http://127.0.0.1:1/dmf/x?sig=a"},
        {"packageUrl": 5},
        {"definitionGroupId": ""},
        {"legalEntityId": "none"},
        {"execute": "yes"},
        {"overwrite": None},
        {"executionId": "a\x00"},
    ],
)
def test_parameters_that_do_not_fit_are_refused(finops: Client, change: dict[str, Any]) -> None:
    answer = ask_import(finops, package("x", GROUPS, csv()), "x", **change)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == "The request is invalid."


def test_an_execution_may_get_its_id_from_the_caller_once(finops: Client) -> None:
    name = number()
    content = package(name, GROUPS, csv())
    assert imported(finops, content, name, executionId=f"mine {name}") == (f"mine {name}", "Succeeded")
    assert ask_import(finops, content, name, executionId=f"mine {name}").status_code == 400


def test_a_row_that_others_name_is_changed_and_not_replaced(finops: Client) -> None:
    group, name = make_group(finops), number()
    make_customer(finops, CUSTOMERGROUPID=group)
    assert imported(finops, package(name, GROUPS, csv(f"{group},B,,")), name)[1] == "Succeeded"
    assert finops.get(address_of(group)).json()["DESCRIPTION"] == "B"


def test_a_new_sandbox_has_no_definition_groups(new_client: Callable[..., Client], management: Management) -> None:
    client = new_client("finops")
    assert management.done("GET", f"sandboxes/{client.info['name']}/definition-groups")["definition_groups"] == []

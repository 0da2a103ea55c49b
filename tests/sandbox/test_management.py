"""The management API: life of sandboxes, rows, tables, faults, counts."""

import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest

from tests.sandbox.client import Client
from tests.sandbox.conftest import Management
from tests.sandbox.rows import make_account, make_company, make_customer, make_group

THING = {
    "set": "new_things",
    "logical": "new_thing",
    "label": "Thing",
    "primary_id": "new_thingid",
    "primary_name": "new_name",
    "columns": [
        {"name": "new_name", "type": "text", "length": 20, "label": "Name"},
        {"name": "new_account", "type": "lookup", "target": "accounts"},
        {"name": "new_rate", "type": "decimal", "scale": 3},
    ],
    "keys": [{"name": "new_key", "columns": ["new_name"]}],
}


def path(info: dict[str, Any], *parts: str) -> str:
    return "/".join(["sandboxes", quote(info["name"], safe=""), *parts])


def test_nothing_is_told_without_the_token(management: Management) -> None:
    answer = management.call("GET", "sandboxes", headers={"Authorization": "Bearer x"})
    assert (answer.status_code, "bearer token" in answer.json()["error"]) == (401, True)
    assert management.call("GET", "healthz", headers={"Authorization": ""}).json() == {"ok": True}


def test_a_sandbox_tells_how_to_reach_it(management: Management) -> None:
    info = management.create("dataverse")
    assert info["base_url"] == f"http://127.0.0.1:{info['port']}"
    assert info["token_url"] == f"{info['base_url']}/{info['tenant_id']}/oauth2/v2.0/token"
    assert {"client_id", "client_secret", "organization_id", "environment_id", "version", "is_trial"} <= info.keys()
    assert info in management.done("GET", "sandboxes")["sandboxes"]
    assert management.done("GET", path(info)) == info
    management.done("DELETE", path(info))


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"name": "x", "kind": "other"}, 400),
        ({"name": "", "kind": "finops"}, 400),
        ({"name": " x", "kind": "finops"}, 400),
        ({"name": "a/b", "kind": "finops"}, 400),
        ({"kind": "finops"}, 400),
        ({"name": "x", "kind": "finops", "demo": "none"}, 400),
        ({"name": "x", "kind": "finops", "settings": {"nothing": 1}}, 400),
        ({"name": "x", "kind": "finops", "settings": {"is_trial": "yes"}}, 400),
    ],
)
def test_a_request_that_is_not_understood_makes_nothing(management: Management, body: Any, status: int) -> None:
    before = management.done("GET", "sandboxes")
    assert management.call("POST", "sandboxes", body).status_code == status
    assert management.done("GET", "sandboxes") == before


def test_a_name_is_given_once(management: Management) -> None:
    info = management.create("finops")
    assert management.call("POST", "sandboxes", {"name": info["name"], "kind": "finops"}).status_code == 409


def test_a_taken_port_makes_nothing(management: Management) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        name = str(uuid4())
        body = {"name": name, "kind": "finops", "port": taken.getsockname()[1]}
        answer = management.call("POST", "sandboxes", body)
    assert (answer.status_code, "is taken" in answer.json()["error"]) == (400, True)
    assert management.call("GET", f"sandboxes/{name}").status_code == 404


def test_what_is_not_there_is_told(management: Management) -> None:
    assert management.call("GET", "sandboxes/none").json() == {"error": "There is no sandbox named 'none'."}
    assert management.call("GET", "nothing").status_code == 404
    assert management.call("PUT", "sandboxes").status_code == 404


def test_settings_can_be_changed_while_it_runs(management: Management, finops: Client) -> None:
    changed = management.done("PATCH", path(finops.info), {"is_trial": True, "default_company": "usmf"})
    assert (changed["is_trial"], changed["default_company"]) == (True, "usmf")
    make_group(finops, "usmf")
    assert finops.rows("CustomerGroups")
    assert management.call("PATCH", path(finops.info), {"is_trial": 5}).status_code == 400


def test_a_deleted_sandbox_answers_no_longer(management: Management, new_client: Callable[..., Client]) -> None:
    client = new_client("finops")
    assert management.call("DELETE", path(client.info)).status_code == 204
    assert management.call("GET", path(client.info)).status_code == 404
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", client.info["port"])) != 0


def test_a_reset_keeps_tables_and_credentials_and_no_rows(
    management: Management, new_client: Callable[..., Client]
) -> None:
    client = new_client("dataverse")
    management.done("POST", path(client.info, "tables"), {"tables": [THING]})
    make_account(client)
    assert management.done("POST", path(client.info, "reset"))["client_id"] == client.info["client_id"]
    assert client.rows("accounts") == []
    assert client.rows("new_things") == []
    assert client.get("WhoAmI").status_code == 200
    make_account(client)


@pytest.mark.parametrize("kind", ["dataverse", "finops"])
def test_a_copy_has_the_rows_and_an_identity_of_its_own(
    management: Management, new_client: Callable[..., Client], kind: str
) -> None:
    client = new_client(kind, demo="contoso")
    table = "accounts" if kind == "dataverse" else "CustomersV3"
    read = f"{table}?cross-company=true" if kind == "finops" else table
    info = management.done("POST", path(client.info, "copy"), {"name": f"copy {uuid4()}"})
    copy = replace(client, info=info, token="")
    assert {row["@odata.etag"] for row in copy.rows(read)} == {row["@odata.etag"] for row in client.rows(read)}
    assert info["organization_id"] != client.info["organization_id"]
    assert info["client_secret"] != client.info["client_secret"]
    if kind == "dataverse":
        made = make_account(copy)
        assert client.get(f"accounts({made})").status_code == 404
    else:
        make_customer(copy, "usmf")
    assert management.call("POST", path(client.info, "copy"), {"name": info["name"]}).status_code == 409


@pytest.mark.parametrize("kind", ["dataverse", "finops"])
def test_demo_rows_are_loaded_by_the_rules_of_the_service(new_client: Callable[..., Client], kind: str) -> None:
    client = new_client(kind, demo="contoso")
    if kind == "finops":
        assert client.get("CustomersV3/$count?cross-company=true").text == "1700"
        assert client.rows("CustomersV3?cross-company=true&$filter=INVOICEACCOUNT ne ''&$top=1")
    else:
        assert client.rows("accounts?$filter=customertypecode eq 3 and _msdyn_company_value ne null&$top=1")


# --- tables and rows


def test_a_table_can_be_added_while_it_runs(management: Management, new_client: Callable[..., Client]) -> None:
    client = new_client("dataverse")
    management.done("POST", path(client.info, "tables"), {"tables": [THING]})
    account = make_account(client)
    made = client.make(
        "new_things", {"new_name": "A", "new_rate": 1.2345, "new_account@odata.bind": f"/accounts({account})"}
    )
    row = client.get("new_things(new_name='a')").json()
    assert (row["new_thingid"], row["new_rate"], row["_new_account_value"]) == (made, 1.235, account)
    found = client.rows("EntityDefinitions?$filter=LogicalName eq 'new_thing'")
    assert found[0]["EntitySetName"] == "new_things"
    assert client.rows("sdkmessagefilters?$filter=primaryobjecttypecode eq 'new_thing'")
    assert "new_things" in {table["set"] for table in management.done("GET", path(client.info, "tables"))["tables"]}
    assert management.call("POST", path(client.info, "tables"), {"tables": [THING]}).status_code == 400


def test_a_finops_table_may_bring_enumerations(management: Management, finops: Client) -> None:
    table = {
        "set": "Things",
        "entity": "Thing",
        "table": "ThingEntity",
        "label": "Things",
        "company": True,
        "key": ["THINGID"],
        "columns": [
            {"name": "THINGID", "type": "text", "length": 10, "required": True},
            {"name": "SHAPE", "type": "enum", "enum": "ThingShape"},
            {"name": "CUSTOMERGROUPID", "type": "text", "length": 10},
        ],
        "references": [
            {
                "name": "G",
                "columns": ["CUSTOMERGROUPID"],
                "target": "CustomerGroups",
                "target_columns": ["CUSTOMERGROUPID"],
            }
        ],
    }
    document = {"tables": [table], "enums": [{"name": "ThingShape", "members": ["Round", "Square"]}]}
    management.done("POST", path(finops.info, "tables"), document)
    group = make_group(finops)
    body = {"dataAreaId": "usmf", "THINGID": "1", "SHAPE": "square", "CUSTOMERGROUPID": group}
    assert finops.post("Things", body).json()["SHAPE"] == "Square"
    assert (
        finops.delete(f"CustomerGroups(dataAreaId='usmf',CUSTOMERGROUPID='{group}')?cross-company=true").status_code
        == 400
    )


@pytest.mark.parametrize(
    "change",
    [
        {"columns": [{"name": "1x", "type": "text"}]},
        {"columns": [{"name": "x" * 60, "type": "text"}]},
        {"columns": [{"name": "a", "type": "text"}, {"name": "A", "type": "text"}]},
        {"columns": [{"name": "a", "type": "lookup", "target": "nothing"}]},
        {"columns": [{"name": "a", "type": "lookup", "targets": {"a_x": "nothing"}}]},
        {"columns": [{"name": "a", "type": "lookup", "targets": {"a_x": "accounts"}, "required": True}]},
        {"columns": [{"name": "a", "type": "lookup", "targets": {"b": "accounts"}}, {"name": "b", "type": "text"}]},
        {"columns": [{"name": "a", "type": "colour"}]},
        {"columns": [{"name": "a", "type": "choice", "choices": {"x": "X"}}]},
        {"columns": [{"name": "a", "type": "text", "lenght": 5}]},
        {"keys": [{"name": "k", "columns": ["nothing"]}]},
        {"set": "accounts"},
        {"set": "a b"},
        {"set": 5},
    ],
)
def test_a_declaration_that_makes_no_table_is_refused(
    management: Management, dataverse: Client, change: dict[str, Any]
) -> None:
    answer = management.call("POST", path(dataverse.info, "tables"), {"tables": [{**THING, **change}]})
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_a_table_that_is_there_gets_no_columns(management: Management, dataverse: Client) -> None:
    for extended in ("accounts", "nothing"):
        document = {"extensions": [{"set": extended, "columns": [{"name": "new_x", "type": "text"}]}]}
        answer = management.call("POST", path(dataverse.info, "tables"), document)
        assert (answer.status_code, extended in answer.json()["error"]) == (400, True)


def test_rows_are_loaded_from_csv(management: Management, finops: Client) -> None:
    text = 'CURRENCYCODE,NAME,SYMBOL\nAAA,First,\nBBB,"Se,cond",€\n'
    headers = {"Content-Type": "text/csv", "Authorization": f"Bearer {management.token}"}
    url = f"{management.url}/{path(finops.info, 'tables', 'Currencies', 'rows')}"
    assert management.http.post(url, content=text.encode(), headers=headers).json() == {"rows": 2}
    found = finops.rows("Currencies?$filter=CURRENCYCODE eq 'AAA' or CURRENCYCODE eq 'BBB'&$orderby=CURRENCYCODE")
    assert [(row["NAME"], row["SYMBOL"]) for row in found] == [("First", ""), ("Se,cond", "€")]
    for bad in ("CURRENCYCODE,NAME\nCCC\n", "CURRENCYCODE,NOTHING\nCCC,x\n", "CURRENCYCODE,NAME\nAAA,x\n"):
        assert management.http.post(url, content=bad.encode(), headers=headers).status_code == 400


def test_typed_columns_are_loaded_from_csv(management: Management, dataverse: Client) -> None:
    make_company(dataverse, "csv1")
    text = (
        "name,creditlimit,numberofemployees,msdyn_onetimecustomer,customertypecode,msdyn_company@odata.bind\n"
        "A,10.50,3,true,3,/cdm_companies(cdm_companycode='csv1')\nB,,,False,,\n"
    )
    headers = {"Content-Type": "text/csv", "Authorization": f"Bearer {management.token}"}
    url = f"{management.url}/{path(dataverse.info, 'tables', 'accounts', 'rows')}"
    answer = management.http.post(url, content=text.encode(), headers=headers)
    assert answer.json() == {"rows": 2}, answer.text
    rows = dataverse.rows("accounts?$filter=name eq 'A' or name eq 'B'&$orderby=name")
    values = [(row["creditlimit"], row["numberofemployees"], row["msdyn_onetimecustomer"]) for row in rows]
    assert values == [(10.5, 3, True), (None, None, False)]
    bad = management.http.post(url, content=b"name,numberofemployees\nA,x\n", headers=headers)
    assert (bad.status_code, "numberofemployees" in bad.json()["error"]) == (400, True)


def test_loading_keeps_the_rules_and_loads_all_or_nothing(management: Management, finops: Client) -> None:
    rows = [{"CURRENCYCODE": "XXX", "NAME": "X"}, {"CURRENCYCODE": "YYYY", "NAME": "too long"}]
    answer = management.call("POST", path(finops.info, "tables", "Currencies", "rows"), rows)
    assert answer.status_code == 400
    assert finops.get("Currencies('XXX')").status_code == 404
    assert management.call("POST", path(finops.info, "tables", "Nothing", "rows"), []).status_code == 400
    assert management.call("POST", path(finops.info, "tables", "Currencies", "rows"), {"x": 1}).status_code == 400


@pytest.mark.parametrize("text", ["contains(name,'50%')", "name eq '50% off'"])
def test_rows_are_edited_silently_by_any_filter(management: Management, dataverse: Client, text: str) -> None:
    row = make_account(dataverse, name="50% off")
    edit = {"filter": f"{text} and accountid eq {row}", "values": {"description": "100 %s"}}
    assert management.done("PATCH", path(dataverse.info, "tables", "accounts", "rows"), edit) == {"rows": 1}
    assert dataverse.get(f"accounts({row})").json()["description"] == "100 %s"


# --- faults and counts


def test_faults_can_be_read_and_are_checked(management: Management, dataverse: Client) -> None:
    management.faults(dataverse.info, latency_s=0.01, rules=[{"table": "accounts", "count": 2}])
    found = management.done("GET", path(dataverse.info, "faults"))
    assert (found["latency_s"], found["rules"][0]["count"]) == (0.01, 2)
    for bad in ({"nothing": 1}, {"latency_s": "x"}, {"latency_s": -1}, {"load_percent": 101}, {"rules": [{}]}):
        assert management.call("PUT", path(dataverse.info, "faults"), bad).status_code == 400
    management.faults(dataverse.info)


@pytest.mark.parametrize("kind", ["dataverse", "finops"])
def test_too_many_calls_are_told_to_wait(management: Management, kind: str, request: pytest.FixtureRequest) -> None:
    client: Client = request.getfixturevalue(kind)
    client.sign_in()
    management.faults(client.info, throttle=2, retry_after_s=7)
    answers = [client.get("") for _ in range(3)]
    assert [one.status_code for one in answers] == [429, 429, 200]
    assert answers[0].headers["Retry-After"] == "7"
    assert answers[0].json()["error"]["code"] == ("0x80072322" if kind == "dataverse" else "429")


def test_a_sandbox_can_be_away(management: Management, dataverse: Client) -> None:
    management.faults(dataverse.info, is_down=True)
    answer = dataverse.get("WhoAmI")
    assert (answer.status_code, answer.headers["Content-Type"]) == (503, "text/html")
    management.faults(dataverse.info)
    assert dataverse.get("WhoAmI").status_code == 200


def test_work_is_counted_by_client(management: Management, new_client: Callable[..., Client]) -> None:
    client = new_client("dataverse")
    made = management.done("POST", path(client.info, "clients"), {"name": "Person"})
    person = replace(client, client_id=made["client_id"], client_secret=made["client_secret"], token="")
    row = make_account(client)
    person.patch(f"accounts({row})", {"name": "B"})
    person.delete(f"accounts({row})")
    person.get("accounts")
    counts = management.done("GET", path(client.info, "counts"))
    assert counts["work"] == {"reads": 1, "creates": 1, "updates": 1, "deletes": 1}
    assert counts["clients"][client.info["client_id"]] == {"creates": 1}
    assert counts["clients"][made["client_id"]] == {"reads": 1, "updates": 1, "deletes": 1}
    assert counts["methods"] == {"POST": 1, "PATCH": 1, "DELETE": 1, "GET": 1}
    management.done("DELETE", path(client.info, "counts"))
    assert management.work(client.info)["creates"] == 0


def test_what_was_refused_or_undone_is_no_work(management: Management, dataverse: Client) -> None:
    before = management.work(dataverse.info)
    dataverse.post("accounts", {"nothing": 1})
    dataverse.patch(f"accounts({uuid4()})", {"name": "x"}, If_Match="*")
    assert management.work(dataverse.info) == before


def test_ten_clients_are_served_at_once(management: Management, dataverse: Client) -> None:
    management.faults(dataverse.info, latency_s=0.3)
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: dataverse.get("WhoAmI"), range(10)))
    management.faults(dataverse.info)
    assert {one.status_code for one in answers} == {200}
    started = min(one.elapsed.total_seconds() for one in answers)
    assert max(one.elapsed.total_seconds() for one in answers) < started + 2

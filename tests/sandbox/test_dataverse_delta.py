"""The delta feed of the Web API. Source: Dataverse Web API documentation."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import unquote

import psycopg
import pytest
from psycopg import sql

from tests.sandbox.client import Client
from tests.sandbox.conftest import Management
from tests.sandbox.rows import error_of

TABLE = "msdyn_productstyles"
TRACK = "odata.track-changes"


@pytest.fixture
def client(dataverse: Client, management: Management) -> Client:
    """A sandbox whose table is empty."""
    path = f"sandboxes/{dataverse.info['name']}/tables/{TABLE}/rows"
    management.done("DELETE", path, {"filter": "statecode eq 0"})
    return dataverse


def make(client: Client, name: str) -> str:
    return client.make(TABLE, {"msdyn_productstyle": name})


def follow(client: Client, link: str, *, page: int = 5000) -> tuple[list[dict[str, Any]], str]:
    """All rows of a feed, page by page, and the delta link at its end."""
    rows: list[dict[str, Any]] = []
    while True:
        answer = client.get(link, Prefer=f"{TRACK}, odata.maxpagesize={page}")
        assert answer.status_code == 200, answer.text
        body = answer.json()
        rows += body["value"]
        if "@odata.deltaLink" in body:
            return rows, body["@odata.deltaLink"]
        link = body["@odata.nextLink"]


def start(client: Client) -> str:
    return follow(client, f"{TABLE}?$select=msdyn_productstyle")[1]


def names(rows: list[dict[str, Any]]) -> list[str]:
    return sorted(row["msdyn_productstyle"] for row in rows if "reason" not in row)


def gone(rows: list[dict[str, Any]]) -> list[str]:
    return [row["id"] for row in rows if row.get("reason") == "deleted"]


def test_the_first_read_gives_all_rows_and_a_link(client: Client) -> None:
    make(client, "a")
    answer = client.get(f"{TABLE}?$select=msdyn_productstyle", Prefer=TRACK)
    assert answer.headers["Preference-Applied"] == TRACK
    assert names(answer.json()["value"]) == ["a"]
    link = answer.json()["@odata.deltaLink"]
    assert unquote(link).partition("$deltatoken=")[2].count("!") == 1
    assert "$select=msdyn_productstyle" in link


def test_a_link_gives_what_changed_since_and_a_new_link(client: Client) -> None:
    first = make(client, "a")
    make(client, "b")
    link = start(client)
    client.patch(f"{TABLE}({first})", {"msdyn_productstyle": "A"})
    make(client, "c")
    body = client.get(link).json()
    assert names(body["value"]) == ["A", "c"]
    assert body["@odata.context"].endswith(f"$metadata#{TABLE}(msdyn_productstyle)/$delta")
    assert all(row["@odata.etag"] for row in body["value"])
    rows, link = follow(client, body["@odata.deltaLink"])
    assert rows == []
    assert "$deltatoken=" in link


def test_deleted_rows_come_as_tombstones(client: Client) -> None:
    kept, lost = make(client, "a"), make(client, "b")
    link = start(client)
    client.patch(f"{TABLE}({lost})", {"msdyn_productstyle": "B"})
    client.delete(f"{TABLE}({lost})")
    passing = make(client, "c")
    client.delete(f"{TABLE}({passing})")
    rows, link = follow(client, link)
    assert sorted(gone(rows)) == sorted([lost, passing])
    assert rows[0]["@odata.context"].endswith(f"$metadata#{TABLE}/$deletedEntity")
    assert names(rows) == []
    client.delete(f"{TABLE}({kept})")
    assert gone(follow(client, link)[0]) == [kept]


def test_a_row_made_anew_under_its_id_is_no_tombstone(client: Client) -> None:
    made = make(client, "a")
    link = start(client)
    client.delete(f"{TABLE}({made})")
    client.patch(f"{TABLE}({made})", {"msdyn_productstyle": "again"})
    rows, _ = follow(client, link)
    assert (names(rows), gone(rows)) == (["again"], [])


def test_pages_of_a_feed_hold_every_change_once(client: Client) -> None:
    made = [make(client, f"s{place}") for place in range(5)]
    link = start(client)
    for place, one in enumerate(made):
        client.patch(f"{TABLE}({one})", {"msdyn_productstyle": f"t{place}"})
    rows, _ = follow(client, link, page=2)
    assert names(rows) == [f"t{place}" for place in range(5)]
    assert names(follow(client, f"{TABLE}?$select=msdyn_productstyle", page=2)[0]) == names(rows)


def test_what_changes_between_two_pages_comes_with_the_next_feed(client: Client) -> None:
    made = sorted(make(client, f"s{place}") for place in range(4))
    first = client.get(f"{TABLE}?$select=msdyn_productstyle", Prefer=f"{TRACK}, odata.maxpagesize=2").json()
    client.patch(f"{TABLE}({made[0]})", {"msdyn_productstyle": "changed"})
    _, link = follow(client, first["@odata.nextLink"], page=2)
    assert names(follow(client, link)[0]) == ["changed"]


def test_a_transaction_that_commits_late_is_not_lost(client: Client, sandbox_database: str) -> None:
    path = "RetrieveCurrentOrganization(AccessType=Microsoft.Dynamics.CRM.EndpointAccessType'Default')"
    number = client.get(path).json()["Detail"]["UrlName"].removeprefix("sandbox")
    table = sql.Identifier(f"sandbox_{number}", TABLE)
    with psycopg.connect(sandbox_database) as late:
        late.execute(sql.SQL("INSERT INTO {} (msdyn_productstyle) VALUES ('late')").format(table))
        make(client, "early")
        rows, link = follow(client, f"{TABLE}?$select=msdyn_productstyle")
        assert names(rows) == ["early"]
        rows, link = follow(client, link)
        assert rows == []
    rows, link = follow(client, link)
    assert names(rows) == ["late"]
    assert follow(client, link)[0] == []


@pytest.mark.parametrize("option", ["$filter=statecode eq 0", "$orderby=statecode", "$expand=x", "$top=1"])
def test_options_that_a_feed_does_not_take_are_refused(client: Client, option: str) -> None:
    answer = client.get(f"{TABLE}?{option}", Prefer=TRACK)
    assert error_of(answer) == (400, "0x80060888")
    name = option.partition("=")[0]
    text = f'The "{name}" query parameter isn\'t supported when Change Tracking is enabled.'
    assert answer.json()["error"]["message"] == text


def test_the_changes_waiting_can_be_counted(client: Client) -> None:
    made = make(client, "a")
    token = start(client).partition("$deltatoken=")[2]
    assert client.get(f"{TABLE}/$count?$deltatoken={token}").text.lstrip("\ufeff") == "0"
    make(client, "b")
    client.delete(f"{TABLE}({made})")
    assert client.get(f"{TABLE}/$count?$deltatoken={token}").text.lstrip("\ufeff") == "2"


def test_an_old_token_has_expired(new_client: Callable[..., Client], management: Management) -> None:
    client = new_client("dataverse")
    link = start(client)
    management.done("PATCH", f"sandboxes/{client.info['name']}", {"delta_lifetime_s": 0})
    answer = client.get(link)
    assert error_of(answer) == (400, "0x80044352")
    expected = "Version stamp associated with the client has expired. Please perform a full sync."
    assert answer.json()["error"]["message"] == expected


def test_a_token_does_not_outlive_a_reset(client: Client, management: Management) -> None:
    link = start(client)
    management.done("POST", f"sandboxes/{client.info['name']}/reset")
    assert error_of(client.get(link)) == (400, "0x80044352")


@pytest.mark.parametrize("token", ["x", "1:1:!x", "5!11/21/2026 03:00:00.000000", "9:5:7!11/21/2999 03:00:00.000000"])
def test_a_token_that_is_none_is_refused(client: Client, token: str) -> None:
    assert client.get(f"{TABLE}?$deltatoken={token}").status_code == 400


def test_a_table_without_change_tracking_has_no_feed(client: Client) -> None:
    assert error_of(client.get("solutions", Prefer=TRACK)) == (400, "0x80060888")


def test_concurrent_writes_are_all_told_once(client: Client) -> None:
    """Writers and a reader at the same time: the feed ends up with every row, none of them twice."""
    link, told = start(client), []
    with ThreadPoolExecutor(6) as pool:
        done = [pool.submit(make, client, f"c{place}") for place in range(60)]
        deadline = time.monotonic() + 30
        while len(told) < 60 and time.monotonic() < deadline:
            rows, link = follow(client, link, page=7)
            told += names(rows)
    assert all(one.result() for one in done)
    assert sorted(told) == sorted(f"c{place}" for place in range(60))


def test_an_old_token_is_gone_where_the_sandbox_is_set_so(
    new_client: Callable[..., Client], management: Management
) -> None:
    client = new_client("dataverse")
    link = start(client)
    changes = {"delta_lifetime_s": 0, "refuses_old_tokens_with_410": True}
    management.done("PATCH", f"sandboxes/{client.info['name']}", changes)
    assert error_of(client.get(link)) == (410, "0x80044352")


def test_a_token_does_not_outlive_a_change_of_the_table(new_client: Callable[..., Client]) -> None:
    client = new_client("dataverse")
    link, other = start(client), client.get("accounts?$select=name", Prefer=TRACK).json()["@odata.deltaLink"]
    path = "EntityDefinitions(LogicalName='msdyn_productstyle')"
    assert client.call("PUT", path, {"ChangeTrackingEnabled": True}).status_code == 204
    assert error_of(client.get(link)) == (400, "0x80044352")
    assert client.get(other).status_code == 200
    assert follow(client, start(client))[0] == []


def test_change_tracking_is_switched_for_a_table(new_client: Callable[..., Client]) -> None:
    client = new_client("dataverse")
    path = "EntityDefinitions(LogicalName='msdyn_productstyle')"
    assert client.get(path).json()["ChangeTrackingEnabled"] is True
    assert client.call("PUT", path, {"ChangeTrackingEnabled": False}).status_code == 204
    assert client.get(path).json()["ChangeTrackingEnabled"] is False
    listed = client.rows("EntityDefinitions?$select=LogicalName&$filter=ChangeTrackingEnabled eq false")
    assert "msdyn_productstyle" in {row["LogicalName"] for row in listed}
    answer = client.get(TABLE, Prefer=TRACK)
    assert error_of(answer) == (400, "0x80060888")
    assert "isn't enabled for change tracking" in answer.text
    assert client.call("PUT", path, {"ChangeTrackingEnabled": True}).status_code == 204
    link = start(client)
    made = make(client, "new")
    client.delete(f"{TABLE}({made})")
    assert gone(follow(client, link)[0]) == [made]


@pytest.mark.parametrize(
    ("path", "body", "refusal"),
    [
        ("EntityDefinitions(LogicalName='solution')", {"ChangeTrackingEnabled": True}, (400, "0x80060888")),
        ("EntityDefinitions(LogicalName='account')", {}, (400, "0x80048d19")),
        ("EntityDefinitions(LogicalName='account')", {"ChangeTrackingEnabled": "x"}, (400, "0x80048d19")),
        ("EntityDefinitions(LogicalName='nothing')", {"ChangeTrackingEnabled": True}, (404, "0x80040217")),
        ("EntityDefinitions", {"ChangeTrackingEnabled": True}, (405, "0x80060888")),
    ],
)
def test_what_cannot_be_switched_is_refused(client: Client, path: str, body: Any, refusal: tuple[int, str]) -> None:
    assert error_of(client.call("PUT", path, body)) == refusal

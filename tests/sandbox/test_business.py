"""Random changes of a business: plausible, valid, the same for a seed; and silent ones, which nobody is told of."""

import time
from collections.abc import Callable
from datetime import date
from random import Random
from typing import Any
from uuid import uuid4

import pytest

from syncengine.catalog import ColumnType
from syncengine.sandbox import inside
from syncengine.sandbox.business import picks, plan, values
from syncengine.sandbox.business.plan import CREATE, DELETE, UPDATE
from syncengine.sandbox.business.wishes import Wish
from syncengine.sandbox.server import SandboxServer
from tests.sandbox.client import Client
from tests.sandbox.conftest import Management
from tests.sandbox.receiver import receiving
from tests.sandbox.rows import make_customer, make_group

KINDS = ["dataverse", "finops"]


def changes(client: Client) -> str:
    return f"sandboxes/{client.info['name']}/changes"


def run(management: Management, client: Client, **wish: Any) -> dict[str, Any]:
    """The progress once all is done."""
    management.done("POST", changes(client), {"rate": 0, **wish})
    return wait(management, client)


def wait(management: Management, client: Client) -> dict[str, Any]:
    until = time.monotonic() + 60
    while True:
        progress: dict[str, Any] = management.done("GET", changes(client))["changes"]
        if not progress["is_running"]:
            return progress
        assert time.monotonic() < until, progress
        time.sleep(0.02)


@pytest.fixture(params=KINDS, scope="module")
def demo(request: pytest.FixtureRequest, new_client: Callable[..., Client]) -> Client:
    return new_client(request.param, demo="contoso")


def copy_of(management: Management, client: Client) -> Client:
    info = management.done("POST", f"sandboxes/{client.info['name']}/copy", {"name": f"copy {uuid4()}"})
    return Client(info=info, http=client.http)


def rows_of(server: SandboxServer, client: Client) -> dict[str, list[dict[str, Any]]]:
    """All rows of the business, without what tells when they were written."""
    site = server.host.site(client.info["name"])
    found: dict[str, list[dict[str, Any]]] = {}
    for name in sorted(site.made):
        shape = site.stock.shapes[name]
        if shape.declared.is_system:
            continue
        kept = [one for one in shape.fields.values() if not (one.declared and one.declared.read_only)]
        with site.reading() as connection:
            texts = connection.execute(
                inside.sql.SQL("SELECT {} FROM {} ORDER BY 1").format(inside.cells(shape, kept), shape.relation)
            ).fetchall()
        found[name] = [text for (text,) in texts]
    return found


def test_all_that_was_asked_for_is_done_and_nothing_refused(demo: Client, management: Management) -> None:
    progress = run(management, copy_of(management, demo), count=100, seed=1)
    assert progress["done"] == 100
    assert progress["refused"] == 0, progress["problem"]
    assert progress["skipped"] < 10
    assert min(progress["creates"], progress["updates"], progress["deletes"]) > 0


def test_the_same_seed_on_the_same_rows_makes_the_same_changes(
    demo: Client, management: Management, server: SandboxServer
) -> None:
    one, other, third = (copy_of(management, demo) for _ in range(3))
    for client, seed in ((one, 5), (other, 5), (third, 6)):
        run(management, client, count=30, seed=seed)
    assert rows_of(server, one) == rows_of(server, other)
    assert rows_of(server, one) != rows_of(server, third) != rows_of(server, demo)


def test_references_stay_valid(demo: Client, management: Management, server: SandboxServer) -> None:
    client = copy_of(management, demo)
    run(management, client, count=120, seed=3, creates=30, updates=50, deletes=40)
    site = server.host.site(client.info["name"])
    with site.reading() as connection:
        for name in site.made:
            shape = site.stock.shapes[name]
            for other, relation in site.stock.inventory.relations_to.get(name, ()):
                if site.is_made(other):
                    assert dangling(connection, site.stock.shapes[other], shape, relation) == 0, (other, relation.name)


def dangling(connection: Any, shape: Any, target: Any, relation: Any) -> int:
    """How many rows name a row that is not there."""
    sql = inside.sql
    pairs = list(zip(relation.columns, relation.target_columns, strict=True))
    if shape.has_companies and target.has_companies:
        pairs.append(("dataAreaId", "dataAreaId"))
    same = [
        sql.SQL("lower(s.{}::text) = lower(t.{}::text)").format(sql.Identifier(a), sql.Identifier(b)) for a, b in pairs
    ]
    filled = [sql.SQL("s.{}::text <> ''").format(sql.Identifier(name)) for name in relation.columns]
    row = connection.execute(
        sql.SQL("SELECT count(*) FROM {} s WHERE {} AND NOT EXISTS (SELECT FROM {} t WHERE {})").format(
            shape.relation, sql.SQL(" AND ").join(filled), target.relation, sql.SQL(" AND ").join(same)
        )
    ).fetchone()
    return int(row[0])


def test_a_row_that_is_referred_to_is_never_deleted(finops: Client, server: SandboxServer) -> None:
    used, free = make_group(finops), make_group(finops)
    make_customer(finops, CUSTOMERGROUPID=used)
    site = server.host.site(finops.info["name"])
    shape = site.stock.shapes["CustomerGroups"]
    with site.reading() as connection:
        rows = {key: {"dataAreaId": "usmf", "CUSTOMERGROUPID": key} for key in (used, free)}
        assert picks.is_referred_to(site, connection, shape, rows[used])
        assert not picks.is_referred_to(site, connection, shape, rows[free])


def test_look_ups_that_would_be_emptied_keep_their_target(dataverse: Client, server: SandboxServer) -> None:
    parent = dataverse.make("accounts", {"name": "Parent"})
    dataverse.make("accounts", {"name": "Child", "msdyn_billingaccount@odata.bind": f"/accounts({parent})"})
    site = server.host.site(dataverse.info["name"])
    with site.reading() as connection:
        assert picks.is_referred_to(site, connection, site.stock.shapes["accounts"], {"accountid": parent})


def test_companies_are_neither_made_nor_deleted(demo: Client, management: Management, server: SandboxServer) -> None:
    client = copy_of(management, demo)
    table = "LegalEntities" if demo.info["kind"] == "finops" else "cdm_companies"
    progress = run(management, client, count=40, seed=1, tables=[table], creates=1, updates=0, deletes=1)
    assert progress["skipped"] == 40


def test_only_the_tables_asked_for_change(demo: Client, management: Management, server: SandboxServer) -> None:
    client = copy_of(management, demo)
    before = rows_of(server, client)
    table = "CustomersV3" if demo.info["kind"] == "finops" else "accounts"
    run(management, client, count=30, seed=1, tables=[table])
    after = rows_of(server, client)
    assert {name for name in after if after[name] != before.get(name)} == {table}


def test_shares_are_kept_to(demo: Client, management: Management) -> None:
    client = copy_of(management, demo)
    progress = run(management, client, count=40, seed=1, creates=0, updates=1, deletes=0)
    assert (progress["creates"], progress["deletes"]) == (0, 0)
    assert progress["updates"] >= 36


def test_changes_take_their_time_and_can_be_stopped(demo: Client, management: Management) -> None:
    client = copy_of(management, demo)
    management.done("POST", changes(client), {"count": 100_000, "rate": 20, "seed": 1})
    refused = management.call("POST", changes(client), {"count": 1})
    assert refused.status_code == 409
    assert "being made already" in refused.json()["error"]
    stopped = management.done("DELETE", changes(client))["changes"]
    assert stopped["is_stopped"]
    progress = wait(management, client)
    assert progress["done"] < 1_000


def test_the_rate_is_kept(demo: Client, management: Management) -> None:
    progress = run(management, copy_of(management, demo), count=10, rate=40, seed=1)
    assert progress["seconds"] >= 0.2


@pytest.mark.parametrize(
    "wish",
    [
        {"count": 0},
        {"count": "x"},
        {"rate": -1},
        {"tables": ["none"]},
        {"creates": 0, "updates": 0, "deletes": 0},
        {"x": 1},
    ],
)
def test_a_wish_that_makes_no_sense_is_refused(demo: Client, management: Management, wish: dict[str, Any]) -> None:
    assert management.call("POST", changes(demo), wish).status_code == 400


def test_without_rows_there_is_nothing_to_change(new_client: Callable[..., Client], management: Management) -> None:
    answer = management.call("POST", changes(new_client("finops")), {"count": 1})
    assert answer.status_code == 400
    assert "has rows yet" in answer.json()["error"]


def test_before_the_first_there_is_no_progress(new_client: Callable[..., Client], management: Management) -> None:
    assert management.done("GET", changes(new_client("finops"))) == {"changes": None}


def test_a_refused_change_is_counted_and_told(demo: Client, management: Management) -> None:
    client = copy_of(management, demo)
    management.faults(client.info, is_read_only=True)
    progress = run(management, client, count=10, seed=1, creates=0, updates=1, deletes=0)
    assert progress["refused"] + progress["skipped"] == 10
    assert "read-only" in progress["problem"]


def test_random_changes_are_told_to_subscribers(new_client: Callable[..., Client], management: Management) -> None:
    finops = new_client("finops", demo="contoso")
    with receiving() as receiver:
        body = {"name": "here", "url": receiver.url, "sets": ["CustomersV3"]}
        management.done("POST", f"sandboxes/{finops.info['name']}/endpoints", body)
        progress = run(management, finops, count=20, seed=1, tables=["CustomersV3"])
        made = progress["creates"] + progress["updates"] + progress["deletes"]
        told = receiver.wait(1 + made)[1:]
    assert made == len(told) > 15


# --- silent -------------------------------------------------------------------------------------------------------


def test_silent_changes_raise_no_event_and_raise_versions(
    new_client: Callable[..., Client], management: Management, server: SandboxServer
) -> None:
    finops = new_client("finops", demo="contoso")
    path = f"sandboxes/{finops.info['name']}"
    before = rows_of(server, finops)
    with receiving() as receiver:
        management.done("POST", f"{path}/endpoints", {"name": "here", "url": receiver.url})
        receiver.wait(1)
        done = management.done("POST", f"{path}/silent-changes", {"count": 30, "seed": 2})
        finops.post("ProductColors", {"COLORID": "Last"})
        told = receiver.wait(2)
    assert [one["EntitySetName"] for one in told] == ["", "ProductColors"]
    assert done["creates"] + done["updates"] + done["deletes"] >= 25
    assert rows_of(server, finops) != before


def test_silent_changes_of_dataverse_are_in_the_delta_feed(
    new_client: Callable[..., Client], management: Management
) -> None:
    dataverse = new_client("dataverse", demo="contoso")
    first = dataverse.get("accounts?$select=name", Prefer="odata.track-changes").json()["@odata.deltaLink"]
    body = {"count": 20, "seed": 2, "tables": ["accounts"], "creates": 5, "updates": 10, "deletes": 5}
    done = management.done("POST", f"sandboxes/{dataverse.info['name']}/silent-changes", body)
    changed = dataverse.get(first).json()["value"]
    assert 0 < len(changed) <= sum(done[name] for name in ("creates", "updates", "deletes"))


def test_too_many_silent_changes_at_once_are_refused(demo: Client, management: Management) -> None:
    answer = management.call("POST", f"sandboxes/{demo.info['name']}/silent-changes", {"count": 5_001})
    assert answer.status_code == 400
    assert "At most 5,000" in answer.json()["error"]


# --- values -------------------------------------------------------------------------------------------------------


def field(server: SandboxServer, client: Client, table: str, name: str) -> Any:
    return server.host.site(client.info["name"]).stock.shapes[table].fields[name]


@pytest.mark.parametrize("seed", range(5))
def test_values_fit_their_columns(demo: Client, server: SandboxServer, seed: int) -> None:
    site, chance = server.host.site(demo.info["name"]), Random(seed)
    enums = {name: tuple(enum.members) for name, enum in site.stock.enums.items()}
    for shape in (site.stock.shapes[name] for name in site.made):
        for one in shape.fields.values():
            if not values.is_known(one):
                continue
            made = values.changed(chance, one, None, enums)
            if one.type is ColumnType.TEXT:
                assert 0 < len(made) <= one.declared.length
            elif one.type is ColumnType.DECIMAL:
                assert made.as_tuple().exponent == -one.declared.scale
            elif one.type is ColumnType.DATE:
                assert date(2025, 1, 1) <= date.fromisoformat(made) < date(2027, 1, 1)


def test_names_decide_what_a_text_becomes(finops: Client, server: SandboxServer) -> None:
    chance = Random(1)
    made = {
        name: values.changed(chance, field(server, finops, "CustomersV3", name), "", {})
        for name in ("PRIMARYCONTACTEMAIL", "PRIMARYCONTACTPHONE", "PRIMARYCONTACTURL")
    }
    assert "@" in made["PRIMARYCONTACTEMAIL"]
    assert made["PRIMARYCONTACTPHONE"].startswith("+")
    assert made["PRIMARYCONTACTURL"].startswith("https://")
    assert not values.is_known(field(server, finops, "CustomersV3", "SALESCURRENCYCODE"))


def test_prices_move_by_a_tenth_at_most(finops: Client, server: SandboxServer) -> None:
    one = field(server, finops, "CustomersV3", "CREDITLIMIT")
    for seed in range(50):
        assert 900 <= values.changed(Random(seed), one, 1000, {}) <= 1100


def test_a_plan_needs_no_service(demo: Client, server: SandboxServer) -> None:
    site = server.host.site(demo.info["name"])
    found = [change for change in plan.changes(site, Wish(count=40, seed=1)) if change is not None]
    assert {change.operation for change in found} <= {CREATE, UPDATE, DELETE}
    assert all(change.body for change in found if change.operation != DELETE)

"""Catalogs, pages and the number of calls, over HTTP."""

from typing import Any
from uuid import uuid4

import polars as pl
import pytest

from syncengine.connectors import connect
from syncengine.connectors.base import Connector
from syncengine.connectors.dataverse.connector import DataverseConnector
from syncengine.connectors.finops.connector import FinopsConnector
from syncengine.errors import CatalogError, PermanentError
from tests.contracts.sandboxes import Sandboxes, sandbox_world
from tests.contracts.world import World, update


def calls_of(connector: Connector) -> dict[str, int]:
    assert isinstance(connector, DataverseConnector | FinopsConnector)
    return dict(connector.service.client.calls)


def test_table_added_to_a_running_environment_is_in_the_next_catalog(sandboxes: Sandboxes, kind: str) -> None:
    name = f"grown {uuid4().hex[:6]}"
    connector = connect(sandboxes.create(name, kind))
    columns = [{"name": "code", "type": "text", "length": 7, "required": True}]
    table: dict[str, Any] = {"set": "Extras", "label": "Extras", "columns": columns}
    if kind == "finops":
        table |= {"entity": "Extra", "table": "ExtraEntity", "key": ["code"]}
    else:
        table |= {"logical": "extra", "primary_id": "extraid", "primary_name": "code"}
    assert connector.catalog(["Extras"]).tables == ()
    sandboxes.ask("POST", f"/sandboxes/{name}/tables", json={"tables": [table]})
    (found,) = connector.catalog(["Extras"]).tables
    connector.close()
    sandboxes.ask("DELETE", f"/sandboxes/{name}")
    assert (found.label, found.by_name["code"].max_length, found.by_name["code"].is_required) == ("Extras", 7, True)


def test_whole_catalog_has_keys_references_and_companies(http_world: World, kind: str) -> None:
    catalog = http_world.connector.catalog()
    if kind == "finops":
        customers = catalog.table("CustomersV3")
        assert customers is not None
        assert customers.keys[0].columns == ("dataAreaId", "CUSTOMERACCOUNT")
        assert (customers.company_column, customers.modified_column) == ("dataAreaId", "ModifiedDateTime")
        assert "CustomerGroups" in {reference.target_table for reference in customers.references}
        assert customers.label == "Customers V3"
    else:
        accounts = catalog.table("accounts")
        assert accounts is not None
        assert (accounts.id_column, accounts.logical_name) == ("accountid", "account")
        assert accounts.company_column == "msdyn_company"
        assert accounts.by_name["msdyn_company"].targets == ("cdm_companies",)
        assert accounts.by_name["msdyn_company"].bind_name
        assert accounts.tracks_changes
        assert ("accountnumber", "msdyn_company") in {key.columns for key in accounts.keys}


def test_pages_of_a_big_table_are_followed(sandboxes: Sandboxes, kind: str) -> None:
    world = sandbox_world(sandboxes, kind)
    company = {"dataAreaId": "usmf"} if kind == "finops" else {}
    rows = [{**company, "code": world.code(number), "quantity": number} for number in range(5_200)]
    sandboxes.ask("POST", f"/sandboxes/contract {kind}/tables/{world.things.name}/rows", json=rows)
    chunks = list(world.connector.chunks(world.things, columns=["quantity"], where=world.mine))
    assert [chunk.rows.height for chunk in chunks] == [5_000, 200]
    assert sorted(pl.concat([chunk.rows for chunk in chunks])["quantity"]) == list(range(5_200))
    (rest,) = world.connector.chunks(world.things, columns=["quantity"], where=world.mine, after=chunks[0].cursor)
    assert rest.rows.equals(chunks[1].rows)
    assert world.connector.count(world.things, world.mine) == 5_200
    world.connector.close()


def test_made_up_page_link_is_refused(http_world: World) -> None:
    cursor = f"{http_world.things.name}?$select=code&$skiptoken=made-up"
    with pytest.raises((CatalogError, PermanentError)):
        list(http_world.connector.chunks(http_world.things, columns=["code"], where=None, after=cursor))


def test_a_thousand_creates_take_two_calls_at_most(http_world: World) -> None:
    things = [http_world.thing(number) for number in range(1_000)]
    before = calls_of(http_world.connector)
    http_world.write(creates=things, is_load=True)
    made = sum(calls_of(http_world.connector).values()) - sum(before.values())
    assert made <= 2


def test_a_thousand_updates_take_two_calls_at_most(http_world: World) -> None:
    ids = http_world.put(*(http_world.thing(number) for number in range(1_000)))
    rows = http_world.connector.fetch(http_world.things, columns=[], row_ids=ids)
    before = calls_of(http_world.connector)
    changes = [update(row_id, version, quantity=7) for row_id, version in rows.select("_row_id", "_version").rows()]
    outcome = http_world.write(updates=changes)
    assert outcome.written.height == 1_000
    assert sum(calls_of(http_world.connector).values()) - sum(before.values()) <= 2


def test_a_thousand_rows_are_fetched_in_one_call(http_world: World) -> None:
    ids = http_world.put(*(http_world.thing(number) for number in range(1_000)))
    before = calls_of(http_world.connector)
    assert http_world.connector.fetch(http_world.things, columns=["code"], row_ids=ids).height == 1_000
    assert sum(calls_of(http_world.connector).values()) - sum(before.values()) == 1


def test_key_that_the_service_assigns_comes_back(sandboxes: Sandboxes) -> None:
    world = sandbox_world(sandboxes, "finops")
    thing = world.thing("a")
    del thing["code"]
    row = world.write(creates=[thing]).written.row(0, named=True)
    assert row["code"].startswith("T-")
    assert row["_row_id"] == f"usmf|{row['code'].lower()}"
    world.delete(row["_row_id"])
    world.connector.close()

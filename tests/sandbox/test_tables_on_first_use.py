"""A sandbox has all tables; the database makes each when it is first used. Nobody sees a difference."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from syncengine.sandbox import declarations
from syncengine.sandbox.declarations import Kind
from syncengine.sandbox.server import SandboxServer
from tests.sandbox.client import END, Client, change_set
from tests.sandbox.conftest import Management
from tests.sandbox.rows import error_of, infolog_of

NOBODY = "0f3c1a52-6f0e-4d7a-9a0e-3a8f5d1c2b4e"
HIERARCHIES, CATEGORIES = "msdyn_productcategoryhierarchies", "msdyn_productcategories"
IN_HIERARCHY = "msdyn_hierarchy@odata.bind"


@pytest.fixture
def fresh(new_client: Callable[..., Client]) -> Client:
    """A dataverse sandbox in which nothing has been used."""
    return new_client("dataverse")


@pytest.fixture
def fresh_finops(new_client: Callable[..., Client]) -> Client:
    return new_client("finops")


@pytest.fixture
def made(server: SandboxServer, sandbox_database: str) -> Callable[[Client], set[str]]:
    """The tables of a sandbox that the database has."""

    def tables(client: Client) -> set[str]:
        schema = server.host.site(client.info["name"]).schema
        with psycopg.connect(sandbox_database) as connection:
            found = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", (schema,))
            return {name for (name,) in found if not name.startswith("_")}

    return tables


@pytest.mark.parametrize("kind", Kind)
def test_a_new_sandbox_has_only_the_tables_of_the_platform(
    kind: Kind, new_client: Callable[..., Client], made: Callable[[Client], set[str]]
) -> None:
    tables = declarations.standard(kind).tables
    assert made(new_client(str(kind))) == {table.set for table in tables if table.is_system}


def test_all_tables_are_told_and_can_be_read(fresh: Client, made: Callable[[Client], set[str]]) -> None:
    before = made(fresh)
    told = {row["EntitySetName"] for row in fresh.rows("EntityDefinitions?$select=EntitySetName")}
    assert told == {table.set for table in declarations.standard(Kind.DATAVERSE).tables}
    assert made(fresh) == before
    assert fresh.rows("msdyn_warehouses") == []
    assert made(fresh) - before == {"msdyn_warehouses"}


def test_every_table_can_be_made(fresh: Client, fresh_finops: Client) -> None:
    for client, kind in ((fresh, Kind.DATAVERSE), (fresh_finops, Kind.FINOPS)):
        for table in declarations.standard(kind).tables:
            assert client.get(f"{table.set}?$top=1").status_code == 200, table.set


def test_a_look_up_to_a_table_without_rows_names_nothing(fresh: Client) -> None:
    answer = fresh.post(CATEGORIES, {"msdyn_name": "Bikes", IN_HIERARCHY: f"/{HIERARCHIES}({NOBODY})"})
    assert error_of(answer) == (404, "0x80040217")
    answer = fresh.post(CATEGORIES, {"msdyn_name": "Bikes", IN_HIERARCHY: f"/{HIERARCHIES}(msdyn_name='x')"})
    assert error_of(answer) == (404, "0x80060891")


def test_a_look_up_holds_when_its_target_is_made_later(fresh: Client) -> None:
    category = fresh.make(CATEGORIES, {"msdyn_name": "Bikes"})
    hierarchy = fresh.make(HIERARCHIES, {"msdyn_name": "Goods"})
    answer = fresh.patch(f"{CATEGORIES}({category})", {IN_HIERARCHY: f"/{HIERARCHIES}({NOBODY})"})
    assert error_of(answer) == (404, "0x80040217")
    assert NOBODY in answer.text
    assert fresh.patch(f"{CATEGORIES}({category})", {IN_HIERARCHY: f"/{HIERARCHIES}({hierarchy})"}).status_code == 204
    assert error_of(fresh.delete(f"{HIERARCHIES}({hierarchy})")) == (400, "0x80040227")


def test_a_change_set_may_be_the_first_to_use_its_tables(fresh: Client) -> None:
    answer = fresh.batch(
        change_set(
            ("POST", CATEGORIES, '{"msdyn_name": "Bikes"}'),
            ("POST", HIERARCHIES, '{"msdyn_name": "Goods"}'),
            ("PATCH", "$1", f'{{"{IN_HIERARCHY}": "$2"}}'),
        )
        + END
    )
    assert answer.statuses == [204, 204, 204]
    assert len(fresh.rows(f"{CATEGORIES}?$filter=_msdyn_hierarchy_value ne null")) == 1


def test_a_delete_needs_no_table_that_nobody_used(fresh: Client, made: Callable[[Client], set[str]]) -> None:
    account = fresh.make("accounts", {"name": "A"})
    assert fresh.delete(f"accounts({account})").status_code == 204
    assert "msdyn_purchaseorders" not in made(fresh)


def test_many_may_be_the_first(fresh: Client) -> None:
    fresh.sign_in()
    bodies = [{"msdyn_name": f"n{place}"} for place in range(12)]
    sets = [HIERARCHIES, CATEGORIES, "msdyn_paymentterms"]
    with ThreadPoolExecutor(12) as callers:
        answers = list(callers.map(lambda place: fresh.post(sets[place % 3], bodies[place]), range(12)))
    assert {answer.status_code for answer in answers} == {204}
    assert [len(fresh.rows(name)) for name in sets] == [4, 4, 4]


def test_finops_refers_to_nothing_in_a_table_that_nobody_used(fresh_finops: Client) -> None:
    fresh_finops.post("LegalEntities", {"LEGALENTITYID": "usmf", "NAME": "C"})
    body: dict[str, Any] = {"dataAreaId": "usmf", "WAREHOUSEID": "1", "OPERATIONALSITEID": "NONE"}
    answer = fresh_finops.post("Warehouses", body)
    assert "The value 'NONE' in field 'Operational site ID' is not found in the related table 'Sites'." in infolog_of(
        answer
    )
    fresh_finops.post("OperationalSites", {"dataAreaId": "usmf", "SITEID": "NONE"})
    assert fresh_finops.post("Warehouses", body).status_code == 201
    answer = fresh_finops.delete("OperationalSites(dataAreaId='usmf',SITEID='NONE')?cross-company=true")
    assert "dependent Warehouses exist" in infolog_of(answer)


def test_a_company_that_nobody_made_is_none(fresh_finops: Client) -> None:
    answer = fresh_finops.post("DeliveryTerms", {"dataAreaId": "usmf", "TERMSCODE": "EXW"})
    assert "'Company' is not found" in infolog_of(answer)


def test_a_reset_and_a_copy_begin_with_what_is_used(
    fresh: Client, made: Callable[[Client], set[str]], management: Management
) -> None:
    name = fresh.info["name"]
    fresh.make(HIERARCHIES, {"msdyn_name": "Goods"})
    copied = Client(
        info=management.done("POST", f"sandboxes/{name}/copy", {"name": f"copy of {name}"}), http=fresh.http
    )
    assert made(copied) == made(fresh)
    assert [row["msdyn_name"] for row in copied.rows(HIERARCHIES)] == ["Goods"]
    assert copied.make(CATEGORIES, {"msdyn_name": "x", IN_HIERARCHY: f"/{HIERARCHIES}(msdyn_name='Goods')"})
    management.done("POST", f"sandboxes/{name}/reset")
    assert HIERARCHIES not in made(fresh)
    assert fresh.rows(HIERARCHIES) == []

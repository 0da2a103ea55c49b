"""Lists are ordered by the values of a column, not by their texts, and are read in the order of an index."""

from psycopg import sql

from syncengine.sandbox import query
from syncengine.sandbox.server import SandboxServer
from tests.sandbox.client import Client
from tests.sandbox.rows import make_account, make_customer


def test_finops_orders_numbers_as_numbers(finops: Client) -> None:
    for limit in (5, 25000, 700):
        make_customer(finops, CREDITLIMIT=limit, SALESMEMO="ordered")
    where = "cross-company=true&$filter=SALESMEMO eq 'ordered'&$select=CREDITLIMIT"
    rows = finops.rows(f"CustomersV3?{where}&$orderby=CREDITLIMIT")
    assert [row["CREDITLIMIT"] for row in rows] == [5, 700, 25000]
    paged = finops.call(
        "GET", f"CustomersV3?{where}&$orderby=CREDITLIMIT desc", headers={"Prefer": "odata.maxpagesize=1"}
    )
    assert paged.json()["value"][0]["CREDITLIMIT"] == 25000
    following = finops.call("GET", paged.json()["@odata.nextLink"], headers={"Prefer": "odata.maxpagesize=1"})
    assert following.json()["value"][0]["CREDITLIMIT"] == 700


def test_dataverse_orders_numbers_as_numbers(dataverse: Client) -> None:
    for employees in (5, 25000, 700):
        make_account(dataverse, numberofemployees=employees, name="ordered")
    rows = dataverse.rows(
        "accounts?$filter=name eq 'ordered'&$select=numberofemployees&$orderby=numberofemployees desc"
    )
    assert [row["numberofemployees"] for row in rows] == [25000, 700, 5]


def test_a_page_is_read_in_the_order_of_the_row_ids(dataverse: Client, server: SandboxServer) -> None:
    make_account(dataverse)
    site = server.host.site(dataverse.info["name"])
    shape = site.stock.shapes["accounts"]
    plans: list[str] = []

    class Asked:
        """Plans without a table scan what `fetch` asks, and gives no rows."""

        def execute(self, statement: sql.Composed) -> "Asked":
            with site.pool.connection() as connection, connection.transaction():
                connection.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
                plans.extend(line for (line,) in connection.execute(sql.SQL("EXPLAIN {}").format(statement)))
            return self

        def fetchall(self) -> list[tuple[str, ...]]:
            return []

    order = ((shape.row_id, False),)
    query.fetch(Asked(), shape, row=sql.SQL("'{}'"), conditions=[], order=order, limit=50)  # type: ignore[arg-type]
    assert "using accounts_pkey" in "\n".join(plans)
    assert "Sort" not in "\n".join(plans)

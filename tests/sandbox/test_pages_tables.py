"""The list of tables and the pages of a table: search, order, columns, companies, pages that stay quick."""

import re
from collections.abc import Callable

import pytest
from psycopg import sql

from syncengine.sandbox.pages import counting, listing
from syncengine.sandbox.pages.listing import Asked
from syncengine.sandbox.server import SandboxServer
from tests.sandbox.client import Client
from tests.sandbox.conftest import Management
from tests.sandbox.person import Person, signed_in
from tests.sandbox.rows import make_account, make_company, make_group

ROW = r"/tables/\w+/rows/[\w-]+"


@pytest.fixture(scope="module")
def sales(new_client: Callable[..., Client]) -> Client:
    return new_client("dataverse", demo="contoso")


@pytest.fixture(scope="module")
def finance(new_client: Callable[..., Client]) -> Client:
    return new_client("finops", demo="contoso")


def names(person: Person) -> list[str]:
    """The texts of the first column."""
    return re.findall(r'<a class="row-link"[^>]*>([^<]*)</a>', person.page.text)


def test_tables_with_rows_come_first_with_their_number(finance: Client) -> None:
    person = signed_in(finance)
    person.open("/")
    assert person.links(r"/tables/\w+")[0] == "/tables/ReleasedDistinctProducts"
    assert re.search(r"Customers V3 CustomersV3 1,700", person.text)
    assert "Showing 1 to 100 of 147 tables" in person.text


@pytest.mark.parametrize("text", ["customers v3", "CUSTOMERSV3"])
def test_tables_are_found_by_label_and_set_name(finance: Client, text: str) -> None:
    person = signed_in(finance)
    person.open(f"/?q={text}")
    assert "/tables/CustomersV3" in person.links(r"/tables/\w+")
    assert "/tables/Currencies" not in person.links(r"/tables/\w+")


def test_the_list_goes_on(finance: Client) -> None:
    person = signed_in(finance)
    person.open("/?from=100")
    assert "Showing 101 to 147 of 147 tables" in person.text


def test_a_search_for_nothing_says_what_to_do(finance: Client) -> None:
    person = signed_in(finance)
    person.open("/?q=nothing of this name")
    assert "Show all tables" in person.text


def test_looking_at_tables_makes_none(new_client: Callable[..., Client], server: SandboxServer) -> None:
    client = new_client("finops")
    person, before = signed_in(client), server.host.site(client.info["name"]).made
    person.open("/")
    person.open("/tables/CustomersV3")
    assert "This table has no rows yet" in person.text
    person.open("/tables/CustomersV3/new")
    assert server.host.site(client.info["name"]).made == before


def test_rows_come_by_pages_each_once(finance: Client) -> None:
    person = signed_in(finance)
    person.open("/tables/ReleasedDistinctProducts")
    assert "Showing 50 of 120 rows" in person.text
    found = person.links(ROW)
    for _ in range(2):
        (following,) = person.links(r"/tables/ReleasedDistinctProducts\?after=[^\"]+")
        person.open(following.replace("&amp;", "&"))
        found += person.links(ROW)
    assert len(found) == len(set(found)) == 120
    assert person.links(r"/tables/ReleasedDistinctProducts\?after=[^\"]+") == []


def test_a_page_of_another_question_is_the_first(finance: Client) -> None:
    person = signed_in(finance)
    person.open("/tables/ReleasedDistinctProducts")
    first = names(person)
    person.open("/tables/ReleasedDistinctProducts?after=nonsense")
    assert names(person) == first


@pytest.mark.parametrize(
    "sort", ["ORGANIZATIONNUMBEROFEMPLOYEES", "-ORGANIZATIONNUMBEROFEMPLOYEES", "ORGANIZATIONNAME", "-ORGANIZATIONNAME"]
)
def test_rows_are_sorted_by_a_column(finance: Client, server: SandboxServer, sort: str) -> None:
    site = server.host.site(finance.info["name"])
    shape = site.stock.shapes["CustomersV3"]
    one = shape.fields[sort.removeprefix("-")]
    page = listing.page(site, shape, [one], Asked(sort=sort))
    following = listing.page(site, shape, [one], Asked(sort=sort, after=page.after))
    values = [str(row[one.name]).lower() if isinstance(row[one.name], str) else row[one.name] for row in page.rows]
    rest = [str(row[one.name]).lower() if isinstance(row[one.name], str) else row[one.name] for row in following.rows]
    with site.reading() as connection:
        best = connection.execute(
            sql.SQL("SELECT {f} FROM {t} ORDER BY {f} {d} LIMIT 100").format(
                f=sql.SQL("lower({})").format(one.identifier) if one.type == "text" else one.identifier,
                t=shape.relation,
                d=sql.SQL("DESC" if sort.startswith("-") else "ASC"),
            )
        ).fetchall()
    assert [*values, *rest] == [value for (value,) in best]


def test_the_heading_turns_the_order_around(finance: Client) -> None:
    person = signed_in(finance)
    person.open("/tables/Currencies?sort=CURRENCYCODE")
    assert 'aria-sort="ascending"' in person.page.text
    first = names(person)
    person.open("/tables/Currencies?sort=-CURRENCYCODE")
    assert names(person) == first[::-1]


def test_a_row_is_found_by_its_key(finance: Client) -> None:
    person = signed_in(finance)
    person.open("/tables/CustomersV3?q=us-0007")
    assert names(person) == ["US-0007"]
    assert "Rows with exactly this key" in person.text


def test_a_row_is_found_by_its_id(sales: Client) -> None:
    row = sales.rows("accounts?$top=1&$select=accountid,name")[0]
    person = signed_in(sales)
    person.open(f"/tables/accounts?q={row['accountid'].upper()}")
    assert person.links(ROW)[0].endswith(row["accountid"])


def test_rows_are_found_by_text_in_any_column(finance: Client) -> None:
    person = signed_in(finance)
    person.open("/tables/CustomersV3?q=spring fair")
    expected = finance.rows(
        "CustomersV3?cross-company=true&$filter=SALESMEMO eq '*spring fair*'&$select=CUSTOMERACCOUNT&$top=50"
    )
    assert len(names(person)) == len(expected) > 0


def test_wildcards_in_a_search_are_letters(finance: Client) -> None:
    person = signed_in(finance)
    person.open("/tables/CustomersV3?q=%25")
    assert "No row matches" in person.text


def test_rows_of_one_company_alone(finance: Client) -> None:
    person = signed_in(finance)
    person.open("/tables/CustomersV3?company=usmf")
    assert {name[:2] for name in names(person)} == {"US"}
    assert "demf" in person.text  # in the switch


def test_dataverse_has_no_company_switch(sales: Client) -> None:
    person = signed_in(sales)
    person.open("/tables/accounts")
    assert 'name="company"' not in person.page.text


def test_look_ups_choices_and_dates_are_shown_as_a_person_reads_them(dataverse: Client) -> None:
    company = make_company(dataverse, "shwn")
    make_account(
        dataverse,
        name="Shown",
        statecode=0,
        **{"msdyn_company@odata.bind": f"/cdm_companies({company})"},
    )
    person = signed_in(dataverse)
    person.open("/tables/accounts")
    person.send("/tables/accounts/columns", column=["name", "_msdyn_company_value", "statecode"])
    person.open("/tables/accounts?q=Shown&everywhere=1")
    assert f'href="/tables/cdm_companies/rows/{company}">shwn</a>' in person.page.text
    assert "Active" in person.text


def test_the_choice_of_columns_is_remembered(finance: Client) -> None:
    person = signed_in(finance)
    person.open("/tables/Currencies")
    person.send("/tables/Currencies/columns", column=["NAME", "nonsense"])
    signed = signed_in(finance)
    signed.open("/tables/Currencies")
    assert len(re.findall(r'<th scope="col"', signed.page.text)) == 1
    signed.send("/tables/Currencies/columns", column=None)
    signed.open("/tables/Currencies")
    assert len(re.findall(r'<th scope="col"', signed.page.text)) > 1


# --- a million rows -----------------------------------------------------------------------------------------------

MANY = 30_000  # more than are counted; the plan of a million is the same


@pytest.fixture(scope="module")
def large(new_client: Callable[..., Client], server: SandboxServer, management: Management) -> Client:
    client = new_client("finops")
    client.post("LegalEntities", {"LEGALENTITYID": "usmf", "NAME": "USMF"})
    make_group(client)
    site = server.host.site(client.info["name"])
    with site.pool.connection() as connection:
        connection.execute(
            sql.SQL(
                'INSERT INTO {} ("dataAreaId", "CUSTOMERGROUPID", "DESCRIPTION")'
                " SELECT 'usmf', 'G' || n, 'Group ' || n FROM generate_series(1, {}) n"
            ).format(site.stock.shapes["CustomerGroups"].relation, sql.Literal(MANY))
        )
        connection.execute(sql.SQL("ANALYZE {}").format(site.stock.shapes["CustomerGroups"].relation))
    return client


def statements_of(server: SandboxServer, client: Client, ask: Callable[..., object]) -> list[str]:
    """The plans of what this asks of the large table."""
    site = server.host.site(client.info["name"])
    plans: list[str] = []
    with site.pool.connection() as connection:
        kind = type(connection)
        execute = kind.execute

        def explained(self: object, query: object, *rest: object, **options: object) -> object:
            text = query.as_string() if hasattr(query, "as_string") else str(query)
            if text.startswith("SELECT") and "CustomerGroups" in text and "_change" not in text:
                plans.extend(
                    line
                    for (line,) in execute(self, f"EXPLAIN {text}", *rest, **options)  # type: ignore[arg-type]
                )
            return execute(self, query, *rest, **options)  # type: ignore[arg-type]

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(kind, "execute", explained)
            ask()
    return plans


def test_a_page_of_a_large_table_is_read_by_an_index(large: Client, server: SandboxServer) -> None:
    site = server.host.site(large.info["name"])
    shape = site.stock.shapes["CustomerGroups"]
    fields = list(shape.fields.values())
    first = listing.page(site, shape, fields, Asked())
    plans = statements_of(
        server, large, lambda: listing.page(site, shape, fields, Asked(after=first.after, sort=first.sort))
    )
    text = "\n".join(plans)
    assert "Index Scan" in text
    assert "Sort" not in text
    assert len(first.rows) == listing.ROWS


def test_a_key_in_a_large_table_is_found_by_an_index(large: Client, server: SandboxServer) -> None:
    site = server.host.site(large.info["name"])
    shape = site.stock.shapes["CustomerGroups"]
    plans: list[str] = []
    found = []

    def ask() -> None:
        found.append(listing.page(site, shape, list(shape.fields.values()), Asked(q="g12345")))

    plans = statements_of(server, large, ask)
    assert [row["CUSTOMERGROUPID"] for row in found[0].rows] == ["G12345"]
    assert any("Index" in line and "CustomerGroups.key" in line for line in plans)


def test_rows_are_not_counted_beyond_a_limit(large: Client, server: SandboxServer) -> None:
    site = server.host.site(large.info["name"])
    plans = statements_of(server, large, lambda: counting.count(site, site.stock.shapes["CustomerGroups"]))
    assert any("Limit" in line for line in plans)
    assert str(counting.count(site, site.stock.shapes["CustomerGroups"])).startswith("about 30,0")


def test_a_search_that_takes_too_long_is_given_up(
    large: Client, server: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "LIMIT_S", 0.001)
    person = signed_in(large)
    person.open("/tables/CustomerGroups?q=nowhere to be found&everywhere=1")
    assert "took too long" in person.text

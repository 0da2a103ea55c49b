"""How the sales side of the demo data refers to rows of its own."""

from uuid import NAMESPACE_URL, uuid5

from syncengine.sandbox.demo.rows import Row, Value


def bound(table: str, company: Value, name: Value) -> str:
    """How a look-up to a row of a company is written: by the id that the row has from us."""
    return f"/{table}({row_id(table, company, name)})"


def company_bound(company: Value) -> str:
    return f"/cdm_companies(cdm_companycode='{company}')"


def currency_bound(code: Value) -> str:
    return f"/transactioncurrencies(isocurrencycode='{code}')"


def row_id(*parts: Value) -> str:
    return str(uuid5(NAMESPACE_URL, "/".join(["https://demo.twofold.example", *map(str, parts)])))


def in_company(company: Value, currency: Value, group: Value) -> Row:
    return {
        "msdyn_company@odata.bind": company_bound(company),
        "transactioncurrencyid@odata.bind": currency_bound(currency),
        "msdyn_customergroupid@odata.bind": bound("msdyn_customergroups", company, group),
    }

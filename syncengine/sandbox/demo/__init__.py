"""The demo data: two companies of one group, the same rows at every call.

Pure functions. Rows stand under their entity set, sets and rows in load order: what a row refers to comes before it.
Rows of one set need not have the same columns.
"""

from collections.abc import Callable, Mapping

from syncengine.sandbox.declarations import Kind
from syncengine.sandbox.demo import customers, products, reference, sales, vendors
from syncengine.sandbox.demo.rows import Row

CONTOSO = "contoso"


def finops_rows() -> dict[str, list[Row]]:
    """What "Contoso finance" starts with."""
    sellers = vendors.vendors()
    return {
        "LegalEntities": reference.legal_entities(),
        "Currencies": reference.currencies(),
        "PaymentTerms": reference.payment_terms(),
        "CustomerGroups": reference.customer_groups(),
        "VendorGroups": reference.vendor_groups(),
        "VendorsV2": sellers,
        "CustomersV3": customers.customers(sellers),
        "UnitsOfMeasure": reference.units(),
        "ProductColors": reference.colors(),
        "ProductSizes": reference.sizes(),
        "ReleasedDistinctProducts": products.products(),
    }


def dataverse_rows() -> dict[str, list[Row]]:
    """What "Contoso sales" starts with: bodies of POST, look-ups as `name@odata.bind`.

    Some rows equal rows of finance, some differ from them, some are here only. Accounts and contacts that are no
    customers (no company, no number) are beyond the maps' filters.
    """
    return sales.rows(finops_rows())


def of_demo(name: str, kind: Kind) -> dict[str, list[Row]]:
    """The rows of a demo for a sandbox of this kind. Raises: ValueError for a demo that there is not."""
    if name != CONTOSO:
        raise ValueError(f"There are no demo rows named {name!r}; there is {CONTOSO!r}.")
    made: Mapping[Kind, Callable[[], dict[str, list[Row]]]] = {
        Kind.FINOPS: finops_rows,
        Kind.DATAVERSE: dataverse_rows,
    }
    return made[kind]()

"""What dataverse must hold after the initial sync, worked out from rows of finops and the facts alone.

The rows come from the CSV files of the sample data, or from a finops service that was read before it was linked; in
both they are plain: column name and value.
"""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.independent.facts import COMPANY, SHARED, MapFacts
from tests.independent.values import Value, fold, image, passes

ADVENTUREWORKS = SHARED / "data" / "adventureworks"
FILES = {
    "LegalEntities": ("legal_entities.csv",),
    "Currencies": ("currencies.csv",),
    "PaymentTerms": ("terms_of_payment.csv",),
    "CustomerGroups": ("customer_groups.csv",),
    "VendorGroups": ("vendor_groups.csv",),
    "VendorsV2": ("vendors_v2.csv",),
    "UnitsOfMeasure": ("units.csv",),
    "ProductColors": ("colors.csv",),
    "ProductSizes": ("sizes.csv",),
    "ReleasedDistinctProducts": ("released_products.csv",),
    "CustomersV3": ("customers_v3_organizations.csv", "customers_v3_persons.csv"),
}  # parents before children
COUNTS = {
    "Legal entities (cdm_companies)": 6,
    "Currencies (transactioncurrencies)": 105,
    "Terms of payment (msdyn_paymentterms)": 24,
    "Customer groups (msdyn_customergroups)": 12,
    "Customers V3 (accounts)": 701,
    "Customers V3 (contacts)": 18_484,
    "Vendor groups (msdyn_vendorgroups)": 2,
    "Vendors V2 (msdyn_vendors)": 104,
    "Units (uoms)": 38,
    "Colors (msdyn_productcolors)": 9,
    "Sizes (msdyn_productsizes)": 18,
    "CDS released distinct products (products)": 504,
}

Row = Mapping[str, Value]
Key = tuple[str, str]  # natural key and company, folded; the company is "" where rows belong to none


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedRow:
    """`values` by column; `lookups` by look-up path: the key of the row that must be pointed to, None for no row."""

    key: Key
    values: Mapping[str, str | None]
    lookups: Mapping[str, str | None]


def rows_of_files(folder: Path = ADVENTUREWORKS) -> dict[str, list[Row]]:
    """The sample data by finops entity set."""
    return {name: [row for file in files for row in _lines(folder / file)] for name, files in FILES.items()}


def _lines(path: Path) -> Iterable[Row]:
    with path.open(encoding="utf-8", newline="") as text:
        yield from csv.DictReader(text)


def expected_rows(facts: MapFacts, rows: Iterable[Row]) -> dict[Key, ExpectedRow]:
    """The rows of dataverse that these rows of finops must have made. Only columns that the rows have are expected."""
    made = [_expected(facts, row) for row in rows if passes(facts.left_filter, row)]
    found = {one.key: one for one in made}
    assert len(found) == len(made), f"{facts.name}: two rows with one key"
    return found


def _expected(facts: MapFacts, row: Row) -> ExpectedRow:
    flowing = [field for field in facts.fields if field.to_right and field.right]
    known = [field for field in flowing if field.left is None or field.left in row or field.default is not None]
    images = {(field.right or "", field.is_lookup): image(field, row.get(field.left or "")) for field in known}
    lookups = {path: value for (path, is_lookup), value in images.items() if is_lookup}
    if facts.company:
        lookups[facts.company] = fold(row[COMPANY])
    return ExpectedRow(
        key=left_key(facts, row),
        values={path: value for (path, is_lookup), value in images.items() if not is_lookup},
        lookups=lookups,
    )


def left_key(facts: MapFacts, row: Row) -> Key:
    return fold(row[facts.left_key]), fold(row[COMPANY]) if facts.company else ""

"""What the twelve maps promise, as facts: which tables, keys and columns are paired, and how values cross.

Read from the published facts in `../shared/maps` where they are there, else from the shipped solution's files. Both
readings give the same records; a test compares them. Nothing here comes from the product's code.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[2]
SHARED = PROJECT.parent / "shared"
SOLUTION = PROJECT / "syncengine" / "builtin"

# The finops entity sets are not in the facts; they are the names under which the service lists the entities.
SETS = {
    "legal_entities__cdm_companies": "LegalEntities",
    "currencies__transactioncurrencies": "Currencies",
    "terms_of_payment__msdyn_paymentterms": "PaymentTerms",
    "customer_groups__msdyn_customergroups": "CustomerGroups",
    "customers_v3__accounts": "CustomersV3",
    "customers_v3__contacts": "CustomersV3",
    "vendor_groups__msdyn_vendorgroups": "VendorGroups",
    "vendors_v2__msdyn_vendors": "VendorsV2",
    "units__uoms": "UnitsOfMeasure",
    "colors__msdyn_productcolors": "ProductColors",
    "sizes__msdyn_productsizes": "ProductSizes",
    "cds_released_distinct_products__products": "ReleasedDistinctProducts",
}
COMPANY = "dataAreaId"


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One line of a map. `right` with a dot is a path: a look-up column, then the key column of its target."""

    left: str | None
    right: str | None
    to_right: bool
    to_left: bool
    values: tuple[tuple[str, str], ...] = ()
    default: str | None = None

    @property
    def is_lookup(self) -> bool:
        return self.right is not None and "." in self.right


@dataclass(frozen=True, slots=True, kw_only=True)
class MapFacts:
    """`company` is the look-up path of the company on dataverse, "" where rows belong to none."""

    name: str
    left_set: str
    right_set: str
    left_key: str
    right_key: str
    company: str
    left_filter: str
    right_filter: str
    fields: tuple[Field, ...]

    @property
    def flows_left(self) -> bool:
        """Whether a row that is made on dataverse appears on finops."""
        return any(field.to_left and field.right for field in self.fields)

    @property
    def left_columns(self) -> tuple[str, ...]:
        named = [field.left for field in self.fields if field.left and field.to_right]
        company = [COMPANY] if self.company else []
        return tuple(dict.fromkeys([self.left_key, *company, *named]))

    @property
    def right_columns(self) -> tuple[str, ...]:
        """As they are asked for and answered: look-ups as `_name_value`."""
        named = [field.right for field in self.fields if field.right and field.to_right]
        company = [self.company] if self.company else []
        return tuple(dict.fromkeys(property_of(path) for path in [self.right_key, *company, *named]))


def property_of(path: str) -> str:
    """The name under which dataverse answers a column; of a look-up path the look-up's own."""
    column, _, key = path.partition(".")
    return f"_{column}_value" if key else column


def all_facts() -> tuple[MapFacts, ...]:
    """The twelve maps, parents before children."""
    return from_shared() if (SHARED / "maps").is_dir() else from_solution()


# --- The published facts


def from_shared() -> tuple[MapFacts, ...]:
    """Field lists of 2020 where a map has one, with the value maps of today's file."""
    return tuple(_published(stem) for stem in SETS)


def _published(stem: str) -> MapFacts:
    today = _read(SHARED / "maps" / f"{stem}.json")
    older = SHARED / "maps" / "variants_2020" / f"{stem}.json"
    lines = _read(older)["fields"] if older.exists() else today["fields"]
    values = {(line["finops"], line["dataverse"]): _printed_values(line) for line in today["fields"]}
    key = today["key"]
    return MapFacts(
        name=today["name"],
        left_set=SETS[stem],
        right_set=today["dataverse_table"],
        left_key=key["finops"][0],
        right_key=key["dataverse"][0],
        company=key["company_column"] or "",
        left_filter=today["finops_filter"] or "",
        right_filter=today["dataverse_filter"] or "",
        fields=tuple(_published_field(line, values) for line in lines),
    )


def _published_field(line: Mapping[str, Any], values: Mapping[Any, tuple[tuple[str, str], ...]]) -> Field:
    glyph = line["direction"]
    return Field(
        left=line["finops"],
        right=line["dataverse"],
        to_right=glyph in ("=", "><", ">", ">>"),
        to_left=glyph in ("=", "><", "<", "<<"),
        values=values.get((line["finops"], line["dataverse"]), ()),
        default=line.get("default"),
    )


def _printed_values(line: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    maps = [part["map"] for part in line.get("transforms") or () if part["type"] == "ValueMap"]
    return tuple(pair for printed in maps for pair in printed.items())


# --- The shipped solution


def from_solution() -> tuple[MapFacts, ...]:
    """The same, read from the shipped files as plain data."""
    shipped = {one["name"]: one for one in map(_read, _map_files())}
    return tuple(_shipped(shipped[name]) for name in _in_order(shipped))


def _map_files() -> Iterable[Path]:
    return (path for path in sorted(SOLUTION.rglob("*.json")) if path.name != "solution.json")


def _in_order(shipped: Mapping[str, Any]) -> list[str]:
    """Map names by the order of SETS: the right table tells the two maps of customers apart."""
    tables = {one["right_table"]: name for name, one in shipped.items()}
    return [tables[stem.partition("__")[2]] for stem in SETS]


def _shipped(one: Mapping[str, Any]) -> MapFacts:
    company = one.get("company") or {}
    own_key = next(part for part in one["key"] if part["left"] != company.get("left"))
    return MapFacts(
        name=one["name"],
        left_set=one["left_table"],
        right_set=one["right_table"],
        left_key=own_key["left"],
        right_key=own_key["right"],
        company=company.get("right", ""),
        left_filter=one.get("left_filter", ""),
        right_filter=one.get("right_filter", ""),
        fields=tuple(_shipped_field(line) for line in one["fields"]),
    )


def _shipped_field(line: Mapping[str, Any]) -> Field:
    return Field(
        left=line["left"],
        right=line["right"],
        to_right=line["direction"] in ("both", "to right"),
        to_left=line["direction"] in ("both", "to left"),
        values=tuple((pair["left"], pair["right"]) for pair in line.get("value_map", ())),
        default=line.get("default"),
    )


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))

"""How tables are called: the sets under which a service lists them, and the names of one row."""

import re

from script.tables_from_maps.words import camel, plural, singular

# Sets that the rule below would name otherwise.
SETS = {
    "Asset management warranty": "AssetManagementWarranties",
    "CDS purchase order line entity": "CDSPurchaseOrderLines",
    "CDS purchase order line soft deleted entity": "CDSSoftDeletedPurchaseOrderLines",
    "Chart of accounts": "ChartsOfAccounts",
    "Employment per company": "EmploymentsPerCompany",
    "Exchange rate currency pair": "ExchangeRateCurrencyPairs",
    "Fiscal calendar integration entity": "FiscalCalendars",
    "Fiscal calendar year integration entity": "FiscalCalendarYears",
    "Item sales tax group": "TaxItemGroups",
    "Mixed reality guides entity": "MixedRealityGuides",
    "Modes of delivery": "DeliveryModes",
    "Organization hierarchy - published": "PublishedOrganizationHierarchies",
    "Payment day lines CDS V2": "PaymentDayLinesV2",
    "Sales tax codes": "TaxCodes",
    "Sales tax exempt code entity CDS": "TaxExemptCodes",
    "Sites": "OperationalSites",
    "Storage dimension groups": "StorageDimensionGroups",
    "Terms of delivery": "DeliveryTerms",
    "Veteran status": "VeteranStatuses",
}
ENTITIES = {"ChartsOfAccounts": "ChartOfAccounts", "EmploymentsPerCompany": "EmploymentPerCompany"}
_VERSION = re.compile(r"(V\d+)$")


def entity_set(entity: str) -> str:
    """The entity's display name as the name of its set: `Main account` is `MainAccounts`."""
    if entity in SETS:
        return SETS[entity]
    *first, last = entity.split(" ")
    version = _VERSION.fullmatch(last)
    if version:
        *first, last = first
    return camel(" ".join([*first, plural(last)])) + (version[1] if version else "")


def public_entity(set_name: str) -> str:
    """The name of one row: that of the set in the singular."""
    found = _VERSION.search(set_name)
    version = found[1] if found else ""
    return ENTITIES.get(set_name) or singular(set_name.removesuffix(version)) + version


def data_source(token: str, set_name: str) -> str:
    """What error texts call the entity."""
    name = token or public_entity(set_name)
    return name if name.endswith("Entity") else f"{name}Entity"


def logical_name(set_name: str) -> str:
    return singular(set_name)

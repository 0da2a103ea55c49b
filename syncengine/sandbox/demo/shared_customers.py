"""Customers that finance and sales both know before anything is synced: some alike, some changed in sales."""

from itertools import cycle, islice
from random import Random

from syncengine.sandbox.demo import words
from syncengine.sandbox.demo.binds import bound, in_company
from syncengine.sandbox.demo.reference import COMPANIES
from syncengine.sandbox.demo.rows import Row

GROUPS = ("10", "20", "40")  # customer groups that sales knows already, with their terms
TERMS = ("Net15", "Net30", "Card")
KNOWN = 10  # customers of each kind and company; every second one differs
_HOLD = {"No": 806380000, "Invoice": 806380001, "All": 806380002}
_ALIKE = {
    "SALESMEMO": "description",
    "PARTYCOUNTRY": "msdyn_partycountry",
    "PARTYSTATE": "msdyn_partystateprovince",
    "PRIMARYCONTACTEMAIL": "emailaddress1",
    "PRIMARYCONTACTPHONE": "telephone1",
    "PRIMARYCONTACTURL": "websiteurl",
}
_PARTS = {
    "STREET": "line1",
    "CITY": "city",
    "STATE": "stateorprovince",
    "ZIPCODE": "postalcode",
    "COUNTRYREGIONISOCODE": "country",
    "LATITUDE": "latitude",
    "LONGITUDE": "longitude",
}
_ACCOUNT = _ALIKE | {
    "CUSTOMERACCOUNT": "accountnumber",
    "ORGANIZATIONNAME": "name",
    "ORGANIZATIONNUMBEROFEMPLOYEES": "numberofemployees",
    "CREDITLIMIT": "creditlimit",
    "CREDITRATING": "msdyn_creditrating",
    "TAXEXEMPTNUMBER": "msdyn_taxexemptnumber",
    **{f"DELIVERYADDRESS{left}": f"address1_{right}" for left, right in _PARTS.items()},
}
_CONTACT = _ALIKE | {
    "CUSTOMERACCOUNT": "msdyn_contactpersonid",
    "PERSONFIRSTNAME": "firstname",
    "PERSONLASTNAME": "lastname",
    "PERSONPROFESSIONALTITLE": "jobtitle",
    **{f"ADDRESS{left}": f"address1_{right}" for left, right in _PARTS.items()},
}


def accounts(customers: list[Row]) -> list[Row]:
    made = [_account(row) for row in _known(customers, "Organization")]
    _change(words.chance("accounts that differ"), made[1::2], ("name", "description"))
    return made


def contacts(customers: list[Row]) -> list[Row]:
    made = [_contact(row) for row in _known(customers, "Person")]
    _change(words.chance("contacts that differ"), made[1::2], ("jobtitle", "description"))
    return made


def _known(customers: list[Row], kind: str) -> list[Row]:
    """The first customers of each company that refer to nothing that sales lacks."""
    fitting = [
        row
        for row in customers
        if row["PARTYTYPE"] == kind
        and row["CUSTOMERGROUPID"] in GROUPS
        and row["PAYMENTTERMS"] in TERMS
        and not row.get("INVOICEACCOUNT")
        and not row.get("VENDORACCOUNT")
    ]
    companies = [company.code for company in COMPANIES]
    return [row for code in companies for row in islice((one for one in fitting if one["dataAreaId"] == code), KNOWN)]


def _change(chance: Random, rows: list[Row], columns: tuple[str, str]) -> None:
    """What somebody in sales has changed without telling finance."""
    for row, column in zip(rows, cycle(columns), strict=False):
        row[column] = f"{row[column]} (new)" if row.get(column) else "Met at the fair."
        row["telephone1"] = f"{str(row['telephone1'])[:-2]}{chance.randrange(100):02}"


def _account(row: Row) -> Row:
    return _customer(row, _ACCOUNT) | {
        "customertypecode": 3,
        "address1_addresstypecode": 2,
        "msdyn_onholdstatus": _HOLD[str(row["ONHOLDSTATUS"])],
        "msdyn_paymentterm@odata.bind": bound("msdyn_paymentterms", row["dataAreaId"], row["PAYMENTTERMS"]),
        "msdyn_paymenttermsbasedays": 0,
        "address2_latitude": 0,
        "address2_longitude": 0,
    }


def _contact(row: Row) -> Row:
    return _customer(row, _CONTACT) | {
        "msdyn_sellable": True,
        "address1_addresstypecode": 3,
        "address2_latitude": 0,
        "address2_longitude": 0,
        "address3_latitude": 0,
        "address3_longitude": 0,
    }


def _customer(row: Row, columns: dict[str, str]) -> Row:
    """The body that equals this customer; finops shows 0 for a number that is not there, so 0 is written."""
    copied: Row = {right: row[left] for left, right in columns.items() if row.get(left) not in (None, "")}
    return in_company(row["dataAreaId"], row["SALESCURRENCYCODE"], row["CUSTOMERGROUPID"]) | copied

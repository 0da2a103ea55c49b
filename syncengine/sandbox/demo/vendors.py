"""The vendors of the demo data. Both companies number them alike, so that only the company tells them apart."""

from random import Random

from syncengine.sandbox.demo import words
from syncengine.sandbox.demo.places import Address, address
from syncengine.sandbox.demo.reference import GERMANY, USA, Company, yes
from syncengine.sandbox.demo.rows import Row

FIRMS = {USA: 84, GERMANY: 56}
PEOPLE = {USA: 6, GERMANY: 4}
_INVOICED_BY_ANOTHER = 20  # one vendor in so many sends its invoices through another


def vendors() -> list[Row]:
    """A vendor that another one's invoices come from stands before it."""
    return [row for company in FIRMS for row in _vendors(company)]


def _vendors(company: Company) -> list[Row]:
    chance = words.chance(f"vendors of {company.code}")
    firms = words.firms("vendors", company.country, words.WORDS.vendor_kinds, FIRMS[company])
    people = words.people("vendors", company.country, PEOPLE[company])
    names = [_firm(name) for name in firms] + [_person(*name) for name in people]
    made: list[Row] = []
    for number, name in enumerate(names, start=1):
        row = _vendor(chance, company, number) | name
        if number % _INVOICED_BY_ANOTHER == 0:
            row["INVOICEVENDORACCOUNTNUMBER"] = chance.choice(made)["VENDORACCOUNTNUMBER"]
        made.append(row)
    return made


def _vendor(chance: Random, company: Company, number: int) -> Row:
    return {
        "dataAreaId": company.code,
        "VENDORACCOUNTNUMBER": f"V-{number:04}",
        "VENDORGROUPID": chance.choice(("10", "10", "20", "30", "40")),
        "CURRENCYCODE": company.currency if chance.random() < 0.8 else chance.choice(("GBP", "CHF", "JPY")),
        "DEFAULTPAYMENTTERMSNAME": chance.choice(("Net10", "Net30", "Net60")),
        "CREDITLIMIT": chance.choice((0, 10000, 50000)),
        "CREDITRATING": chance.choice(("A", "B", "")),
        "ONHOLDSTATUS": chance.choice(("No",) * 19 + ("Payment",)),
        "ISFOREIGNENTITY": "No",
        "ISONETIMEVENDOR": yes(chance.random() < 0.05),
        "OURACCOUNTNUMBER": str(chance.randrange(10**5, 10**6)),
        "INVOICEVENDORACCOUNTNUMBER": "",
        "LANGUAGEID": company.language,
        **_located(address(chance, company.country)),
    }


def _located(home: Address) -> Row:
    return {
        "ADDRESSSTREET": home.street,
        "ADDRESSCITY": home.city,
        "ADDRESSSTATEID": home.state,
        "ADDRESSZIPCODE": home.zip_code,
        "ADDRESSCOUNTRYREGIONISOCODE": home.country,
        "PRIMARYPHONENUMBER": home.phone,
    }


def _firm(name: str) -> Row:
    domain = f"{words.mail_name(name)}.example"
    return {
        "VENDORPARTYTYPE": "Organization",
        "VENDORORGANIZATIONNAME": name,
        "PRIMARYEMAILADDRESS": f"sales@{domain}",
        "PRIMARYURL": f"https://{domain}",
    }


def _person(first: str, last: str) -> Row:
    return {
        "VENDORPARTYTYPE": "Person",
        "PERSONFIRSTNAME": first,
        "PERSONLASTNAME": last,
        "PRIMARYEMAILADDRESS": f"{words.mail_name(first)}.{words.mail_name(last)}@studio.example",
    }

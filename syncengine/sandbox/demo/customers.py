"""The customers of the demo data: firms and people, in two companies."""

from random import Random

from syncengine.sandbox.demo import words
from syncengine.sandbox.demo.places import Address, address
from syncengine.sandbox.demo.reference import GERMANY, USA, Company
from syncengine.sandbox.demo.rows import Row

FIRMS = {USA: 700, GERMANY: 500}
PEOPLE = {USA: 300, GERMANY: 200}
_FIRST_PERSON = 5001
_INVOICED_ELSEWHERE = 12  # one firm in so many is invoiced to another
_ALSO_VENDOR = 90  # one firm in so many sells to us as well
_MEMOS = ("Asks for invoices by mail.", "Delivery only before noon.", "Visits the spring fair every year.")
_TITLES = ("Sound engineer", "Photographer", "Teacher", "Musician", "")
_GROUPS = ("10", "10", "10", "20", "20", "30", "80", "90")
_TERMS = ("Net10", "Net15", "Net30", "Net30", "Net45", "Net60", "EOM")
_HOLDS = ("No",) * 28 + ("Invoice", "All")


def customers(vendors: list[Row]) -> list[Row]:
    """A firm that another one is invoiced to comes before it; `vendors` are those that a firm may also be."""
    accounts = {company: [row for row in vendors if row["dataAreaId"] == company.code] for company in FIRMS}
    made: list[Row] = []
    for company, count in FIRMS.items():
        made += _firms(company, count, [str(row["VENDORACCOUNTNUMBER"]) for row in accounts[company]])
    for company, count in PEOPLE.items():
        made += _people(company, count)
    return made


def _firms(company: Company, count: int, vendor_accounts: list[str]) -> list[Row]:
    chance = words.chance(f"firms of {company.code}")
    names = words.firms("customers", company.country, words.WORDS.firm_kinds, count)
    made: list[Row] = []
    for number, name in enumerate(names, start=1):
        row = _firm(chance, company, number, name)
        if number % _INVOICED_ELSEWHERE == 0:
            row["INVOICEACCOUNT"] = chance.choice(made)["CUSTOMERACCOUNT"]
        if number % _ALSO_VENDOR == 0:
            row["VENDORACCOUNT"] = chance.choice(vendor_accounts)
        made.append(row)
    return made


def _firm(chance: Random, company: Company, number: int, name: str) -> Row:
    home = address(chance, company.country)
    domain = f"{words.mail_name(name)}.example"
    return {
        **_terms(chance, company, number),
        "PARTYTYPE": "Organization",
        "ORGANIZATIONNAME": name,
        "ORGANIZATIONNUMBEROFEMPLOYEES": chance.randrange(1, 900),
        "CUSTOMERGROUPID": chance.choice(_GROUPS),
        "PAYMENTTERMS": chance.choice(_TERMS),
        "CREDITLIMIT": chance.choice((0, 5000, 25000, 80000.5)),
        "CREDITRATING": chance.choice(("A", "B", "C", "")),
        "ONHOLDSTATUS": chance.choice(_HOLDS),
        "TAXEXEMPTNUMBER": f"DE{chance.randrange(10**8, 10**9)}" if company is GERMANY else "",
        "INVOICEACCOUNT": "",
        "VENDORACCOUNT": "",
        "PRIMARYCONTACTEMAIL": f"orders@{domain}",
        "PRIMARYCONTACTPHONE": home.phone,
        "PRIMARYCONTACTURL": f"https://{domain}",
        **_located("DELIVERYADDRESS", home),
    }


def _people(company: Company, count: int) -> list[Row]:
    chance = words.chance(f"people of {company.code}")
    names = words.people("customers", company.country, count)
    return [_person(chance, company, number, *name) for number, name in enumerate(names, start=_FIRST_PERSON)]


def _person(chance: Random, company: Company, number: int, first: str, last: str) -> Row:
    home = address(chance, company.country)
    return {
        **_terms(chance, company, number),
        "PARTYTYPE": "Person",
        "PERSONFIRSTNAME": first,
        "PERSONLASTNAME": last,
        "PERSONPROFESSIONALTITLE": chance.choice(_TITLES),
        "CUSTOMERGROUPID": "40",
        "PAYMENTTERMS": chance.choice(("Card", "Card", "COD", "Net10")),
        "CREDITLIMIT": 1000,
        "ONHOLDSTATUS": "No",
        "PRIMARYCONTACTEMAIL": f"{words.mail_name(first)}.{words.mail_name(last)}@post.example",
        "PRIMARYCONTACTPHONE": home.phone,
        **_located("ADDRESS", home),
    }


def _terms(chance: Random, company: Company, number: int) -> Row:
    """What a customer of either kind has."""
    return {
        "dataAreaId": company.code,
        "CUSTOMERACCOUNT": f"{company.country}-{number:04}",
        "SALESCURRENCYCODE": company.currency,
        "SALESMEMO": chance.choice(_MEMOS) if chance.random() < 0.1 else "",
        "LANGUAGEID": company.language,
        "PARTYCOUNTRY": company.country,
    }


def _located(prefix: str, home: Address) -> Row:
    return {
        f"{prefix}STREET": home.street,
        f"{prefix}CITY": home.city,
        f"{prefix}STATE": home.state,
        f"{prefix}ZIPCODE": home.zip_code,
        f"{prefix}COUNTRYREGIONISOCODE": home.country,
        f"{prefix}LATITUDE": home.latitude,
        f"{prefix}LONGITUDE": home.longitude,
        "PARTYSTATE": home.state,
    }

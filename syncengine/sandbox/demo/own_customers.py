"""Customers that sales has won and finance has not heard of, and accounts and contacts that are no customers."""

from random import Random

from syncengine.sandbox.demo import words
from syncengine.sandbox.demo.binds import in_company
from syncengine.sandbox.demo.places import address
from syncengine.sandbox.demo.reference import GERMANY, USA
from syncengine.sandbox.demo.rows import Row
from syncengine.sandbox.demo.words import WORDS

ACCOUNTS = {USA: 15, GERMANY: 10}
CONTACTS = {USA: 6, GERMANY: 4}
OTHERS = 5
_NO_HOLD = 806380000


def accounts() -> list[Row]:
    return [
        _home(chance, company.country)
        | in_company(company.code, company.currency, "20")
        | {
            "accountnumber": f"S-{number:04}",
            "name": f"{name} New Ventures",
            "customertypecode": 3,
            "numberofemployees": chance.randrange(1, 60),
            "creditlimit": 2500,
            "msdyn_onholdstatus": _NO_HOLD,
        }
        for company, count in ACCOUNTS.items()
        for chance in [words.chance(f"own accounts of {company.code}")]
        for number, name in enumerate(chance.sample(WORDS.firm_words[company.country], count), start=1)
    ]


def contacts() -> list[Row]:
    return [
        _home(chance, company.country)
        | in_company(company.code, company.currency, "40")
        | {
            "msdyn_contactpersonid": f"S-{number:04}",
            "msdyn_sellable": True,
            "firstname": chance.choice(WORDS.first_names[company.country]),
            "lastname": chance.choice(WORDS.last_names[company.country]),
        }
        for company, count in CONTACTS.items()
        for chance in [words.chance(f"own contacts of {company.code}")]
        for number in range(501, 501 + count)
    ]


def prospects() -> list[Row]:
    chance = words.chance("prospects")
    names = chance.sample(WORDS.firm_words["US"], OTHERS)
    return [_home(chance, "US") | {"name": f"{name} Startups", "customertypecode": 8} for name in names]


def other_contacts() -> list[Row]:
    chance = words.chance("contacts that buy nothing")
    return [
        _home(chance, "US") | {"firstname": first, "lastname": last, "msdyn_sellable": False}
        for first, last in words.people("contacts", "US", OTHERS)
    ]


def _home(chance: Random, country: str) -> Row:
    home = address(chance, country)
    return {
        "address1_line1": home.street,
        "address1_city": home.city,
        "address1_stateorprovince": home.state,
        "address1_postalcode": home.zip_code,
        "address1_country": home.country,
        "telephone1": home.phone,
    }

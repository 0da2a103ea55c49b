"""The released products of the demo data: entertainment systems, and the services that come with them."""

from dataclasses import dataclass
from random import Random

from syncengine.sandbox.demo import words
from syncengine.sandbox.demo.reference import COLORS, GERMANY, USA, Company, yes
from syncengine.sandbox.demo.rows import Row

RELEASED = {USA: 70, GERMANY: 50}
_SERIES = ("Aurora", "Calypso", "Delta", "Orion", "Vega")


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """What the products of one kind have in common; `sizes` empty means that there is one size only."""

    name: str
    price: float
    unit: str = "ea"
    sizes: tuple[str, ...] = ()
    is_service: bool = False


_FAMILIES = (
    Family(name="Television", price=899, sizes=("43", "55", "65", "75")),
    Family(name="Projector", price=640),
    Family(name="Floor speaker", price=410, unit="pr", sizes=("M", "L", "XL")),
    Family(name="Shelf speaker", price=180, unit="pr", sizes=("S", "M")),
    Family(name="Subwoofer", price=260, sizes=("M", "L")),
    Family(name="Soundbar", price=320),
    Family(name="Receiver", price=550),
    Family(name="Turntable", price=290),
    Family(name="Headphones", price=120, sizes=("S", "M", "L")),
    Family(name="Microphone", price=95),
    Family(name="Speaker cable", price=3.75, unit="m"),
    Family(name="Theater set", price=2150, unit="set", sizes=("32", "55", "75")),
    Family(name="Installation", price=75, unit="hr", is_service=True),
    Family(name="Room measurement", price=140, unit="hr", is_service=True),
)


def products() -> list[Row]:
    """Germany has some of the products of the USA, under the same numbers and at prices of its own."""
    catalogue = [(series, family) for series in _SERIES for family in _FAMILIES]
    return [
        _product(words.chance(f"product {number} of {company.code}"), company, number, series, family)
        for company, count in RELEASED.items()
        for number, (series, family) in enumerate(catalogue[:count], start=1)
    ]


def _product(chance: Random, company: Company, number: int, series: str, family: Family) -> Row:
    price = round(family.price * chance.uniform(0.9, 1.3), 2)
    return {
        "dataAreaId": company.code,
        "PRODUCTNUMBER": f"P-{number:04}",
        "ITEMNUMBER": f"P-{number:04}",
        "PRODUCTNAME": f"{series} {family.name}",
        "PRODUCTDESCRIPTION": f"{family.name} of the {series} series",
        "CURRENCYCODE": company.currency,
        "SALESUNITSYMBOL": family.unit,
        "SALESUNITDECIMALPRECISION": 2 if family.unit in ("m", "hr") else 0,
        "SALESPRICE": price,
        "UNITCOST": round(price * 0.62, 4),
        "PRODUCTTYPE": "Service" if family.is_service else "Item",
        "FIELDSERVICEPRODUCTTYPE": "Service" if family.is_service else "Inventory",
        "ISCATCHWEIGHTPRODUCT": "No",
        "ISSTOCKEDPRODUCT": yes(not family.is_service),
        "PRODUCTCOLORID": "" if family.is_service else COLORS[number % len(COLORS)],
        "PRODUCTSIZEID": family.sizes[number % len(family.sizes)] if family.sizes else "",
    }

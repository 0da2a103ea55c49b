"""Where the people and firms of the demo data live: real cities, streets made up, phone numbers that ring nobody."""

from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """`phone` is the start of numbers that the country keeps free for films and examples; two digits follow."""

    city: str
    state: str
    country: str
    zips: tuple[str, ...]
    phone: str
    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    street: str
    city: str
    state: str
    country: str
    zip_code: str
    latitude: float
    longitude: float
    phone: str


def _american(city: str, state: str, zips: str, area: str, latitude: float, longitude: float) -> Place:
    return Place(
        city=city,
        state=state,
        country="US",
        zips=tuple(zips.split()),
        phone=f"+1 {area} 555 01",
        latitude=latitude,
        longitude=longitude,
    )


def _german(city: str, state: str, zips: str, phone: str, latitude: float, longitude: float) -> Place:
    return Place(
        city=city,
        state=state,
        country="DE",
        zips=tuple(zips.split()),
        phone=f"+49 {phone}",
        latitude=latitude,
        longitude=longitude,
    )


PLACES = {
    "US": (
        _american("Seattle", "WA", "98101 98104 98109", "206", 47.6062, -122.3321),
        _american("Portland", "OR", "97201 97204 97209", "503", 45.5152, -122.6784),
        _american("Denver", "CO", "80202 80205 80211", "303", 39.7392, -104.9903),
        _american("Austin", "TX", "78701 78704 78745", "512", 30.2672, -97.7431),
        _american("Chicago", "IL", "60601 60607 60614", "312", 41.8781, -87.6298),
        _american("Atlanta", "GA", "30303 30308 30312", "404", 33.7490, -84.3880),
        _american("Boston", "MA", "02108 02116 02127", "617", 42.3601, -71.0589),
        _american("Minneapolis", "MN", "55401 55408 55414", "612", 44.9778, -93.2650),
        _american("Phoenix", "AZ", "85004 85012 85016", "602", 33.4484, -112.0740),
        _american("Nashville", "TN", "37203 37206 37210", "615", 36.1627, -86.7816),
        _american("Columbus", "OH", "43201 43215 43220", "614", 39.9612, -82.9988),
        _american("San Diego", "CA", "92101 92104 92110", "619", 32.7157, -117.1611),
    ),
    "DE": (
        _german("Berlin", "BE", "10115 10243 10999", "30 23125 0", 52.5200, 13.4050),
        _german("Hamburg", "HH", "20095 20359 22765", "40 66969 0", 53.5511, 9.9937),
        _german("Köln", "NW", "50667 50823 51063", "221 4710 0", 50.9375, 6.9603),
        _german("München", "BY", "80331 80469 81667", "89 99998 0", 48.1351, 11.5820),
        _german("Frankfurt am Main", "HE", "60311 60316 60594", "69 90009 0", 50.1109, 8.6821),
    ),
}
_STREETS = {
    "US": ("Alder", "Birch", "Canal", "Depot", "Fern", "Garnet", "Harbor", "Juniper", "Lakeview", "Mill", "Orchard"),
    "DE": ("Ahorn", "Bahnhof", "Birken", "Garten", "Hafen", "Linden", "Mühlen", "Park", "Rosen", "Schul", "Wiesen"),
}
_ROADS = ("Street", "Avenue", "Road", "Lane")


def address(chance: Random, country: str) -> Address:
    """An address of that country; its phone number is one of the city's."""
    place = chance.choice(PLACES[country])
    return Address(
        street=_street(chance, country),
        city=place.city,
        state=place.state,
        country=place.country,
        zip_code=chance.choice(place.zips),
        latitude=round(place.latitude + chance.uniform(-0.05, 0.05), 5),
        longitude=round(place.longitude + chance.uniform(-0.05, 0.05), 5),
        phone=f"{place.phone}{chance.randrange(100):02}",
    )


def _street(chance: Random, country: str) -> str:
    name, number = chance.choice(_STREETS[country]), chance.randrange(1, 240)
    return f"{name}straße {number}" if country == "DE" else f"{number * 7} {name} {chance.choice(_ROADS)}"

"""What a column holds, told by the last words of its name. Types and lengths are not published: this is our reading."""

from collections.abc import Sequence
from dataclasses import dataclass

from syncengine.catalog import ColumnType


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """`size` is the length of a text or the scale of a number."""

    type: ColumnType
    size: int = 0
    is_money: bool = False
    limit: int = 0


def _text(size: int) -> Kind:
    return Kind(type=ColumnType.TEXT, size=size)


def _decimal(size: int, *, limit: int = 0) -> Kind:
    return Kind(type=ColumnType.DECIMAL, size=size, limit=limit)


PLAIN = _text(60)
WHOLE = Kind(type=ColumnType.INTEGER)
DAY = Kind(type=ColumnType.DATE)
MOMENT = Kind(type=ColumnType.DATETIME)
MONEY = Kind(type=ColumnType.DECIMAL, size=2, is_money=True)
PRICE = Kind(type=ColumnType.DECIMAL, size=4, is_money=True)

QUANTITY = _decimal(6)
RATE = _decimal(10)
LATITUDE = _decimal(6, limit=90)
LONGITUDE = _decimal(6, limit=180)

# The longest ending counts: "fiscal year" is a text, though "year" is a number.
_ENDINGS: dict[Kind, str] = {
    MOMENT: """
        valid from, valid to, active from, active to, date time, datetime, effective, expiration, activation,
        retirement, created on, modified on, last modified on, available for assignment""",
    DAY: """
        date, date local, date expected, date received, date requested, date worked, date from vend, delivery by,
        follow update""",
    MONEY: "amount, value, limit, charges, total",
    PRICE: "price, cost, price per unit",
    QUANTITY: """
        quantity, multiples, factor, conversion, ratio, percentage, percent, weight, depth, height, width, volume,
        density, offset, equivalent, round off, numerator, denominator, height above ground, quantity shipped,
        deliver now, mileage distance, percent or amount value, base attibute target value""",
    RATE: "rate",
    LATITUDE: "latitude",
    LONGITUDE: "longitude",
    WHOLE: """
        days, month, months, number of month, seconds, year, employees, number of positions, number of payments,
        precision, priority, ranking, reward points, anniversary day, birthday, day of month, after due date,
        line number, sequence number, aisle number, file number, file number today, line order, display order, line,
        company size, notice amount, employee amount, vesting time value, expiration time value, rule weight,
        replenishment weight, payment frequency, quantity decimal, maximum batch picking list quantity,
        maximum picking list line quantity""",
    _text(2000): "notes, note, memo, comments, comment, note text, keywords, job description",
    _text(255): """
        description, url, address, roles, role, purpose, purpose names, hobbies, namealias, extension, locator, subject,
        text, integration key, formatted delivery address, formatted delvery address, formatted invoice address,
        formatted primary address""",
    _text(250): "street, line 1, line 2, address 1, address 2",
    _text(100): "name, title, children names, profession, phrase",
    _text(80): "email, email address, email address 1, facebook, twitter, linkedin, identity, id description",
    _text(60): """
        city, district, county, compliment, in kana, fiscal year, display value, dimension value, specification name,
        values from, mask""",
    _text(40): "phone, telephone 1, phone number, fax, fax number, telex, party number, personnel number",
    _text(20): "id, number, code, voucher, postbox, zip code, postal code, initials",
    _text(10): "symbol, county id, state, state id, country, country region id, iso code, province, alias",
    _text(7): "language id, language code id",
    _text(3): "currency code, currency code id, iso currency code",
}
_BY_ENDING = {tuple(ending.split()): kind for kind, text in _ENDINGS.items() for ending in text.split(",")}
_LONGEST = max(map(len, _BY_ENDING))


def of_words(words: Sequence[str]) -> Kind | None:
    """None where no ending is known."""
    for size in range(min(len(words), _LONGEST), 0, -1):
        found = _BY_ENDING.get(tuple(words[-size:]))
        if found is not None:
            return found
    return None


def of_pair(finops: Sequence[str], dataverse: Sequence[str]) -> Kind:
    """What two columns hold that are copied as they are: what either name tells, numbers and dates before texts."""
    told = [kind for kind in (of_words(finops), of_words(dataverse)) if kind is not None]
    return next((kind for kind in told if kind.type is not ColumnType.TEXT), None) or (told[0] if told else PLAIN)

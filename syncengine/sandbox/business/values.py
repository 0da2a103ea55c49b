"""Plausible values by a column's type and name. What says nothing of itself is left alone."""

import re
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from syncengine.catalog import ColumnType
from syncengine.sandbox.demo import places, words
from syncengine.sandbox.shape import Field

FIRST_DAY, DAYS = date(2025, 1, 1), 730
KEPT = ("statecode", "statuscode")  # these have an order of their own
_REMARKS = ("Call before delivery.", "Prefers e-mail.", "Reviewed this quarter.", "Wants a new offer.", "Paid in time.")
_ROLES = ("Buyer", "Owner", "Accountant", "Planner", "Store manager")

Make = Callable[[Random], str]


def _country(chance: Random) -> str:
    return chance.choice(("US", "DE"))


def _firm(chance: Random) -> str:
    country = _country(chance)
    return f"{chance.choice(words.WORDS.firm_words[country])} {chance.choice(words.WORDS.firm_kinds[country])}"


def _first(chance: Random) -> str:
    return chance.choice(words.WORDS.first_names[_country(chance)])


def _last(chance: Random) -> str:
    return chance.choice(words.WORDS.last_names[_country(chance)])


def _mail(chance: Random) -> str:
    return (
        f"{words.mail_name(_first(chance))}.{words.mail_name(_last(chance))}@{words.mail_name(_firm(chance))}.example"
    )


# The first pattern that the column's name has decides; None leaves the column alone.
_TEXTS: tuple[tuple[str, Make | None], ...] = (
    (r"e-?mail", _mail),
    (r"url|website|webpage", lambda chance: f"https://{words.mail_name(_firm(chance))}.example"),
    (r"phone|telefax|fax|mobile", lambda chance: places.address(chance, _country(chance)).phone),
    (r"street|line1|addressline", lambda chance: places.address(chance, _country(chance)).street),
    (r"city", lambda chance: places.address(chance, _country(chance)).city),
    (r"zip|postalcode", lambda chance: places.address(chance, _country(chance)).zip_code),
    (r"country|state|county|currency|language|group|term|method|number|account|code|id$|type|status", None),
    (r"first_?name", _first),
    (r"last_?name", _last),
    (r"jobtitle|title|profession", lambda chance: chance.choice(_ROLES)),
    (r"memo|note|comment|remark", lambda chance: chance.choice(_REMARKS)),
    (r"name|alias", _firm),
    (r"description|text", lambda chance: f"{_firm(chance)}, {chance.choice(_REMARKS).lower()}"),
)


def is_known(one: Field) -> bool:
    """Whether a plausible value can be made for this column, which is no key and points to nothing."""
    if one.declared is None or one.declared.read_only or one.name in KEPT or one.declared.joined_from:
        return False
    if one.type is ColumnType.TEXT:
        return _text_maker(one) is not None
    return one.type not in (ColumnType.LOOKUP, ColumnType.UUID)


def changed(chance: Random, one: Field, old: Any, enums: Mapping[str, tuple[str, ...]]) -> Any:
    """Another value for the column, as the service takes it."""
    declared = one.declared
    assert declared is not None
    match one.type:
        case ColumnType.BOOLEAN:
            return not old
        case ColumnType.ENUM:
            return _other(chance, enums[declared.enum], old)
        case ColumnType.CHOICE:
            return _other(chance, tuple(int(code) for code in declared.choices), old)
        case ColumnType.DATE | ColumnType.DATETIME:
            return _day(chance, one)
        case ColumnType.INTEGER:
            return _within(one, Decimal(_integer(chance, one)), 0)
        case ColumnType.DECIMAL:
            return _within(one, _decimal(chance, one, old), declared.scale)
        case _:
            maker = _text_maker(one)
            return old if maker is None else maker(chance)[: declared.length].rstrip()


def new_key(chance: Random, one: Field) -> str | int:
    """A key that hardly any row has."""
    if one.type is ColumnType.INTEGER:
        return chance.randrange(10**6, 2 * 10**9)
    length = min(one.declared.length if one.declared else 10, 10)
    letters = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
    return "".join(chance.choice(letters) for _ in range(length))


def _text_maker(one: Field) -> Make | None:
    name = one.name.lower()
    return next((make for pattern, make in _TEXTS if re.search(pattern, name)), None)


def _other(chance: Random, members: tuple[Any, ...], old: Any) -> Any:
    others = [one for one in members if one != old]
    return chance.choice(others) if others else old


def _day(chance: Random, one: Field) -> str:
    day = FIRST_DAY + timedelta(days=chance.randrange(DAYS))
    if one.type is ColumnType.DATE:
        return day.isoformat()
    return f"{day.isoformat()}T{chance.randrange(24):02}:{chance.randrange(60):02}:00Z"


def _integer(chance: Random, one: Field) -> int:
    name = one.name.lower()
    if re.search(r"employees", name):
        return chance.randrange(1, 900)
    if re.search(r"percent|days|hour|month|day", name):
        return chance.randrange(0, 31)
    return chance.randrange(1, 101)


def _decimal(chance: Random, one: Field, old: Any) -> Decimal:
    name = one.name.lower()
    if re.search(r"latitude|longitude", name):
        return Decimal(old or 0)
    if re.search(r"percent|discount", name):
        return Decimal(chance.randrange(0, 251)) / 10
    if re.search(r"quantity|qty", name):
        return Decimal(chance.randrange(1, 101))
    if old:
        return Decimal(str(old)) * Decimal(chance.randrange(900, 1101)) / 1000
    return Decimal(chance.randrange(1_000, 100_000)) / 100


def _within(one: Field, value: Decimal, scale: int) -> Decimal | int:
    declared = one.declared
    assert declared is not None
    low = declared.minimum if declared.minimum is not None else value
    high = declared.maximum if declared.maximum is not None else value
    rounded = min(max(value, low), high).quantize(Decimal(1).scaleb(-scale))
    return rounded if scale else int(rounded)

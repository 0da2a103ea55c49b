"""The enumerations of finops, from what value maps print."""

import re
from collections.abc import Iterable, Sequence

from script.tables_from_maps.words import camel, split
from syncengine.sandbox.declarations import Enumeration

NO_YES = "NoYes"
# What the filters give numbers of, and the maps name but in part.
KNOWN = {"ASSOCIATEDCONTACTTYPE": ["Customer", "Vendor"]}
NOTHING = {"none", "na", "notapplicable", "blank", "noneoption"}  # symbols that stand for "not set": the first, 0
_SYMBOL = re.compile(r"[A-Za-z]\w*")


class Symbols:
    """Enumerations by name. Columns of one name share theirs where they have symbols in common."""

    def __init__(self, taken: Iterable[str]) -> None:
        self._taken = set(taken)
        self._members: dict[str, dict[str, str]] = {}

    def enum_of(self, entity: str, column: str, values: Sequence[str]) -> str:
        """The enumeration that has these symbols from now on; "" where they are no symbols."""
        if {value.lower() for value in values} <= {"no", "yes"}:
            return NO_YES
        values = KNOWN.get(column, values)
        if len(values) < 2 or not all(map(_SYMBOL.fullmatch, values)):
            return ""
        name = self._name(entity, column, {value.lower() for value in values})
        members = self._members.setdefault(name, {})
        for value in values:
            symbol = value[:1].upper() + value[1:]
            members[value.lower()] = min(symbol, members.get(value.lower(), symbol), key=_capitals)
        return name

    def all(self) -> list[Enumeration]:
        return [Enumeration(name=name, members=_in_order(found.values())) for name, found in self._members.items()]

    def _name(self, entity: str, column: str, values: set[str]) -> str:
        words = split(column)
        short = camel(" ".join(words))
        is_shared = len(words) > 1 and short not in self._taken
        is_same = short not in self._members or bool(self._members[short].keys() & values)
        return short if is_shared and is_same else f"{entity}{short}"


def _capitals(symbol: str) -> tuple[int, str]:
    """Fewest capitals last: `InProcess` is a better spelling than `Inprocess`."""
    return -sum(letter.isupper() for letter in symbol), symbol


def _in_order(symbols: Iterable[str]) -> list[str]:
    """ "Not set" first, where a symbol says so; the rest as printed."""
    return sorted(symbols, key=lambda symbol: symbol.lower() not in NOTHING)

"""The words that the names of firms and people are put together from, and the one source of chance."""

from itertools import product
from pathlib import Path
from random import Random

import msgspec

_PLAIN_LETTERS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "'": "", " ": "-"})


class Words(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Lists by country. A firm is a word and a kind, a person a first and a last name."""

    firm_words: dict[str, list[str]]
    firm_kinds: dict[str, list[str]]
    vendor_kinds: dict[str, list[str]]
    first_names: dict[str, list[str]]
    last_names: dict[str, list[str]]


WORDS = msgspec.json.decode((Path(__file__).parent / "words.json").read_bytes(), type=Words)


def chance(subject: str) -> Random:
    """The same numbers at every call; each subject has its own, so that a change to one leaves the others alone."""
    return Random(f"Twofold demo, {subject}")  # noqa: S311


def firms(subject: str, country: str, kinds: dict[str, list[str]], count: int) -> list[str]:
    """So many different names of firms."""
    names = [f"{word} {kind}" for word, kind in product(WORDS.firm_words[country], kinds[country])]
    return chance(f"{subject} {country}").sample(names, count)


def people(subject: str, country: str, count: int) -> list[tuple[str, str]]:
    """So many different pairs of first and last name."""
    pairs = list(product(WORDS.first_names[country], WORDS.last_names[country]))
    return chance(f"{subject} {country}").sample(pairs, count)


def mail_name(name: str) -> str:
    """The name as it can stand in a mail address."""
    return name.lower().translate(_PLAIN_LETTERS)

"""Column names as words: the services write them without spaces, a list of words tells where one ends."""

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

PREFIXES = ("msdyn_", "cdm_", "msmrw_")
PHRASES = {"functionallocation": ("functional", "location")}  # or "function allocation"
SHORT = {"id", "iso", "url", "atp", "utc", "duns", "pos", "kpi", "vip", "bom", "abc", "b2b", "fefo", "scm", "sepa"}
UNKNOWN = 3  # an unknown run of letters costs this and two for each letter, a word costs one


@cache
def _vocabulary() -> frozenset[str]:
    text = Path(__file__).with_name("words.txt").read_text(encoding="utf-8")
    return frozenset(text.split())


@cache
def split(name: str) -> tuple[str, ...]:
    """The words of a column's name, in lower case; what is no known word stays in one piece."""
    bare = name.lower()
    for prefix in PREFIXES:
        bare = bare.removeprefix(prefix)
    return tuple(word for run in bare.split("_") if run for word in _run(run))


def _run(run: str) -> tuple[str, ...]:
    """The cheapest way to cut a run of letters, found from its start."""
    best: list[tuple[int, tuple[str, ...]]] = [(0, ())]
    for end in range(1, len(run) + 1):
        ways = ((best[start], run[start:end]) for start in range(end))
        best.append(
            min((cost + _cost(piece), (*words, *PHRASES.get(piece, (piece,)))) for (cost, words), piece in ways)
        )
    return best[-1][1]


def _joined(before: tuple[int, tuple[str, ...]], piece: str) -> tuple[int, tuple[str, ...]]:
    cost, words = before
    return cost + _cost(piece), (*words, *PHRASES.get(piece, (piece,)))


def _cost(piece: str) -> int:
    is_word = piece in _vocabulary() or piece in PHRASES or piece.isdigit()
    is_plural = piece.endswith("s") and piece[:-1] in _vocabulary()
    return 1 if is_word or is_plural else UNKNOWN + 2 * len(piece)


def label(words: Sequence[str]) -> str:
    """The words as a person reads them."""
    text = " ".join(word.upper() if word in SHORT else word for word in words)
    return text[:1].upper() + text[1:]


def camel(text: str) -> str:
    """The words of a text as one name; abbreviations keep their letters."""
    return "".join(word[:1].upper() + word[1:] for word in re.findall(r"[A-Za-z0-9]+", text))


def plural(word: str) -> str:
    if word.endswith("s") or word[-1].isdigit():
        return word
    return f"{word[:-1]}ies" if word.endswith("y") and word[-2] not in "aeiou" else f"{word}s"


def singular(word: str) -> str:
    """Of the plurals that set names end with."""
    for ending, single in (("ies", "y"), ("sses", "ss"), ("tuses", "tus"), ("tses", "ts"), ("xes", "x")):
        if word.endswith(ending):
            return word.removesuffix(ending) + single
    return word.removesuffix("s")

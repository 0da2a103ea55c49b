"""Addresses as patterns: `tables/SET/new`, in which a part in capitals stands for anything."""

import re
from collections.abc import Sequence


def pattern(path: str) -> re.Pattern[str]:
    parts = ("([^\n]+)" if part.isupper() else re.escape(part) for part in path.split("/"))
    return re.compile("\n".join(parts))


def match(found: re.Pattern[str], parts: Sequence[str]) -> tuple[str, ...] | None:
    """What stands for the parts in capitals; None for another address. A part may hold a slash, and no line feed."""
    made = found.fullmatch("\n".join(parts))
    return None if made is None else made.groups()

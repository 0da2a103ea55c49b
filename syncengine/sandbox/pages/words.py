"""Numbers, times and counts as a person reads them."""

from datetime import UTC, datetime
from urllib.parse import quote

from markupsafe import Markup


def number(value: float) -> str:
    return f"{value:,}"


def counted(count: int, one: str, many: str = "") -> str:
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def moment(at: datetime) -> Markup:
    """The exact time; the page's script says how long ago that was."""
    exact = at.astimezone(UTC)
    text = exact.strftime("%Y-%m-%d %H:%M:%S UTC")
    return Markup('<time datetime="{}" title="{}">{}</time>').format(exact.isoformat(), text, text)


def path_of(*parts: str) -> str:
    return "/" + "/".join(quote(part, safe="") for part in parts)


SAID = {
    "created": "Created.",
    "saved": "Saved.",
    "unchanged": "Nothing was changed, so nothing was sent.",
    "deleted": "Deleted.",
    "faults": "The faults are set.",
    "faults-off": "All faults are off.",
    "settings": "The settings are saved.",
    "silent": "{n} changed silently. Nobody was told.",
}


def said(what: str, count: int) -> str:
    """The sentence; "" for what is none of ours."""
    return SAID.get(what, "").format(n=counted(count, "row"))

"""Addresses of OData services: path segments with keys, and options.

A key in brackets is one literal, `accounts(00aa…)`, or names with literals, `accounts(accountnumber='A1',x=2)`. Dates
are read as the texts that they are.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from urllib.parse import unquote, unquote_plus
from uuid import UUID

KeyValue = str | int | Decimal | bool | UUID | None
_GUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_NAME = r"[A-Za-z_@$][\w.$]*"
_MOMENT = r"\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d))?"
_LITERAL = re.compile(
    rf"(?P<text>(?:[A-Za-z_][\w.]*)?'(?:[^']|'')*')|(?P<guid>{_GUID})|(?P<moment>{_MOMENT})"
    r"|(?P<number>-?\d+(?:\.\d+)?)|(?P<word>true|false|null)|(?P<alias>@\w+)"
)
_PART = re.compile(rf"\s*(?:(?P<name>{_NAME})\s*=\s*)?")
_SEGMENT = re.compile(r"(?P<name>[^()/']+)(?:\((?P<key>(?:'(?:[^']|'')*'|[^()'])*)\))?(?:/|$)")


class BadAddress(ValueError):
    """An address that cannot be understood."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A step of the path. `key` is None without brackets, empty for `WhoAmI()`; a lone literal has the name ""."""

    name: str
    key: tuple[tuple[str, KeyValue], ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """`text` is the path with its options as the client wrote it."""

    segments: tuple[Segment, ...]
    options: Mapping[str, str]
    text: str = ""

    def option(self, name: str) -> str | None:
        return self.options.get(name)


def parse(target: str) -> Address:
    """The address behind the service root, such as `accounts(…)/name?$select=x`. Raises: BadAddress."""
    path, _, query = target.partition("?")
    options = parse_options(query)
    return Address(segments=_segments(unquote(path).strip("/"), options), options=options, text=target)


def parse_options(query: str) -> dict[str, str]:
    """Options by name. System options may be written without regard to case. Raises: BadAddress when given twice."""
    options: dict[str, str] = {}
    for part in filter(None, query.split("&")):
        name, _, value = part.partition("=")
        name = unquote_plus(name).strip()
        name = name.lower() if name.startswith("$") else name
        if name in options:
            raise BadAddress(
                f"Query option '{name}' was specified more than once, but it must be specified at most once."
            )
        options[name] = unquote_plus(value)
    return options


def _segments(path: str, options: Mapping[str, str]) -> tuple[Segment, ...]:
    segments, position = [], 0
    while position < len(path):
        found = _SEGMENT.match(path, position)
        if found is None:
            raise BadAddress(f"Bad Request - Error in query syntax near '{path[position:][:40]}'.")
        key = found["key"]
        segments.append(Segment(name=found["name"], key=None if key is None else parse_key(key, options)))
        position = found.end()
    return tuple(segments)


def parse_key(text: str, options: Mapping[str, str] | None = None) -> tuple[tuple[str, KeyValue], ...]:
    """The names and values between brackets. Raises: BadAddress."""
    parts: list[tuple[str, KeyValue]] = []
    position = 0
    while position < len(text):
        name = _PART.match(text, position)
        literal = _LITERAL.match(text, name.end() if name else position)
        if literal is None or (literal.end() < len(text) and text[literal.end()] not in ", "):
            raise BadAddress(f"Bad Request - Error in query syntax: the key '{text[:60]}' is not understood.")
        parts.append(((name["name"] or "") if name else "", _value(literal, options or {})))
        position = _skip_comma(text, literal.end())
    return tuple(parts)


def _skip_comma(text: str, position: int) -> int:
    rest = text[position:].lstrip()
    if rest and (not rest.startswith(",") or rest == ","):
        raise BadAddress(f"Bad Request - Error in query syntax: the key '{text[:60]}' is not understood.")
    return len(text) - len(rest) + 1 if rest else len(text)


def _value(literal: "re.Match[str]", options: Mapping[str, str]) -> KeyValue:
    text = literal[0]
    match literal.lastgroup:
        case "text":
            return text[text.index("'") + 1 : -1].replace("''", "'")
        case "guid":
            return UUID(text)
        case "moment":
            return text
        case "number":
            return Decimal(text) if "." in text else int(text)
        case "alias":
            return _aliased(text, options)
        case _:
            return {"true": True, "false": False, "null": None}[text]


def _aliased(alias: str, options: Mapping[str, str]) -> KeyValue:
    text = options.get(alias)
    found = None if text is None else _LITERAL.fullmatch(text)
    if found is None or found.lastgroup == "alias":
        raise BadAddress(f"Bad Request - Error in query syntax: the parameter {alias} has no value.")
    return _value(found, options)

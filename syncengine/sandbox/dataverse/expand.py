"""`$expand`: rows told within a row. A look-up brings one row, a collection a list. Source: Web API documentation."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from syncengine.sandbox.addresses import Address
from syncengine.sandbox.dataverse.navigation import Collection, collection_of, target_of
from syncengine.sandbox.query import QueryRefused
from syncengine.sandbox.shape import Shape
from syncengine.sandbox.site import Site

MAX_EXPANDS = 15
MAX_DEPTH = 5
_ITEM = re.compile(r"\s*(\w+)\s*(?:\((.*)\))?\s*", re.DOTALL)
_OF_ONE = {"$select", "$expand"}
_OF_MANY = {*_OF_ONE, "$filter", "$orderby", "$top"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Expand:
    """`collection` is set where the property leads to several rows of `shape`; `options` are those in its brackets."""

    name: str
    shape: Shape
    collection: Collection | None = None
    options: Address
    expands: tuple["Expand", ...] = field(default=())


def read(site: Site, shape: Shape, text: str | None, depth: int = 1) -> tuple[Expand, ...]:
    """What the option names. Raises: QueryRefused."""
    if text is None or not text.strip():
        return ()
    items = list(_split(text, ","))
    if len(items) > MAX_EXPANDS or depth > MAX_DEPTH:
        raise QueryRefused(f"The number of '$expand' options exceeds the limit of {MAX_EXPANDS}")
    found = [_item(site, shape, item, depth) for item in items]
    if len({one.name for one in found}) < len(found):
        raise QueryRefused("A property is expanded more than once")
    return tuple(found)


def tables(expands: tuple[Expand, ...]) -> Iterator[str]:
    """The tables whose rows are told."""
    for one in expands:
        yield one.shape.name
        yield from tables(one.expands)


def context(expands: tuple[Expand, ...]) -> Iterator[str]:
    """How the context of an answer names what is expanded."""
    for one in expands:
        inner = [name.strip() for name in (one.options.option("$select") or "").split(",") if name.strip()]
        yield f"{one.name}({','.join([*inner, *context(one.expands)])})"


def _item(site: Site, shape: Shape, text: str, depth: int) -> Expand:
    found = _ITEM.fullmatch(text)
    if found is None:
        raise QueryRefused(f"Syntax error in '$expand': {text[:100]}")
    collection = collection_of(site, shape, found[1])
    target = collection.shape if collection else target_of(site, shape, found[1])
    if target is None:
        raise QueryRefused(f"Could not find a property named '{found[1][:80]}' on type '{shape.declared.label}'")
    options = _options(found[2] or "", _OF_MANY if collection else _OF_ONE)
    return Expand(
        name=found[1],
        shape=target,
        collection=collection,
        options=Address(segments=(), options=options),
        expands=read(site, target, options.get("$expand"), depth + 1),
    )


def _options(text: str, known: set[str]) -> Mapping[str, str]:
    options: dict[str, str] = {}
    for part in _split(text, ";") if text.strip() else ():
        name, sign, value = part.partition("=")
        name = name.strip().lower()
        if not sign or name in options or name not in known:
            raise QueryRefused(f"The query parameter {name[:40]} is not supported in '$expand'")
        options[name] = value.strip()
    return options


def _split(text: str, mark: str) -> Iterator[str]:
    """The parts between marks that stand outside of brackets and quotes."""
    depth, start, is_quoted = 0, 0, False
    for place, letter in enumerate(text):
        if letter == "'":
            is_quoted = not is_quoted
        elif is_quoted:
            continue
        elif letter in "()":
            depth += 1 if letter == "(" else -1
        elif letter == mark and depth == 0:
            yield text[start:place]
            start = place + 1
    if depth or is_quoted:
        raise QueryRefused(f"Syntax error in '$expand': {text[:100]}")
    yield text[start:]

"""A form from the fields of a struct, and back. What a field is called stands in `wording`, so that a new field needs
one line there and no other.
"""

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec
from msgspec import inspect

from syncengine.sandbox.declarations import Kind
from syncengine.sandbox.pages import wording
from syncengine.sandbox.pages.wording import Wording

MOST_ROWS = 50  # of a list


class BadValue(ValueError):
    """What was typed is no value of the field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """An input, or a group of them. `kind`: yes-no, number, text, select, ticks, group, rows.

    `rows` are the groups of a list, the last of them empty for one more.
    """

    name: str
    label: str
    kind: str
    help: str = ""
    value: str = ""
    step: str = ""
    options: tuple[tuple[str, str, bool], ...] = ()
    parts: tuple["Part", ...] = ()
    rows: tuple[tuple["Part", ...], ...] = ()
    group: str = ""
    problem: str = ""


def parts(
    struct: type[msgspec.Struct],
    values: Mapping[str, Any],
    problems: Mapping[str, str],
    kind: Kind,
    prefix: str = "",
) -> tuple[Part, ...]:
    """For a sandbox of this kind. `values` as they are in JSON; `problems` by the input's name."""
    return tuple(
        _part(f"{prefix}{one.name}", one.type, wording.of(struct, one.name), values.get(one.name), problems, kind)
        for one in shown_fields(struct, kind)
    )


def read(
    struct: type[msgspec.Struct], forms: Mapping[str, list[str]], kind: Kind, prefix: str = ""
) -> tuple[dict[str, Any], dict[str, str]]:
    """The values that were typed, and what is wrong with those left out, by the input's name."""
    values: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for one in shown_fields(struct, kind):
        name = f"{prefix}{one.name}"
        try:
            values[one.name] = _read(name, one.type, forms, problems, kind)
        except BadValue as error:
            problems[name] = str(error)
    return values, problems


def grouped(made: Sequence[Part]) -> list[tuple[str, list[Part]]]:
    """By heading, in the order of the first of each."""
    groups: dict[str, list[Part]] = {}
    for one in made:
        groups.setdefault(one.group, []).append(one)
    return list(groups.items())


def shown_fields(struct: type[msgspec.Struct], kind: Kind) -> Iterator[inspect.Field]:
    found = inspect.type_info(struct)
    assert isinstance(found, inspect.StructType)
    for one in found.fields:
        words = wording.of(struct, one.name)
        if not words.is_hidden and words.only in (None, kind):
            yield one


def _part(name: str, type_: inspect.Type, words: Wording, value: Any, problems: Mapping[str, str], kind: Kind) -> Part:
    made = Part(
        name=name,
        label=words.label,
        kind="text",
        help=words.help,
        group=words.group,
        value=_text(value),
        problem=problems.get(name, ""),
    )
    match type_:
        case inspect.StructType():
            return replace(made, kind="group", parts=parts(type_.cls, value or {}, problems, kind, f"{name}."))
        case inspect.ListType(item_type=inspect.StructType() as item):
            rows = [*(value or ()), {}]
            return replace(
                made,
                kind="rows",
                rows=tuple(parts(item.cls, row, problems, kind, f"{name}.{at}.") for at, row in enumerate(rows)),
            )
        case inspect.BoolType():
            return replace(made, kind="yes-no", value="true" if value else "")
        case inspect.IntType() | inspect.FloatType():
            return replace(made, kind="number", step=_step(type_))
        case inspect.EnumType():
            return replace(made, kind="select", options=_options([str(one) for one in type_.cls], words, [str(value)]))
        case inspect.LiteralType():
            return replace(made, kind="select", options=_options(map(str, type_.values), words, [str(value)]))
        case inspect.AnyType():
            return replace(made, value=_any_text(value))
        case _ if words.choices:
            chosen = words.usual if value is None else value
            return replace(made, kind="ticks", options=_options(words.choices, words, chosen))
        case _ if _is_number(type_):
            return replace(made, kind="number", step="any")
        case _:
            return made


def _options(values: Iterable[str], words: Wording, chosen: Collection[str]) -> tuple[tuple[str, str, bool], ...]:
    """Value, word, and whether it is chosen."""
    return tuple((one, words.choices.get(one, one), one in chosen) for one in values)


def _is_number(type_: inspect.Type) -> bool:
    """Whether it is a number or nothing."""
    return isinstance(type_, inspect.UnionType) and any(
        isinstance(one, inspect.IntType | inspect.FloatType) for one in type_.types
    )


def _read(name: str, type_: inspect.Type, forms: Mapping[str, list[str]], problems: dict[str, str], kind: Kind) -> Any:
    """Raises: BadValue."""
    typed = forms.get(name, [""])
    text = typed[-1].strip()
    match type_:
        case inspect.StructType():
            values, found = read(type_.cls, forms, kind, f"{name}.")
            problems |= found
            return values
        case inspect.ListType(item_type=inspect.StructType() as item):
            return list(_rows(name, item.cls, forms, problems, kind))
        case inspect.BoolType():
            return text == "true"
        case inspect.IntType() | inspect.FloatType():
            return _number(text or "0", is_whole=isinstance(type_, inspect.IntType))
        case inspect.UnionType() if _is_number(type_):
            is_whole = not any(isinstance(one, inspect.FloatType) for one in type_.types)
            return _number(text, is_whole=is_whole) if text else None
        case inspect.VarTupleType() | inspect.ListType():
            return typed if len(typed) > 1 else [one.strip() for one in text.split(",") if one.strip()]
        case inspect.AnyType():
            return _any(text)
        case inspect.LiteralType():
            return next((one for one in type_.values if str(one) == text), text)
        case inspect.DictType():
            return _any(text or "{}")
        case _:
            return text


def _rows(
    name: str, struct: type[msgspec.Struct], forms: Mapping[str, list[str]], problems: dict[str, str], kind: Kind
) -> Iterator[dict[str, Any]]:
    """The rows of a list; one whose first input is empty is none."""
    first = next(shown_fields(struct, kind)).name
    for place in range(MOST_ROWS):
        prefix = f"{name}.{place}."
        if not forms.get(f"{prefix}{first}", [""])[-1].strip():
            continue
        values, found = read(struct, forms, kind, prefix)
        problems |= found
        yield values


def _number(text: str, *, is_whole: bool) -> int | float:
    problem = f"“{text[:40]}” is no {'whole ' if is_whole else ''}number."
    try:
        value = int(text) if is_whole else float(text)
    except ValueError as error:
        raise BadValue(problem) from error
    if not math.isfinite(value):
        raise BadValue(problem)
    return value


def _any(text: str) -> Any:
    """A number, true, false or null where it reads as one, else the text; nothing is null."""
    if not text:
        return None
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text


def _any_text(value: Any) -> str:
    """What reads back as this value."""
    text = _text(value)
    return msgspec.json.encode(value).decode() if _any(text) != value else text


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return msgspec.json.encode(value).decode()


def _step(type_: inspect.Type) -> str:
    return "1" if isinstance(type_, inspect.IntType) else "any"

"""The form of a row: its inputs, what was typed as the service takes it, and what another's save means for it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from syncengine.catalog import ColumnType
from syncengine.sandbox import inside
from syncengine.sandbox.declarations import COMPANY
from syncengine.sandbox.inside import Refusal
from syncengine.sandbox.pages import display, inputs, lookups, rows
from syncengine.sandbox.pages.display import Names, Row
from syncengine.sandbox.pages.inputs import Input, Wrong
from syncengine.sandbox.shape import Field, Shape
from syncengine.sandbox.site import Site

SEE_ABOVE = "The service refused this; its words stand above."


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """`body` is what the service is sent; `problems` are by the field's name."""

    body: Mapping[str, Any]
    problems: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entered:
    """What the inputs hold: `stored` texts by the field's name, none for a new row, and what was typed by the input's.

    `form` also has what each input held when the page was opened, unless that counts no longer.
    """

    stored: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)
    is_new: bool = False

    def value(self, one: Field) -> str:
        return self.form.get(inputs.name_of(one), self.stored.get(one.name, ""))

    def was(self, one: Field) -> str:
        """What the row held when it was opened: only what differs from that is sent."""
        return "" if self.is_new else self.form.get(inputs.was_name_of(one), self.stored.get(one.name, ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A column that another has changed, or both: what the person typed or found, and what is stored by now."""

    label: str
    yours: str
    stored: str


def typed(site: Site, shape: Shape, fields: Sequence[Field], form: Mapping[str, str]) -> Typed:
    """What the person changed."""
    body: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for one in changed(fields, form):
        try:
            body |= _sent(site, shape, one, form[inputs.name_of(one)])
        except Wrong as error:
            problems[one.name] = str(error)
    return Typed(body=body, problems=problems)


def changed(fields: Sequence[Field], form: Mapping[str, str]) -> list[Field]:
    return [one for one in fields if inputs.was_changed(one, form)]


def stored(fields: Sequence[Field], row: Row, names: Names) -> dict[str, str]:
    """What the inputs of these fields would hold, by the field's name."""
    return {one.name: inputs.text_of(one, row.get(one.name), names) for one in fields}


def inputs_of(site: Site, shape: Shape, fields: Sequence[Field], entered: Entered) -> list[Input]:
    first = inputs.first_columns(shape)
    if entered.is_new:
        first |= {one.column for one in rows.usual(shape)}
    return [_input(site, shape, one, entered, first) for one in fields]


def differences(
    fields: Sequence[Field], form: Mapping[str, str], texts: Mapping[str, str]
) -> tuple[list[Difference], list[Difference]]:
    """Of what the person changed, and of what another changed elsewhere in the row. `texts` are stored by now."""
    mine = changed(fields, form)
    theirs = [one for one in fields if one not in mine and form.get(inputs.was_name_of(one), "") != texts[one.name]]
    return (
        [_difference(one, form[inputs.name_of(one)], texts[one.name]) for one in mine],
        [_difference(one, form.get(inputs.was_name_of(one), ""), texts[one.name]) for one in theirs],
    )


def guilty(shape: Shape, fields: Sequence[Field], refused: Refusal) -> dict[str, str]:
    """The fields that the refusal names, as far as it does."""
    quoted = set(re.findall(r"'([^']+)'", refused.message))
    words = quoted | {text.rpartition(".")[2] for text in quoted}
    return {one.name: SEE_ABOVE for one in fields if words & {one.name, one.column, display.label(one)}}


def _sent(site: Site, shape: Shape, one: Field, text: str) -> dict[str, Any]:
    """The property as the service takes it. Raises: Wrong."""
    if one.type is not ColumnType.LOOKUP or one.declared is None:
        return {one.name: inputs.value_of(one, text)}
    bound = f"{inside.binding(shape, one)}@odata.bind"
    if not text.strip():
        return {bound: None}
    target = one.declared.target
    return {bound: f"/{target}({lookups.found(site, site.stock.shapes[target], text)})"}


def _difference(one: Field, yours: str, now: str) -> Difference:
    return Difference(label=display.label(one), yours=_as_read(one, yours), stored=_as_read(one, now))


def _as_read(one: Field, text: str) -> str:
    """What stands in an input, as a person reads it."""
    if one.type is ColumnType.CHOICE and one.declared:
        return one.declared.choices.get(text, text)
    return dict(inputs.YES_NO).get(text, text) if one.type is ColumnType.BOOLEAN else text


def _input(site: Site, shape: Shape, one: Field, entered: Entered, first: set[str]) -> Input:
    declared, source = one.declared, lookups.source(shape, one)
    assert declared is not None
    kind, options = _choice(site, shape, one, entered)
    if kind == "select" and inputs.can_be_empty(shape, is_new=entered.is_new):
        options = (("", "–"), *options)
    value, was, problem = entered.value(one), entered.was(one), entered.problems.get(one.name, "")
    return Input(
        name=inputs.name_of(one),
        was_name=inputs.was_name_of(one),
        label=_label(site, one),
        kind=kind,
        value=value,
        was=was,
        options=options,
        source=source,
        required=inputs.is_required(one) and (entered.is_new or bool(was)),
        length=declared.length if one.type is ColumnType.TEXT else 0,
        step=f"{10**-declared.scale:f}".rstrip("0") if one.type is ColumnType.DECIMAL and declared.scale else "1",
        help=inputs.help_of(site, shape, one),
        problem=problem,
        is_first=bool(value or problem) or one.column in first,
    )


def _choice(site: Site, shape: Shape, one: Field, entered: Entered) -> tuple[str, tuple[tuple[str, str], ...]]:
    """The kind of the input, and what can be chosen in it or is suggested."""
    if one.column == COMPANY:
        return "select", tuple((each, each) for each in rows.companies(site, shape))
    if lookups.source(shape, one):
        company = entered.value(shape.fields[COMPANY]) if shape.has_companies else ""
        return "suggest", tuple(lookups.first_options(site, shape, one, company))
    return inputs.kind_of(site, one)


def _label(site: Site, one: Field) -> str:
    """A branch of a look-up with several targets says which table it is for."""
    if not one.part_of or one.declared is None:
        return display.label(one)
    return f"{display.label(one)}: {site.stock.inventory.tables[one.declared.target].label}"

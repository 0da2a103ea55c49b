"""The pages of a row: open, edit, create, delete. Every write is a call to the service."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from syncengine.catalog import ColumnType
from syncengine.sandbox import change_log, inside
from syncengine.sandbox.calls import Answer
from syncengine.sandbox.declarations import COMPANY
from syncengine.sandbox.inside import ETAG, Refusal
from syncengine.sandbox.pages import changes, display, inputs, lookups, rows
from syncengine.sandbox.pages.display import Row
from syncengine.sandbox.pages.inputs import Input, Wrong
from syncengine.sandbox.pages.visit import PERSON, NoPage, Visit, go
from syncengine.sandbox.pages.words import path_of
from syncengine.sandbox.shape import Field, Shape
from syncengine.sandbox.site import Site

CHANGES = 20
VERSION_DIFFERS = 412
SEE_ABOVE = "The service refused this; its words stand above."
DELETED = Refusal(status=404, message="Another has deleted this row meanwhile. What you typed is kept below.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A column that both changed: what the person typed, and what is stored by now."""

    label: str
    yours: str
    stored: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """`body` is what the service is sent; `problems` are by the field's name."""

    body: Mapping[str, Any]
    problems: Mapping[str, str]


def new(visit: Visit, name: str) -> Answer:
    shape = rows.shape_of(visit.site, name)
    fields = inputs.fields(shape, is_new=True)
    if visit.request.method != "POST":
        return _new_form(visit, shape, fields, {inputs.name_of(one): "" for one in fields} | _given(visit, shape))
    typed = _typed(visit.site, shape, fields, visit.form)
    if typed.problems:
        return _new_form(visit, shape, fields, visit.form, typed.problems)
    visit.site.need([shape.name])
    made = inside.ask(visit.site, "POST", shape.name, typed.body, writer=PERSON, origin=visit.origin)
    refused = inside.refusal(made)
    if refused:
        return _new_form(visit, shape, fields, visit.form, _guilty(shape, fields, refused), refused)
    row_id = _created(visit.site, shape, made)
    return go(path_of("tables", shape.name, "rows", row_id), said="created")


def edit(visit: Visit, name: str, row_id: str) -> Answer:
    shape = rows.shape_of(visit.site, name)
    fields = inputs.fields(shape, is_new=False)
    row = inside.row(visit.site, shape, row_id, writer=PERSON)
    if visit.request.method != "POST":
        if row is None:
            raise _gone(shape)
        return _edit_form(visit, shape, fields, row_id, row)
    typed = _typed(visit.site, shape, fields, visit.form)
    if row is None:
        return _new_form(visit, shape, inputs.fields(shape, is_new=True), visit.form, {}, DELETED)
    if typed.problems:
        return _edit_form(visit, shape, fields, row_id, row, form=visit.form, problems=typed.problems)
    here = path_of("tables", shape.name, "rows", row_id)
    if not typed.body:
        return go(here, said="unchanged")
    key = inside.key_of(visit.site, shape, row_id) or {}
    made = inside.ask(
        visit.site,
        "PATCH",
        inside.address(shape, key),
        typed.body,
        writer=PERSON,
        etag=visit.form.get("etag", ""),
        origin=visit.origin,
    )
    refused = inside.refusal(made)
    if refused is None:
        return go(here, said="saved")
    if refused.status == VERSION_DIFFERS:
        return _both(visit, shape, fields, row_id)
    return _edit_form(
        visit,
        shape,
        fields,
        row_id,
        row,
        form=visit.form,
        problems=_guilty(shape, fields, refused),
        refused=refused,
        etag=visit.form.get("etag", ""),
    )


def delete(visit: Visit, name: str, row_id: str) -> Answer:
    shape = rows.shape_of(visit.site, name)
    row = inside.row(visit.site, shape, row_id, writer=PERSON)
    if row is None:
        raise _gone(shape)
    refused = None
    if visit.request.method == "POST":
        key = inside.key_of(visit.site, shape, row_id) or {}
        made = inside.ask(
            visit.site,
            "DELETE",
            inside.address(shape, key),
            writer=PERSON,
            etag=visit.form.get("etag", ""),
            origin=visit.origin,
        )
        refused = inside.refusal(made)
        if refused is None:
            return go(path_of("tables", shape.name), said="deleted")
    fields = list(shape.fields.values())
    names = display.names_of(visit.site, fields, [row])
    return visit.page(
        "delete.html",
        200 if refused is None else 400,
        shape=shape,
        row_id=row_id,
        name=_name(visit.site, shape, row_id),
        etag=row[ETAG],
        refused=refused,
        has_changed=refused is not None and refused.status == VERSION_DIFFERS,
        facts=inputs.facts(shape, row, names, without=[])[:12],
    )


def _typed(site: Site, shape: Shape, fields: Sequence[Field], form: Mapping[str, str]) -> Typed:
    """What the person changed."""
    body: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for one in fields:
        if inputs.was_changed(one, form):
            try:
                body |= _sent(site, shape, one, form[inputs.name_of(one)])
            except Wrong as error:
                problems[one.name] = str(error)
    return Typed(body=body, problems=problems)


def _sent(site: Site, shape: Shape, one: Field, text: str) -> dict[str, Any]:
    """The property as the service takes it. Raises: Wrong."""
    if one.type is not ColumnType.LOOKUP or one.declared is None:
        return {one.name: inputs.value_of(one, text)}
    bound = f"{inside.binding(shape, one)}@odata.bind"
    if not text.strip():
        return {bound: None}
    target = one.declared.target
    return {bound: f"/{target}({lookups.found(site, site.stock.shapes[target], text)})"}


def _both(visit: Visit, shape: Shape, fields: Sequence[Field], row_id: str) -> Answer:
    """Somebody else saved meanwhile: what was typed is kept, and beside it stands what is stored."""
    row = inside.row(visit.site, shape, row_id, writer=PERSON)
    if row is None:
        raise _gone(shape)
    names = display.names_of(visit.site, fields, [row])
    changed = [one for one in fields if inputs.was_changed(one, visit.form)]
    differences = [
        Difference(
            label=display.label(one),
            yours=_as_read(one, visit.form[inputs.name_of(one)]),
            stored=_as_read(one, inputs.text_of(one, row.get(one.name), names)),
        )
        for one in changed
    ]
    elsewhere = [
        Difference(label=display.label(one), yours=_as_read(one, was), stored=_as_read(one, now))
        for one in fields
        if one not in changed
        and (was := visit.form.get(inputs.was_name_of(one), ""))
        != (now := inputs.text_of(one, row.get(one.name), names))
    ]
    mine = {inputs.name_of(one): visit.form[inputs.name_of(one)] for one in changed}
    return _edit_form(
        visit, shape, fields, row_id, row, form=mine, differences=differences, elsewhere=elsewhere, is_late=True
    )


def _as_read(one: Field, text: str) -> str:
    """What stands in an input, as a person reads it."""
    if one.type is ColumnType.CHOICE and one.declared:
        return one.declared.choices.get(text, text)
    return {"true": "Yes", "false": "No"}.get(text, text) if one.type is ColumnType.BOOLEAN else text


def _new_form(
    visit: Visit,
    shape: Shape,
    fields: Sequence[Field],
    form: Mapping[str, str],
    problems: Mapping[str, str] | None = None,
    refused: Refusal | None = None,
) -> Answer:
    made = _inputs(visit.site, shape, fields, {}, form, problems or {}, is_new=True)
    return visit.page(
        "record.html",
        400 if problems or refused else 200,
        shape=shape,
        row_id="",
        name=f"New row of {shape.declared.label}",
        inputs=made,
        facts=[],
        etag="",
        refused=refused,
        problems=problems or {},
        differences=[],
        elsewhere=[],
        is_late=False,
        lines=[],
    )


def _edit_form(
    visit: Visit,
    shape: Shape,
    fields: Sequence[Field],
    row_id: str,
    row: Row,
    *,
    form: Mapping[str, str] | None = None,
    problems: Mapping[str, str] | None = None,
    refused: Refusal | None = None,
    etag: str = "",
    differences: Sequence[Difference] = (),
    elsewhere: Sequence[Difference] = (),
    is_late: bool = False,
) -> Answer:
    site = visit.site
    names = display.names_of(site, (*shape.fields.values(), *shape.branches), [row])
    values = {one.name: inputs.text_of(one, row.get(one.name), names) for one in fields}
    made = _inputs(site, shape, fields, values, form or {}, problems or {}, is_new=False)
    if etag:  # the version that was opened, with what it held
        made = [replace(one, was=visit.form.get(f"was{one.name[1:]}", one.was)) for one in made]
    with site.reading() as connection:
        lines = change_log.lines(connection, site.schema, table=shape.name, row_id=row_id, limit=CHANGES)
    return visit.page(
        "record.html",
        400 if problems or refused or is_late else 200,
        shape=shape,
        row_id=row_id,
        name=_name(site, shape, row_id),
        inputs=made,
        facts=inputs.facts(shape, row, names, without=list(fields)),
        etag=etag or row[ETAG],
        refused=refused,
        problems=problems or {},
        differences=differences,
        elsewhere=elsewhere,
        is_late=is_late,
        lines=[changes.shown(site, one) for one in lines],
    )


def _inputs(
    site: Site,
    shape: Shape,
    fields: Sequence[Field],
    values: Mapping[str, str],
    form: Mapping[str, str],
    problems: Mapping[str, str],
    *,
    is_new: bool,
) -> list[Input]:
    """Inputs with what was typed, or else what the row holds."""
    first = inputs.first_columns(shape) | ({one.column for one in rows.usual(shape)} if is_new else set())
    company = form.get(f"c.{COMPANY}", "") or values.get(COMPANY, "")
    return [
        _input(site, shape, one, values.get(one.name, ""), form, problems, first, company, is_new=is_new)
        for one in fields
    ]


def _input(
    site: Site,
    shape: Shape,
    one: Field,
    was: str,
    form: Mapping[str, str],
    problems: Mapping[str, str],
    first: set[str],
    company: str,
    *,
    is_new: bool,
) -> Input:
    kind, options = inputs.kind_of(site, one)
    source = lookups.source(shape, one)
    if one.column == COMPANY:
        kind, options = "select", tuple((each, each) for each in rows.companies(site, shape))
    elif source:
        kind, options = "suggest", tuple(lookups.first_options(site, shape, one, company))
    if kind == "select" and inputs.can_be_empty(shape, one, is_new=is_new):
        options = (("", "–"), *options)
    value = form.get(inputs.name_of(one), was)
    declared = one.declared
    assert declared is not None
    return Input(
        name=inputs.name_of(one),
        label=_label(site, one),
        kind=kind,
        value=value,
        was=was,
        options=options,
        source=source,
        required=inputs.is_required(one) and (is_new or bool(was)),
        length=declared.length if one.type is ColumnType.TEXT else 0,
        step=f"{10**-declared.scale:f}".rstrip("0") if one.type is ColumnType.DECIMAL and declared.scale else "1",
        help=inputs.help_of(site, shape, one),
        problem=problems.get(one.name, ""),
        is_first=bool(value or problems.get(one.name)) or one.column in first,
    )


def _label(site: Site, one: Field) -> str:
    """A branch of a look-up with several targets says which table it is for."""
    if not one.part_of or one.declared is None:
        return display.label(one)
    return f"{display.label(one)}: {site.stock.inventory.tables[one.declared.target].label}"


def _given(visit: Visit, shape: Shape) -> dict[str, str]:
    """What a new row begins with."""
    if not shape.has_companies:
        return {}
    asked = visit.query.get("company", "") or visit.site.settings.default_company
    return {f"c.{COMPANY}": asked.lower()}


def _guilty(shape: Shape, fields: Sequence[Field], refused: Refusal) -> dict[str, str]:
    """The fields that the refusal names, as far as it does."""
    quoted = set(re.findall(r"'([^']+)'", refused.message))
    words = quoted | {text.rpartition(".")[2] for text in quoted}
    return {one.name: SEE_ABOVE for one in fields if words & {one.name, one.column, display.label(one)}}


def _created(site: Site, shape: Shape, made: Answer) -> str:
    """The id of the row that was just made, from where the service says that it lies."""
    location = made.headers.get("OData-EntityId") or made.headers.get("Location", "")
    segment = location.rpartition("/")[2].partition("?")[0]
    address = inside.SERVICES[site.record.kind].parse(segment)
    return inside.row_id_at(site, shape, dict(address.segments[0].key or ()))


def _name(site: Site, shape: Shape, row_id: str) -> str:
    return lookups.name_of(site, shape, row_id)


def _gone(shape: Shape) -> NoPage:
    return NoPage(f"This row of {shape.declared.label} is not there, or not any more. Look for it in the table.")

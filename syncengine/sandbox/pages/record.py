"""The pages of a row: open, edit, create, delete. Every write is a call to the service."""

from collections.abc import Mapping
from typing import Any

from syncengine.sandbox import change_log, inside
from syncengine.sandbox.calls import Answer
from syncengine.sandbox.declarations import COMPANY
from syncengine.sandbox.inside import ETAG, Refusal
from syncengine.sandbox.pages import changes, display, inputs, lookups, record_form, rows
from syncengine.sandbox.pages.display import Names, Row
from syncengine.sandbox.pages.record_form import Entered
from syncengine.sandbox.pages.visit import PERSON, NoPage, Visit, go
from syncengine.sandbox.pages.words import path_of
from syncengine.sandbox.shape import Shape
from syncengine.sandbox.site import Site

CHANGES = 20
FACTS = 12  # that the question before a delete tells of the row
VERSION_DIFFERS = 412
DELETED = Refusal(status=404, message="Another has deleted this row meanwhile. What you typed is kept below.")
_NOTHING: Mapping[str, Any] = {
    "row_id": "",
    "facts": (),
    "etag": "",
    "refused": None,
    "differences": (),
    "elsewhere": (),
    "is_late": False,
    "lines": (),
}


def new(visit: Visit, name: str) -> Answer:
    shape = rows.shape_of(visit.site, name)
    if visit.request.method != "POST":
        return _new_form(visit, shape, Entered(form=_given(visit, shape), is_new=True))
    fields = inputs.fields(shape, is_new=True)
    typed = record_form.typed(visit.site, shape, fields, visit.form)
    if typed.problems:
        return _new_form(visit, shape, Entered(form=visit.form, problems=typed.problems, is_new=True))
    visit.site.need([shape.name])
    made = inside.ask(visit.site, "POST", shape.name, typed.body, writer=PERSON, origin=visit.origin)
    refused = inside.refusal(made)
    if refused:
        problems = record_form.guilty(shape, fields, refused)
        return _new_form(visit, shape, Entered(form=visit.form, problems=problems, is_new=True), refused)
    return go(path_of("tables", shape.name, "rows", _created(visit.site, shape, made)), said="created")


def edit(visit: Visit, name: str, row_id: str) -> Answer:
    shape = rows.shape_of(visit.site, name)
    row = inside.row(visit.site, shape, row_id, writer=PERSON)
    if visit.request.method == "POST":
        return _save(visit, shape, row_id, row)
    if row is None:
        raise _gone(shape)
    return _edit_form(visit, shape, row_id, row)


def delete(visit: Visit, name: str, row_id: str) -> Answer:
    shape = rows.shape_of(visit.site, name)
    row = inside.row(visit.site, shape, row_id, writer=PERSON)
    if row is None:
        raise _gone(shape)
    refused = None
    if visit.request.method == "POST":
        refused = _send(visit, "DELETE", shape, row_id)
        if refused is None:
            return go(path_of("tables", shape.name), said="deleted")
    return visit.page(
        "delete.html",
        200 if refused is None else 400,
        shape=shape,
        row_id=row_id,
        name=lookups.name_of(visit.site, shape, row_id),
        etag=row[ETAG],
        refused=refused,
        has_changed=refused is not None and refused.status == VERSION_DIFFERS,
        facts=inputs.facts(shape, row, _names(visit.site, shape, row), without=[])[:FACTS],
    )


def _save(visit: Visit, shape: Shape, row_id: str, row: Row | None) -> Answer:
    """Sends what was changed of the row, which may have been deleted or saved by another meanwhile."""
    if row is None:
        return _new_form(visit, shape, Entered(form=visit.form, is_new=True), DELETED)
    here = path_of("tables", shape.name, "rows", row_id)
    fields = inputs.fields(shape, is_new=False)
    typed = record_form.typed(visit.site, shape, fields, visit.form)
    if typed.problems:
        return _edit_form(visit, shape, row_id, row, form=visit.form, problems=typed.problems)
    if not typed.body:
        return go(here, said="unchanged")
    refused = _send(visit, "PATCH", shape, row_id, typed.body)
    if refused is None:
        return go(here, said="saved")
    if refused.status == VERSION_DIFFERS:
        return _late_form(visit, shape, row_id)
    problems = record_form.guilty(shape, fields, refused)
    return _edit_form(visit, shape, row_id, row, form=visit.form, problems=problems, refused=refused)


def _send(
    visit: Visit, method: str, shape: Shape, row_id: str, body: Mapping[str, Any] | None = None
) -> Refusal | None:
    """Why the service refused to write the row in the version that was opened; None when it is done."""
    key = inside.key_of(visit.site, shape, row_id)
    if key is None:
        raise _gone(shape)
    etag = visit.form.get("etag", "")
    where = inside.address(shape, key)
    made = inside.ask(visit.site, method, where, body, writer=PERSON, etag=etag, origin=visit.origin)
    return inside.refusal(made)


def _new_form(visit: Visit, shape: Shape, entered: Entered, refused: Refusal | None = None) -> Answer:
    context = {
        **_NOTHING,
        "shape": shape,
        "name": f"New row of {shape.declared.label}",
        "inputs": record_form.inputs_of(visit.site, shape, inputs.fields(shape, is_new=True), entered),
        "problems": entered.problems,
        "refused": refused,
    }
    return visit.page("record.html", 400 if entered.problems or refused else 200, **context)


def _edit_form(
    visit: Visit,
    shape: Shape,
    row_id: str,
    row: Row,
    *,
    form: Mapping[str, str] | None = None,
    problems: Mapping[str, str] | None = None,
    **more: Any,
) -> Answer:
    """The row, with what was typed; `more` is what else the template shows.

    What was typed goes with the version that was opened, so that a save of another meanwhile is not lost.
    """
    site, fields, names = visit.site, inputs.fields(shape, is_new=False), _names(visit.site, shape, row)
    entered = Entered(stored=record_form.stored(fields, row, names), form=form or {}, problems=problems or {})
    with site.reading() as connection:
        lines = change_log.lines(connection, site.schema, table=shape.name, row_id=row_id, limit=CHANGES)
    context = {
        **_NOTHING,
        "shape": shape,
        "row_id": row_id,
        "name": lookups.name_of(site, shape, row_id),
        "inputs": record_form.inputs_of(site, shape, fields, entered),
        "facts": inputs.facts(shape, row, names, without=fields),
        "etag": entered.form.get("etag") or row[ETAG],
        "problems": entered.problems,
        "lines": [changes.shown(site, one) for one in lines],
        **more,
    }
    return visit.page("record.html", 400 if problems or more else 200, **context)


def _late_form(visit: Visit, shape: Shape, row_id: str) -> Answer:
    """Somebody else saved meanwhile: what was typed is kept, and beside it stands what is stored."""
    row = inside.row(visit.site, shape, row_id, writer=PERSON)
    if row is None:
        raise _gone(shape)
    fields = inputs.fields(shape, is_new=False)
    texts = record_form.stored(fields, row, _names(visit.site, shape, row))
    mine, theirs = record_form.differences(fields, visit.form, texts)
    names = map(inputs.name_of, record_form.changed(fields, visit.form))
    form = {name: visit.form[name] for name in names}
    return _edit_form(visit, shape, row_id, row, form=form, differences=mine, elsewhere=theirs, is_late=True)


def _names(site: Site, shape: Shape, row: Row) -> Names:
    return display.names_of(site, (*shape.fields.values(), *shape.branches), [row])


def _given(visit: Visit, shape: Shape) -> dict[str, str]:
    """What a new row begins with."""
    if not shape.has_companies:
        return {}
    asked = visit.query.get("company", "") or visit.site.settings.default_company
    return {inputs.name_of(shape.fields[COMPANY]): asked.lower()}


def _created(site: Site, shape: Shape, made: Answer) -> str:
    """The id of the row that was just made, from where the service says that it lies."""
    location = made.headers.get("OData-EntityId") or made.headers.get("Location", "")
    segment = location.rpartition("/")[2].partition("?")[0]
    address = inside.SERVICES[site.record.kind].parse(segment)
    return inside.row_id_at(site, shape, dict(address.segments[0].key or ()))


def _gone(shape: Shape) -> NoPage:
    return NoPage(f"This row of {shape.declared.label} is not there, or not any more. Look for it in the table.")

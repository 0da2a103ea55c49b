"""The page of faults: what the sandbox shall do wrong on purpose."""

from typing import Any

from syncengine.sandbox.calls import Answer
from syncengine.sandbox.faults import Switches
from syncengine.sandbox.pages import switches
from syncengine.sandbox.pages.visit import Visit, active_faults, go


def index(visit: Visit) -> Answer:
    if visit.request.method != "POST":
        return _form(visit, visit.site.faults.as_dict(), {})
    values, problems = switches.read(Switches, visit.forms, visit.site.record.kind)
    if not problems:
        try:
            visit.office.set_faults(values)
        except ValueError as error:
            problems = {"": str(error)}
    return _form(visit, values, problems) if problems else go("/faults", said="faults")


def off(visit: Visit) -> Answer:
    if visit.request.method == "POST":
        visit.office.set_faults({})
    return go("/faults", said="faults-off")


def _form(visit: Visit, values: dict[str, Any], problems: dict[str, str]) -> Answer:
    parts = switches.parts(Switches, values, problems, visit.site.record.kind)
    return visit.page(
        "switches.html",
        400 if problems else 200,
        title="Faults",
        intro="What this sandbox does wrong on purpose, to rehearse what happens then. These pages are never affected.",
        button="Set the faults",
        groups=switches.grouped(parts),
        problems=problems,
        active=[one.label for one in parts if one.name in active_faults(values)],
        tables=sorted(visit.site.stock.inventory.tables),
        is_faults=True,
    )

"""The page that makes random changes, told to subscribers or in silence."""

from collections.abc import Mapping
from typing import Any

import msgspec

from syncengine.sandbox.business import silently, wishes
from syncengine.sandbox.business.runner import Busy
from syncengine.sandbox.business.wishes import BadWish, Wish
from syncengine.sandbox.calls import Answer
from syncengine.sandbox.pages import counting
from syncengine.sandbox.pages.visit import Visit, go

NUMBERS = ("count", "rate", "creates", "updates", "deletes", "seed")
USUAL = {"count": "100", "rate": "5", "creates": "20", "updates": "70", "deletes": "10", "seed": ""}
USUAL_SILENT = {"count": "10", "creates": "0", "updates": "100", "deletes": "0", "seed": ""}


def index(visit: Visit) -> Answer:
    if visit.request.method != "POST":
        return _page(visit)
    try:
        visit.office.runner.start(_wish(visit))
    except (BadWish, Busy) as error:
        return _page(visit, problem=str(error))
    return go("/make-changes")


def stop(visit: Visit) -> Answer:
    if visit.request.method == "POST":
        visit.office.runner.stop()
    return go("/make-changes")


def silent(visit: Visit) -> Answer:
    if visit.request.method != "POST":
        return go("/make-changes")
    try:
        made = silently.make(visit.site, _wish(visit))
    except BadWish as error:
        return _page(visit, silent_problem=str(error))
    return go("/make-changes", said="silent", n=made["creates"] + made["updates"] + made["deletes"])


def _wish(visit: Visit) -> Wish:
    """Raises: BadWish."""
    typed: dict[str, Any] = {name: visit.form[name].strip() for name in NUMBERS if visit.form.get(name, "").strip()}
    typed["tables"] = [name for name in visit.forms.get("tables", []) if name]
    try:
        wish = msgspec.convert(typed, Wish, strict=False)
    except msgspec.ValidationError as error:
        raise BadWish(f"This cannot be done: {_plain(str(error))}") from error
    wishes.check(wish, set(visit.site.record.inventory.tables))
    return wish


def _plain(problem: str) -> str:
    """The problem without the path in the struct, which says nothing to a person."""
    text, _, place = problem.partition(" - at `$.")
    return f"{place.rstrip('`')}: {text}." if place else f"{text}."


def _page(visit: Visit, *, problem: str = "", silent_problem: str = "") -> Answer:
    progress = visit.office.runner.progress
    tables = visit.site.stock.inventory.tables
    counts = counting.counts(visit.site)
    filled = [
        (name, tables[name].label, str(count))
        for name, count in sorted(counts.items())
        if count.rows and not tables[name].is_system
    ]
    return visit.page(
        "making.html",
        400 if problem or silent_problem else 200,
        progress=progress,
        filled=sorted(filled, key=lambda one: one[1].lower()),
        chosen=visit.forms.get("tables", []),
        values=_values(USUAL, visit.form if problem else {}),
        silent_values=_values(USUAL_SILENT, visit.form if silent_problem else {}),
        problem=problem,
        silent_problem=silent_problem,
    )


def _values(usual: Mapping[str, str], form: Mapping[str, str]) -> dict[str, str]:
    return {name: form.get(name, value) for name, value in usual.items()}

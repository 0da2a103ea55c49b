"""The page of settings: what the sandbox is and how it behaves."""

from typing import Any

import msgspec

from syncengine.sandbox.calls import Answer
from syncengine.sandbox.pages import switches
from syncengine.sandbox.pages.visit import Visit, go
from syncengine.sandbox.registry import Settings


def index(visit: Visit) -> Answer:
    if visit.request.method != "POST":
        return _form(visit, msgspec.to_builtins(visit.site.settings), {})
    values, problems = switches.read(Settings, visit.forms, visit.site.record.kind)
    if not problems:
        try:
            visit.office.change_settings(values)
        except ValueError as error:
            problems = {"": str(error)}
    return _form(visit, values, problems) if problems else go("/settings", said="settings")


def _form(visit: Visit, values: dict[str, Any], problems: dict[str, str]) -> Answer:
    parts = switches.parts(Settings, values, problems, visit.site.record.kind)
    return visit.page(
        "switches.html",
        400 if problems else 200,
        title="Settings",
        intro="What this environment is and how its service behaves. A change applies to the next call.",
        button="Save the settings",
        groups=switches.grouped(parts),
        problems=problems,
        active=[],
        tables=[],
        is_faults=False,
    )

"""Step 3: the health checks; the way on opens when all of them pass."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST, require_safe

from portal.views.access import PortalRequest
from portal.views.set_up.draft import Draft, Step, keep
from portal.views.set_up.steps import Pair, pair_of, step_page, wizard_step
from syncengine.services import links as service
from syncengine.services.errors import Refused
from syncengine.services.links import LinkCheck
from syncengine.states import Side


@require_safe
@wizard_step(Step.CHECKS)
def checks(request: PortalRequest, draft: Draft) -> HttpResponse:
    """The page; the checks are run by it or by its button."""
    return step_page(request, draft, Step.CHECKS, {"pair": pair_of(draft), "is_asked": False})


@require_POST
@wizard_step(Step.CHECKS)
def checks_run(request: PortalRequest, draft: Draft) -> HttpResponse:
    """Runs every check and remembers whether all passed."""
    context = run_checks(pair_of(draft), draft)
    draft = draft.with_result(bool(context["has_passed"]))
    keep(request.session, draft)
    if request.htmx:
        return render(request, "set_up/_checks.html", context)
    return step_page(request, draft, Step.CHECKS, context)


def run_checks(pair: Pair, draft: Draft) -> dict[str, Any]:
    """The found checks by side, left first, those of the pair last."""
    codes = [code for code, _ in draft.companies]
    context: dict[str, Any] = {"pair": pair, "is_asked": True}
    try:
        found = service.health_checks(left=pair.left, right=pair.right, company_codes=codes)
    except Refused as refusal:
        return context | {"problem": str(refusal), "has_passed": False}
    failed = sum(not line.check.ok for line in found)
    return context | {
        "groups": grouped(found, pair),
        "failed": failed,
        "count": len(found),
        "has_passed": failed == 0,
    }


def grouped(found: list[LinkCheck], pair: Pair) -> list[dict[str, Any]]:
    groups: list[tuple[Side | None, str]] = [(Side.LEFT, pair.left.name), (Side.RIGHT, pair.right.name), (None, "")]
    rows = [
        {"side": side, "name": name, "checks": [line.check for line in found if line.side is side]}
        for side, name in groups
    ]
    return [row for row in rows if row["checks"]]

"""The frame of the wizard: which step is open, what was answered, and the way between steps."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from portal.views.access import PortalRequest, may_change, with_frame
from portal.views.set_up.draft import Draft, Step, draft_of
from syncengine.models import Environment, Link
from syncengine.states import LinkState

TITLES: dict[Step, str | Promise] = {
    Step.ENVIRONMENTS: _("Environments"),
    Step.COMPANIES: _("Companies"),
    Step.CHECKS: _("Health check"),
    Step.SUMMARY: _("Summary"),
    Step.SOLUTION: _("Solution"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    left: Environment
    right: Environment


@dataclass(frozen=True, slots=True, kw_only=True)
class StepLine:
    """A step in the list beside the question. `answer` is what was chosen there, "" before."""

    step: Step
    number: int
    title: str | Promise
    answer: str
    is_current: bool
    is_done: bool
    can_open: bool


@require_safe
@with_frame
def set_up(request: PortalRequest) -> HttpResponse:
    """On to the open question; people who may not set up a link read who may."""
    if request.user.has_perm("syncengine.change_link"):
        return redirect(f"set-up-{without_gone(draft_of(request.session)).open_step}")
    return render(request, "set_up/nobody.html", {"link": request.frame.link})


def wizard_step(
    step: Step,
) -> Callable[[Callable[[PortalRequest, Draft], HttpResponse]], Callable[[HttpRequest], HttpResponse]]:
    """A step's page; back to the open question while the earlier ones are not answered."""

    def decorate(view: Callable[[PortalRequest, Draft], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
        @may_change
        @with_frame
        @wraps(view)
        def answered(request: PortalRequest) -> HttpResponse:
            draft = without_gone(draft_of(request.session))
            return view(request, draft) if draft.can_open(step) else redirect("set-up")

        return answered

    return decorate


def without_gone(draft: Draft) -> Draft:
    """The draft without environments that were deleted and links that were unlinked since."""
    numbers = [number for number in (draft.left, draft.right) if number is not None]
    known = set(Environment.objects.filter(pk__in=numbers).values_list("pk", flat=True))
    left, right = (number if number in known else None for number in (draft.left, draft.right))
    links = Link.objects.exclude(state=LinkState.UNLINKED)
    has_link = draft.link is not None and links.filter(pk=draft.link).exists()
    return draft.with_environments(left, right).with_link(draft.link if has_link else None)


def pair_of(draft: Draft) -> Pair:
    """Both environments of a draft that has them."""
    found = Environment.objects.in_bulk([number for number in (draft.left, draft.right) if number is not None])
    return Pair(left=found[draft.left or 0], right=found[draft.right or 0])


def step_page(
    request: PortalRequest, draft: Draft, step: Step, context: dict[str, Any], *, status: int = 200
) -> HttpResponse:
    lines = step_lines(draft, step)
    frame = {"steps": lines, "current": next(line for line in lines if line.is_current), "link": request.frame.link}
    return render(request, f"set_up/{step}.html", frame | context, status=status)


def step_lines(draft: Draft, current: Step) -> list[StepLine]:
    answers = answers_of(draft)
    is_created = draft.link is not None
    return [
        StepLine(
            step=step,
            number=number,
            title=TITLES[step],
            answer=answers[step],
            is_current=step is current,
            is_done=bool(answers[step]),
            can_open=draft.can_open(step) and (step is Step.SOLUTION or not is_created),
        )
        for number, step in enumerate(Step, start=1)
    ]


def answers_of(draft: Draft) -> dict[Step, str]:
    numbers = [number for number in (draft.left, draft.right) if number is not None]
    names = dict(Environment.objects.filter(pk__in=numbers).values_list("pk", "name"))
    count = len(draft.companies)
    return {
        Step.ENVIRONMENTS: " ⇄ ".join(names[number] for number in numbers if number in names),
        Step.COMPANIES: ngettext("%(count)d company", "%(count)d companies", count) % {"count": count} if count else "",
        Step.CHECKS: str(_("Passed")) if draft.has_passed else "",
        Step.SUMMARY: str(_("Created")) if draft.link is not None else "",
        Step.SOLUTION: "",
    }

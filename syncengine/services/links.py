"""Links: checked, then made in one transaction; and unlinked again."""

from collections.abc import Sequence
from functools import partial

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone

from syncengine.models import Activity, EntityMap, Environment, Lane, Link, LinkCompany, Run, RunMap
from syncengine.repository import leases
from syncengine.services import activity, capture, link_states, map_states
from syncengine.services.companies import CompanyChoice
from syncengine.services.database import raw
from syncengine.services.errors import Refused
from syncengine.services.link_checks import LinkCheck, health_checks, is_linked, refuse_failed
from syncengine.services.permissions import Permission, require
from syncengine.states import RUN_ACTIVE, LinkState, MapState, RunState, Side

__all__ = ["LinkCheck", "active_runs", "create_link", "health_checks", "maps_at_work", "unlink"]


# --- Linking -----------------------------------------------------------------------------------------------------


def create_link(
    actor: User | None,
    *,
    name: str,
    left: Environment,
    right: Environment,
    companies: Sequence[CompanyChoice],
    consent: bool,
) -> Link:
    """The link with its companies and its lane. No map comes with it: a solution brings them.

    Raises: Refused without consent or company, when a check fails, or when the name is taken.
    """
    require(actor, Permission.CHANGE)
    name = name.strip()
    _refuse_incomplete(name, companies, consent)
    checks = health_checks(left=left, right=right, company_codes=[company.code for company in companies])
    refuse_failed([each.check for each in checks])
    try:
        with transaction.atomic():
            return _store(actor, name=name, left=left, right=right, companies=companies)
    except IntegrityError as exc:  # somebody else was quicker
        raise Refused(_TAKEN.format(name=name)) from exc


_TAKEN = "There is already a link called {name}. Choose another name."


def _refuse_incomplete(name: str, companies: Sequence[CompanyChoice], consent: bool) -> None:
    if not name:
        raise Refused("Give the link a name.")
    if Link.objects.filter(name=name).exclude(state=LinkState.UNLINKED).exists():
        raise Refused(_TAKEN.format(name=name))
    if not companies:
        raise Refused("Choose at least one company.")
    if not consent:
        raise Refused("Agree that rows of the chosen companies are copied between the two environments.")


def _store(
    actor: User | None, *, name: str, left: Environment, right: Environment, companies: Sequence[CompanyChoice]
) -> Link:
    # Two people link one environment at the same moment: the second waits here, then sees the first one's link.
    list(Environment.objects.select_for_update().filter(pk__in=[left.pk, right.pk]).order_by("pk"))
    for environment in (left, right):
        other = is_linked(environment)
        if other is not None:
            raise Refused(f"{environment.name} is linked already, in {other.name}. Choose another environment.")
    link = Link.objects.create(name=name, left=left, right=right, created_by=actor)
    Lane.objects.create(link=link)
    LinkCompany.objects.bulk_create(
        LinkCompany(link=link, code=company.code, name=company.name) for company in companies
    )
    codes = ", ".join(company.code for company in companies)
    activity.record(
        kind=Activity.Kind.LINK,
        actor=actor,
        link=link,
        text=f"{left.name} and {right.name} were linked for the companies {codes}.",
    )
    return link


# --- Unlinking ---------------------------------------------------------------------------------------------------


def unlink(actor: User | None, *, link: Link, understood: bool, force: bool = False) -> None:
    """Ends the link at once: nothing of it works or is shown any more, and its environments can be linked anew.

    No row of either environment is touched. What Twofold kept for the link goes in the background (`unlinked`); its
    activity stays. `force` also stops maps and cancels runs.

    Raises: Refused when it is not understood, when maps or runs are at work and it is not forced, and when the link is
    unlinked already.
    """
    require(actor, Permission.CHANGE)
    if not understood:
        raise Refused("Tick that you understand what goes and what stays. Nothing was changed.")
    with transaction.atomic():
        locked = link_states.alone(link.pk)
        maps, runs = maps_at_work(locked), active_runs(locked)
        if not force:
            _refuse_at_work(maps, runs)
        leases.revoke_lanes(raw(), locked.pk)  # lanes, runs, maps: in the order in which others lock them
        _end_runs(actor, runs)
        for map_ in maps:
            map_states.move(map_, MapState.NOT_RUNNING, actor=actor, why="Its link is unlinked.")
        Link.objects.filter(pk=locked.pk).update(state=LinkState.UNLINKED, halted_reason="")
        text = f"{locked.left} and {locked.right} were unlinked. Their rows stay; what was kept for {locked} goes."
        activity.record(kind=Activity.Kind.LINK, actor=actor, link=locked, text=text)
        for side in Side:
            transaction.on_commit(partial(capture.end_unused, locked.environment(side)))
    link.state = LinkState.UNLINKED


def maps_at_work(link: Link) -> list[EntityMap]:
    """The maps of the link that are not at rest."""
    return list(EntityMap.objects.filter(link=link).exclude(state=MapState.NOT_RUNNING))


def active_runs(link: Link) -> list[Run]:
    """The runs of the link that are not over."""
    return list(Run.objects.filter(link=link, state__in=RUN_ACTIVE).order_by("pk"))


def _refuse_at_work(maps: Sequence[EntityMap], runs: Sequence[Run]) -> None:
    if maps:
        what = "1 map is" if len(maps) == 1 else f"{len(maps)} maps are"
        raise Refused(f"{what} not stopped. Stop them first, or tick that they are to be stopped. Nothing was changed.")
    if runs:
        raise Refused(f"{runs[0]} is not over. Wait for it, or tick that it is to be cancelled. Nothing was changed.")


def _end_runs(actor: User | None, runs: Sequence[Run]) -> None:
    ended = {"state": RunState.CANCELLED, "ended_at": timezone.now()}
    for run in runs:
        Run.objects.filter(pk=run.pk).update(**ended)
        RunMap.objects.filter(run=run, state__in=RUN_ACTIVE).update(**ended)
        text = f"{run} was cancelled, as its link is unlinked."
        activity.record(kind=Activity.Kind.RUN, actor=actor, link=run.link, text=text)

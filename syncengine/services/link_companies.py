"""Companies added to a link that works already: its maps load the rows of these companies and go back to what they did.

Only maps with a company that are running or paused load; a map at rest gets the company with its next run. Changes of
all companies are recorded meanwhile and wait, as during every load. A load that fails or is cancelled leaves the map in
the state that it had, with all that waits; it is done again by `load_again`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db import transaction

from syncengine import doorbell
from syncengine.connectors.base import Check
from syncengine.mapping.graph import order_of
from syncengine.mapping.keys import fold_text
from syncengine.models import Activity, EntityMap, Link, LinkCompany, Run, RunMap
from syncengine.services import activity, environments, link_states, map_states
from syncengine.services.companies import CompanyChoice
from syncengine.services.company_checks import company_checks
from syncengine.services.errors import Refused
from syncengine.services.link_checks import refuse_failed
from syncengine.services.permissions import Permission, require
from syncengine.states import RUN_ACTIVE, MapState, RunState, Side

LOADING = frozenset({MapState.RUNNING, MapState.PAUSED})


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadPlan:
    """The maps with a company: those that load at once, parents first, and those that do with their next run."""

    loading: list[EntityMap]
    later: list[EntityMap]


# --- What can be added, and what that means ----------------------------------------------------------------------


def offered(link: Link) -> list[CompanyChoice]:
    """The companies that both environments have and the link has not, as the left names them, by code.

    Raises: Refused when one of the environments does not tell its companies.
    """
    left, right = (environments.company_choices(link.environment(side)) for side in Side)
    known = {fold_text(company.code) for company in right} - _linked_codes(link)
    return [company for company in left if fold_text(company.code) in known]


def _linked_codes(link: Link) -> set[str]:
    return {fold_text(code) for code in link.companies.values_list("code", flat=True)}


def plan_load(link: Link) -> LoadPlan:
    """What the maps of the link would do with a company that is added, or loaded again, now."""
    maps = {each.pk: each for each in link.maps.select_related("version") if each.definition.company is not None}
    tables = {table.name: table for table in environments.catalog_of(link.right).tables}
    ordered = [maps[pk] for pk in order_of({pk: each.definition for pk, each in maps.items()}, tables)]
    return LoadPlan(
        loading=[each for each in ordered if each.state in LOADING],
        later=[each for each in ordered if each.state not in LOADING],
    )


# --- Adding and loading ------------------------------------------------------------------------------------------


def add_companies(actor: User | None, *, link: Link, companies: Sequence[CompanyChoice], consent: bool) -> Run | None:
    """Adds companies to the link; gives the run that loads their rows, None where no map runs or is paused that could.

    Raises: Refused without company or consent, when a check of the companies fails, and while maps of the link are
    being loaded or catch up. Nothing is changed then.
    """
    require(actor, Permission.CHANGE)
    if not companies:
        raise Refused("Choose at least one company.")
    if not consent:
        raise Refused("Agree that rows of the chosen companies are copied between the two environments.")
    refuse_failed(_checks(link, [company.code for company in companies]))
    with transaction.atomic():
        locked = _free(link)
        _refuse_linked(locked, companies)
        LinkCompany.objects.bulk_create(
            LinkCompany(link=locked, code=company.code, name=company.name) for company in companies
        )
        codes = [company.code for company in companies]
        text = f"Companies added to {locked}: {', '.join(codes)}."
        activity.record(kind=Activity.Kind.LINK, actor=actor, link=locked, text=text)
        return _start(actor, locked, codes)


def load_again(actor: User | None, *, link: Link, codes: Sequence[str]) -> Run:
    """The run that loads the rows of companies that the link has already, for instance after a load that failed.

    Raises: Refused for a company that is not linked, when no map is running or paused that could load it, and while
    maps of the link are being loaded or catch up. Nothing is changed then.
    """
    require(actor, Permission.CHANGE)
    if not codes:
        raise Refused("Choose at least one company.")
    with transaction.atomic():
        locked = _free(link)
        linked = {fold_text(code): code for code in locked.companies.values_list("code", flat=True)}
        missing = [code for code in codes if fold_text(code) not in linked]
        if missing:
            raise Refused(f"{locked} does not have the company {', '.join(missing)}. Add it to the link first.")
        run = _start(actor, locked, [linked[fold_text(code)] for code in codes])
        if run is None:
            raise Refused(
                "No map with a company is running or paused. Run maps with initial sync: they load all companies."
            )
        return run


def _checks(link: Link, codes: Sequence[str]) -> list[Check]:
    """The checks of the companies on both sides; names are told apart on the left, as when a link is made."""
    others = _linked_codes(link) - {fold_text(code) for code in codes}
    left = company_checks(link.left, codes, linked=sorted(others))
    right = [check for check in company_checks(link.right, codes) if check.code == "companies exist"]
    return [*left, *right]


def _free(link: Link) -> Link:
    """The link, held. Raises: Refused while a run of it goes on or a map of it cannot be loaded now."""
    locked = link_states.alone(link.pk)
    run = Run.objects.filter(link=locked, state__in=RUN_ACTIVE).first()
    if run is not None:
        raise Refused(f"{run} is not over. Wait for it, or cancel it on its page. Nothing was changed.")
    busy = EntityMap.objects.filter(link=locked, state__in=[MapState.INITIALIZING, MapState.RESUMING]).first()
    if busy is not None:
        raise Refused(f"{busy} is {busy.state}. Wait until it is running. Nothing was changed.")
    return locked


def _refuse_linked(link: Link, companies: Sequence[CompanyChoice]) -> None:
    linked = _linked_codes(link)
    double = [company.code for company in companies if fold_text(company.code) in linked]
    if double:
        raise Refused(f"{link} has the company {', '.join(double)} already. Nothing was changed.")


def _start(actor: User | None, link: Link, codes: Sequence[str]) -> Run | None:
    maps = plan_load(link).loading
    if not maps:
        return None
    run = Run.objects.create(link=link, started_by=actor)
    for position, map_ in enumerate(maps):
        _enter(actor, run, position, map_, codes)
    names = ", ".join(map_.name for map_ in maps)
    text = f"{run} was started for {', '.join(codes)} alone: {names}."
    activity.record(kind=Activity.Kind.RUN, actor=actor, link=link, text=text)
    doorbell.ring_run(run.pk)
    return run


def _enter(actor: User | None, run: Run, position: int, map_: EntityMap, codes: Sequence[str]) -> None:
    before = MapState(map_.state)
    why = f"It loads {', '.join(codes)} and then is {before} again."
    if not map_states.move_from(map_, [before], MapState.INITIALIZING, actor=actor, why=why):
        raise Refused(f"{map_} is not {before} any more. Nothing was changed; try again.")
    RunMap.objects.create(
        run=run,
        map=map_,
        position=position,
        master=map_.master,
        companies=list(codes),
        returns_to=before,
        state=RunState.WAITING,
    )

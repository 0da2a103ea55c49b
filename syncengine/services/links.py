"""Links: checked, then made in one transaction."""

from collections.abc import Sequence

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from syncengine.models import Activity, Environment, Lane, Link, LinkCompany
from syncengine.services import activity
from syncengine.services.companies import CompanyChoice
from syncengine.services.errors import Refused
from syncengine.services.link_checks import LinkCheck, health_checks, is_linked
from syncengine.services.permissions import Permission, require

__all__ = ["LinkCheck", "create_link", "health_checks"]


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
    _refuse_unhealthy(health_checks(left=left, right=right, company_codes=[company.code for company in companies]))
    try:
        with transaction.atomic():
            return _store(actor, name=name, left=left, right=right, companies=companies)
    except IntegrityError as exc:  # somebody else was quicker
        raise Refused(_TAKEN.format(name=name)) from exc


_TAKEN = "There is already a link called {name}. Choose another name."


def _refuse_incomplete(name: str, companies: Sequence[CompanyChoice], consent: bool) -> None:
    if not name:
        raise Refused("Give the link a name.")
    if Link.objects.filter(name=name).exists():
        raise Refused(_TAKEN.format(name=name))
    if not companies:
        raise Refused("Choose at least one company.")
    if not consent:
        raise Refused("Agree that rows of the chosen companies are copied between the two environments.")


def _refuse_unhealthy(checks: Sequence[LinkCheck]) -> None:
    failed = [each.check for each in checks if not each.check.ok]
    if failed:
        others = len(failed) - 1
        more = f" {others} more {'check' if others == 1 else 'checks'} failed." if others else ""
        raise Refused(f"{failed[0].title}: {failed[0].detail} {failed[0].remedy}{more}")


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

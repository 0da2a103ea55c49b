"""What must hold before two environments are linked.

Every check is always listed, in the order in which people put things right: each environment by itself, then the two
together, then the companies. A check that cannot be made because an environment does not answer has failed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from syncengine.connectors.base import Check, Identity
from syncengine.errors import SyncError
from syncengine.mapping.keys import fold_text
from syncengine.models import Environment, Link
from syncengine.services.company_checks import company_checks
from syncengine.services.environments import open_connector
from syncengine.services.errors import Refused
from syncengine.states import LinkState, Side

NEEDED = frozenset({"reachable", "sign-in", "registered", "application-user"})  # nothing more is asked when one fails
MAX_CLOCK_OFFSET_S = 300.0  # beyond it sign-in tokens are refused and "newest wins" means little


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkCheck:
    """`side` is None for a check of both environments together."""

    side: Side | None
    check: Check


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """What an environment said just now; `problem` is why it said nothing."""

    environment: Environment
    checks: tuple[Check, ...]
    identity: Identity | None
    clock_offset_s: float
    problem: str

    @property
    def tenant(self) -> str:
        """As the environment says, else as it was entered."""
        return (self.identity.tenant if self.identity is not None else "") or self.environment.tenant


def health_checks(*, left: Environment, right: Environment, company_codes: Sequence[str]) -> list[LinkCheck]:
    """All checks of a link between the two with these companies, failed or not."""
    visits = {Side.LEFT: _visit(left), Side.RIGHT: _visit(right)}
    of_each = [
        LinkCheck(side=side, check=check)
        for side, visit in visits.items()
        for check in (*visit.checks, _identity(visit), _clock(visit), _not_linked(visit.environment))
    ]
    together = [_kinds(left, right), _tenants(*visits.values()), _data_centres(*visits.values())]
    return [
        *of_each,
        *(LinkCheck(side=None, check=check) for check in together),
        *(
            LinkCheck(side=Side.LEFT, check=check)
            for check in company_checks(left, company_codes, problem=visits[Side.LEFT].problem)
        ),
    ]


def refuse_failed(checks: Sequence[Check]) -> None:
    """Raises: Refused with the first check that fails, and what to do about it."""
    failed = [check for check in checks if not check.ok]
    if failed:
        others = len(failed) - 1
        more = f" {others} more {'check' if others == 1 else 'checks'} failed." if others else ""
        raise Refused(f"{failed[0].title}: {failed[0].detail} {failed[0].remedy}{more}")


def is_linked(environment: Environment) -> Link | None:
    """The link that the environment is in now."""
    links = Link.objects.exclude(state=LinkState.UNLINKED)
    return links.filter(left=environment).first() or links.filter(right=environment).first()


def _visit(environment: Environment) -> Visit:
    checks: tuple[Check, ...] = ()
    try:
        connector = open_connector(environment)
        checks = tuple(connector.check())
        if any(check.code in NEEDED and not check.ok for check in checks):
            return _silent(environment, checks)
        return Visit(
            environment=environment,
            checks=checks,
            identity=connector.identity(),
            clock_offset_s=connector.clock_offset_s(),
            problem="",
        )
    except SyncError as exc:
        return _silent(environment, checks or (_unusable(environment, exc),))


def _silent(environment: Environment, checks: tuple[Check, ...]) -> Visit:
    return Visit(
        environment=environment,
        checks=checks,
        identity=None,
        clock_offset_s=0.0,
        problem=f"Not checked: {environment.name} does not answer as it should, see its first checks.",
    )


def _unusable(environment: Environment, exc: SyncError) -> Check:
    return Check(
        code="environment",
        title="Environment can be used",
        ok=False,
        detail=f"{environment.name}: {exc}",
        remedy="Correct the environment's settings, then check again.",
    )


# --- One environment ---------------------------------------------------------------------------------------------


def _identity(visit: Visit) -> Check:
    title, code = "The environment is the one that was added", "identity"
    if visit.identity is None:
        return _unknown(code, title, visit)
    known, found = visit.environment.organization_id, visit.identity.organization_id
    if known == found:
        return Check(code=code, title=title, ok=True, detail=f"{visit.environment.name} answers as {found}.")
    return Check(
        code=code,
        title=title,
        ok=False,
        detail=f"Behind {visit.environment.base_url} answers {found}, not {known} as when it was added.",
        remedy="Point the address to the first environment again, or add this one under a name of its own.",
    )


def _clock(visit: Visit) -> Check:
    title, code = "Clocks agree", "clock"
    if visit.identity is None:
        return _unknown(code, title, visit)
    offset_s = visit.clock_offset_s
    apart = f"{abs(offset_s):.1f} s {'ahead of' if offset_s > 0 else 'behind'} this machine's"
    return Check(
        code=code,
        title=title,
        ok=abs(offset_s) <= MAX_CLOCK_OFFSET_S,
        detail=f"The clock of {visit.environment.name} is {apart}.",
        remedy="Set the clock of this machine or of the environment by a time server.",
    )


def _not_linked(environment: Environment) -> Check:
    title, code = "Environment is not linked yet", "linked"
    link = is_linked(environment)
    if link is None:
        return Check(code=code, title=title, ok=True, detail=f"{environment.name} is in no other link.")
    return Check(
        code=code,
        title=title,
        ok=False,
        detail=f"{environment.name} is linked already, in {link.name}.",
        remedy="Choose another environment.",
    )


def _unknown(code: str, title: str, visit: Visit) -> Check:
    return Check(
        code=code, title=title, ok=False, detail=visit.problem, remedy="Put that right first, then check again."
    )


# --- Both together -----------------------------------------------------------------------------------------------


def _kinds(left: Environment, right: Environment) -> Check:
    ok = left.kind == Environment.Kind.FINOPS and right.kind == Environment.Kind.DATAVERSE
    return Check(
        code="kinds",
        title="Kinds fit together",
        ok=ok,
        detail=f"Left: {left.name}, {left.get_kind_display()}. Right: {right.name}, {right.get_kind_display()}.",
        remedy="Choose a Finance and Operations environment on the left and a Dataverse environment on the right.",
    )


def _tenants(left: Visit, right: Visit) -> Check:
    title, code = "Same tenant", "tenant"
    if left.identity is None or right.identity is None:
        return _unknown(code, title, left if left.identity is None else right)
    tenants = [left.tenant, right.tenant]
    same = fold_text(tenants[0]) == fold_text(tenants[1])
    return Check(
        code=code,
        title=title,
        ok=same,
        detail=f"Both are in the tenant {tenants[0]}."
        if same
        else f"{_of_each(left, right, tenants)}. Environments of different tenants cannot be linked.",
        remedy="Choose two environments of one tenant.",
    )


def _data_centres(left: Visit, right: Visit) -> Check:
    title, code = "Same data centre", "data centre"
    if left.identity is None or right.identity is None:
        return _unknown(code, title, left if left.identity is None else right)
    centres = [left.identity.data_centre, right.identity.data_centre]
    silent = [visit.environment.name for visit, centre in zip((left, right), centres, strict=True) if not centre]
    if silent:
        return Check(code=code, title=title, ok=True, detail=f"Not compared: {silent[0]} does not say where it runs.")
    same = fold_text(centres[0]) == fold_text(centres[1])
    return Check(
        code=code,
        title=title,
        ok=same,
        detail=f"Both run in {centres[0]}." if same else f"{_of_each(left, right, centres)}. Both must run in one.",
        remedy="Choose two environments of one data centre, or have one of them moved.",
    )


def _of_each(left: Visit, right: Visit, places: Sequence[str]) -> str:
    return f"{left.environment.name} is in {places[0]}, {right.environment.name} in {places[1]}"

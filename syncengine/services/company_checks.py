"""Checks of the companies that a link is to keep equal."""

from collections import Counter
from collections.abc import Sequence

from syncengine.connectors.base import Check
from syncengine.mapping.keys import fold_text
from syncengine.models import Environment
from syncengine.services.companies import CompanyChoice
from syncengine.services.environments import company_choices
from syncengine.services.errors import Refused

_EXIST = ("Companies exist", "companies exist")
_NAMED = ("Companies have names of their own", "company names")


def company_checks(
    environment: Environment, codes: Sequence[str], *, linked: Sequence[str] = (), problem: str = ""
) -> list[Check]:
    """Chosen, there, and told apart by name, also from those that are `linked` already.

    `problem` is why the environment is not asked, "" where it is.
    """
    try:
        if problem:
            raise Refused(problem)
        choices = company_choices(environment)
    except Refused as exc:
        return [_chosen(codes), *(_unread(title, code, exc) for title, code in (_EXIST, _NAMED))]
    known = {fold_text(choice.code): choice for choice in choices}
    chosen = [known[fold_text(code)] for code in codes if fold_text(code) in known]
    missing = [code for code in codes if fold_text(code) not in known]
    others = [known[fold_text(code)] for code in linked if fold_text(code) in known]
    return [_chosen(codes), _exist(environment, codes, missing), _named(environment, chosen, others)]


def _unread(title: str, code: str, exc: Refused) -> Check:
    return Check(code=code, title=title, ok=False, detail=str(exc), remedy="Put that right first, then check again.")


def _chosen(codes: Sequence[str]) -> Check:
    return Check(
        code="companies chosen",
        title="Companies are chosen",
        ok=len(codes) > 0,
        detail=f"Chosen: {', '.join(codes)}."
        if codes
        else "No company is chosen, so no company's rows would be synced.",
        remedy="Choose at least one company.",
    )


def _exist(environment: Environment, codes: Sequence[str], missing: Sequence[str]) -> Check:
    title, code = _EXIST
    return Check(
        code=code,
        title=title,
        ok=not missing,
        detail=f"{environment.name} does not have {', '.join(missing)}."
        if missing
        else f"{environment.name} has all {len(codes)}.",
        remedy="Choose the companies again from the list that the environment has now.",
    )


def _named(environment: Environment, chosen: Sequence[CompanyChoice], others: Sequence[CompanyChoice]) -> Check:
    title, code = _NAMED
    names = Counter(fold_text(choice.name) for choice in (*chosen, *others))
    blank = [choice.code for choice in chosen if not choice.name.strip()]
    double = [choice.code for choice in chosen if choice.name.strip() and names[fold_text(choice.name)] > 1]
    faults = [
        f"{', '.join(blank)}: no name" if blank else "",
        f"{', '.join(double)}: the same name" if double else "",
    ]
    found = "; ".join(fault for fault in faults if fault)
    return Check(
        code=code,
        title=title,
        ok=not found,
        detail=f"In {environment.name}: {found}." if found else "Each has a name of its own.",
        remedy="Give each of these companies a name of its own, as the other side tells them apart by it.",
    )

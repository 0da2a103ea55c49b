"""What the wizard knows so far, kept in the session, so that going back loses nothing.

Every later answer stands on the earlier ones: a new choice of environments or companies asks for the checks again.
"""

from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

from syncengine.services.environments import CompanyChoice

KEY = "set_up"


class Step(StrEnum):
    ENVIRONMENTS = "environments"
    COMPANIES = "companies"
    CHECKS = "checks"
    SUMMARY = "summary"
    SOLUTION = "solution"


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """`companies` are pairs of code and name. `link` is the link once it is created."""

    left: int | None = None
    right: int | None = None
    companies: list[tuple[str, str]] = field(default_factory=list)
    has_passed: bool = False
    name: str = ""
    link: int | None = None

    def with_environments(self, left: int | None, right: int | None) -> "Draft":
        companies = self.companies if left == self.left else []
        is_same = (left, right) == (self.left, self.right)
        return replace(self, left=left, right=right, companies=companies, has_passed=self.has_passed and is_same)

    def with_companies(self, chosen: list[CompanyChoice]) -> "Draft":
        companies = [(company.code, company.name) for company in chosen]
        is_same = companies == self.companies
        return replace(self, companies=companies, has_passed=self.has_passed and is_same)

    def with_result(self, has_passed: bool) -> "Draft":
        return replace(self, has_passed=has_passed)

    def with_name(self, name: str) -> "Draft":
        return replace(self, name=name)

    def with_link(self, link: int | None) -> "Draft":
        return replace(self, link=link)

    def can_open(self, step: Step) -> bool:
        """Whether all that the step stands on is there."""
        has_both = self.left is not None and self.right is not None
        return {
            Step.ENVIRONMENTS: True,
            Step.COMPANIES: has_both,
            Step.CHECKS: has_both and bool(self.companies),
            Step.SUMMARY: has_both and bool(self.companies) and self.has_passed,
            Step.SOLUTION: self.link is not None,
        }[step]

    @property
    def open_step(self) -> Step:
        """The last question that can be asked now."""
        return [step for step in Step if self.can_open(step)][-1]

    @property
    def choices(self) -> list[CompanyChoice]:
        return [CompanyChoice(code=code, name=name) for code, name in self.companies]


def draft_of(session: Any) -> Draft:
    kept = session.get(KEY, {})
    return Draft(**{**kept, "companies": [(code, name) for code, name in kept.get("companies", [])]})


def keep(session: Any, draft: Draft) -> None:
    session[KEY] = asdict(draft)

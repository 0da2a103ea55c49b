"""A link by itself: its companies with their last load, and what would go with it."""

from dataclasses import dataclass

from portal.selectors.counts import RowCount, row_count
from syncengine.models import (
    AlertRule,
    Binding,
    Change,
    Conflict,
    EntityMap,
    Link,
    LinkCompany,
    Notification,
    Run,
    RunMap,
    StoredSyncError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CompanyRow:
    """`last_load` is the last run that was for this company, not for all; None where there was none."""

    company: LinkCompany
    last_load: Run | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Belongings:
    """What Twofold keeps for a link and nothing else needs."""

    maps: RowCount
    bindings: RowCount
    changes: RowCount
    errors: RowCount
    conflicts: RowCount
    runs: RowCount
    rules: RowCount
    notifications: RowCount


def companies_of(link: Link) -> list[CompanyRow]:
    """By code."""
    loads = RunMap.objects.filter(run__link=link).exclude(companies=[]).select_related("run").order_by("run_id")
    last = {code: run_map.run for run_map in loads for code in run_map.companies}
    return [CompanyRow(company=company, last_load=last.get(company.code)) for company in link.companies.all()]


def belongings_of(link: Link) -> Belongings:
    maps = list(EntityMap.objects.filter(link=link).values_list("pk", flat=True))
    return Belongings(
        maps=RowCount(value=len(maps)),
        bindings=row_count(Binding.objects.filter(map__in=maps)),
        changes=row_count(Change.objects.filter(map__in=maps)),
        errors=row_count(StoredSyncError.objects.filter(map__in=maps)),
        conflicts=row_count(Conflict.objects.filter(map__in=maps)),
        runs=row_count(Run.objects.filter(link=link)),
        rules=row_count(AlertRule.objects.filter(link=link)),
        notifications=row_count(Notification.objects.filter(map__in=maps)),
    )

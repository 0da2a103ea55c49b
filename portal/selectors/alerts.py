"""Alert rules with their last firing, and the notifications sent."""

from dataclasses import dataclass
from datetime import datetime

from django.db import models
from django.db.models import Max

from syncengine.models import AlertRule, Link, Notification

ORDER = ("-fired_at", "-id")


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleRow:
    rule: AlertRule
    fired_at: datetime | None


def rules_of(link: Link) -> list[RuleRow]:
    """The rules by name."""
    rules = (
        AlertRule.objects.filter(link=link).prefetch_related("maps").annotate(fired_at=Max("notifications__fired_at"))
    )
    return [RuleRow(rule=rule, fired_at=rule.fired_at) for rule in rules.order_by("name")]


def notifications_of(link: Link) -> "models.QuerySet[Notification]":
    return Notification.objects.filter(rule__link=link).select_related("rule", "map")

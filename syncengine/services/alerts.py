"""Alerts: rules that people set, and what happens when errors come in bursts.

An error counts when it was filed or filed again within the rule's window, unless nobody has tried its record: a person
left it behind then. A rule fires at most once per map within one window, however many bursts come and however many
processes evaluate.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, connection, transaction

from syncengine.errors import ErrorClass
from syncengine.models import Activity, AlertRule, EntityMap, Link, Notification
from syncengine.services import activity, link_states, maps
from syncengine.services.alert_mails import Firing, mail_of, send_due
from syncengine.services.errors import Refused
from syncengine.services.permissions import Permission, require
from syncengine.states import AlertAction, MapState

__all__ = ["AlertDraft", "delete_rule", "evaluate", "save_rule", "send_due"]

MAX_WINDOW_MINUTES = 7 * 24 * 60

_MOVABLE = {
    AlertAction.PAUSE: {MapState.RUNNING, MapState.RESUMING},
    AlertAction.STOP: {MapState.INITIALIZING, MapState.RUNNING, MapState.PAUSED, MapState.RESUMING},
}
_MOVES = {AlertAction.PAUSE: maps.pause_maps, AlertAction.STOP: maps.stop_maps}
_PAST = {AlertAction.PAUSE: "paused", AlertAction.STOP: "stopped"}


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertDraft:
    """`error_class` "" stands for every class, no `maps` for every map of the link."""

    name: str
    maps: Sequence[EntityMap]
    error_class: str
    count: int
    window_minutes: int
    action: str
    subscribers: Sequence[str]
    is_enabled: bool


# --- Rules -------------------------------------------------------------------------------------------------------


def save_rule(actor: User | None, *, link: Link, draft: AlertDraft, rule: AlertRule | None = None) -> AlertRule:
    """The rule as drafted, new or in the place of the given one. Raises: Refused for what is missing or wrong."""
    require(actor, Permission.CHANGE)
    subscribers = _addresses(draft.subscribers)
    _refuse_wrong(link, draft, subscribers)
    saved = rule or AlertRule(link=link)
    saved.name, saved.error_class, saved.action = draft.name.strip(), draft.error_class, draft.action
    saved.count, saved.window_minutes = draft.count, draft.window_minutes
    saved.subscribers, saved.is_enabled = subscribers, draft.is_enabled
    try:
        with transaction.atomic():
            link_states.hold([link.pk])
            saved.save()
            saved.maps.set(draft.maps)
            _tell(actor, saved, "changed" if rule else "added")
    except IntegrityError as exc:
        raise Refused(f"There is already an alert called {saved.name}. Choose another name.") from exc
    return saved


def delete_rule(actor: User | None, *, rule: AlertRule) -> None:
    """The rule and its notifications are gone."""
    require(actor, Permission.CHANGE)
    with transaction.atomic():
        link_states.hold([rule.link_id])
        _tell(actor, rule, "deleted")
        rule.delete()


def _addresses(texts: Sequence[str]) -> list[str]:
    """The addresses, each once. Raises: Refused for one that is none."""
    kept = list(dict.fromkeys(text.strip() for text in texts if text.strip()))
    for address in kept:
        try:
            validate_email(address)
        except ValidationError as exc:
            raise Refused(f"{address} is not an e-mail address.") from exc
    return kept


def _refuse_wrong(link: Link, draft: AlertDraft, subscribers: Sequence[str]) -> None:
    faults = {
        "Give the alert a name.": not draft.name.strip(),
        "Count at least one error.": draft.count < 1,
        f"Choose a window from 1 to {MAX_WINDOW_MINUTES} minutes.": not 1 <= draft.window_minutes <= MAX_WINDOW_MINUTES,
        "Choose an error class from the list.": draft.error_class not in {"", *ErrorClass},
        "Choose an action from the list.": draft.action not in set(AlertAction),
        "Name at least one e-mail address.": not subscribers,
        "Choose maps of this link.": any(each.link_id != link.pk for each in draft.maps),
    }
    fault = next((text for text, is_wrong in faults.items() if is_wrong), None)
    if fault is not None:
        raise Refused(fault)


def _tell(actor: User | None, rule: AlertRule, what: str) -> None:
    activity.record(kind=Activity.Kind.ALERT, actor=actor, link=rule.link, text=f"Alert {rule.name} was {what}.")


# --- Firing ------------------------------------------------------------------------------------------------------

_BURSTS = """
SELECT r.id, m.id, count(*), min(e.last_at)
FROM syncengine_alertrule r
JOIN syncengine_link l ON l.id = r.link_id AND l.state <> 'unlinked'
JOIN syncengine_entitymap m ON m.link_id = r.link_id
JOIN syncengine_syncerror e ON e.map_id = m.id
    AND e.last_at > %(now)s - r.window_minutes * interval '1 minute' AND e.last_at <= %(now)s
    AND e.attempts > 0
    AND (r.error_class = '' OR r.error_class = e.error_class)
WHERE r.is_enabled
  AND (NOT EXISTS (SELECT FROM syncengine_alertrule_maps c WHERE c.alertrule_id = r.id)
       OR EXISTS (SELECT FROM syncengine_alertrule_maps c WHERE c.alertrule_id = r.id AND c.entitymap_id = m.id))
  AND NOT EXISTS (SELECT FROM syncengine_notification n WHERE n.rule_id = r.id AND n.map_id = m.id
                  AND n.fired_at > %(now)s - r.window_minutes * interval '1 minute')
GROUP BY r.id, m.id
HAVING count(*) >= r.count
ORDER BY r.id, m.id
"""


def evaluate(now: datetime) -> int:
    """Fires the rules that errors of their window have reached; gives how many fired.

    The action, the notification and their activity are one transaction: all of them or none.
    """
    with transaction.atomic():
        # One evaluation at a time; the next one sees the notifications of this one.
        rules = {rule.pk: rule for rule in AlertRule.objects.select_for_update(of=("self",)).filter(is_enabled=True)}
        if not rules:
            return 0
        with connection.cursor() as cursor:
            cursor.execute(_BURSTS, {"now": now})
            bursts = cursor.fetchall()
        watched = EntityMap.objects.select_related("link").in_bulk([map_id for _, map_id, _, _ in bursts])
        for rule_id, map_id, counted, since in bursts:
            _fire(Firing(rule=rules[rule_id], map=watched[map_id], errors=counted, since=since, now=now))
        return len(bursts)


def _fire(firing: Firing) -> None:
    rule, fired_map = firing.rule, firing.map
    action, done = _act(rule, fired_map)
    mail = mail_of(firing, done)
    Notification.objects.create(
        rule=rule,
        map=fired_map,
        errors_counted=firing.errors,
        action_taken=action,
        recipients=rule.subscribers,
        subject=mail.subject,
        body=mail.body,
        due_at=firing.now,
        fired_at=firing.now,
    )
    activity.record(
        kind=Activity.Kind.ALERT,
        map=fired_map,
        text=f"Alert {rule.name} fired after {firing.errors} errors. {done}",
    )


def _act(rule: AlertRule, fired_map: EntityMap) -> tuple[AlertAction, str]:
    """What was done to the map, and the sentence that tells it."""
    action = AlertAction(rule.action)
    if action is AlertAction.NONE:
        return AlertAction.NONE, "The map was left as it is."
    # Another rule of the same evaluation may have moved it.
    fired_map.refresh_from_db(fields=["state"])
    if fired_map.state not in _MOVABLE[action]:
        return AlertAction.NONE, f"The map was left as it is: {fired_map.state}."
    try:
        with transaction.atomic():
            _MOVES[action](None, maps=[fired_map], why=f"The alert {rule.name} fired.")
    except Refused as exc:
        return AlertAction.NONE, f"The map could not be {_PAST[action]}: {exc}"
    return action, f"The map was {_PAST[action]}."

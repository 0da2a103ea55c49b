"""Mails of alerts: their text, and sending what waits."""

import smtplib
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.db.models import QuerySet

from syncengine.models import AlertRule, EntityMap, Notification
from syncengine.states import LinkState

MAX_ATTEMPTS = 12
FIRST_WAIT = timedelta(minutes=1)  # doubled with every failure
LONGEST_WAIT = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Firing:
    """A rule whose count was reached on a map; `since` is the first of the counted errors."""

    rule: AlertRule
    map: EntityMap
    errors: int
    since: datetime
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    subject: str
    body: str


def mail_of(firing: Firing, done: str) -> Mail:
    """What the subscribers read. `done` is the sentence that says what was done to the map."""
    rule, fired_map = firing.rule, firing.map
    kind = f"errors of the class “{rule.error_class}”" if rule.error_class else "errors"
    lines = (
        f"Map: {fired_map.name}",
        f"Link: {fired_map.link.name}",
        f"Counted: {firing.errors} {kind} since {firing.since:%Y-%m-%d %H:%M} UTC",
        f"Done: {done}",
        f"See and retry them: {settings.PORTAL_URL}/errors/?map={fired_map.pk}",
        "",
        f"This mail was sent by the alert “{rule.name}”: {rule.count} {kind} within {rule.window_minutes} minutes.",
        "Further errors of the same window send no further mail.",
    )
    subject = f"Twofold: {firing.errors} errors on {fired_map.name}"
    return Mail(subject=" ".join(subject.split())[:250], body="\n".join(lines))


def send_due(now: datetime) -> int:
    """Sends the mails that are due; gives how many were sent.

    Each is its own transaction that holds its row, so that no two processes send one; a crash between sending and the
    commit repeats that one mail. A failure keeps the reason and waits longer each time, up to a limit.
    """
    sent = 0
    for pk in list(_due(now).values_list("pk", flat=True)):
        with transaction.atomic():
            notification = _due(now).select_for_update(of=("self",), skip_locked=True).filter(pk=pk).first()
            if notification is not None:
                sent += _send(notification, now)
    return sent


def _due(now: datetime) -> QuerySet[Notification]:
    waiting = (Notification.State.WAITING, Notification.State.FAILED)
    due = Notification.objects.filter(state__in=waiting, due_at__lte=now, attempts__lt=MAX_ATTEMPTS)
    due = due.exclude(rule__link__state=LinkState.UNLINKED)
    return due.order_by("due_at", "pk")


def _send(notification: Notification, now: datetime) -> bool:
    notification.attempts += 1
    try:
        send_mail(notification.subject, notification.body, None, notification.recipients)
    except (smtplib.SMTPException, OSError, ValueError) as exc:  # no server, or no mail that one would take
        notification.state, notification.problem = Notification.State.FAILED, _reason(exc)
        notification.due_at = now + min(FIRST_WAIT * 2 ** (notification.attempts - 1), LONGEST_WAIT)
    else:
        notification.state, notification.problem, notification.sent_at = Notification.State.SENT, "", now
    notification.save()
    return notification.state == Notification.State.SENT


def _reason(exc: Exception) -> str:
    reason = str(exc) or type(exc).__name__
    return f"The mail server {settings.EMAIL_HOST or '(none is set)'} did not take it: {reason}"

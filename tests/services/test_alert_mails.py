from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.mail.backends.base import BaseEmailBackend
from django.utils import timezone
from pytest_django import Settings

from syncengine.models import Notification
from syncengine.services.alert_mails import MAX_ATTEMPTS, send_due
from tests.rows import make_map, make_rule

pytestmark = pytest.mark.django_db


class DeadServer(BaseEmailBackend):
    """A mail server that is not there."""

    def send_messages(self, email_messages: Any) -> int:
        raise ConnectionRefusedError("connection refused")


def make_notification(**overrides: Any) -> Notification:
    map_ = make_map()
    values: dict[str, Any] = {
        "errors_counted": 3,
        "action_taken": "none",
        "recipients": ["ann@example.com", "bob@example.com"],
        "subject": "Twofold: 3 errors",
        "body": "Look.",
    }
    return Notification.objects.create(rule=make_rule(map_.link), map=map_, **values | overrides)


def test_a_waiting_mail_is_sent_once() -> None:
    notification = make_notification()
    now = timezone.now()
    assert (send_due(now), send_due(now)) == (1, 0)
    notification.refresh_from_db()
    assert (notification.state, notification.sent_at) == ("sent", now)
    assert [(sent.subject, sent.to) for sent in mail.outbox] == [
        ("Twofold: 3 errors", ["ann@example.com", "bob@example.com"])
    ]


def test_a_mail_that_is_not_due_waits() -> None:
    make_notification(due_at=timezone.now() + timedelta(minutes=1))
    assert send_due(timezone.now()) == 0
    assert mail.outbox == []


def test_a_failure_keeps_the_mail_and_the_reason_and_waits_longer_each_time(settings: Settings) -> None:
    settings.EMAIL_BACKEND = f"{__name__}.DeadServer"
    notification = make_notification()
    now, waits = timezone.now(), []
    for _ in range(3):
        assert send_due(now) == 0
        notification.refresh_from_db()
        waits.append(notification.due_at - now)
        now = notification.due_at
    assert (notification.state, notification.attempts) == ("failed", 3)
    assert "connection refused" in notification.problem
    assert waits == [timedelta(minutes=minutes) for minutes in (1, 2, 4)]


def test_a_mail_that_failed_is_sent_when_the_server_is_back(settings: Settings) -> None:
    notification = make_notification(state="failed", attempts=2, problem="connection refused")
    assert send_due(timezone.now()) == 1
    notification.refresh_from_db()
    assert (notification.state, notification.problem) == ("sent", "")


def test_a_mail_is_given_up_at_the_limit() -> None:
    make_notification(state="failed", attempts=MAX_ATTEMPTS)
    assert send_due(timezone.now()) == 0


def test_one_mail_that_fails_does_not_hold_up_the_next(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    bad, good = make_notification(recipients=["not\nan address"]), make_notification()
    send_due(timezone.now())
    bad.refresh_from_db()
    good.refresh_from_db()
    assert (bad.state, good.state) == ("failed", "sent")


def test_a_crash_between_sending_and_marking_repeats_that_one_mail(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = make_notification(subject="first"), make_notification(subject="second")
    with monkeypatch.context() as crashing:
        crashing.setattr(Notification, "save", lambda *_: (_ for _ in ()).throw(SystemExit))
        with pytest.raises(SystemExit):
            send_due(timezone.now())
    assert send_due(timezone.now()) == 2
    assert [sent.subject for sent in mail.outbox] == ["first", "first", "second"]
    assert {first.pk, second.pk} == set(Notification.objects.filter(state="sent").values_list("pk", flat=True))

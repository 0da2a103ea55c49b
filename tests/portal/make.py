"""Rows and visitors for the tests of pages, each with what a test needs to name and no more."""

from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from syncengine.models import Activity, AlertRule, EntityMap, Link, Notification, Run, RunLeg, RunMap, Throughput
from syncengine.states import RunState, Side
from tests.rows import make_user

OPERATE, CHANGE = "operate_link", "change_link"


def make_client(*permissions: str) -> Client:
    """Somebody who is signed in and may do this."""
    return client_of(make_user(*permissions))


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def make_run(link: Link, **overrides: Any) -> Run:
    return Run.objects.create(link=link, **overrides)


def make_run_map(run: Run, map_: EntityMap, **overrides: Any) -> RunMap:
    values: dict[str, Any] = {
        "position": run.run_maps.count(),
        "master": Side.RIGHT,
        "state": RunState.RUNNING,
        "phase": "write",
        "started_at": timezone.now() - timedelta(seconds=10),
    }
    return RunMap.objects.create(run=run, map=map_, **values | overrides)


def make_leg(run_map: RunMap, **overrides: Any) -> RunLeg:
    return RunLeg.objects.create(run_map=run_map, **{"target": Side.RIGHT} | overrides)


def make_throughput(map_: EntityMap, *, minutes_ago: int = 0, **overrides: Any) -> Throughput:
    minute = (timezone.now() - timedelta(minutes=minutes_ago)).replace(second=0, microsecond=0)
    return Throughput.objects.create(map=map_, **{"side": Side.RIGHT, "minute": minute} | overrides)


def make_activity(link: Link | None, **overrides: Any) -> Activity:
    return Activity.objects.create(link=link, **{"kind": "link", "text": "Something happened."} | overrides)


def make_notification(rule: AlertRule, map_: EntityMap, **overrides: Any) -> Notification:
    values: dict[str, Any] = {
        "errors_counted": 3,
        "action_taken": "none",
        "recipients": rule.subscribers,
        "subject": "3 errors",
        "body": "Three errors came within 15 minutes.",
    }
    return Notification.objects.create(rule=rule, map=map_, **values | overrides)

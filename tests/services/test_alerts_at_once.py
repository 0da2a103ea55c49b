"""Several processes evaluate and send at the same moment: one of them does the work."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.core import mail
from django.db import connection
from django.utils import timezone

from syncengine.models import Notification
from syncengine.services.alerts import evaluate, send_due
from tests.rows import make_error, make_map, make_rule

pytestmark = pytest.mark.usefixtures("committed")
WORKERS = 4


def at_once(work: Callable[[], int]) -> list[int]:
    """What each of several threads gets, with a database connection of its own."""
    barrier = Barrier(WORKERS)

    def run(_: int) -> int:
        barrier.wait(10)
        try:
            return work()
        finally:
            connection.close()

    with ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(run, range(WORKERS)))


def test_a_burst_fires_once_however_many_evaluate_it() -> None:
    map_ = make_map()
    make_rule(map_.link, action="pause")
    for _ in range(3):
        make_error(map_)
    now = timezone.now()
    assert sorted(at_once(lambda: evaluate(now))) == [0, 0, 0, 1]
    assert Notification.objects.count() == 1


def test_a_mail_is_sent_once_however_many_send() -> None:
    map_ = make_map()
    rule = make_rule(map_.link)
    for number in range(5):
        Notification.objects.create(
            rule=rule,
            map=map_,
            errors_counted=3,
            action_taken="none",
            recipients=["ann@example.com"],
            subject=f"{number}",
            body="",
        )
    now = timezone.now()
    assert sum(at_once(lambda: send_due(now))) == 5
    assert sorted(sent.subject for sent in mail.outbox) == ["0", "1", "2", "3", "4"]

"""The capture process: polls environments for changes, one process an environment at a time."""

import signal
from threading import Event
from typing import Any

import structlog
from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import OperationalError, close_old_connections
from django.utils import timezone

from syncengine.services.capture import Rhythm, capture_all

log = structlog.get_logger()

LOOK_EVERY_S = 0.5


class Command(BaseCommand):
    help = "Polls linked environments for changes until it is told to stop."

    def handle(self, *args: Any, **options: Any) -> None:
        stop = Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        rhythm = Rhythm(**settings.CAPTURE_RHYTHM)
        while not stop.wait(LOOK_EVERY_S):
            try:
                capture_all(timezone.now(), rhythm)
            except OperationalError:  # the database restarts: go on when it is back
                log.warning("portal database does not answer")
            close_old_connections()

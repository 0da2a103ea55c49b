"""The Celery application: three queues, each read by a process of its own.

`live` takes of lanes, `load` chunks of runs, `control` everything short: sweeps, alerts, mail. A task names its queue.
"""

import logging.config
import os
import warnings
from typing import Any

from celery import Celery
from celery.signals import setup_logging
from django.conf import settings
from kombu import Queue

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

# Root may run this on a machine of its own; messages are JSON, never pickles.
warnings.filterwarnings("ignore", message=r"\s*You're running the worker with superuser privileges")

app = Celery("portal")
app.config_from_object("django.conf:settings", namespace="CELERY")
# Without an exchange: such a message goes straight to its list, so that a flushed broker still takes it.
app.conf.task_queues = [Queue(name) for name in ("live", "load", "control")]
app.autodiscover_tasks()


@setup_logging.connect
def use_django_logging(**_: Any) -> None:
    logging.config.dictConfig(settings.LOGGING)

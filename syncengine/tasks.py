"""Celery's side of the doorbell: each task is a call. The work lies in the database: a task may run twice or never."""

from collections.abc import Callable
from functools import wraps

import structlog
from celery import shared_task
from django.db import InterfaceError, OperationalError, close_old_connections
from django.utils import timezone

from syncengine.services import alerts, environments, live, runs, sweeps, unlinked

log = structlog.get_logger()

Work = Callable[..., object]


def bare(on_bug: Callable[[int, str], None] | None = None) -> Callable[[Work], Work]:
    """The one place that catches everything, so that bodies stay bare.

    When the portal database does not answer, the sweep finds the work again. Anything else that gets here is a bug:
    it is logged as *internal*, told to a person by `on_bug`, and not retried.
    """

    def wrapper(work: Work) -> Work:
        @wraps(work)
        def wrapped(*arguments: int) -> None:
            close_old_connections()
            try:
                work(*arguments)
            except (OperationalError, InterfaceError) as error:
                log.warning("portal database does not answer", task=work.__name__, reason=str(error))
            except Exception as error:
                log.exception("internal error", task=work.__name__, arguments=arguments)
                if on_bug is not None:
                    on_bug(arguments[0], f"{type(error).__name__}: {error}"[:500])

        return wrapped

    return wrapper


@shared_task(queue="live")
@bare(live.fail_internal)
def live_take(lane_id: int) -> None:
    live.work_lane(lane_id)


@shared_task(queue="load")
@bare(runs.fail_internal)
def load_advance(run_id: int) -> None:
    runs.advance(run_id)


@shared_task(queue="control")
@bare()
def control_sweep() -> None:
    sweeps.sweep()
    unlinked.take_away()


@shared_task(queue="control")
@bare()
def control_alerts() -> None:
    alerts.evaluate(timezone.now())
    alerts.send_due(timezone.now())


@shared_task(queue="control")
@bare()
def control_tidy() -> None:
    sweeps.tidy(timezone.now())
    environments.refresh_old(timezone.now())

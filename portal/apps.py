from django.apps import AppConfig

from portal.celery import app as celery_app

__all__ = ["PortalConfig", "celery_app"]


class PortalConfig(AppConfig):
    """Loads the Celery application with Django, so that a task sent from a page finds its queue."""

    name = "portal"

from django.conf import settings
from django.db import models
from django.utils import timezone

from syncengine.models.links import Link
from syncengine.models.maps import EntityMap


class Activity(models.Model):
    """What happened, who did it: one line of the activity log."""

    class Kind(models.TextChoices):
        LINK = "link", "Link"
        MAP_STATE = "map state", "Map state"
        MAP_VERSION = "map version", "Map version"
        RUN = "run", "Run"
        ERROR = "error", "Error"
        RETRY = "retry", "Retry"
        ALERT = "alert", "Alert"
        CAPTURE = "capture", "Capture"
        ENVIRONMENT = "environment", "Environment"

    link = models.ForeignKey(Link, on_delete=models.CASCADE, null=True, related_name="activities")
    map = models.ForeignKey(EntityMap, on_delete=models.SET_NULL, null=True, related_name="activities")
    kind = models.CharField(max_length=20, choices=Kind)
    text = models.TextField()
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name_plural = "activities"
        indexes = [
            models.Index(fields=["-at", "-id"], name="activity_newest_first"),
            models.Index(fields=["map", "-at"], name="activity_of_map"),
            models.Index(fields=["link", "kind", "-at"], name="activity_of_kind"),
        ]

    def __str__(self) -> str:
        return self.text

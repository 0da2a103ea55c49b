from django.db import models
from django.utils import timezone

from syncengine.errors import ErrorClass
from syncengine.models.choices import choices_of
from syncengine.models.links import Link
from syncengine.models.maps import EntityMap
from syncengine.states import AlertAction


class AlertRule(models.Model):
    """When so many errors of a kind come within a window: do this, and tell these people.

    `error_class` "" stands for every class, no `maps` for every map of the link.
    """

    link = models.ForeignKey(Link, on_delete=models.CASCADE, related_name="alert_rules")
    name = models.CharField(max_length=120)
    maps = models.ManyToManyField(EntityMap, blank=True, related_name="alert_rules")
    error_class = models.CharField(max_length=20, choices=choices_of(ErrorClass), blank=True)
    count = models.PositiveIntegerField(default=10)
    window_minutes = models.PositiveIntegerField(default=15)
    action = models.CharField(max_length=10, choices=choices_of(AlertAction), default=AlertAction.NONE)
    subscribers = models.JSONField(default=list)  # e-mail addresses
    is_enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["link", "name"], name="alert_name_once_a_link")]

    def __str__(self) -> str:
        return self.name


class Notification(models.Model):
    """One firing of an alert rule on one map: its mail, and how sending went."""

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        SENT = "sent", "Sent"
        FAILED = "failed", "Failed"  # tried again until `attempts` reaches its limit

    rule = models.ForeignKey(AlertRule, on_delete=models.CASCADE, related_name="notifications")
    map = models.ForeignKey(EntityMap, on_delete=models.CASCADE, related_name="notifications")
    errors_counted = models.IntegerField()
    action_taken = models.CharField(max_length=10, choices=choices_of(AlertAction))
    recipients = models.JSONField(default=list)
    subject = models.CharField(max_length=250)
    body = models.TextField()
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    problem = models.TextField(blank=True)
    attempts = models.IntegerField(default=0)
    due_at = models.DateTimeField(default=timezone.now)
    fired_at = models.DateTimeField(default=timezone.now)
    sent_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["-fired_at", "-id"], name="notification_newest_first"),
            models.Index(fields=["rule", "map", "-fired_at"], name="notification_of_rule"),
        ]

    def __str__(self) -> str:
        return self.subject

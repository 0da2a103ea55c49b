from django.conf import settings
from django.db import models
from django.utils import timezone

from syncengine.errors import ErrorClass
from syncengine.models.choices import choices_of
from syncengine.models.maps import EntityMap
from syncengine.states import ErrorState, Side


class StoredSyncError(models.Model):
    """A sync error: a record that could not be synced, as filed for a person.

    One open row a record; its changes stay parked in the journal until it is resolved or dismissed.
    """

    map = models.ForeignKey(EntityMap, on_delete=models.CASCADE, related_name="sync_errors")
    side = models.CharField(max_length=5, choices=choices_of(Side))  # where the change came from
    left_id = models.TextField(null=True)
    right_id = models.TextField(null=True)
    key = models.TextField(blank=True)  # integration key, for people
    company = models.CharField(max_length=20, blank=True)
    error_class = models.CharField(max_length=20, choices=choices_of(ErrorClass))
    code = models.CharField(max_length=60, blank=True)
    column = models.CharField(max_length=120, blank=True)
    message = models.TextField()  # what happened, without row values
    remedy = models.TextField(blank=True)  # what to do
    raw = models.TextField(blank=True)  # the service's answer as it came
    state = models.CharField(max_length=10, choices=choices_of(ErrorState), default=ErrorState.OPEN)
    attempts = models.IntegerField(default=1)
    run_map = models.ForeignKey("RunMap", on_delete=models.SET_NULL, null=True, related_name="sync_errors")
    created_at = models.DateTimeField(default=timezone.now)
    last_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True)
    ended_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")

    class Meta:
        db_table = "syncengine_syncerror"
        constraints = [
            models.UniqueConstraint(
                fields=["map", "left_id"],
                condition=models.Q(state=ErrorState.OPEN, left_id__isnull=False),
                name="one_open_error_a_left_row",
            ),
            models.UniqueConstraint(
                fields=["map", "right_id"],
                condition=models.Q(state=ErrorState.OPEN, right_id__isnull=False),
                name="one_open_error_a_right_row",
            ),
        ]
        indexes = [
            models.Index(fields=["state", "-last_at", "-id"], name="error_newest_first"),
            models.Index(fields=["map", "state", "-last_at"], name="error_of_map"),
            models.Index(fields=["map", "last_at"], name="error_in_window"),
            models.Index(fields=["map", "state", "error_class", "-last_at"], name="error_of_class"),
            models.Index(fields=["map", "state", "side", "-last_at"], name="error_of_side"),
        ]

    def __str__(self) -> str:
        return f"{self.map}: {self.key}"


class Conflict(models.Model):
    """Values that were overwritten, and why: base, left and right as they were, and what was done a column."""

    map = models.ForeignKey(EntityMap, on_delete=models.CASCADE, related_name="conflicts")
    left_id = models.TextField(null=True)
    right_id = models.TextField(null=True)
    key = models.TextField(blank=True)
    base = models.JSONField(null=True)  # {"left": {...}, "right": {...}} or null at first contact
    left = models.JSONField()
    right = models.JSONField()
    decisions = models.JSONField()  # {column on the losing side: winning side}
    reason = models.CharField(max_length=250)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [models.Index(fields=["map", "-at"], name="conflict_newest_first")]

    def __str__(self) -> str:
        return f"{self.map}: {self.key}"


class Throughput(models.Model):
    """Counters of settled records: a row a map, target side and minute. The pictures are drawn from it."""

    map = models.ForeignKey(EntityMap, on_delete=models.CASCADE, related_name="throughput")
    side = models.CharField(max_length=5, choices=choices_of(Side))  # the target
    minute = models.DateTimeField()
    creates = models.IntegerField(default=0)
    updates = models.IntegerField(default=0)
    deletes = models.IntegerField(default=0)
    unchanged = models.IntegerField(default=0)  # echoes, rows already equal, rows outside the filter
    refused = models.IntegerField(default=0)
    conflicts = models.IntegerField(default=0)
    latency_ms = models.BigIntegerField(default=0)  # sum over creates, updates, deletes: seen → settled

    class Meta:
        constraints = [models.UniqueConstraint(fields=["map", "side", "minute"], name="counters_once_a_minute")]
        indexes = [models.Index(fields=["minute"], name="counters_by_minute")]

    def __str__(self) -> str:
        return f"{self.map} → {self.side} at {self.minute}"

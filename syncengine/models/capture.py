from django.db import models
from django.utils import timezone

from syncengine.models.environments import Environment


class CaptureCursor(models.Model):
    """How far changes of one table of one environment are in the journal.

    `cursor` is opaque, understood by its connector alone; saved in the transaction that appends what came before it.
    """

    environment = models.ForeignKey(Environment, on_delete=models.CASCADE, related_name="cursors")
    table = models.CharField(max_length=200)
    cursor = models.TextField(null=True)
    polled_at = models.DateTimeField(null=True)
    poll_due_at = models.DateTimeField(default=timezone.now)
    listed_at = models.DateTimeField(null=True)  # the last comparison that ran to its end
    listing_due_at = models.DateTimeField(default=timezone.now)
    pushed_at = models.DateTimeField(null=True)  # the last notification
    subscription = models.TextField(blank=True)  # handle of the push registration
    note = models.TextField(blank=True)  # what an administrator may do for changes to come sooner
    problem = models.TextField(blank=True)  # why changes do not come; "" while all is well

    class Meta:
        constraints = [models.UniqueConstraint(fields=["environment", "table"], name="one_cursor_a_table")]

    def __str__(self) -> str:
        return f"{self.environment}: {self.table}"

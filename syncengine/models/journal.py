from django.db import models

from syncengine.models.choices import choices_of
from syncengine.models.maps import EntityMap
from syncengine.states import BindingState, ChangeState, Operation, Side


class Change(models.Model):
    """One event for one map, not yet settled; the journal's row. Made by SQL in migration 0002."""

    id = models.BigAutoField(primary_key=True)
    map = models.ForeignKey(EntityMap, on_delete=models.DO_NOTHING, related_name="changes", db_constraint=False)
    side = models.CharField(max_length=5, choices=choices_of(Side))
    row_id = models.TextField()
    operation = models.CharField(max_length=10, choices=choices_of(Operation))
    state = models.CharField(max_length=10, choices=choices_of(ChangeState))
    due_at = models.DateTimeField()
    attempts = models.SmallIntegerField()
    version = models.TextField(null=True)
    origin = models.TextField(null=True)
    position = models.TextField(null=True)
    changed_at = models.DateTimeField(null=True)
    seen_at = models.DateTimeField()
    waiting_table = models.TextField(null=True)  # the parent that a waiting change needs: its right table …
    waiting_key = models.TextField(null=True)  # … and its integration key

    class Meta:
        managed = False
        db_table = "syncengine_change"


class Binding(models.Model):
    """The remembered pair of one record in one map. Partitioned by map; made by SQL in migration 0002.

    `left_base` and `right_base` hold the mapped columns in canonical text, as stored at the last agreement.
    """

    id = models.BigAutoField(primary_key=True)
    map = models.ForeignKey(EntityMap, on_delete=models.DO_NOTHING, related_name="bindings", db_constraint=False)
    left_id = models.TextField(null=True)
    right_id = models.TextField(null=True)
    key = models.TextField(null=True)
    state = models.CharField(max_length=10, choices=choices_of(BindingState))
    left_version = models.TextField(null=True)
    right_version = models.TextField(null=True)
    left_base = models.JSONField(null=True)
    right_base = models.JSONField(null=True)
    updated_at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "syncengine_binding"

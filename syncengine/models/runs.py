from django.conf import settings
from django.db import models
from django.utils import timezone

from syncengine.models.choices import choices_of
from syncengine.models.links import Link
from syncengine.models.maps import EntityMap
from syncengine.states import MapState, RunState, Side


class Run(models.Model):
    """One initial sync of one or more maps, in dependency order."""

    link = models.ForeignKey(Link, on_delete=models.CASCADE, related_name="runs")
    state = models.CharField(max_length=30, choices=choices_of(RunState), default=RunState.RUNNING)
    started_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    started_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True)
    owner = models.CharField(max_length=120, blank=True)  # lease of the worker that advances it
    token = models.BigIntegerField(default=0)
    until = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["link", "-id"], name="run_newest_first")]

    def __str__(self) -> str:
        return f"Run {self.pk}"


class RunMap(models.Model):
    """One map in a run. `checkpoint` is what the next slice of work goes on from.

    A map that was running or paused loads the rows of `companies` alone, and then goes back to that state.
    """

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="run_maps")
    map = models.ForeignKey(EntityMap, on_delete=models.CASCADE, related_name="run_maps")
    position = models.IntegerField()
    writes = models.BooleanField(default=True)  # False: compare and bind only ("skip initial sync")
    master = models.CharField(max_length=5, choices=choices_of(Side))
    companies = models.JSONField(default=list)  # codes; none stands for all of the link
    returns_to = models.CharField(max_length=20, choices=choices_of(MapState), blank=True)  # "": it was at rest
    state = models.CharField(max_length=30, choices=choices_of(RunState), default=RunState.WAITING)
    phase = models.CharField(max_length=20, blank=True)  # reading left, reading right, writing
    checkpoint = models.JSONField(default=dict)
    message = models.TextField(blank=True)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["run", "map"], name="map_once_a_run")]

    def __str__(self) -> str:
        return f"{self.map} in {self.run}"


class RunLeg(models.Model):
    """Counters of one company in one direction of one map. `company` is "" for a global map."""

    run_map = models.ForeignKey(RunMap, on_delete=models.CASCADE, related_name="legs")
    company = models.CharField(max_length=20, blank=True)
    target = models.CharField(max_length=5, choices=choices_of(Side))
    expected = models.IntegerField(default=0)  # rows of the source, counted before reading
    read = models.IntegerField(default=0)
    equal = models.IntegerField(default=0)
    created = models.IntegerField(default=0)
    updated = models.IntegerField(default=0)
    refused = models.IntegerField(default=0)
    left_to_live = models.IntegerField(default=0)  # changed meanwhile: the lane decides them

    class Meta:
        ordering = ["company", "target"]
        constraints = [models.UniqueConstraint(fields=["run_map", "company", "target"], name="leg_once")]

    def __str__(self) -> str:
        return f"{self.run_map} {self.company} → {self.target}"

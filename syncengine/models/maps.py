from django.conf import settings
from django.db import models
from django.utils import timezone

from syncengine.mapping.definition import MapDefinition, from_json
from syncengine.models.choices import choices_of
from syncengine.models.links import Lane, Link
from syncengine.states import MapState, Side


class EntityMap(models.Model):
    """A map of a link. `state` is written by `services.map_states` alone."""

    link = models.ForeignKey(Link, on_delete=models.CASCADE, related_name="maps")
    lane = models.ForeignKey(Lane, on_delete=models.PROTECT, related_name="maps")
    name = models.CharField(max_length=250)
    group = models.CharField(max_length=120, blank=True)
    description = models.TextField(blank=True)
    left_table = models.CharField(max_length=200)
    right_table = models.CharField(max_length=200)
    version = models.ForeignKey("MapVersion", on_delete=models.PROTECT, null=True, related_name="+")
    state = models.CharField(max_length=20, choices=choices_of(MapState), default=MapState.NOT_RUNNING)
    state_changed_at = models.DateTimeField(default=timezone.now)
    master = models.CharField(max_length=5, choices=choices_of(Side), default=Side.RIGHT)
    problem = models.TextField(blank=True)  # why it does not go on although its state says so; "" while all is well

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["link", "name"], name="map_name_once_a_link")]
        indexes = [models.Index(fields=["link", "state"], name="map_by_state")]

    def __str__(self) -> str:
        return self.name

    @property
    def definition(self) -> MapDefinition:
        assert self.version is not None, "a map gets its first version when it is created"
        return from_json(self.version.definition)


class MapVersion(models.Model):
    """One frozen version of a map; editing makes the next one."""

    map = models.ForeignKey(EntityMap, on_delete=models.CASCADE, related_name="versions")
    publisher = models.CharField(max_length=120)
    number = models.CharField(max_length=40)  # major.minor.build.revision
    definition = models.TextField()  # JSON of syncengine.mapping.definition.MapDefinition
    note = models.CharField(max_length=250, blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["map", "publisher", "number"], name="version_number_once_a_publisher")
        ]

    def __str__(self) -> str:
        return f"{self.number} ({self.publisher})"

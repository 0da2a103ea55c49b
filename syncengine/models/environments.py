import secrets

from django.db import models
from django.utils import timezone

from syncengine.mapping.drift import DriftKind
from syncengine.models.choices import choices_of


def new_hook_token() -> str:
    return secrets.token_urlsafe(24)


class KnownEnvironments(models.Manager["Environment"]):
    """Without those that were deleted, which stay only as the home of what happened in them."""

    def get_queryset(self) -> models.QuerySet["Environment"]:
        return super().get_queryset().filter(deleted_at=None)


class Environment(models.Model):
    """One system of record. `secret_encrypted` is written and read by `services.environments` alone."""

    class Kind(models.TextChoices):
        FINOPS = "finops", "Finance and Operations"
        DATAVERSE = "dataverse", "Dataverse"

    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=20, choices=Kind)
    base_url = models.URLField(max_length=500)
    token_url = models.URLField(max_length=500)
    tenant = models.CharField(max_length=120)
    client_id = models.CharField(max_length=120)
    secret_encrypted = models.TextField()
    options = models.JSONField(default=dict, blank=True)
    hook_token = models.CharField(max_length=64, unique=True, default=new_hook_token)  # in the address that it calls
    organization_id = models.CharField(max_length=120, blank=True)  # who answered when it was linked
    version = models.CharField(max_length=60, blank=True)
    data_centre = models.CharField(max_length=120, blank=True)
    catalog_read_at = models.DateTimeField(null=True)  # of its StoredCatalog; null before the first time
    clock_offset_s = models.FloatField(default=0)
    problem = models.TextField(blank=True)  # why it cannot be used now; "" while all is well
    problem_at = models.DateTimeField(null=True)
    answered_at = models.DateTimeField(null=True)
    disabled_at = models.DateTimeField(null=True)  # since when nobody speaks to it; null while it is in use
    deleted_at = models.DateTimeField(null=True)
    capture_owner = models.CharField(max_length=120, blank=True)  # the capture process that polls it
    capture_until = models.DateTimeField(default=timezone.now)
    created_at = models.DateTimeField(default=timezone.now)

    objects = KnownEnvironments()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=[field], condition=models.Q(deleted_at=None), name=f"environment_{field}_once"
            )
            for field in ("name", "base_url")
        ]

    def __str__(self) -> str:
        return self.name


class StoredCatalog(models.Model):
    """An environment's catalog as it was last read. Apart from the environment, which is read with every take: the text
    of a whole catalog is megabytes."""

    environment = models.OneToOneField(Environment, on_delete=models.CASCADE, primary_key=True, related_name="+")
    text = models.TextField()  # JSON of syncengine.catalog.Catalog

    def __str__(self) -> str:
        return f"Catalog of {self.environment}"


class SchemaDrift(models.Model):
    """A difference that was found when the environment's tables were read anew, until a person has seen it."""

    environment = models.ForeignKey(Environment, on_delete=models.CASCADE, related_name="drift")
    table = models.CharField(max_length=250)
    column = models.CharField(max_length=250, blank=True)  # "" for the table as a whole
    kind = models.CharField(max_length=20, choices=choices_of(DriftKind))
    detail = models.TextField(blank=True)
    found_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["table", "column", "kind"]
        constraints = [
            models.UniqueConstraint(fields=["environment", "table", "column", "kind"], name="drift_told_once")
        ]

    def __str__(self) -> str:
        return f"{self.table} {self.column} {self.kind}"

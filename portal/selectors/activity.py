"""What happened in a link, newest first."""

from django.db import models
from django.db.models import Q

from syncengine.models import Activity, EntityMap, Link

ORDER = ("-at", "-id")


def activity_of(link: Link, *, map_id: str = "", kind: str = "", person: str = "") -> "models.QuerySet[Activity]":
    """Activity of the link, and what concerns no link at all (environments)."""
    exact = {"map": map_id, "kind": kind, "actor": person}
    rows = Activity.objects.filter(
        Q(link=link) | Q(link=None), **{name: value for name, value in exact.items() if value}
    )
    return rows.select_related("map", "actor")


def activity_of_map(map_: EntityMap) -> "models.QuerySet[Activity]":
    return Activity.objects.filter(map=map_).select_related("map", "actor")

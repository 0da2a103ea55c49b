"""What happened in a link, newest first; also in one that is unlinked by now."""

from django.db import models
from django.db.models import Q

from syncengine.models import Activity, EntityMap, Link
from syncengine.states import LinkState

ORDER = ("-at", "-id")


def activity_of(
    link: Link, *, map_id: str = "", kind: str = "", person: str = "", links: str = ""
) -> "models.QuerySet[Activity]":
    """Activity of the link, and what concerns no link at all (environments). `links` "all": of unlinked ones too."""
    exact = {"map": map_id, "kind": kind, "actor": person}
    shown = [link.pk, *(unlinked().values_list("pk", flat=True) if links else ())]
    rows = Activity.objects.filter(
        Q(link__in=shown) | Q(link=None), **{name: value for name, value in exact.items() if value}
    )
    return rows.select_related("link", "map", "actor")


def unlinked() -> "models.QuerySet[Link]":
    """Links that are no more, the last one first: only their activity is left."""
    return Link.objects.filter(state=LinkState.UNLINKED).order_by("-pk")


def activity_of_map(map_: EntityMap) -> "models.QuerySet[Activity]":
    return Activity.objects.filter(map=map_).select_related("map", "actor")

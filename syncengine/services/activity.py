from django.contrib.auth.models import User

from syncengine.models import Activity, EntityMap, Link


def record(
    *,
    kind: Activity.Kind,
    text: str,
    actor: User | None = None,
    link: Link | None = None,
    map: EntityMap | None = None,  # noqa: A002 - the product's own word
) -> Activity:
    """One line of the activity log, in the caller's transaction. A map's line also belongs to its link."""
    if link is None and map is not None:
        link = map.link
    return Activity.objects.create(kind=kind, text=text, actor=actor, link=link, map=map)

"""Schema drift: what an environment's tables have become since they were read before, and what that breaks."""

from collections.abc import Sequence

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q

from syncengine.catalog import Catalog
from syncengine.mapping.drift import Drift, drift_of
from syncengine.models import Activity, EntityMap, Environment, SchemaDrift
from syncengine.services import activity
from syncengine.services.permissions import Permission, require
from syncengine.states import LinkState


def note(environment: Environment, old: Catalog, new: Catalog) -> list[Drift]:
    """Keeps the differences in the tables that maps use, in the caller's transaction; gives those found."""
    found = drift_of(old, new, _used_tables(environment))
    for drift in found:
        SchemaDrift.objects.update_or_create(
            environment=environment,
            table=drift.table,
            column=drift.column,
            kind=drift.kind,
            defaults={"detail": drift.detail},
        )
    if found:
        tables = ", ".join(sorted({drift.table for drift in found}))
        text = f"The tables of {environment.name} are not as they were: {tables}."
        activity.record(kind=Activity.Kind.ENVIRONMENT, text=text)
    return found


def acknowledge(actor: User, environment: Environment) -> None:
    """A person has seen what changed."""
    require(actor, Permission.CHANGE)
    with transaction.atomic():
        seen, _ = SchemaDrift.objects.filter(environment=environment).delete()
        if seen:
            text = f"The changes of {environment.name}'s tables were acknowledged."
            activity.record(kind=Activity.Kind.ENVIRONMENT, text=text, actor=actor)


def of_map(map_: EntityMap) -> Sequence[SchemaDrift]:
    """What nobody has acknowledged yet of the map's two tables."""
    link = map_.link
    left = Q(environment=link.left_id, table__iexact=map_.left_table)
    right = Q(environment=link.right_id, table__iexact=map_.right_table)
    return list(SchemaDrift.objects.filter(left | right).select_related("environment"))


def _used_tables(environment: Environment) -> list[str]:
    maps = EntityMap.objects.exclude(link__state=LinkState.UNLINKED)
    left = maps.filter(link__left=environment).values_list("left_table", flat=True)
    right = maps.filter(link__right=environment).values_list("right_table", flat=True)
    return sorted({*left, *right})

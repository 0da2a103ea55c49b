"""Row filters of a map: what they let through now, and a new version with other ones."""

from dataclasses import dataclass, replace

from django.contrib.auth.models import User
from django.db import transaction

from syncengine.catalog import Table
from syncengine.errors import CatalogError, SyncError
from syncengine.mapping.definition import to_json
from syncengine.mapping.filters.ast import Filter, FilterError, In, all_of
from syncengine.mapping.filters.parse import check_filter, parse_filter
from syncengine.models import Activity, EntityMap, MapVersion
from syncengine.services import activity, companies, environments, link_states, maps
from syncengine.services.errors import Refused
from syncengine.services.permissions import Permission, require
from syncengine.states import MapState, Side


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterPreview:
    """How many of the linked companies' rows the filter lets through, or why that cannot be said.

    `position` counts characters of the text from 0, where a filter cannot be understood.
    """

    matching: int | None
    total: int | None
    problem: str
    position: int | None


PUBLISHER = "Custom"  # of versions that are made here


def preview_filter(map_: EntityMap, *, side: Side, text: str) -> FilterPreview:
    """What the filter as typed lets through, counted by the environment now. Nothing is saved."""
    try:
        table = _table(map_, side)
        where = _understood(text, side, table)
        matching, total = _count(map_, side, table, where)
    except FilterError as exc:
        return FilterPreview(matching=None, total=None, problem=str(exc), position=exc.position)
    except SyncError as exc:
        return FilterPreview(matching=None, total=None, problem=str(exc), position=None)
    return FilterPreview(matching=matching, total=total, problem="", position=None)


def save_filters(
    actor: User | None,
    *,
    map: EntityMap,  # noqa: A002 - the product's own word
    left_filter: str,
    right_filter: str,
) -> MapVersion:
    """The map's next version, with these filters, in use from now on. The map must not be running.

    Raises: Refused while it runs, and for a filter that cannot be understood, saying where.
    """
    require(actor, Permission.CHANGE)
    texts = {Side.LEFT: left_filter.strip(), Side.RIGHT: right_filter.strip()}
    for side, text in texts.items():
        _refuse_misunderstood(map, side, text)
    with transaction.atomic():
        link_states.hold([map.link_id])
        locked = EntityMap.objects.select_for_update(of=("self",)).select_related("version", "link").get(pk=map.pk)
        if locked.state != MapState.NOT_RUNNING:
            raise Refused(
                f"{locked.name} is {locked.state}. Stop it first: filters are changed while it is not running."
            )
        edited = replace(locked.definition, left_filter=texts[Side.LEFT], right_filter=texts[Side.RIGHT])
        version = locked.versions.create(
            publisher=PUBLISHER,
            number=_next_number(locked),
            definition=to_json(edited),
            note="Filters changed.",
            created_by=actor,
        )
        locked.version = version
        locked.problem = "\n".join(maps.problems_of(locked))
        locked.save(update_fields=["version", "problem"])
        text = f"The filters of {locked.name} were changed: version {version.number} is in use."
        activity.record(kind=Activity.Kind.MAP_VERSION, actor=actor, map=locked, text=text)
    map.version, map.problem = version, locked.problem
    return version


# --- Understanding -----------------------------------------------------------------------------------------------


def _understood(text: str, side: Side, table: Table) -> Filter | None:
    """The filter; None for an empty text.

    Raises: FilterError with the position of what cannot be understood or does not fit the table.
    """
    where = parse_filter(text, side)
    if where is not None:
        check_filter(where, table, text)
    return where


def _refuse_misunderstood(map_: EntityMap, side: Side, text: str) -> None:
    try:
        _understood(text, side, _table(map_, side))
    except FilterError as exc:
        raise Refused(f"The {side} filter, at character {exc.position + 1}: {exc}") from exc
    except CatalogError as exc:
        raise Refused(str(exc)) from exc


def _table(map_: EntityMap, side: Side) -> Table:
    environment = map_.link.environment(side)
    name = map_.left_table if side is Side.LEFT else map_.right_table
    table = environments.catalog_of(environment).table(name)
    if table is None:
        raise CatalogError(f"{environment.name} has no table {name}. Correct the map, or add the table there.")
    return table


# --- Counting ----------------------------------------------------------------------------------------------------


def _count(map_: EntityMap, side: Side, table: Table, where: Filter | None) -> tuple[int, int]:
    """Rows of the linked companies: those that pass, and all."""
    environment = map_.link.environment(side)
    connector = environments.open_connector(environment)
    of_companies = companies.condition(
        map_.definition,
        side=side,
        table=table,
        catalog=environments.catalog_of(environment),
        connector=connector,
        codes=list(map_.link.companies.values_list("code", flat=True)),
    )
    if isinstance(of_companies, In) and not of_companies.values:
        return 0, 0
    total = connector.count(table, of_companies)
    return total if where is None else connector.count(table, all_of(where, of_companies)), total


def _next_number(map_: EntityMap) -> str:
    """The number after every one of the same build that the map has under any publisher."""
    assert map_.version is not None
    build = map_.version.number.rpartition(".")[0]
    revisions = [
        int(revision)
        for number in map_.versions.values_list("number", flat=True)
        for before, _, revision in [number.rpartition(".")]
        if before == build and revision.isdigit()
    ]
    return f"{build}.{max(revisions, default=0) + 1}"

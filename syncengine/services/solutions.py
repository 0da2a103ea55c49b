"""Solutions: packages of maps, applied to a link."""

from dataclasses import dataclass

from django.contrib.auth.models import User

from syncengine import builtin
from syncengine.builtin import Solution, SolutionMap
from syncengine.errors import SyncError
from syncengine.mapping.definition import to_json
from syncengine.models import Activity, EntityMap, Link, MapVersion
from syncengine.repository import bindings
from syncengine.services import activity, environments, link_states, maps
from syncengine.services.database import atomic, raw
from syncengine.services.errors import Refused
from syncengine.services.permissions import Permission, require
from syncengine.states import MapState, Side


@dataclass(frozen=True, slots=True, kw_only=True)
class SolutionInfo:
    name: str
    publisher: str
    version: str
    description: str
    map_names: tuple[str, ...]


def available() -> list[SolutionInfo]:
    """The solutions that can be applied."""
    return [
        SolutionInfo(
            name=solution.name,
            publisher=solution.publisher,
            version=solution.version,
            description=solution.description,
            map_names=tuple(each.definition.name for each in solution.maps),
        )
        for solution in _solutions()
    ]


def _solutions() -> list[Solution]:
    return [builtin.load()]


def apply_solution(actor: User | None, *, link: Link, name: str) -> list[EntityMap]:
    """The link's maps of the solution, at rest, in the solution's order.

    Once is the same as twice: a version that is there stays. A newer one is added, and taken into use where the map is
    not running and nobody has changed it. A map that does not fit the two environments says why in `problem`; the
    others are not touched by that.

    Raises: Refused for an unknown solution, and when the link is unlinked.
    """
    require(actor, Permission.CHANGE)
    solution = next((each for each in _solutions() if each.name == name), None)
    if solution is None:
        raise Refused(f"There is no solution called {name}.")
    _read_tables_again(link)
    with atomic():
        link_states.alone(link.pk)  # one application at a time
        applied = [_apply(actor, link, solution, each) for each in solution.maps]
        text = f"Solution {solution.name} {solution.version} was applied: {len(applied)} maps."
        activity.record(kind=Activity.Kind.LINK, actor=actor, link=link, text=text)
    return applied


def _read_tables_again(link: Link) -> None:
    """Tables that were added since they were last read count; where they cannot be read, what is known stands."""
    for side in Side:
        environment = link.environment(side)
        try:
            environments.refresh_catalog(environment)
        except SyncError as exc:
            environments.note_problem(environment.pk, str(exc))


def _apply(actor: User | None, link: Link, solution: Solution, shipped: SolutionMap) -> EntityMap:
    applied = _map_of(link, shipped)
    version, is_new = MapVersion.objects.get_or_create(
        map=applied,
        publisher=solution.publisher,
        number=shipped.version,
        defaults={
            "definition": to_json(shipped.definition),
            "note": f"Solution {solution.name} {solution.version}",
            "created_by": actor,
        },
    )
    if is_new:
        _take_into_use(actor, applied, version)
    _judge(applied)
    return applied


def _map_of(link: Link, shipped: SolutionMap) -> EntityMap:
    definition = shipped.definition
    found, is_new = EntityMap.objects.get_or_create(
        link=link,
        name=definition.name,
        defaults={
            "lane": link.lanes.order_by("pk")[0],
            "group": definition.group,
            "description": definition.description,
            "left_table": definition.left_table,
            "right_table": definition.right_table,
        },
    )
    found.link = link  # with its environments, read already
    if is_new:
        bindings.create_partition(raw(), found.pk)
    return found


def _take_into_use(actor: User | None, applied: EntityMap, version: MapVersion) -> None:
    """The new version is used unless the map runs, or runs by a version of somebody else."""
    before = applied.version
    is_followed = before is None or (before.publisher == version.publisher and _parts(before) < _parts(version))
    taken = is_followed and EntityMap.objects.filter(pk=applied.pk, state=MapState.NOT_RUNNING, version=before).update(
        version=version
    )
    if taken:
        applied.version = version
        text = f"Version {version} of {applied.name} is in use."
    else:
        text = f"Version {version} of {applied.name} was added; version {before} stays in use."
    activity.record(kind=Activity.Kind.MAP_VERSION, actor=actor, map=applied, text=text)


def _parts(version: MapVersion) -> tuple[int, ...]:
    """The number for comparing: 1.0.10.0 is newer than 1.0.9.0."""
    return tuple(int(part) for part in version.number.split(".") if part.isdigit())


def _judge(applied: EntityMap) -> None:
    """Whether a map at rest fits both environments; a map that runs is judged by its run."""
    problem = "\n".join(maps.problems_of(applied))
    at_rest = EntityMap.objects.filter(pk=applied.pk, state=MapState.NOT_RUNNING)
    if at_rest.exclude(problem=problem).update(problem=problem) and problem:
        text = f"{applied.name} does not fit the environments: {problem}"
        activity.record(kind=Activity.Kind.MAP_VERSION, map=applied, text=text)
    applied.problem = problem

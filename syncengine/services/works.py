"""What the pipeline needs of a map, put together from the models."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from syncengine.catalog import Catalog, Table
from syncengine.decide import ComparedField, Rules
from syncengine.errors import CatalogError
from syncengine.mapping.compile import CompiledMap, compile_map
from syncengine.mapping.definition import MapDefinition
from syncengine.mapping.keys import fold_text
from syncengine.models import EntityMap, Link
from syncengine.pipeline.work import Parent, Work
from syncengine.services import environments
from syncengine.states import MapState, Side


def work_of(map_: EntityMap, siblings: Iterable[EntityMap], *, companies: Sequence[str] = ()) -> Work:
    """The map ready to work on; `siblings` are all maps of its link, itself included. Rows of these companies only,
    of all that the link has where none is named.

    Raises: CatalogError for a table that is gone, MapInvalid for a definition that does not fit, CredentialsError.
    """
    link = map_.link
    definition = map_.definition
    compiled = _compiled(map_, definition)
    codes = companies or link.companies.values_list("code", flat=True)
    return Work(
        map_id=map_.pk,
        link_id=link.pk,
        name=map_.name,
        compiled=compiled,
        rules=rules_of(definition, Side(map_.master)),
        fields=compared_fields(compiled),
        connectors={side: environments.open_connector(link.environment(side)) for side in Side},
        environments={side: link.environment(side).name for side in Side},
        companies=tuple(fold_text(code) for code in codes) if definition.company else None,
        parents=parents_of(siblings),
    )


_compiled_maps: dict[int, tuple[object, CompiledMap]] = {}


def _compiled(map_: EntityMap, definition: MapDefinition) -> CompiledMap:
    """Compiled once a process for each version of the map and of both catalogs."""
    link = map_.link
    state = (map_.version_id, link.left.catalog_read_at, link.right.catalog_read_at)
    kept = _compiled_maps.get(map_.pk)
    if kept is None or kept[0] != state:
        kept = _compiled_maps[map_.pk] = (state, _compile(link, definition))
    return kept[1]


def _compile(link: Link, definition: MapDefinition) -> CompiledMap:
    left, right = environments.catalog_of(link.left), environments.catalog_of(link.right)
    return compile_map(
        definition,
        left=_table(left, definition.left_table, link.left.name),
        right=_table(right, definition.right_table, link.right.name),
        right_tables={table.name: table for table in right.tables},
    )


def _table(catalog: Catalog, name: str, environment: str) -> Table:
    table = catalog.table(name)
    if table is None:
        raise CatalogError(
            f"{environment} has no table {name}. Refresh its tables on the environment's page, or correct the map."
        )
    return table


def rules_of(definition: MapDefinition, master: Side) -> Rules:
    policies = definition.policies
    return Rules(
        master=master,
        deletes=policies.deletes,
        leaving=policies.leaving_filter,
        flows_left=definition.flows_to(Side.LEFT),
        flows_right=definition.flows_to(Side.RIGHT),
        creates_left=policies.creates_left,
        creates_right=policies.creates_right,
    )


def compared_fields(compiled: CompiledMap) -> tuple[ComparedField, ...]:
    """The fields that both sides have, without the parts of the key."""
    return tuple(
        ComparedField(left=field.left.name, right=field.right.name, direction=field.direction)
        for field in compiled.fields
        if field.left is not None and field.right is not None and not field.is_key
    )


def parents_of(maps: Iterable[EntityMap]) -> dict[str, tuple[Parent, ...]]:
    """Right table in lower case → the maps that fill it."""
    parents: dict[str, list[Parent]] = defaultdict(list)
    for map_ in maps:
        definition = map_.definition
        parents[definition.right_table.lower()].append(
            Parent(
                map_id=map_.pk,
                name=map_.name,
                state=MapState(map_.state),
                key_parts=tuple(part.right for part in definition.key),
                company_part=definition.company.right if definition.company else "",
                left_columns={line.right: line.left for line in definition.fields if line.left and line.right}
                | {part.right: part.left for part in definition.key},
            )
        )
    return {table: tuple(found) for table, found in parents.items()}

"""Which maps need which: a map depends on those that fill the tables that its look-ups point to.

Cycles are allowed: a map may refer to itself, and two maps to each other. An order then breaks the cycle at the map
whose name comes first.
"""

from collections.abc import Collection, Hashable, Iterable, Mapping
from typing import TypeVar

from syncengine.catalog import Table
from syncengine.mapping.definition import MapDefinition
from syncengine.mapping.lines import lines_of
from syncengine.mapping.lookups import is_path, targets_of

Name = TypeVar("Name", bound=Hashable)
Graph = Mapping[Name, Collection[Name]]


def dependencies(definitions: Mapping[Name, MapDefinition], right_tables: Mapping[str, Table]) -> dict[Name, set[Name]]:
    """For each map the other maps that fill a table which it looks up rows of; every map is a key."""
    found = {name: _looked_up(definition, right_tables) for name, definition in definitions.items()}
    return {
        name: {other for other, filled in definitions.items() if other != name and filled.right_table.lower() in tables}
        for name, tables in found.items()
    }


def related(names: Iterable[Name], graph: Graph[Name]) -> set[Name]:
    """All maps that these depend on, over any number of steps; those named are left out."""
    chosen = set(names)
    reached: set[Name] = set()
    waiting = list(chosen)
    while waiting:
        for name in graph.get(waiting.pop(), ()):
            if name not in reached:
                reached.add(name)
                waiting.append(name)
    return reached - chosen


def order(names: Iterable[Name], graph: Graph[Name]) -> list[Name]:
    """The names, each after those that it depends on, also over maps that are not among them.

    The order depends on the names and the graph alone. In a cycle the name that comes first in the alphabet goes first.
    """
    wanted = set(names)
    everything = sorted({*wanted, *graph, *(parent for parents in graph.values() for parent in parents)}, key=str)
    waiting = {name: {parent for parent in graph.get(name, ()) if parent != name} for name in everything}
    done: dict[Name, None] = {}
    while waiting:
        name = next((name for name, parents in waiting.items() if parents <= done.keys()), None)
        if name is None:
            name = _first_of_cycle(waiting, done)
        done[name] = None
        del waiting[name]
    return [name for name in done if name in wanted]


def _first_of_cycle(waiting: Mapping[Name, set[Name]], done: Collection[Name]) -> Name:
    """The first name of those that wait for the fewest: for nothing but names which wait for them."""
    unfinished = {name: parents - set(done) for name, parents in waiting.items()}
    return min(waiting, key=lambda name: (len(related([name], unfinished)), str(name)))


def order_of(definitions: Mapping[Name, MapDefinition], right_tables: Mapping[str, Table] | None = None) -> list[Name]:
    """The keys of the definitions, parents first.

    Without the right tables a look-up is taken to point to every map whose key has the column at the end of its path:
    a guess that orders, and never leaves a map out.
    """
    if right_tables is not None:
        return order(definitions, dependencies(definitions, right_tables))
    wanted = {name: _key_columns_looked_up(definition) for name, definition in definitions.items()}
    graph = {
        name: {other for other, filled in definitions.items() if other != name and _own_key(filled) & columns}
        for name, columns in wanted.items()
    }
    return order(definitions, graph)


def _looked_up(definition: MapDefinition, right_tables: Mapping[str, Table]) -> set[str]:
    """Names, in lower case, of the tables that the map's look-ups may point to."""
    tables = {name.lower(): table for name, table in right_tables.items()}
    right = tables.get(definition.right_table.lower())
    found: set[str] = set()
    for path in _paths(definition):
        column = right.column(path.partition(".")[0]) if right is not None else None
        if column is not None:
            found |= {table.name.lower() for table in targets_of(column, right_tables)}
    return found


def _paths(definition: MapDefinition) -> list[str]:
    return [line.right for line in lines_of(definition) if line.right is not None and is_path(line.right)]


def _key_columns_looked_up(definition: MapDefinition) -> set[str]:
    return {path.rpartition(".")[2].lower() for path in _paths(definition)}


def _own_key(definition: MapDefinition) -> set[str]:
    return {part.right.lower() for part in definition.key if not is_path(part.right)}

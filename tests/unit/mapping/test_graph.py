from hypothesis import given, settings
from hypothesis import strategies as st

from syncengine.catalog import ColumnType, Table
from syncengine.mapping.definition import KeyPart, MapDefinition
from syncengine.mapping.graph import dependencies, order, order_of, related
from tests.unit.mapping.make import make_column, make_definition, make_line, make_table


def table(name: str, **lookups: str) -> Table:
    columns = [make_column(column, ColumnType.LOOKUP, targets=(target,)) for column, target in lookups.items()]
    return make_table(name, make_column("code"), make_column(f"{name}_no"), *columns)


def definition(right_table: str, *paths: str) -> MapDefinition:
    lines = [make_line(f"L{number}", path) for number, path in enumerate(paths)]
    key = (KeyPart(left="Number", right=f"{right_table}_no"),)
    return make_definition(*lines, name=right_table, right_table=right_table, company=None, key=key)


TABLES = {
    found.name: found
    for found in (
        table("companies"),
        table("groups", co="companies"),
        table("accounts", co="companies", group="groups", parent="accounts", person="contacts"),
        table("contacts", group="groups", account="accounts"),
    )
}
DEFINITIONS = {
    "Accounts": definition("accounts", "co.code", "group.code", "parent.accounts_no"),
    "Groups": definition("Groups", "CO.code"),
    "Companies": definition("companies"),
    "Contacts": definition("contacts", "group.code", "account.accounts_no"),
}
GRAPH = dependencies(DEFINITIONS, TABLES)


def test_a_map_depends_on_those_that_fill_what_it_looks_up() -> None:
    assert {
        "Accounts": {"Companies", "Groups"},
        "Groups": {"Companies"},
        "Companies": set(),
        "Contacts": {"Groups", "Accounts"},
    } == GRAPH


def test_company_and_key_count_too() -> None:
    striped = {**DEFINITIONS, "Groups": make_definition(right_table="groups")}
    assert dependencies(striped, TABLES)["Groups"] == {"Companies"}


def test_every_map_that_fills_the_table_counts() -> None:
    both = {**DEFINITIONS, "More groups": definition("groups")}
    assert dependencies(both, TABLES)["Accounts"] == {"Companies", "Groups", "More groups"}


def test_logical_names_of_targets_are_understood() -> None:
    renamed = {"companies": make_table("companies", logical_name="company"), "groups": table("groups", co="company")}
    assert dependencies(DEFINITIONS, renamed)["Groups"] == {"Companies"}


def test_related_maps_are_found_over_any_number_of_steps() -> None:
    assert related(["Contacts"], GRAPH) == {"Groups", "Accounts", "Companies"}
    assert related(["Companies"], GRAPH) == set()


def test_parents_come_first() -> None:
    assert order(GRAPH, GRAPH) == ["Companies", "Groups", "Accounts", "Contacts"]


def test_order_holds_over_maps_that_are_not_asked_for() -> None:
    assert order(["Contacts", "Companies"], GRAPH) == ["Companies", "Contacts"]


def test_mutual_pairs_are_accepted() -> None:
    graph = {"A": {"B", "P"}, "B": {"A"}, "P": set(), "Z": {"A"}}
    assert order(graph, graph) == ["P", "A", "B", "Z"]


def test_maps_of_a_cycle_wait_for_what_is_outside_of_it() -> None:
    graph = {"A": {"B"}, "B": {"A", "Y"}, "Y": {"X"}, "X": {"Y"}}
    ordered = order(graph, graph)
    assert max(ordered.index("X"), ordered.index("Y")) < min(ordered.index("A"), ordered.index("B"))


def test_without_a_catalog_the_end_of_the_path_is_taken_for_a_key() -> None:
    numbered = {3: definition("accounts", "co.companies_no"), 7: definition("companies")}
    assert order_of(numbered) == order_of(numbered, TABLES) == [7, 3]


NAMES = st.sampled_from([f"map {letter}" for letter in "abcdefgh"])
GRAPHS = st.dictionaries(NAMES, st.sets(NAMES, max_size=4), max_size=8)


def reaches(graph: dict[str, set[str]], start: str, end: str) -> bool:
    return end in related([start], graph) or (start == end)


@settings(max_examples=200)
@given(GRAPHS)
def test_order_respects_every_dependency_that_is_not_in_a_cycle(graph: dict[str, set[str]]) -> None:
    ordered = order(graph, graph)
    assert sorted(ordered) == sorted(graph)
    for name, parents in graph.items():
        for parent in parents & set(graph):
            if not reaches(graph, parent, name):
                assert ordered.index(parent) < ordered.index(name)


@settings(max_examples=100)
@given(GRAPHS, st.randoms(use_true_random=False))
def test_order_does_not_depend_on_how_the_maps_are_given(graph: dict[str, set[str]], random: object) -> None:
    names = list(graph)
    random.shuffle(names)  # type: ignore[attr-defined]
    assert order(names, {name: graph[name] for name in names}) == order(graph, graph)

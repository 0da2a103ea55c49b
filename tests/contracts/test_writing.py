"""What every connector does with a batch: writes, conditions, repeats, refusals."""

from decimal import Decimal

import pytest

from syncengine.frames import RECORD, ROW_ID, VERSION
from tests.contracts.world import STORED, World, update


def test_create_gives_row_id_version_and_stored_values(world: World) -> None:
    thing = world.full_thing("a")
    outcome = world.write(creates=[thing])
    row = outcome.written.row(0, named=True)
    assert {name: row[name] for name in STORED if name != "groupref"} == {
        name: thing[name] for name in STORED if name != "groupref"
    }
    assert row[ROW_ID] == (world.row_id_of("a") if world.has_natural_ids else thing[ROW_ID])
    assert row[VERSION] == world.version(row[ROW_ID])
    assert outcome.refused.is_empty()
    assert outcome.later.is_empty()


def test_create_without_an_id_gets_one_from_the_service(world: World) -> None:
    outcome = world.write(creates=[world.thing("a") | {ROW_ID: None}])
    assert world.row(outcome.written[ROW_ID].item())["code"] == world.code("a")


def test_update_writes_changed_columns_alone(world: World) -> None:
    (row_id,) = world.put(world.full_thing("a"))
    outcome = world.change(row_id, world.version(row_id), name="b", amount=Decimal("2.5000"))
    row = outcome.written.row(0, named=True)
    assert (row["name"], row["amount"], row["quantity"], row["kind"]) == ("b", Decimal("2.5000"), -42, world.kind)
    assert row[VERSION] == world.version(row_id)


def test_update_leaves_alone_what_is_not_named_as_changed(world: World) -> None:
    (row_id,) = world.put(world.thing("a", name="kept", quantity=1))
    world.write(updates=[update(row_id, quantity=2) | {"name": "other"}])
    assert (world.row(row_id)["name"], world.row(row_id)["quantity"]) == ("kept", 2)


def test_null_in_a_changed_column_clears_it(world: World) -> None:
    (row_id,) = world.put(world.full_thing("a", groupref=world.put_group("g")))
    cleared = {"name": None, "day": None, "moment": None, "groupref": None}
    assert world.change(row_id, **cleared).refused.is_empty()
    row = world.row(row_id)
    assert {name: row[name] for name in cleared} == cleared


def test_every_write_makes_a_new_version(world: World) -> None:
    (row_id,) = world.put(world.thing("a"))
    versions = [world.version(row_id)]
    for name in ("b", "c"):
        world.change(row_id, name=name)
        versions.append(world.version(row_id))
    assert len(set(versions)) == 3


def test_delete_removes_the_row(world: World) -> None:
    (row_id,) = world.put(world.thing("a"))
    outcome = world.delete(row_id, world.version(row_id))
    assert outcome.written.select(ROW_ID, VERSION, "code").row(0) == (row_id, None, None)
    assert world.row(row_id) == {}


def test_one_batch_may_create_update_and_delete(world: World) -> None:
    keep, drop = world.put(world.thing("keep"), world.thing("drop"))
    outcome = world.write(
        creates=[world.thing("new")], updates=[update(keep, name="x")], deletes=[{ROW_ID: drop, VERSION: None}]
    )
    assert sorted(outcome.written[RECORD]) == [0, 1, 2]
    assert (world.row(keep)["name"], world.row(drop)) == ("x", {})


def test_update_of_a_version_that_is_gone_is_a_conflict(world: World) -> None:
    (row_id,) = world.put(world.thing("a"))
    old = world.version(row_id)
    world.change(row_id, name="by somebody else")
    outcome = world.change(row_id, old, name="mine")
    assert outcome.refused["error_class"].to_list() == ["conflict"]
    assert world.row(row_id)["name"] == "by somebody else"


def test_delete_of_a_version_that_is_gone_is_a_conflict(world: World) -> None:
    (row_id,) = world.put(world.thing("a"))
    old = world.version(row_id)
    world.change(row_id, name="by somebody else")
    assert world.delete(row_id, old).refused["error_class"].to_list() == ["conflict"]
    assert world.row(row_id)["name"] == "by somebody else"


def test_update_of_a_row_that_is_gone_is_missing(world: World) -> None:
    (row_id,) = world.put(world.thing("a"))
    version = world.version(row_id)
    world.delete(row_id)
    for expected in (version, None):
        assert world.change(row_id, expected, name="x").refused["error_class"].to_list() == ["missing"]
    assert world.row(row_id) == {}


def test_same_create_twice_is_one_row_and_a_duplicate(world: World) -> None:
    thing = world.thing("a", name="first")
    world.put(thing)
    outcome = world.write(creates=[thing | {"name": "second"}])
    assert outcome.refused["error_class"].to_list() == ["duplicate"]
    rows = world.connector.count(world.things, world.mine)
    assert rows == 1


def test_same_key_in_another_case_is_a_duplicate(world: World) -> None:
    (row_id,) = world.put(world.thing("a"))
    outcome = world.write(creates=[world.thing("A") | {"code": world.code("A").upper()}])
    assert outcome.refused["error_class"].to_list() == ["duplicate"]
    assert world.row(row_id)["code"] == world.code("a")


def test_same_delete_twice_is_written_twice(world: World) -> None:
    (row_id,) = world.put(world.thing("a"))
    for _ in range(2):
        outcome = world.delete(row_id)
        assert outcome.written[ROW_ID].to_list() == [row_id]
        assert outcome.refused.is_empty()


def test_same_update_twice_stores_the_same(world: World) -> None:
    (row_id,) = world.put(world.thing("a"))
    values = [world.change(row_id, name="x").written.select("code", "name").row(0) for _ in range(2)]
    assert values == [(world.code("a"), "x")] * 2


def test_bad_rows_are_refused_and_all_others_written(world: World) -> None:
    (taken,) = world.put(world.thing("taken"))
    things = [world.thing(number) for number in range(20)]
    things[3] |= {"name": "x" * 101}
    things[7] |= {"code": world.code("taken")}
    outcome = world.write(creates=things)
    assert sorted(outcome.refused[RECORD]) == [3, 7]
    classes = dict(outcome.refused.select(RECORD, "error_class").rows())
    assert classes == {3: "data", 7: "duplicate"}
    assert outcome.written.height == 18
    assert all(outcome.refused["message"].str.len_chars() > 0)
    assert world.row(taken) != {}


def test_load_names_bad_rows_too(world: World) -> None:
    things = [world.thing(number) for number in range(50)]
    things[10] |= {"name": "x" * 101}
    outcome = world.write(creates=things, is_load=True)
    assert outcome.refused.select(RECORD, "error_class").rows() == [(10, "data")]
    assert outcome.written.height == 49
    assert world.connector.count(world.things, world.mine) == 49


def test_parent_that_is_not_there_is_a_missing_parent(world: World) -> None:
    (row_id,) = world.put(world.thing("a"))
    nowhere = "nowhere" if world.has_natural_ids else "00000000-0000-0000-0000-0000000000ff"
    for outcome in (
        world.write(creates=[world.thing("b", groupref=nowhere)]),
        world.change(row_id, groupref=nowhere),
    ):
        assert outcome.refused["error_class"].to_list() == ["missing parent"]


def test_rule_of_the_service_is_a_business_error_with_its_words(world: World) -> None:
    world.refuse("name", "forbidden", "Names may not be forbidden")
    outcome = world.write(creates=[world.thing("a", name="forbidden"), world.thing("b", name="fine")])
    assert outcome.written[RECORD].to_list() == [1]
    assert outcome.refused["error_class"].to_list() == ["business"]
    assert "Names may not be forbidden" in outcome.refused["message"].item()
    world.lift()
    assert world.write(creates=[world.thing("a", name="forbidden")]).refused.is_empty()


def test_value_outside_a_choice_is_a_data_error(world: World) -> None:
    outcome = world.write(creates=[world.thing("a", kind=world.wrong_kind)])
    assert outcome.refused["error_class"].to_list() == ["data"]


def test_stored_value_differs_where_the_service_changes_it(world: World) -> None:
    outcome = world.write(creates=[world.thing("a", name="x  ")])
    assert outcome.written["name"].item() == "x"


@pytest.mark.parametrize("is_load", [False, True])
def test_a_thousand_rows_are_written_at_once(world: World, is_load: bool) -> None:
    things = [world.full_thing(number, quantity=number) for number in range(1_000)]
    outcome = world.write(creates=things, is_load=is_load)
    assert (outcome.written.height, outcome.refused.height, outcome.later.height) == (1_000, 0, 0)
    written = outcome.written.sort(RECORD)
    assert written["quantity"].to_list() == list(range(1_000))
    assert written[ROW_ID].n_unique() == 1_000


def test_empty_batch_writes_nothing(world: World) -> None:
    outcome = world.write()
    assert (outcome.written.height, outcome.refused.height, outcome.later.height) == (0, 0, 0)
    assert outcome.written.columns[0] == RECORD

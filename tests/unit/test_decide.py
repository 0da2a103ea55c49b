"""The rules of `syncengine.decide`, one record at a time and as properties over all of them."""

import itertools
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncengine.decide import ComparedField, Rules, Verdict, decide, hold_back
from syncengine.mapping.definition import Direction
from syncengine.states import DeletePolicy, Side

NAME = ComparedField(left="NAME", right="name", direction=Direction.BOTH)
LIMIT = ComparedField(left="LIMIT", right="limit", direction=Direction.TO_RIGHT)
NOTE = ComparedField(left="NOTE", right="note", direction=Direction.TO_LEFT)

FLAGS = {
    "is_bound": True, "has_base": True, "is_known": False, "key_changed": False, "key_taken": False, "has_key": True,
    "left_seen": True, "left_there": True, "left_in": True, "left_gone": False, "left_event": True,
    "right_seen": True, "right_there": True, "right_in": True, "right_gone": False, "right_event": False,
}  # fmt: skip


def make_rules(**changes: Any) -> Rules:
    defaults = {
        "master": Side.RIGHT,
        "deletes": DeletePolicy.DELETE,
        "leaving": DeletePolicy.UNLINK,
        "flows_left": True,
        "flows_right": True,
        "creates_left": True,
        "creates_right": True,
    }
    return Rules(**{**defaults, **changes})


def decide_one(
    values: dict[str, str | None] | None = None, field: ComparedField = NAME, rules: Rules | None = None, **flags: bool
) -> dict[str, Any]:
    """One record with one field. `values`: l, r, lb, rb; images are plain copies."""
    values = {"l": "a", "r": "a", "lb": "a", "rb": "a", **(values or {})}
    row = {**FLAGS, **flags, **{f"{name}0": value for name, value in values.items()}}
    row |= {"f0": values["l"], "b0": values["r"]}
    schema = {name: pl.String if name.endswith("0") else pl.Boolean for name in row}
    return decide(pl.DataFrame([row], schema=schema), [field], rules or make_rules()).row(0, named=True)


def test_change_of_one_side_flows_to_the_other():
    assert decide_one({"l": "b"})["write_right"] == ["name"]
    assert decide_one({"r": "b"})["write_left"] == ["NAME"]


def test_nothing_changed_is_an_echo():
    record = decide_one()
    assert (record["verdict"], record["write_left"], record["write_right"]) == (Verdict.SYNC, [], [])


def test_same_change_on_both_sides_writes_nothing():
    record = decide_one({"l": "b", "r": "b"})
    assert (record["write_left"], record["write_right"], record["overwritten"]) == ([], [], [])


@pytest.mark.parametrize(("master", "write_left", "write_right"), [("right", ["NAME"], []), ("left", [], ["name"])])
def test_different_changes_follow_the_master_and_keep_a_conflict(master, write_left, write_right):
    record = decide_one({"l": "b", "r": "c"}, rules=make_rules(master=Side(master)))
    assert (record["write_left"], record["write_right"]) == (write_left, write_right)
    assert record["overwritten"] == write_left + write_right
    assert record["winner"] == master


def test_columns_merge_when_each_side_changed_another():
    row = {**FLAGS, "l0": "b", "r0": "a", "lb0": "a", "rb0": "a", "f0": "b", "b0": "a"}
    row |= {"l1": "x", "r1": "y", "lb1": "x", "rb1": "x", "f1": "x", "b1": "y"}
    other = ComparedField(left="CITY", right="city", direction=Direction.BOTH)
    record = decide(pl.DataFrame([row]), [NAME, other], make_rules()).row(0, named=True)
    assert (record["write_right"], record["write_left"], record["overwritten"]) == (["name"], ["CITY"], [])


def test_change_of_a_one_way_column_on_its_receiving_side_is_left_alone():
    assert decide_one({"r": "b"}, LIMIT)["write_right"] == []
    assert decide_one({"l": "b"}, NOTE)["write_left"] == []


def test_one_way_column_overwrites_an_override_with_a_conflict():
    record = decide_one({"l": "b", "r": "c"}, LIMIT)
    assert (record["write_right"], record["overwritten"]) == (["limit"], ["limit"])


def test_null_is_a_value_that_flows():
    assert decide_one({"l": None})["write_right"] == ["name"]


@pytest.mark.parametrize("side", ["left", "right"])
def test_at_first_contact_the_side_that_changed_wins(side):
    events = {"left_event": side == "left", "right_event": side == "right"}
    record = decide_one({"l": "b", "r": "c"}, is_bound=False, has_base=False, **events)
    assert record["winner"] == side
    assert bool(record["write_right"]) == (side == "left")
    assert record["overwritten"] == (record["write_left"] + record["write_right"])


def test_at_first_contact_of_a_load_the_master_wins():
    record = decide_one({"l": "b", "r": "c"}, is_bound=False, has_base=False, left_event=False)
    assert (record["winner"], record["write_left"]) == ("right", ["NAME"])


def test_filling_an_empty_value_at_first_contact_is_no_conflict():
    record = decide_one({"l": "b", "r": None}, is_bound=False, has_base=False)
    assert (record["write_right"], record["overwritten"]) == (["name"], [])


def test_proven_delete_deletes_the_other_row():
    assert decide_one(left_there=False, left_gone=True)["verdict"] == Verdict.DELETE_RIGHT
    assert decide_one(right_there=False, right_gone=True)["verdict"] == Verdict.DELETE_LEFT


def test_delete_without_proof_is_looked_at_again():
    assert decide_one(left_there=False)["verdict"] == Verdict.VANISHED


def test_delete_that_does_not_flow_unlinks():
    record = decide_one(left_there=False, left_gone=True, rules=make_rules(flows_right=False))
    assert record["verdict"] == Verdict.UNLINK


def test_row_deleted_here_and_changed_on_the_master_comes_back():
    record = decide_one({"r": "b"}, left_there=False, left_gone=True)
    assert record["verdict"] == Verdict.CREATE_LEFT
    record = decide_one({"r": "b"}, left_there=False, left_gone=True, rules=make_rules(master=Side.LEFT))
    assert record["verdict"] == Verdict.DELETE_RIGHT


def test_rows_gone_on_both_sides_need_no_proof():
    assert decide_one(left_there=False, right_there=False)["verdict"] == Verdict.GONE


def test_row_that_leaves_the_filter_is_unlinked_by_default():
    assert decide_one(left_in=False)["verdict"] == Verdict.UNLINK
    assert decide_one(left_in=False, rules=make_rules(leaving=DeletePolicy.DELETE))["verdict"] == Verdict.DELETE_RIGHT


UNBOUND = {"is_bound": False, "has_base": False}
ALONE = dict(**UNBOUND, right_seen=True, right_there=False, right_in=False)


def test_new_row_is_created_on_the_other_side():
    assert decide_one(**ALONE)["verdict"] == Verdict.CREATE_RIGHT


def test_new_row_outside_the_filter_is_nothing():
    assert decide_one(**ALONE, left_in=False)["verdict"] == Verdict.NOTHING


def test_new_row_is_nothing_where_the_map_may_not_create():
    assert decide_one(**ALONE, rules=make_rules(creates_right=False))["verdict"] == Verdict.NOTHING


def test_row_without_a_complete_key_is_an_error():
    assert decide_one(**ALONE, has_key=False)["verdict"] == Verdict.KEY_MISSING


def test_taken_key_is_an_error():
    assert decide_one(**ALONE, key_taken=True)["verdict"] == Verdict.KEY_TAKEN


def test_delete_of_an_unknown_row_is_an_error_and_of_a_known_one_is_not():
    gone = dict(**UNBOUND, left_there=False, left_gone=True, right_seen=False, right_there=False)
    assert decide_one(**gone)["verdict"] == Verdict.PARTNER_UNKNOWN
    assert decide_one(**gone, is_known=True)["verdict"] == Verdict.NOTHING


def test_changed_key_of_a_bound_row_is_an_error():
    assert decide_one(key_changed=True)["verdict"] == Verdict.KEY_CHANGED


def test_unmappable_value_is_held_back_even_if_both_images_are_empty():
    record = decide_one({"l": "x", "r": None, "rb": None})
    frame = pl.DataFrame([record]).with_columns(
        f0=pl.lit(None, dtype=pl.String), left_problem=pl.lit("unmapped"), right_problem=pl.lit(None, dtype=pl.String)
    )
    assert hold_back(frame).row(0, named=True)["verdict"] == Verdict.UNMAPPED


VALUES = st.sampled_from([None, "a", "b", "c"])


@given(VALUES, VALUES, VALUES, st.sampled_from([NAME, LIMIT, NOTE]), st.sampled_from(list(Side)))
def test_deciding_again_after_the_writes_finds_nothing_to_do(left, right, base, field, master):
    rules = make_rules(master=master)
    first = decide_one({"l": left, "r": right, "lb": base, "rb": base}, field, rules)
    new_left = right if first["write_left"] else left
    new_right = left if first["write_right"] else right
    now = {"l": new_left, "r": new_right}
    settled = decide_one({**now, "lb": new_left, "rb": new_right}, field, rules)
    repeated = decide_one({**now, "lb": base, "rb": base}, field, rules)
    assert settled["write_left"] == settled["write_right"] == []
    assert repeated["write_left"] == repeated["write_right"] == []


@given(st.fixed_dictionaries({name: st.booleans() for name in FLAGS}))
def test_every_record_gets_exactly_one_verdict(flags):
    assert decide_one(**flags)["verdict"] in list(Verdict)


def test_bound_records_are_never_created_while_both_rows_are_there():
    for left_gone, right_gone in itertools.product([False, True], repeat=2):
        assert decide_one(left_gone=left_gone, right_gone=right_gone)["verdict"] == Verdict.SYNC

"""Bindings as they are kept, against a real PostgreSQL."""

import pytest
from django.db import IntegrityError, transaction

from syncengine.models import Binding
from syncengine.repository import bindings
from syncengine.services.database import raw
from syncengine.states import BindingState, Side
from tests.integration.make import make_link, make_map, make_pairs

pytestmark = pytest.mark.django_db


def test_making_a_partition_twice_is_the_same_as_once():
    map_ = make_map()
    bindings.create_partition(raw(), map_.pk)
    bindings.save(raw(), map_.pk, make_pairs({"left_id": "a", "right_id": "b"}))
    assert Binding.objects.count() == 1


def test_a_new_pair_takes_the_place_of_what_was_remembered_of_its_rows():
    map_ = make_map()
    bindings.save(raw(), map_.pk, make_pairs({"left_id": "a", "right_id": "b"}, {"left_id": "c", "right_id": "d"}))
    bindings.save(raw(), map_.pk, make_pairs({"left_id": "a", "right_id": "d"}))
    assert list(Binding.objects.values_list("left_id", "right_id")) == [("a", "d")]


def test_a_known_pair_is_updated_in_place():
    map_ = make_map()
    bindings.save(raw(), map_.pk, make_pairs({"left_id": "a", "right_id": "b", "left_version": "1"}))
    number = Binding.objects.get().pk
    bindings.save(
        raw(), map_.pk, make_pairs({"binding_id": number, "left_id": "a", "right_id": "b", "left_version": "2"})
    )
    assert list(Binding.objects.values_list("pk", "left_version")) == [(number, "2")]


def test_a_row_is_bound_once_in_a_map():
    map_ = make_map()
    bindings.save(raw(), map_.pk, make_pairs({"left_id": "a", "right_id": "b"}))
    with pytest.raises(IntegrityError), transaction.atomic():
        Binding.objects.create(map=map_, left_id="a", right_id="x", state="bound", updated_at="2026-01-01T00:00:00Z")


def test_rows_are_found_from_either_side_once():
    map_ = make_map()
    bindings.save(raw(), map_.pk, make_pairs({"left_id": "a", "right_id": "b"}))
    found = bindings.of_rows(raw(), map_.pk, left_ids=["a"], right_ids=["b"])
    assert found.select("left_id", "right_id", "state").rows() == [("a", "b", "bound")]


def test_deleted_pairs_are_remembered_for_late_events():
    link = make_link()
    map_ = make_map(link)
    bindings.save(raw(), map_.pk, make_pairs({"left_id": "a", "right_id": "b", "key": "k"}))
    bindings.set_state(raw(), map_.pk, [Binding.objects.get().pk], BindingState.DELETED)
    assert bindings.of_keys(raw(), map_.pk, ["k"]).is_empty()
    assert bindings.known_elsewhere(raw(), link.pk, Side.LEFT, "productcolors", ["a", "z"]) == ["a"]
    assert bindings.forget_deleted(raw(), older_than_days=30) == 0
    assert bindings.forget_deleted(raw(), older_than_days=-1) == 1


def test_parents_are_found_by_key_and_by_id():
    map_ = make_map()
    pair = {"left_id": "10", "right_id": "g1", "key": "10", "left_base": '{"GROUP":"10A"}'}
    bindings.save(raw(), map_.pk, make_pairs(pair))
    assert bindings.parents_by_key(raw(), [map_.pk], ["10", "11"]).rows() == [("10", "g1")]
    assert bindings.parents_by_id(raw(), [map_.pk], ["g1"], "GROUP").rows() == [("g1", "10A")]

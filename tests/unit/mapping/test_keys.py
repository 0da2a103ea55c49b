from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncengine.mapping.keys import fold, fold_text, join_key, join_parts, split_key

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


def folded(values: list[object], dtype: pl.DataType | None = None) -> list[str | None]:
    return pl.DataFrame({"value": pl.Series(values, dtype=dtype)}).select(fold(pl.col("value")))["value"].to_list()


@pytest.mark.parametrize(
    ("one", "other"), [("US-001", "us-001"), ("a  ", "A"), ("Cafe\u0301", "CAFÉ"), ("Ångström", "A\u030angström")]
)
def test_spellings_of_one_key_are_equal(one: str, other: str) -> None:
    assert folded([one]) == folded([other]) == [fold_text(one)]


@pytest.mark.parametrize(("one", "other"), [("1.50", "1.5"), (" a", "a"), ("a b", "ab"), ("ß", "ss")])
def test_different_texts_are_different_keys(one: str, other: str) -> None:
    assert folded([one]) != folded([other])


def test_numbers_have_one_spelling() -> None:
    decimals = [Decimal("1.50"), Decimal("100.00"), Decimal("-0.10"), None]
    assert folded(decimals, pl.Decimal(38, 2)) == ["1.5", "100", "-0.1", None]
    assert folded([100, None]) == ["100", None]
    assert folded([True, None]) == ["true", None]


@settings(max_examples=200)
@given(st.lists(TEXTS, min_size=1, max_size=10))
def test_folding_is_the_same_for_one_and_for_many_and_twice_is_once(values: list[str]) -> None:
    once = [fold_text(value) for value in values]
    assert folded(list(values), pl.String()) == once
    assert [fold_text(value) for value in once] == once


@settings(max_examples=200)
@given(st.lists(TEXTS, min_size=1, max_size=4))
def test_joined_parts_come_apart_again(parts: list[str]) -> None:
    key = join_parts(parts)
    assert key is not None
    assert split_key(key) == parts
    assert pl.select(join_key([pl.lit(part) for part in parts])).item() == key


def test_different_parts_never_join_to_one_key() -> None:
    assert join_parts(["a|b", "c"]) != join_parts(["a", "b|c"])
    assert join_parts(["a\\", "b"]) != join_parts(["a", "\\b"])


def test_a_key_without_a_part_is_no_key() -> None:
    assert join_parts(["a", None]) is None
    assert pl.select(join_key([pl.lit("a"), pl.lit(None, dtype=pl.String)])).item() is None

"""What a person wrote is either kept or stands in a conflict row, whatever happens to our write."""

from decimal import Decimal
from typing import Any

import pytest

from syncengine.errors import ErrorClass, UnreachableError
from syncengine.models import Conflict
from tests.integration.pairs import Pair, make_pair
from tests.integration.test_live import account, make_customer

pytestmark = pytest.mark.django_db


@pytest.fixture
def pair(monkeypatch: pytest.MonkeyPatch) -> Pair:
    return make_pair(monkeypatch)


def make_conflict(pair: Pair) -> None:
    """A name changed on both sides (the right is the master), and a number that flows to the right beside it."""
    row_id = make_customer(pair)
    pair.settle()
    pair.left.put("CustomersV3", row_id, NAME="Left name", CREDITLIMIT=Decimal(5))
    pair.right.put("accounts", pair.right.ids("accounts")[0], name="Right name")
    pair.capture()


def overwritten_names() -> list[str]:
    return [conflict.left["NAME"] for conflict in Conflict.objects.all()]


def test_edit_between_our_write_and_its_reading_back_still_counts_as_an_edit(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    row_id = make_customer(pair, PHONE="1")
    pair.settle()
    told = pair.left._written

    def slip_in(*arguments: Any) -> Any:
        pair.left.put("CustomersV3", row_id, PHONE="2")
        return told(*arguments)

    pair.right.put("accounts", pair.right.ids("accounts")[0], name="Adatum Corporation")
    with monkeypatch.context() as patched:
        patched.setattr(pair.left, "_written", slip_in)
        pair.capture()
        pair.take()
    pair.settle()
    assert (account(pair)["telephone1"], account(pair)["name"]) == ("2", "Adatum Corporation")


def test_value_overwritten_by_a_half_refused_write_is_told_once(pair: Pair) -> None:
    make_conflict(pair)
    pair.right.refuse("accounts", "creditlimit", Decimal("5.0000"), error_class=ErrorClass.CONFLICT)
    pair.take()
    assert pair.left.values("CustomersV3", "usmf|c1")["NAME"] == "Right name"
    pair.right.rules.clear()
    pair.settle()
    assert account(pair)["creditlimit"] == Decimal(5)
    assert overwritten_names() == ["Left name"]


def test_value_that_a_refused_write_left_alone_is_told_only_when_it_is_overwritten(pair: Pair) -> None:
    make_conflict(pair)
    pair.left.refuse("CustomersV3", "NAME", "Right name", error_class=ErrorClass.CONFLICT)
    pair.take()
    assert overwritten_names() == []
    pair.left.rules.clear()
    pair.settle()
    assert overwritten_names() == ["Left name"]


def test_value_overwritten_before_a_crash_is_told(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    make_conflict(pair)
    with monkeypatch.context() as patched:
        patched.setattr("syncengine.pipeline.live.settle", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            pair.take()
    pair.settle()
    assert overwritten_names() == ["Left name"]


def test_value_overwritten_by_a_write_whose_answer_is_lost_is_told(pair: Pair) -> None:
    make_conflict(pair)
    pair.left.fail("write", UnreachableError("left did not answer"), after=True)
    pair.settle()
    assert overwritten_names() == ["Left name"]

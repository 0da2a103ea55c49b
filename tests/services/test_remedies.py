import pytest

from syncengine.errors import ErrorClass
from syncengine.remedies import remedy_for


@pytest.mark.parametrize("error_class", ErrorClass)
def test_every_class_has_something_to_do(error_class: ErrorClass) -> None:
    assert remedy_for(error_class, "a code nobody knows").endswith(".")


def test_a_known_code_says_more_than_its_class() -> None:
    assert "choices" in remedy_for("data", "0x8004431A")
    assert remedy_for("data", "0x8004431A") != remedy_for("data")

import pytest

from syncengine.connectors.checks import CheckFailed, Probe, at_least, run_probes
from syncengine.errors import UnreachableError


def probe(code: str, *, fails: bool = False, needed: bool = False) -> Probe:
    def find() -> str:
        if fails:
            raise UnreachableError(f"{code} is bad.")
        return f"{code} is good."

    return Probe(code=code, title=code.upper(), remedy=f"Mend {code}.", find=find, needed=needed)


def test_each_check_appears_in_order_with_what_was_found() -> None:
    first, second = run_probes([probe("a", fails=True), probe("b")])
    assert (first.code, first.ok, first.detail, first.remedy) == ("a", False, "a is bad.", "Mend a.")
    assert (second.code, second.ok, second.detail, second.remedy) == ("b", True, "b is good.", "")


def test_what_builds_on_a_failed_check_is_named_but_not_tried() -> None:
    checks = run_probes([probe("a", fails=True, needed=True), probe("b"), probe("c", fails=True)])
    assert [check.ok for check in checks] == [False, False, False]
    assert [check.detail for check in checks[1:]] == ['Not checked, since "A" failed.'] * 2


@pytest.mark.parametrize("version", ["10.0.9", "10.0.38", "10.0.383.20013", "11", "10.1"])
def test_recent_enough_version_passes(version: str) -> None:
    assert at_least(version, "10.0.9", what="Contoso") == f"Version {version}."


@pytest.mark.parametrize("version", ["10.0.8", "9.9.9", "", "10.0.8.99999"])
def test_old_version_says_what_is_needed(version: str) -> None:
    with pytest.raises(CheckFailed, match=r"at least 10\.0\.9 is needed"):
        at_least(version, "10.0.9", what="Contoso")

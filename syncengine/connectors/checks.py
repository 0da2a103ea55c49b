"""Checks of an environment, one after the other; what builds on a failed one is not tried."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from syncengine.connectors.base import Check
from syncengine.errors import SyncError


class CheckFailed(SyncError):
    """What was found is not what is needed; the message says both."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """`find` gives what was found or raises what is wrong. `needed` stops all that follow when it fails."""

    code: str
    title: str
    remedy: str
    find: Callable[[], str]
    needed: bool = False


def run_probes(probes: Sequence[Probe]) -> list[Check]:
    """A check for each probe, in order, whatever happens."""
    checks: list[Check] = []
    blocked_by = ""
    for probe in probes:
        if blocked_by:
            checks.append(_check(probe, ok=False, detail=f'Not checked, since "{blocked_by}" failed.'))
            continue
        try:
            checks.append(_check(probe, ok=True, detail=probe.find()))
        except SyncError as error:
            checks.append(_check(probe, ok=False, detail=str(error)))
            blocked_by = probe.title if probe.needed else ""
    return checks


def version_numbers(text: str) -> tuple[int, ...]:
    """The numbers of a version for comparing; 10.0.9 is older than 10.0.38."""
    return tuple(int(part) if part.isdigit() else 0 for part in text.strip().split("."))


def at_least(version: str, minimum: str, *, what: str) -> str:
    """Raises: CheckFailed for an older version."""
    if version_numbers(version) < version_numbers(minimum):
        raise CheckFailed(f"{what} is version {version}; at least {minimum} is needed.")
    return f"Version {version}."


def _check(probe: Probe, *, ok: bool, detail: str) -> Check:
    return Check(code=probe.code, title=probe.title, ok=ok, detail=detail, remedy="" if ok else probe.remedy)

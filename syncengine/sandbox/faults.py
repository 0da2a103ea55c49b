"""What a sandbox does wrong on purpose, as its management asks: refuse rows, lose notifications, be slow or away."""

import threading
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

import msgspec

from syncengine.sandbox.calls import ServiceError


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A business rule that refuses rows. `pattern` is compared with the column's text, `*` for anything.

    `count` is how many rows it still refuses, None for all; `operations` are `create`, `update` and `delete`, and a
    delete is asked for by its operation alone.
    """

    table: str
    column: str = ""
    pattern: str = "*"
    message: str = "The record was refused by a business rule."
    operations: tuple[str, ...] = ("create", "update")
    count: int | None = None


class Switches(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`throttle` calls are answered 429; of the notifications every `drop_every`th is lost, 0 for none."""

    rules: list[Rule] = []
    refuses_tokens: bool = False
    latency_s: float = 0.0
    throttle: int = 0
    retry_after_s: int = 1
    is_down: bool = False
    is_silent: bool = False
    drop_every: int = 0


class Faults:
    """The switches of a running sandbox; counts go down as they are used up."""

    def __init__(self, switches: Mapping[str, Any]) -> None:
        self._lock = threading.Lock()
        self._left: dict[int, int] = {}
        self._throttled = 0
        self._told = 0
        self.switches = Switches()
        self.set(switches)

    def set(self, switches: Mapping[str, Any]) -> None:
        """Raises: ValueError for switches that are none."""
        try:
            found = msgspec.convert(dict(switches), Switches)
        except msgspec.ValidationError as error:
            raise ValueError(f"The faults are not understood: {error}") from error
        with self._lock:
            self.switches = found
            self._left = {place: rule.count for place, rule in enumerate(found.rules) if rule.count is not None}
            self._throttled = found.throttle
            self._told = 0

    def as_dict(self) -> dict[str, Any]:
        with self._lock:
            rules = [
                {**msgspec.to_builtins(rule), "count": self._left.get(place, rule.count)}
                for place, rule in enumerate(self.switches.rules)
            ]
            return {**msgspec.to_builtins(self.switches), "rules": rules, "throttle": self._throttled}

    def is_throttled(self) -> bool:
        """Whether this call is one too many."""
        if not self._throttled:
            return False
        with self._lock:
            self._throttled = max(self._throttled - 1, 0)
            return True

    def loses_notification(self) -> bool:
        """Whether the next notification is lost."""
        if self.switches.is_silent:
            return True
        if not self.switches.drop_every:
            return False
        with self._lock:
            self._told += 1
            return self._told % self.switches.drop_every == 0

    def check_row(self, table: str, operation: str, values: Mapping[str, Any]) -> None:
        """Raises: ServiceError of kind "rule" when a rule refuses the row."""
        for place, rule in enumerate(self.switches.rules):
            if _applies(rule, table, operation, values) and self._use(place):
                raise ServiceError(400, rule.message, kind="rule")

    def _use(self, place: int) -> bool:
        with self._lock:
            left = self._left.get(place)
            if left is None:
                return True
            self._left[place] = max(left - 1, 0)
            return left > 0


def _applies(rule: Rule, table: str, operation: str, values: Mapping[str, Any]) -> bool:
    if rule.table != table or operation not in rule.operations:
        return False
    if not rule.column or operation == "delete":
        return True
    value = values.get(rule.column)
    return value is not None and fnmatchcase(str(value).lower(), rule.pattern.lower())

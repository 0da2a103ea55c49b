"""What a sandbox does wrong on purpose, as its management asks: refuse rows, lose notifications, be slow or away."""

import random
import threading
import time
from collections import Counter
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Annotated, Any

import msgspec

from syncengine.sandbox.calls import ServiceError

Number = Annotated[int, msgspec.Meta(ge=0)]
Percent = Annotated[int, msgspec.Meta(ge=0, le=100)]
Seconds = Annotated[float, msgspec.Meta(ge=0, le=24 * 3600)]


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
    count: Number | None = None


class PlugIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Code of the environment that changes a column whenever a row is written, so that an echo is not what was sent.

    The column gets `value`, or with `suffix` what was written and that text behind it, once. With `is_after` it is a
    second write of the environment's own, with a version and an event of its own; else it is part of the first.
    """

    table: str
    column: str
    value: Any = None
    suffix: str = ""
    is_after: bool = False
    operations: tuple[str, ...] = ("create", "update")

    def applies(self, table: str, operation: str) -> bool:
        return self.table == table and operation in self.operations

    def made_of(self, value: Any) -> Any:
        """What the column holds when the plug-in has seen this value."""
        if not self.suffix:
            return self.value
        text = "" if value is None else str(value)
        return text if text.endswith(self.suffix) else f"{text}{self.suffix}"


class Switches(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Numbers of calls go down as they are used up; of every `…_every`th 0 is none.

    Calls wait `latency_s` and up to `jitter_s` more. The next `throttle` calls are answered 429, and of all others
    `load_percent`; the next `bad_gateway` calls 502 in HTML. The next `drop_before` writes lose their connection before
    anything is done, the next `drop_after` when all is done and before the answer. After `expire_tokens_after` calls
    (parts of a batch count) the tokens given so far are refused. `down_s` is counted from when the switch was set.
    Of the notifications some are lost (`is_silent`: all), some come twice, and every other is kept back `shuffle_s`.
    """

    rules: list[Rule] = []
    plug_ins: list[PlugIn] = []
    latency_s: Seconds = 0.0
    jitter_s: Seconds = 0.0
    throttle: Number = 0
    load_percent: Percent = 0
    retry_after_s: Number = 1
    bad_gateway: Number = 0
    drop_before: Number = 0
    drop_after: Number = 0
    refuses_tokens: bool = False
    expire_tokens_after: Number = 0
    is_read_only: bool = False
    is_down: bool = False
    down_s: Seconds = 0.0
    is_silent: bool = False
    drop_every: Number = 0
    double_every: Number = 0
    shuffle_s: Seconds = 0.0


_COUNTED = ("throttle", "bad_gateway", "drop_before", "drop_after", "expire_tokens_after")


class Faults:
    """The switches of a running sandbox."""

    def __init__(self, switches: Mapping[str, Any]) -> None:
        self._lock = threading.Lock()
        self._rows_left: dict[int, int] = {}
        self._calls_left: dict[str, int] = {}
        self._seen: Counter[str] = Counter()
        self._up_at = 0.0
        self.tokens_valid_from = 0.0
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
            self._rows_left = {place: rule.count for place, rule in enumerate(found.rules) if rule.count is not None}
            self._calls_left = {name: getattr(found, name) for name in _COUNTED}
            self._seen.clear()
            self._up_at = time.monotonic() + found.down_s

    def as_dict(self) -> dict[str, Any]:
        """The switches as they stand: with the rows and calls that are left."""
        with self._lock:
            rules = [
                {**msgspec.to_builtins(rule), "count": self._rows_left.get(place, rule.count)}
                for place, rule in enumerate(self.switches.rules)
            ]
            down_s = max(self._up_at - time.monotonic(), 0.0) if self.switches.down_s else 0.0
            return {**msgspec.to_builtins(self.switches), **self._calls_left, "rules": rules, "down_s": down_s}

    @property
    def wait_s(self) -> float:
        """How long the next call waits."""
        return self.switches.latency_s + random.random() * self.switches.jitter_s  # noqa: S311 - no secret

    @property
    def is_down(self) -> bool:
        return self.switches.is_down or (self.switches.down_s > 0 and time.monotonic() < self._up_at)

    def uses(self, name: str) -> bool:
        """Whether one of the calls that this switch counts is left; it is used up."""
        if not self._calls_left[name]:
            return False
        with self._lock:
            left = self._calls_left[name]
            self._calls_left[name] = max(left - 1, 0)
            return left > 0

    def is_throttled(self) -> bool:
        """Whether this call is one too many."""
        return self.uses("throttle") or self._is_under_load()

    def count_call(self, now: float) -> None:
        """Tokens given until now are refused when this was the last call that they were good for."""
        if self.uses("expire_tokens_after") and not self._calls_left["expire_tokens_after"]:
            self.tokens_valid_from = now

    def copies(self) -> int:
        """How often the next notification is sent."""
        if self.switches.is_silent or self._is_nth("drop_every"):
            return 0
        return 2 if self._is_nth("double_every") else 1

    def delay_s(self) -> float:
        """How long the next notification is kept back: every other one, so that those behind it come first."""
        if not self.switches.shuffle_s:
            return 0.0
        with self._lock:
            self._seen["shuffled"] += 1
            return self.switches.shuffle_s * (self._seen["shuffled"] % 2)

    def _is_nth(self, name: str) -> bool:
        every: int = getattr(self.switches, name)
        if not every:
            return False
        with self._lock:
            self._seen[name] += 1
            return self._seen[name] % every == 0

    def _is_under_load(self) -> bool:
        """Of each hundred calls so many are refused, evenly spread."""
        percent = self.switches.load_percent
        if not percent:
            return False
        with self._lock:
            self._seen["loaded"] += 1
            return self._seen["loaded"] * percent % 100 < percent

    def check_row(self, table: str, operation: str, values: Mapping[str, Any]) -> None:
        """Raises: ServiceError of kind "rule" when a rule refuses the row, or all writes are refused."""
        if self.switches.is_read_only:
            raise ServiceError(400, "The environment is read-only for the moment.", kind="rule")
        for place, rule in enumerate(self.switches.rules):
            if _applies(rule, table, operation, values) and self._use(place):
                raise ServiceError(400, rule.message, kind="rule")

    def _use(self, place: int) -> bool:
        with self._lock:
            left = self._rows_left.get(place)
            if left is None:
                return True
            self._rows_left[place] = max(left - 1, 0)
            return left > 0


def _applies(rule: Rule, table: str, operation: str, values: Mapping[str, Any]) -> bool:
    if rule.table != table or operation not in rule.operations:
        return False
    if not rule.column or operation == "delete":
        return True
    value = values.get(rule.column)
    return value is not None and fnmatchcase(str(value).lower(), rule.pattern.lower())

"""A row that was written, as those who are told of it need to know it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from syncengine.sandbox.shape import Shape


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """`key` is by property name; `values` are what was written, by column, `before` the row as it was, if known.

    `by` is the client that wrote, "" for the environment itself.
    """

    shape: Shape
    operation: str
    key: Mapping[str, Any]
    etag: str
    record: int
    values: Mapping[str, Any]
    before: Mapping[str, Any] | None = None
    by: str = ""

"""All tables of a sandbox by name, and what is worked out from them once.

Sandboxes of the same declarations share one: nothing here depends on where the rows lie.
"""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, TypeVar

from syncengine.sandbox.declarations import (
    Column,
    DataverseTable,
    Document,
    Enumeration,
    FinopsDocument,
    FinopsTable,
    Relation,
    Table,
)

MAX_ANSWERS = 5_000  # a read of all metadata asks some two thousand questions
MAX_QUESTION = 500
T = TypeVar("T")


class Inventory:
    """`document` is merged and checked."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.tables: Mapping[str, Table] = {table.set: table for table in document.tables}
        self.enums: Mapping[str, Enumeration] = (
            {enum.name: enum for enum in document.enums} if isinstance(document, FinopsDocument) else {}
        )
        self._worked_out: dict[str, Any] = {}
        self._answers: dict[str, Any] = {}

    @cached_property
    def names(self) -> Mapping[str, str]:
        """Set names by the name of one row: the logical name, or that of the entity in lower case."""
        return {_own_name(table): table.set for table in self.tables.values()}

    @cached_property
    def lookups_to(self) -> Mapping[str, list[tuple[str, Column]]]:
        """The look-ups that point to each table, with the table that has them."""
        found: dict[str, list[tuple[str, Column]]] = {}
        for table in self.tables.values():
            if isinstance(table, DataverseTable):
                for column in table.lookups():
                    found.setdefault(column.target, []).append((table.set, column))
        return found

    @cached_property
    def relations_to(self) -> Mapping[str, list[tuple[str, Relation]]]:
        """The references by natural key to each table, with the table that has them."""
        found: dict[str, list[tuple[str, Relation]]] = {}
        for table in self.tables.values():
            if isinstance(table, FinopsTable):
                for relation in table.references:
                    found.setdefault(relation.target, []).append((table.set, relation))
        return found

    def remember(self, name: str, make: Callable[[], Any]) -> Any:
        """What `make` gave the first time."""
        if name not in self._worked_out:
            self._worked_out[name] = make()
        return self._worked_out[name]

    def keep(self, question: str, make: Callable[[], T]) -> T:
        """What `make` gave for a client's question; as many questions are kept as clients of this release ask."""
        if question in self._answers:
            found: T = self._answers[question]
            return found
        made = make()
        if len(self._answers) < MAX_ANSWERS and len(question) <= MAX_QUESTION:
            self._answers[question] = made
        return made


def _own_name(table: Table) -> str:
    return table.logical if isinstance(table, DataverseTable) else table.entity.lower()

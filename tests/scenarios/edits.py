"""Random edits by people on both sides, and what becomes of what they wrote.

A person reads a row, then writes one column on the version that was read; so it is known which value each edit took
away. A value that no person took away and that is not there at the end was overwritten by the sync.
"""

import random
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tests.independent.services import AnswerError, Dataverse, Finops, Row
from tests.independent.values import plain

COLUMNS = (
    ("SALESMEMO", "description"),
    ("PRIMARYCONTACTPHONE", "telephone1"),
    ("IDENTIFICATIONNUMBER", "msdyn_identificationnumber"),
)
SET = "CustomersV3"
CHANGED_MEANWHILE = 412


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One customer on both sides."""

    right_set: str
    left_key: dict[str, str]
    right_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One person writes one value, which occurs once, into a column of one side."""

    pair: Pair
    side: str
    column: str
    value: str


@dataclass(slots=True, kw_only=True)
class Editor:
    """`written` and `taken` are values: those that people wrote, and those that people overwrote."""

    finops: Finops
    dataverse: Dataverse
    written: set[str] = field(default_factory=set)
    taken: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def apply(self, edit: Edit) -> None:
        """Reads and writes until nobody wrote in between."""
        is_done = False
        while not is_done:
            row = self.read(edit)
            is_done = self.write(edit, row["@odata.etag"])
        with self.lock:
            self.written.add(edit.value)
            self.taken.add(plain(row[edit.column]) or "")

    def read(self, edit: Edit) -> Row:
        pair = edit.pair
        is_left = edit.side == "left"
        row = self.finops.row(SET, pair.left_key) if is_left else self.dataverse.row(pair.right_set, pair.right_id)
        assert row is not None, f"a customer is gone before {edit.value!r} could be written"
        return row

    def write(self, edit: Edit, version: str) -> bool:
        """Whether the row still was in that version."""
        pair, changes = edit.pair, {edit.column: edit.value}
        try:
            if edit.side == "left":
                self.finops.update(SET, pair.left_key, changes, version=version)
            else:
                self.dataverse.update(pair.right_set, pair.right_id, changes, version=version)
        except AnswerError as refusal:
            if refusal.status == CHANGED_MEANWHILE:
                return False
            raise
        return True

    def overwritten(self, pairs: Iterable[Pair]) -> set[str]:
        """What people wrote and what neither stands on finops now nor was taken away by people."""
        standing = set()
        for pair in pairs:
            row = self.finops.row(SET, pair.left_key) or {}
            standing |= {plain(row.get(left)) or "" for left, _ in COLUMNS}
        return self.written - self.taken - standing


def plan(pairs: Sequence[Pair], *, count: int, seed: int) -> list[Edit]:
    """So many edits, always the same ones."""
    chance = random.Random(seed)
    planned = []
    for number in range(count):
        pair, (left, right), side = chance.choice(pairs), chance.choice(COLUMNS), chance.choice(("left", "right"))
        column = left if side == "left" else right
        planned.append(Edit(pair=pair, side=side, column=column, value=f"edit {number} on the {side}"))
    return planned

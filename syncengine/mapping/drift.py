"""What changed in an environment's tables between two readings of its catalog: schema drift."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from syncengine.catalog import Catalog, Column, Table


class DriftKind(StrEnum):
    TABLE_GONE = "table gone"
    TABLE_NEW = "table new"
    COLUMN_GONE = "column gone"
    COLUMN_NEW = "column new"
    COLUMN_CHANGED = "column changed"
    KEYS_CHANGED = "keys changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """One difference. `column` is "" for the table as a whole; `detail` says what was and what is."""

    table: str
    column: str = ""
    kind: DriftKind
    detail: str = ""


def drift_of(old: Catalog, new: Catalog, tables: Iterable[str]) -> list[Drift]:
    """The differences in these tables, which are the ones that maps use. What neither catalog has is no difference."""
    found: list[Drift] = []
    for name in tables:
        before, now = old.table(name), new.table(name)
        if before is not None and now is None:
            found.append(Drift(table=before.name, kind=DriftKind.TABLE_GONE))
        elif before is None and now is not None:
            found.append(Drift(table=now.name, kind=DriftKind.TABLE_NEW))
        elif before is not None and now is not None:
            found += _of_table(before, now)
    return found


def _of_table(before: Table, now: Table) -> Iterator[Drift]:
    for column in before.columns:
        kept = now.column(column.name)
        if kept is None:
            yield Drift(table=now.name, column=column.name, kind=DriftKind.COLUMN_GONE)
        elif changes := list(_of_column(column, kept)):
            yield Drift(table=now.name, column=column.name, kind=DriftKind.COLUMN_CHANGED, detail=", ".join(changes))
    for column in now.columns:
        if before.column(column.name) is None:
            detail = "a value is required" if column.is_required else ""
            yield Drift(table=now.name, column=column.name, kind=DriftKind.COLUMN_NEW, detail=detail)
    was, has = _keys(before), _keys(now)
    if was != has:
        yield Drift(
            table=now.name,
            kind=DriftKind.KEYS_CHANGED,
            detail=f"{', '.join(was) or 'none'} → {', '.join(has) or 'none'}",
        )


def _of_column(before: Column, now: Column) -> Iterator[str]:
    """What of the column is another, in words."""
    for what, was, is_now in (
        ("type", before.type, now.type),
        ("length", before.max_length, now.max_length),
        ("digits", before.scale, now.scale),
        ("look-up to", " or ".join(before.targets), " or ".join(now.targets)),
    ):
        if was != is_now:
            yield f"{what} {was or 'none'} → {is_now or 'none'}"
    if before.is_required != now.is_required:
        yield "a value is required" if now.is_required else "a value is no longer required"
    if before.is_read_only != now.is_read_only:
        yield "read-only" if now.is_read_only else "no longer read-only"
    gone = {choice.value for choice in before.choices} - {choice.value for choice in now.choices}
    if gone:
        yield f"no longer a choice: {', '.join(sorted(gone))}"


def _keys(table: Table) -> list[str]:
    """The keys that rows can be found by, as words."""
    return sorted("+".join(key.columns) for key in table.keys if key.is_active)

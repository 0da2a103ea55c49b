from dataclasses import replace

import pytest

from syncengine.catalog import Catalog, Choice, Column, ColumnType, Key, Table
from syncengine.mapping.drift import Drift, DriftKind, drift_of

NAME = Column(name="name", type=ColumnType.TEXT, max_length=100)
KIND = Column(name="kind", type=ColumnType.CHOICE, choices=(Choice(value="1", label="A"), Choice(value="2", label="B")))
GROUP = Column(name="group", type=ColumnType.LOOKUP, targets=("groups",))
TABLE = Table(
    name="accounts",
    logical_name="account",
    label="Account",
    columns=(NAME, KIND, GROUP),
    keys=(Key(name="k", columns=("name",)),),
)


def drift(before: Table | None, now: Table | None) -> list[Drift]:
    old, new = (Catalog(tables=(table,) if table else ()) for table in (before, now))
    return drift_of(old, new, ["Accounts"])


def with_column(column: Column) -> Table:
    return replace(TABLE, columns=tuple(column if one.name == column.name else one for one in TABLE.columns))


def test_the_same_tables_have_no_drift() -> None:
    assert drift(TABLE, TABLE) == []


def test_tables_that_no_map_uses_do_not_count() -> None:
    assert drift_of(Catalog(tables=(TABLE,)), Catalog(tables=()), ["contacts"]) == []


def test_a_table_that_is_gone_or_new_is_told_once() -> None:
    assert drift(TABLE, None) == [Drift(table="accounts", kind=DriftKind.TABLE_GONE)]
    assert drift(None, TABLE) == [Drift(table="accounts", kind=DriftKind.TABLE_NEW)]


def test_columns_that_are_gone_or_new_are_named() -> None:
    fewer = replace(TABLE, columns=(KIND, GROUP))
    assert drift(TABLE, fewer) == [Drift(table="accounts", column="name", kind=DriftKind.COLUMN_GONE)]
    assert drift(fewer, TABLE) == [Drift(table="accounts", column="name", kind=DriftKind.COLUMN_NEW)]


def test_a_new_column_that_needs_a_value_says_so() -> None:
    more = replace(TABLE, columns=(*TABLE.columns, Column(name="no", type=ColumnType.TEXT, is_required=True)))
    (found,) = drift(TABLE, more)
    assert (found.column, found.detail) == ("no", "a value is required")


@pytest.mark.parametrize(
    ("column", "detail"),
    [
        (replace(NAME, max_length=40), "length 100 → 40"),
        (replace(NAME, type=ColumnType.INTEGER, max_length=None), "type text → integer, length 100 → none"),
        (replace(NAME, is_required=True), "a value is required"),
        (replace(NAME, is_read_only=True), "read-only"),
        (replace(KIND, choices=KIND.choices[:1]), "no longer a choice: 2"),
        (replace(GROUP, targets=("groups", "teams")), "look-up to groups → groups or teams"),
    ],
)
def test_what_changed_of_a_column_is_told(column: Column, detail: str) -> None:
    assert drift(TABLE, with_column(column)) == [
        Drift(table="accounts", column=column.name, kind=DriftKind.COLUMN_CHANGED, detail=detail)
    ]


def test_a_label_is_no_drift() -> None:
    assert drift(TABLE, with_column(replace(NAME, label="Another"))) == []


def test_a_key_that_rows_are_no_longer_found_by_is_told() -> None:
    (found,) = drift(TABLE, replace(TABLE, keys=(Key(name="k", columns=("name",), is_active=False),)))
    assert (found.kind, found.detail) == (DriftKind.KEYS_CHANGED, "name → none")

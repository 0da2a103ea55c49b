from datetime import UTC, date, datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncengine.catalog import Column, ColumnType, Key, Table
from syncengine.connectors.finops import keys
from syncengine.errors import CatalogError
from syncengine.frames import dtype_of
from syncengine.mapping.keys import split_key
from tests.unit.connectors.make import make_customers


def make_table(*columns: Column, company: str = "") -> Table:
    key = Key(name="k", columns=tuple(column.name for column in columns))
    return Table(name="T", logical_name="T", label="", columns=columns, keys=(key,), company_column=company)


def row_ids(table: Table, *rows: tuple[object, ...]) -> list[str]:
    schema = {column.name: dtype_of(column) for column in table.columns[: len(rows[0])]}
    return pl.DataFrame(list(rows), schema=schema, orient="row").select(keys.row_id(table)).to_series().to_list()


def test_row_id_is_the_folded_key_in_its_declared_order() -> None:
    assert row_ids(make_customers(), ("USMF", "C-1|A "), ("usmf", None)) == ["usmf|c-1\\|a", "usmf|"]


def test_typed_parts_come_back_as_literals() -> None:
    table = make_table(
        Column(name="n", type=ColumnType.INTEGER),
        Column(name="d", type=ColumnType.DATE),
        Column(name="t", type=ColumnType.DATETIME),
        Column(name="e", type=ColumnType.ENUM, enum_type="Sort"),
    )
    (row_id,) = row_ids(table, (7, date(2026, 1, 2), datetime(2026, 1, 2, 3, tzinfo=UTC), "Big"))
    assert keys.row_url(table, row_id) == (
        "T(n=7,d=2026-01-02T12:00:00Z,t=2026-01-02T03:00:00.000000Z,e=Microsoft.Dynamics.DataEntities.Sort'big')"
    )


def test_rows_of_a_company_are_asked_for_together() -> None:
    ids = ["usmf|b", "demf|a", "usmf|a'b", "usmf|b"]
    assert keys.filters_of(make_customers(), ids) == [
        "dataAreaId eq 'demf' and (CustomerAccount eq 'a')",
        "dataAreaId eq 'usmf' and (CustomerAccount eq 'b' or CustomerAccount eq 'a''b')",
    ]


def test_forty_rows_go_into_one_read() -> None:
    filters = keys.filters_of(make_customers(), [f"usmf|{number}" for number in range(100)])
    assert [text.count("CustomerAccount eq") for text in filters] == [40, 40, 20]


def test_global_and_company_only_keys_are_asked_for_too() -> None:
    pair = make_table(Column(name="a", type=ColumnType.TEXT), Column(name="b", type=ColumnType.TEXT))
    assert keys.filters_of(pair, ["x|y"]) == ["(a eq 'x' and b eq 'y')"]
    alone = make_table(Column(name="dataAreaId", type=ColumnType.TEXT), company="dataAreaId")
    assert keys.filters_of(alone, ["usmf"]) == ["dataAreaId eq 'usmf'"]


def test_table_without_key_is_a_catalog_error() -> None:
    with pytest.raises(CatalogError, match="has no key"):
        keys.row_id(Table(name="T", logical_name="T", label="", columns=()))


@given(st.tuples(st.text(), st.text()))
def test_any_key_can_be_taken_apart_again(parts: tuple[str, str]) -> None:
    (row_id,) = row_ids(make_customers(), parts)
    assert len(split_key(row_id)) == 2
    assert row_ids(make_customers(), tuple(split_key(row_id))) == [row_id]

"""What every connector gives back: catalogs, rows in normal form, pages, rows by id and by value."""

from datetime import UTC, date, datetime
from decimal import Decimal

import polars as pl
import pytest

from syncengine.catalog import ColumnType
from syncengine.errors import CatalogError
from syncengine.frames import ROW_ID, VERSION, schema_of
from syncengine.mapping.filters.ast import And, Comparison, Operator
from tests.contracts.world import STORED, World


def test_catalog_names_asked_tables_and_leaves_out_those_not_there(world: World) -> None:
    catalog = world.connector.catalog([world.things.name.upper(), "nothing"])
    assert [table.name for table in catalog.tables] == [world.things.name]


def test_catalog_of_everything_holds_the_tables(world: World) -> None:
    names = {table.name for table in world.connector.catalog().tables}
    assert {world.things.name, world.groups.name} <= names


def test_catalog_tells_types_lengths_scales_and_choices(world: World) -> None:
    by_name = world.things.by_name
    assert (by_name["name"].type, by_name["name"].max_length) == (ColumnType.TEXT, 100)
    assert (by_name["amount"].type, by_name["amount"].scale) == (ColumnType.DECIMAL, 4)
    assert by_name["quantity"].type is ColumnType.INTEGER
    assert (by_name["day"].type, by_name["moment"].type) == (ColumnType.DATE, ColumnType.DATETIME)
    assert str(world.kind) in {choice.value for choice in by_name["kind"].choices}
    assert world.things.keys[0].columns[-1] == "code"


def test_identity_never_changes(world: World) -> None:
    first, second = world.connector.identity(), world.connector.identity()
    assert first == second
    assert first.organization_id
    assert first.version


def test_checks_of_a_healthy_environment_pass(world: World) -> None:
    checks = world.connector.check()
    assert [check for check in checks if not check.ok] == []
    assert len({check.code for check in checks}) == len(checks) > 0


def test_clock_offset_of_the_same_machine_is_small(world: World) -> None:
    assert abs(world.connector.clock_offset_s()) < 1.5


def test_every_value_comes_back_as_it_was_written(world: World) -> None:
    thing = world.full_thing("a", groupref=world.put_group("g"))
    (row_id,) = world.put(thing)
    row = world.row(row_id)
    assert {name: row[name] for name in STORED} == {name: thing[name] for name in STORED}
    assert row[VERSION]


def test_no_value_is_null_never_empty_text(world: World) -> None:
    (row_id,) = world.put(world.thing("a"))
    row = world.row(row_id)
    assert [row[name] for name in ("name", "note", "day", "moment", "groupref")] == [None] * 5


def test_trailing_blanks_are_gone_and_leading_ones_kept(world: World) -> None:
    (row_id,) = world.put(world.thing("a", name="  x  "))
    assert world.row(row_id)["name"] == "  x"


@pytest.mark.parametrize("amount", ["0.0001", "-99999999999.9999", "0", "1.5000"])
def test_decimals_are_exact(world: World, amount: str) -> None:
    (row_id,) = world.put(world.thing("a", amount=Decimal(amount)))
    assert world.row(row_id)["amount"] == Decimal(amount)


def test_dates_at_the_rims_survive(world: World) -> None:
    day, moment = date(1901, 12, 31), datetime(2154, 12, 31, 23, 59, 59, tzinfo=UTC)
    (row_id,) = world.put(world.thing("a", day=day, moment=moment))
    row = world.row(row_id)
    assert (row["day"], row["moment"]) == (day, moment)


def test_fetch_gives_existing_rows_once_and_skips_the_others(world: World) -> None:
    ids = world.put(world.thing("a"), world.thing("b"))
    unknown = world.row_id_of("z") if world.has_natural_ids else "00000000-0000-0000-0000-0000000000ff"
    rows = world.connector.fetch(world.things, columns=["code"], row_ids=[*ids, unknown, ids[0]])
    assert sorted(rows[ROW_ID]) == sorted(ids)
    assert rows.schema == pl.Schema(schema_of(world.things, ["code"]))


def test_fetch_of_nothing_has_the_schema(world: World) -> None:
    rows = world.connector.fetch(world.things, columns=STORED, row_ids=[])
    assert (rows.height, rows.schema) == (0, pl.Schema(schema_of(world.things, STORED)))


def test_codes_with_odd_characters_can_be_fetched(world: World) -> None:
    names = ["a'b", "a&b", "a+b", "a%b", "a#b", "a|b", "a\\b", "ä ö", "a*"]
    ids = world.put(*(world.thing(name) for name in names))
    rows = world.connector.fetch(world.things, columns=["code"], row_ids=ids)
    assert sorted(rows["code"]) == sorted(world.code(name) for name in names)
    assert sorted(rows[ROW_ID]) == sorted(ids)


def test_unknown_column_is_a_catalog_error(world: World) -> None:
    with pytest.raises(CatalogError, match="nothing"):
        world.connector.fetch(world.things, columns=["nothing"], row_ids=["a|b"])


def test_chunks_bring_every_row_once_and_go_on_behind_a_cursor(world: World) -> None:
    codes = {world.code(number) for number in range(250)}
    world.put(*(world.thing(number) for number in range(250)))
    chunks = list(world.connector.chunks(world.things, columns=["code"], where=world.mine))
    assert sorted(pl.concat([chunk.rows for chunk in chunks])["code"]) == sorted(codes)
    assert chunks[-1].cursor is None
    if chunks[0].cursor is not None:
        after = world.connector.chunks(world.things, columns=["code"], where=world.mine, after=chunks[0].cursor)
        rest = pl.concat([chunk.rows for chunk in after])
        assert set(rest["code"]) == codes - set(chunks[0].rows["code"])


def test_chunks_of_nothing_are_one_empty_chunk(world: World) -> None:
    (chunk,) = world.connector.chunks(world.things, columns=["code"], where=world.mine)
    assert (chunk.rows.height, chunk.cursor) == (0, None)


def test_filter_is_the_services_own(world: World) -> None:
    world.put(world.thing("a", name="Alpha", quantity=1), world.thing("b", name="ALPHA", quantity=2), world.thing("c"))
    alpha = Comparison(column="name", operator=Operator.EQ, value="alpha")
    many = Comparison(column="quantity", operator=Operator.GE, value=2)
    assert world.connector.count(world.things, And(terms=(world.mine, alpha))) == 2
    assert world.connector.count(world.things, And(terms=(world.mine, alpha, many))) == 1


def test_count_counts_every_row_that_fits(world: World) -> None:
    world.put(*(world.thing(number) for number in range(120)))
    assert world.connector.count(world.things, world.mine) == 120
    assert world.connector.count(world.things, None) >= 120


def test_rows_are_found_by_value_without_regard_to_case(world: World) -> None:
    world.put(world.thing("a"), world.thing("b"), world.thing("c"))
    keys = pl.DataFrame({"code": [world.code("A").upper(), world.code("b"), world.code("z")]})
    rows = world.connector.find(world.things, columns=["code"], keys=keys)
    assert sorted(rows["code"]) == [world.code("a"), world.code("b")]
    assert rows.schema == pl.Schema(schema_of(world.things, ["code"]))


def test_rows_are_found_by_several_values_together(world: World) -> None:
    one, two = world.put_group("g1"), world.put_group("g2")
    names = [("a", one), ("b", one), ("a", two), (None, two), ("b", None)]
    world.put(*(world.thing(place, name=name, groupref=group) for place, (name, group) in enumerate(names)))
    wanted = [("a", one), ("b", two), (None, two), ("b", None)]
    keys = pl.DataFrame(wanted, schema={"name": pl.String, "groupref": pl.String}, orient="row")
    rows = world.connector.find(world.things, columns=["code"], keys=keys)
    mine = rows.filter(pl.col("code").str.starts_with(world.prefix))
    assert sorted(mine["code"]) == [world.code(place) for place in (0, 3, 4)]


def test_nothing_is_found_by_no_keys(world: World) -> None:
    keys = pl.DataFrame(schema={"code": pl.String})
    assert world.connector.find(world.things, columns=["code"], keys=keys).is_empty()


def test_listing_tells_id_and_version_of_every_row(world: World) -> None:
    ids = world.put(*(world.thing(number) for number in range(110)))
    listed = pl.concat(world.connector.listing(world.things))
    assert listed.columns == [ROW_ID, VERSION]
    mine = listed.filter(pl.col(ROW_ID).is_in(ids))
    assert mine.height == 110
    assert mine.filter(pl.col(ROW_ID) == ids[0])[VERSION].item() == world.version(ids[0])

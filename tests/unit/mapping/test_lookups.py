import polars as pl

from syncengine.catalog import ColumnType
from syncengine.errors import ErrorClass
from syncengine.mapping.compile import forward
from syncengine.mapping.lookups import Lookup, expand, needed, needed_ids, resolve
from tests.unit.mapping.make import left_rows, make_column, make_line, make_map, right_rows

T = ColumnType
COMPILED = make_map(
    make_line("Group", "group.name"),
    left=(make_column("Group"),),
    right=(make_column("group", T.LOOKUP, targets=("groups",)),),
)
LOOKUPS = {lookup.path: lookup for lookup in COMPILED.lookups}
GROUP, COMPANY = LOOKUPS["group.name"], LOOKUPS["co.code"]


def mapped(*rows: dict[str, str | None]) -> pl.DataFrame:
    return forward(COMPILED, left_rows(COMPILED, rows)).rows


def found(*rows: tuple[str, str | None, str]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={"value": pl.String, "company": pl.String, "row_id": pl.String}, orient="row")


def tables(*groups: tuple[str, str | None, str]) -> dict[Lookup, pl.DataFrame]:
    return {COMPANY: found(("usmf", None, "c1"), ("demf", None, "c2")), GROUP: found(*groups)}


def test_each_value_is_needed_once_in_its_company() -> None:
    rows = mapped({"Group": "10 "}, {"Group": "10", "dataAreaId": "USMF"}, {"Group": "10", "dataAreaId": "demf"})
    wanted = needed(COMPILED, rows)
    assert wanted[GROUP].rows() == [("10", "demf"), ("10", "usmf")]
    assert wanted[COMPANY].rows() == [("demf", None), ("usmf", None)]


def test_no_value_needs_nothing() -> None:
    assert GROUP not in needed(COMPILED, mapped({"Group": None}))


def test_values_become_row_ids_of_their_own_company() -> None:
    rows = mapped({"Group": "A"}, {"Group": "a", "dataAreaId": "DEMF"}, {"Group": None})
    resolved = resolve(COMPILED, rows, tables(("a", "usmf", "g1"), ("a", "demf", "g2")))
    assert resolved.rows["group"].to_list() == ["g1", "g2", None]
    assert resolved.rows["co"].to_list() == ["c1", "c2", "c1"]
    assert not {"group.name", "co.code"} & set(resolved.rows.columns)
    assert resolved.problems.is_empty()


def test_rows_keep_their_order() -> None:
    rows = mapped(*({"Group": f"g{number % 7}"} for number in range(200)))
    resolved = resolve(COMPILED, rows, tables(*((f"g{number}", "usmf", f"id{number}") for number in range(7))))
    assert resolved.rows["_row_id"].to_list() == rows["_row_id"].to_list()
    assert resolved.rows["group"].to_list() == [f"id{number % 7}" for number in range(200)]


def test_a_value_without_a_row_is_a_missing_parent() -> None:
    resolved = resolve(COMPILED, mapped({"Group": "A|B"}), tables(("a", "usmf", "g1")))
    assert resolved.rows["group"].to_list() == [None]
    problem = resolved.problems.row(0, named=True)
    assert (problem["column"], problem["error_class"]) == ("group.name", ErrorClass.MISSING_PARENT)
    assert (problem["parent_table"], problem["parent_key"]) == ("groups", r"a\|b|usmf")
    assert problem["message"] == 'groups has no row whose name is "A|B" in company usmf; the look-up group needs it.'


def test_a_missing_company_is_named_without_one() -> None:
    resolved = resolve(COMPILED, mapped({"dataAreaId": "zzzz"}), tables())
    assert resolved.problems.select("parent_table", "parent_key").rows() == [("companies", "zzzz")]


def test_lookups_that_nobody_resolved_are_missing() -> None:
    resolved = resolve(COMPILED, mapped({"Group": "A"}), {})
    assert resolved.problems["column"].sort().to_list() == ["co.code", "group.name"]


def test_row_ids_are_needed_once() -> None:
    rows = right_rows(COMPILED, [{"group": "g1", "co": "c1"}, {"group": "g1", "co": "c2"}, {}])
    assert needed_ids(COMPILED, rows) == {GROUP: ["g1"], COMPANY: ["c1", "c2"]}


def test_rows_are_expanded_by_the_original_text() -> None:
    rows = right_rows(COMPILED, [{"group": "g1", "co": "c1"}, {"co": "c1"}]).drop("group.name", "co.code")
    texts = {
        GROUP: pl.DataFrame({"row_id": ["g1"], "text": ["Retail"]}),
        COMPANY: pl.DataFrame({"row_id": ["c1"], "text": ["USMF"]}),
    }
    expanded = expand(COMPILED, rows, texts)
    assert expanded.rows["group.name"].to_list() == ["Retail", None]
    assert expanded.rows["co.code"].to_list() == ["USMF", "USMF"]
    assert expanded.rows["group"].to_list() == ["g1", None]
    assert expanded.problems.is_empty()


def test_unknown_row_ids_are_a_problem() -> None:
    rows = right_rows(COMPILED, [{"group": "g9"}]).drop("group.name", "co.code")
    expanded = expand(COMPILED, rows, {})
    assert expanded.rows["group.name"].to_list() == [None]
    assert expanded.problems.select("column", "error_class").rows() == [("group.name", ErrorClass.MISSING_PARENT)]

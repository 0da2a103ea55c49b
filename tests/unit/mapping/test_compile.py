import polars as pl
import pytest

from syncengine.catalog import ColumnType
from syncengine.errors import ErrorClass
from syncengine.mapping.compile import backward, compile_map, forward, integration_key
from syncengine.mapping.definition import Direction, KeyPart
from syncengine.mapping.mapped import PROBLEM_SCHEMA
from syncengine.mapping.validate import MapInvalid
from syncengine.states import Side
from tests.unit.mapping.make import (
    YES_NO,
    left_rows,
    make_column,
    make_definition,
    make_left,
    make_line,
    make_map,
    make_right,
    make_tables,
    right_rows,
)

T = ColumnType
GROUP = make_column("group", T.LOOKUP, targets=("groups",))
DIRECTIONS = make_map(
    make_line("Both", "both"),
    make_line("There", "there", ">"),
    make_line("Back", "back", "<"),
    left=(make_column("Both"), make_column("There"), make_column("Back")),
    right=(make_column("both"), make_column("there"), make_column("back")),
)


def test_only_columns_that_flow_to_a_side_are_mapped_to_it() -> None:
    there = forward(DIRECTIONS, left_rows(DIRECTIONS, [{}])).rows.columns
    back = backward(DIRECTIONS, right_rows(DIRECTIONS, [{}])).rows.columns
    assert set(there) == {"_row_id", "number", "co.code", "both", "there"}
    assert set(back) == {"_row_id", "Number", "dataAreaId", "Both", "Back"}


def test_the_company_is_a_line_of_its_own() -> None:
    company = DIRECTIONS.fields[-1]
    assert (company.line.left, company.line.right, company.direction) == ("dataAreaId", "co.code", Direction.BOTH)
    assert (DIRECTIONS.company_path, DIRECTIONS.company_lookup) == ("co.code", company.lookup)


def test_listed_company_and_key_are_not_added_again() -> None:
    compiled = make_map(make_line("DATAAREAID", "CO.Code"))
    assert [field.line.left for field in compiled.fields] == ["Number", "DATAAREAID"]
    assert compiled.company_path == "co.code"


def test_key_parts_without_a_line_are_added() -> None:
    definition = make_definition(fields=(make_line("Both", "both"),))
    right = make_right(make_column("both"))
    compiled = compile_map(
        definition, left=make_left(make_column("Both")), right=right, right_tables=make_tables(right)
    )
    assert {field.line.left for field in compiled.fields} == {"Both", "Number", "dataAreaId"}


def test_key_columns_are_mapped_both_ways_so_that_partners_are_found() -> None:
    compiled = make_map(fields=(make_line("Number", "number", ">"),))
    back = backward(compiled, right_rows(compiled, [{"co": "id", "co.code": "usmf"}]))
    assert back.rows.select(compiled.key_columns(Side.LEFT)).row(0) == ("C1", "usmf")


def test_names_are_spelled_as_in_the_catalog() -> None:
    compiled = make_map(make_line("BOTH", "BOTH"), left=(make_column("Both"),), right=(make_column("both"),))
    mapped = forward(compiled, left_rows(compiled, [{"Both": "x"}]))
    assert mapped.rows["both"].to_list() == ["x"]
    assert compiled.left_name("NUMBER") == "Number"


def test_columns_to_read_are_those_of_fields_key_company_and_filter() -> None:
    compiled = make_map(
        make_line("There", "there", ">"),
        make_line(None, "constant", ">", default="1"),
        left=(make_column("There"), make_column("Kind", T.INTEGER)),
        right=(make_column("there"), make_column("constant", T.INTEGER), make_column("open", T.BOOLEAN), GROUP),
        left_filter="(KIND == 1)",
        right_filter="open eq true and _group_value ne null",
    )
    assert set(compiled.left_columns) == {"Number", "dataAreaId", "There", "Kind"}
    assert set(compiled.right_columns) == {"number", "co", "there", "open", "group"}


def test_filters_leave_the_company_out() -> None:
    compiled = make_map(left=(make_column("Kind", T.INTEGER),), left_filter="(Kind == 1)")
    rows = left_rows(compiled, [{"Kind": 1}, {"Kind": 2, "dataAreaId": "usmf"}, {"Kind": None}])
    assert rows.select(passes=compiled.passes(Side.LEFT))["passes"].to_list() == [True, False, False]
    assert compiled.where(Side.RIGHT) is None
    assert rows.filter(compiled.passes(Side.RIGHT)).height == 3


def test_key_of_both_sides_is_one_text() -> None:
    left = left_rows(DIRECTIONS, [{"Number": "C|1 ", "dataAreaId": "USMF"}])
    right = right_rows(DIRECTIONS, [{"number": "c|1", "co": "id", "co.code": "usmf"}])
    assert left.select(integration_key(DIRECTIONS, Side.LEFT)).item() == r"c\|1|usmf"
    assert right.select(integration_key(DIRECTIONS, Side.RIGHT)).item() == r"c\|1|usmf"
    assert DIRECTIONS.key_columns(Side.RIGHT) == ("number", "co")


def test_key_of_the_left_is_taken_as_the_right_holds_it() -> None:
    compiled = make_map(
        make_line("Kind", "kind", values="retail:1,whole:2"),
        left=(make_column("Kind"),),
        right=(make_column("kind", T.CHOICE),),
        key=(KeyPart(left="Kind", right="kind"),),
    )
    left = left_rows(compiled, [{"Kind": "Whole"}]).select(integration_key(compiled, Side.LEFT))
    right = right_rows(compiled, [{"kind": 2}]).select(integration_key(compiled, Side.RIGHT))
    assert left.item() == right.item() == "2"


def test_a_missing_part_is_a_missing_key() -> None:
    rows = left_rows(DIRECTIONS, [{"Number": None}])
    assert rows.select(integration_key(DIRECTIONS, Side.LEFT)).item() is None


def test_lookups_that_lines_share_are_one() -> None:
    compiled = make_map(
        make_line("One", "group.name", ">"),
        make_line("Two", "GROUP.Name", "<"),
        left=(make_column("One"), make_column("Two")),
        right=(GROUP,),
    )
    assert [lookup.path for lookup in compiled.lookups] == ["group.name", "co.code"]
    assert forward(compiled, left_rows(compiled, [{"One": "10"}])).rows["group.name"].to_list() == ["10"]


def test_lookups_know_their_table() -> None:
    own = make_column("parent", T.LOOKUP, targets=("accounts",))
    compiled = make_map(
        make_line("Group", "group.name"),
        make_line("Parent", "parent.number"),
        left=(make_column("Group"), make_column("Parent")),
        right=(GROUP, own),
    )
    known = {lookup.path: lookup for lookup in compiled.lookups}
    assert known["group.name"].is_company_specific
    assert not known["co.code"].is_company_specific
    assert known["parent.number"].is_self
    assert (known["group.name"].target_table, known["group.name"].key_column) == ("groups", "name")


def test_values_cross_a_lookup_as_text() -> None:
    compiled = make_map(
        make_line("Group", "group.name", values="7:seven"),
        left=(make_column("Group", T.INTEGER),),
        right=(GROUP,),
    )
    there = forward(compiled, left_rows(compiled, [{"Group": 7}])).rows["group.name"].item()
    rows = right_rows(compiled, [{"group": "g1", "group.name": "Seven", "co": "c1", "co.code": "usmf"}])
    assert there == "seven"
    assert backward(compiled, rows).rows["Group"].item() == 7


def test_a_lookup_whose_row_is_unknown_is_not_mapped_back() -> None:
    compiled = make_map(make_line("Group", "group.name"), left=(make_column("Group"),), right=(GROUP,))
    rows = right_rows(compiled, [{"group": "g1", "co": "c1", "co.code": "usmf"}, {"co": "c1", "co.code": "usmf"}])
    mapped = backward(compiled, rows)
    assert mapped.problems.select("_row_id", "column", "error_class", "parent_table").rows() == [
        ("0", "group.name", ErrorClass.MISSING_PARENT, "groups")
    ]


def test_an_invalid_map_says_everything_that_is_wrong() -> None:
    with pytest.raises(MapInvalid) as caught:
        make_map(make_line("Nope", "number"), make_line("Number", "nope"), key=())
    assert {finding.code for finding in caught.value.findings} >= {"DIPV1003", "DIPV1022", "DIPV1025"}


def test_an_empty_batch_is_mapped_to_an_empty_frame() -> None:
    mapped = forward(DIRECTIONS, left_rows(DIRECTIONS, [{}]).clear())
    assert mapped.rows.is_empty()
    assert mapped.rows.schema["both"] == pl.String
    assert mapped.problems.schema == pl.Schema(PROBLEM_SCHEMA)


def test_mapping_twice_gives_the_same() -> None:
    compiled = make_map(
        make_line("Flag", "flag"),
        left=(make_column("Flag", T.ENUM, choices=YES_NO),),
        right=(make_column("flag", T.BOOLEAN),),
    )
    rows = left_rows(compiled, [{"Flag": "Yes"}, {"Flag": None}])
    assert forward(compiled, rows).rows.equals(forward(compiled, rows).rows)

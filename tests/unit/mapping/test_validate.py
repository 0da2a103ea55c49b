from collections.abc import Sequence
from typing import Any

import pytest

from syncengine.catalog import Column, ColumnType
from syncengine.mapping.definition import Company, FieldMapping, KeyPart
from syncengine.mapping.validate import Finding, Severity, validate
from tests.unit.mapping.make import (
    YES_NO,
    make_choices,
    make_column,
    make_definition,
    make_left,
    make_line,
    make_right,
    make_tables,
    with_policy,
)

T = ColumnType
NAME = make_column("Name"), make_column("name")
GROUP = make_column("group", T.LOOKUP, targets=("groups",))


def findings(
    *lines: FieldMapping,
    left: Sequence[Column] = (),
    right: Sequence[Column] = (),
    left_company: str = "dataAreaId",
    right_company: str = "co",
    **overrides: Any,
) -> list[Finding]:
    right_table = make_right(*right, company_column=right_company)
    return validate(
        make_definition(*lines, **overrides),
        make_left(*left, company_column=left_company),
        right_table,
        make_tables(right_table),
    )


def codes(*lines: FieldMapping, **given: Any) -> list[str]:
    return [finding.code for finding in findings(*lines, **given)]


def test_a_map_that_fits_has_no_findings() -> None:
    assert findings(make_line("Name", "name"), left=NAME[:1], right=NAME[1:]) == []


def test_each_finding_says_what_where_and_what_to_do() -> None:
    (finding,) = findings(make_line("Nope", "number", ">"), fields=(make_line("Nope", "number", ">"),), key=())[1:]
    assert finding.message == "Customers has no column Nope. Refresh the tables, or choose another column."
    assert (finding.code, finding.severity, finding.column) == ("DIPV1022", Severity.ERROR, "Nope")


def test_a_table_that_is_gone_is_all_there_is_to_say() -> None:
    gone = validate(make_definition(), None, None, {})
    assert [finding.code for finding in gone] == ["DIPV1018", "DIPV1020"]
    assert "no table Customers" in gone[0].message


def test_a_map_needs_a_key() -> None:
    assert codes(key=()) == ["DIPV1003"]


def test_key_parts_without_a_line_are_a_warning() -> None:
    (finding,) = findings(fields=(make_line("Name", "name"),), left=NAME[:1], right=NAME[1:])
    assert (finding.code, finding.is_error) == ("DIPV1014", False)


def test_a_key_part_is_not_a_bare_lookup() -> None:
    key = (KeyPart(left="Number", right="number"), KeyPart(left="dataAreaId", right="co"))
    assert "DIPV1015" in codes(key=key)


def test_key_flows_both_ways_where_anything_does() -> None:
    lines = make_line("Number", "number", ">"), make_line("Name", "name")
    assert codes(fields=lines, left=NAME[:1], right=NAME[1:]) == ["DIPV1004"]
    assert codes(fields=lines[:1]) == []


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (make_line("Nope", "name"), "DIPV1022"),
        (make_line("Name", "nope"), "DIPV1025"),
        (make_line(None, "name", ">"), "DIPV1021"),
        (make_line(None, "name", "=", default="x"), "DIPV1021"),
        (make_line(None, None, ">", default="x"), "DIPV1021"),
        (make_line("Name", None, "<"), "DIPV1024"),
        (make_line("Name", None, ">", default="x"), "DIPV1024"),
        (make_line("Name", "nope.name"), "DIPV1025"),
        (make_line("Name", "name.name"), "DIPV1025"),
        (make_line("Name", "group.co.code"), "DIPV1025"),
        (make_line("Name", "group.nope"), "DIPV1027"),
        (make_line(None, "group.name", ">", default="x"), "DIPV1021"),
    ],
)
def test_both_ends_of_a_line_are_there(line: FieldMapping, code: str) -> None:
    assert codes(line, left=NAME[:1], right=(NAME[1], GROUP)) == [code]


def test_a_lookup_to_an_unknown_table_is_an_error() -> None:
    column = make_column("group", T.LOOKUP, targets=("nowhere",))
    assert codes(make_line("Name", "group.name"), left=NAME[:1], right=(column,)) == ["DIPV1027"]


def test_one_line_writes_a_column() -> None:
    two = make_line("Name", "name"), make_line("Other", "name", ">")
    columns = (*NAME[:1], make_column("Other"))
    assert codes(*two, left=columns, right=NAME[1:]) == ["DIPV1026"]
    assert codes(
        make_line("Name", "name"), make_line("Name", "other"), left=NAME[:1], right=(NAME[1], make_column("other"))
    ) == ["DIPV1023"]


def test_one_column_may_feed_several() -> None:
    lines = make_line("Name", "name", ">"), make_line("Name", "other", ">")
    assert codes(*lines, left=NAME[:1], right=(NAME[1], make_column("other"))) == []


def test_a_pair_listed_twice_is_said_once() -> None:
    assert codes(make_line("Name", "name"), make_line("Name", "NAME"), left=NAME[:1], right=NAME[1:]) == ["DIPV1029"]


def test_read_only_columns_are_not_written() -> None:
    fixed = make_column("name", is_read_only=True)
    assert codes(make_line("Name", "name"), left=NAME[:1], right=(fixed,)) == ["DIPV1011"]
    assert codes(make_line("Name", "name", "<"), left=NAME[:1], right=(fixed,)) == []


def test_required_columns_of_rows_that_the_map_creates_are_written() -> None:
    needed = make_column("needed", is_required=True)
    (finding,) = findings(right=(needed,))
    assert (finding.code, finding.column) == ("DIPV1010", "needed")
    assert codes(make_line(None, "needed", ">", default="x"), right=(needed,)) == []


def test_required_columns_do_not_matter_where_no_row_is_created() -> None:
    right = make_right(make_column("needed", is_required=True))
    definition = with_policy(make_definition(), creates_right=False)
    assert validate(definition, make_left(), right, make_tables(right)) == []


def test_company_rows_are_not_paired_with_global_rows() -> None:
    given: dict[str, Any] = {"company": None, "key": (KeyPart(left="Number", right="number"),)}
    assert codes(**given, right_company="") == ["DIPV1002"]
    assert codes(**given, left_company="") == ["DIPV1002"]
    assert codes(**given) == ["DIPV1016"]
    assert codes(**given, left_company="", right_company="") == []


def test_a_global_map_does_not_look_up_company_rows() -> None:
    given: dict[str, Any] = {"company": None, "key": (KeyPart(left="Number", right="number"),)}
    line = make_line("Name", "group.name")
    assert codes(line, left=NAME[:1], right=(GROUP,), left_company="", right_company="", **given) == ["DIPV1017"]


def test_a_company_that_leads_nowhere_is_an_error() -> None:
    assert codes(
        company=Company(left="dataAreaId", right="co.nope"), key=(KeyPart(left="Number", right="number"),)
    ) == ["DIPV1027"]


def test_types_fit_in_every_direction_that_flows() -> None:
    left, right = make_column("Name", T.DATE), make_column("name")
    assert codes(make_line("Name", "name", ">"), left=(left,), right=(right,)) == []
    assert codes(make_line("Name", "name"), left=(left,), right=(make_column("name", T.BOOLEAN),)) == ["DIPV1030"] * 2
    assert codes(
        make_line("Name", "name", "<"), left=(make_column("Name", T.UUID),), right=(make_column("name", T.DATE),)
    ) == ["DIPV1030"]


def test_a_value_map_makes_types_fit() -> None:
    left, right = make_column("Name", T.ENUM, choices=YES_NO), make_column("name", T.INTEGER)
    assert codes(make_line("Name", "name", values="yes:1,no:0"), left=(left,), right=(right,)) == []


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (make_line(None, "flag", ">", default="maybe"), "DIPV1031"),
        (make_line("Name", "flag", ">", values="a:maybe"), "DIPV1030"),
        (make_line("Name", "flag", ">", values="a:true", otherwise_right="maybe"), "DIPV1030"),
    ],
)
def test_constants_fit_their_column(line: FieldMapping, code: str) -> None:
    assert codes(line, left=NAME[:1], right=(make_column("flag", T.BOOLEAN),)) == [code]


def test_a_constant_that_is_no_listed_choice_is_a_warning() -> None:
    rank = make_column("rank", T.CHOICE, choices=make_choices(Gold="1"))
    (finding,) = findings(make_line(None, "rank", ">", default="2"), right=(rank,))
    assert (finding.code, finding.is_error) == ("DIPV1031", False)


def test_filters_are_read_and_checked_and_say_where() -> None:
    (finding,) = findings(left_filter="(Number == )")
    assert finding.code == "DIPV1012"
    assert finding.message.startswith('The left filter cannot be read at character 12: ")" is not expected here.')
    (finding,) = findings(right_filter="number eq 'a' and nope eq 1")
    assert "at character 19" in finding.message


def test_lookups_without_a_map_are_a_warning() -> None:
    right = make_right(GROUP)
    definition = make_definition(make_line("Name", "group.name"))
    companies = make_definition(name="Companies", right_table="companies")
    (finding,) = validate(definition, make_left(NAME[0]), right, make_tables(right), [companies])
    assert (finding.code, finding.is_error, finding.column) == ("DIPV1027", False, "group.name")


def test_errors_come_first() -> None:
    found = findings(fields=(make_line("Nope", "name"),), right=NAME[1:])
    assert [finding.is_error for finding in found] == [True, False]

"""The check finds what is wrong: a check that can only say yes proves nothing."""

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import httpx
import pytest

from tests.independent.check import differences, equal_sides, shown
from tests.independent.facts import Field, MapFacts
from tests.independent.services import Account, Row
from tests.independent.values import UnmappedValueError, Value, agree, image

FACTS = MapFacts(
    name="Customers (accounts)",
    left_set="Customers",
    right_set="accounts",
    left_key="ID",
    right_key="number",
    company="msdyn_company.cdm_companycode",
    left_filter='(KIND == "Organization")',
    right_filter="kind eq 3",
    fields=(
        Field(left="ID", right="number", to_right=True, to_left=True),
        Field(left="NAME", right="name", to_right=True, to_left=True),
        Field(left="GROUP", right="group.code", to_right=True, to_left=True),
        Field(left="HOLD", right="onhold", values=(("no", "False"), ("all", "True")), to_right=True, to_left=True),
        Field(left=None, right="kind", default="3", to_right=True, to_left=False),
        Field(left="KIND", right=None, default="Organization", to_right=False, to_left=True),
    ),
)
TYPES = {"ID": "Edm.String", "NAME": "Edm.String", "GROUP": "Edm.String", "HOLD": "Data.Hold", "KIND": "Edm.String"}
METADATA = {
    "DataEntities": {"value": [{"PublicCollectionName": "Customers", "PublicEntityName": "Customer"}]},
    "PublicEntities('Customer')": {"Properties": [{"Name": name, "TypeName": type_} for name, type_ in TYPES.items()]},
    "PublicEnumerations('Hold')": {"Members": [{"Name": "No", "Value": 0}, {"Name": "All", "Value": 1}]},
}


class Tables:
    """Rows by set, told as a dataverse service tells them; also a finops service, for the left side."""

    account = Account(base_url="", token_url="", client_id="", secret="")

    def __init__(self, tables: Mapping[str, Sequence[Row]]) -> None:
        self.tables = tables

    def rows(self, name: str, *, columns: Sequence[str] = (), where: str = "") -> list[Row]:
        return [dict(row) for row in self.tables[name]]

    def call(self, method: str, path: str) -> httpx.Response:
        if "/Metadata/" in path:
            return httpx.Response(200, json=METADATA[path.rpartition("/")[2]])
        if path.startswith("EntityDefinitions?"):
            known = [("account", "accounts"), ("group", "groups"), ("cdm_company", "cdm_companies")]
            value = [{"LogicalName": a, "EntitySetName": b, "PrimaryIdAttribute": f"{a}id"} for a, b in known]
        else:
            pairs = [("msdyn_company", "cdm_company"), ("group", "group")]
            value = [{"ReferencingAttribute": a, "ReferencedEntity": b} for a, b in pairs]
        return httpx.Response(200, content=json.dumps({"value": value}))


def make_left(**changes: Value) -> Row:
    return {
        "ID": "C1",
        "dataAreaId": "usmf",
        "NAME": "A",
        "GROUP": "10",
        "HOLD": "No",
        "KIND": "Organization",
    } | changes


def make_right(**changes: Value) -> Row:
    row = {"accountid": "a1", "number": "C1", "name": "A", "onhold": False, "kind": 3}
    return {**row, "_group_value": "g1", "_msdyn_company_value": "u1"} | changes


def make_dataverse(*accounts: Row) -> Any:
    companies = [{"cdm_companyid": "u1", "cdm_companycode": "USMF"}, {"cdm_companyid": "d1", "cdm_companycode": "DEMF"}]
    groups = [
        {"groupid": "g1", "code": "10", "_msdyn_company_value": "u1"},
        {"groupid": "g2", "code": "20", "_msdyn_company_value": "u1"},
        {"groupid": "g3", "code": "10", "_msdyn_company_value": "d1"},
    ]
    return Tables({"accounts": accounts, "cdm_companies": companies, "groups": groups})


def test_rows_as_expected_make_no_difference() -> None:
    assert differences([FACTS], {"Customers": [make_left()]}, make_dataverse(make_right())) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": "B"}, "name is 'B', expected 'A'"),
        ({"name": None}, "name is None, expected 'A'"),
        ({"onhold": True}, "onhold is True, expected 'False'"),
        ({"_group_value": "g2"}, "group.code points to '20', expected '10'"),
        ({"_group_value": "g3"}, "group.code points into company 'demf'"),
        ({"_group_value": "g9"}, "group.code points to g9, which does not exist"),
        ({"_group_value": None}, "group.code points to None, expected '10'"),
        ({"number": "C2"}, "is not on dataverse"),
        ({"kind": 4}, "is not on dataverse"),
        ({"_msdyn_company_value": "d1"}, "is not on dataverse"),
    ],
)
def test_each_wrong_value_is_told(change: Row, said: str) -> None:
    found = differences([FACTS], {"Customers": [make_left()]}, make_dataverse(make_right(**change)))
    assert said in shown(found)


def test_row_that_nobody_expects_and_a_doubled_row_are_told() -> None:
    twice = make_dataverse(make_right(), make_right(accountid="a2"), make_right(accountid="a3", number="C9"))
    found = differences([FACTS], {"Customers": [make_left()]}, twice)
    assert any("('c9', 'usmf'): is not on finops" in line for line in found)
    assert any("is there 2 times on dataverse" in line for line in found)


def test_sides_are_compared_in_both_directions() -> None:
    finops: Any = Tables({"Customers": [make_left(), make_left(ID="C2"), make_left(ID="C4", KIND="Person")]})
    dataverse = make_dataverse(make_right(name="B"), make_right(accountid="a3", number="C3"))
    assert sorted(equal_sides([FACTS], finops, dataverse)) == [
        "Customers (accounts) ('c1', 'usmf'): name is 'B', NAME is 'A'",
        "Customers (accounts) ('c2', 'usmf'): is not on dataverse",
        "Customers (accounts) ('c3', 'usmf'): is not on finops",
    ]


@pytest.mark.parametrize(("hold", "count"), [("No", 0), ("All", 1)])
def test_null_agrees_with_what_finops_has_instead_of_null(hold: str, count: int) -> None:
    finops: Any = Tables({"Customers": [make_left(HOLD=hold)]})
    assert len(equal_sides([FACTS], finops, make_dataverse(make_right(onhold=None)))) == count


def test_rows_of_other_companies_do_not_count() -> None:
    finops: Any = Tables({"Customers": [make_left(), make_left(ID="C2", dataAreaId="demf")]})
    assert equal_sides([FACTS], finops, make_dataverse(make_right()), companies=["usmf"]) == []


@pytest.mark.parametrize(
    ("expected", "actual", "is_same"),
    [
        ("50000", 50000, True),
        ("337.22", Decimal("337.2200"), True),
        ("0", None, False),
        (None, 0, False),
        (None, "", True),
        ("Yes", True, True),
        ("2026-11-21T00:00:00Z", "2026-11-21", True),
        ("abc", 3, False),
    ],
)
def test_nothing_and_zero_are_different_and_numbers_are_numbers(
    expected: str | None, actual: Value, is_same: bool
) -> None:
    assert agree(expected, actual) is is_same


def test_value_outside_its_list_is_told() -> None:
    field = Field(left="HOLD", right="onhold", values=(("no", "False"),), to_right=True, to_left=True)
    with pytest.raises(UnmappedValueError, match="HOLD"):
        image(field, "Perhaps")

"""`$expand` of the finops service. Source: PROTOCOLS 6.2.2 (one level)."""

from collections.abc import Callable

import pytest

from tests.sandbox.client import Client
from tests.sandbox.rows import infolog_of

ALL = "cross-company=true"


@pytest.fixture(scope="module")
def finops(new_client: Callable[..., Client]) -> Client:
    """Two customers of one group in usmf, and a group of the same name in demf."""
    client = new_client("finops")
    for company in ("usmf", "demf"):
        client.post("LegalEntities", {"LEGALENTITYID": company, "NAME": company})
        body = {"dataAreaId": company, "CUSTOMERGROUPID": "10", "DESCRIPTION": f"Group of {company}"}
        client.post("CustomerGroups", body)
    for account in ("C1", "C2"):
        body = {"dataAreaId": "usmf", "CUSTOMERACCOUNT": account, "CUSTOMERGROUPID": "10", "INVOICEACCOUNT": ""}
        assert client.post("CustomersV3", body).status_code == 201
    client.patch(f"CustomersV3(dataAreaId='usmf',CUSTOMERACCOUNT='C2')?{ALL}", {"INVOICEACCOUNT": "c1"})
    return client


def test_a_reference_is_expanded_to_the_row_that_it_names(finops: Client) -> None:
    (row, _) = finops.rows(f"CustomersV3?{ALL}&$orderby=CUSTOMERACCOUNT&$select=CUSTOMERACCOUNT&$expand=CustomerGroup")
    assert row.keys() == {"@odata.etag", "CUSTOMERACCOUNT", "CustomerGroup"}
    group = f"CustomerGroups(dataAreaId='usmf',CUSTOMERGROUPID='10')?{ALL}"
    expected = {name: value for name, value in finops.get(group).json().items() if name != "@odata.context"}
    assert row["CustomerGroup"] == expected


def test_an_expansion_can_select(finops: Client) -> None:
    path = f"CustomersV3(dataAreaId='usmf',CUSTOMERACCOUNT='C1')?{ALL}&$expand=CustomerGroup($select=DESCRIPTION)"
    group = finops.get(path).json()["CustomerGroup"]
    assert group.keys() == {"@odata.etag", "DESCRIPTION"}
    assert group["DESCRIPTION"] == "Group of usmf"


def test_rows_that_refer_to_a_row_are_expanded_as_a_list(finops: Client) -> None:
    path = f"CustomerGroups?{ALL}&$orderby=dataAreaId desc&$expand=CustomersV3($select=CUSTOMERACCOUNT)"
    (usmf, demf) = finops.rows(path)
    assert [row["CUSTOMERACCOUNT"] for row in usmf["CustomersV3"]] == ["C1", "C2"]
    assert demf["CustomersV3"] == []


def test_a_reference_to_the_same_table_and_an_empty_one(finops: Client) -> None:
    metadata = finops.get(f"{finops.info['base_url']}/Metadata/PublicEntities('CustomerV3')").json()
    name = next(
        one["Name"]
        for one in metadata["NavigationProperties"]
        if one["RelatedEntity"] == "CustomerV3" and one["Cardinality"] == "Single"
    )
    (first, second) = finops.rows(f"CustomersV3?{ALL}&$orderby=CUSTOMERACCOUNT&$expand={name}")
    assert first[name] is None
    assert second[name]["CUSTOMERACCOUNT"] == "C1"


def test_pages_keep_the_expansion(finops: Client) -> None:
    path = f"CustomersV3?{ALL}&$expand=CustomerGroup"
    first = finops.get(path, Prefer="odata.maxpagesize=1").json()
    second = finops.get(first["@odata.nextLink"], Prefer="odata.maxpagesize=1").json()
    assert second["value"][0]["CustomerGroup"]["CUSTOMERGROUPID"] == "10"


@pytest.mark.parametrize(
    "text",
    ["CustomerGroup($expand=PaymentTerm)", "CustomerGroup/PaymentTerm", "CustomerGroup($select=A;$expand=PaymentTerm)"],
)
def test_a_deeper_expansion_is_refused(finops: Client, text: str) -> None:
    answer = finops.get(f"CustomersV3?{ALL}&$expand={text}")
    assert answer.status_code == 400
    assert "maximum depth allowed is 1" in infolog_of(answer)


@pytest.mark.parametrize(
    "text",
    [
        "Nothing",
        "CUSTOMERGROUPID",
        "CustomerGroup($select=Nothing)",
        "CustomerGroup($top=1)",
        "CustomerGroup(",
        ",",
        "*",
    ],
)
def test_what_is_no_navigation_property_cannot_be_expanded(finops: Client, text: str) -> None:
    assert finops.get(f"CustomersV3?{ALL}&$expand={text}").status_code == 400

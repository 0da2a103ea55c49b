"""Pages of lists and their caps. Source: PROTOCOLS 6.2.2 and 2.2."""

from collections.abc import Callable, Iterator

import pytest

from tests.sandbox.client import Client
from tests.sandbox.conftest import Management

ROWS = 10_003
ALL = "cross-company=true"


@pytest.fixture(scope="module")
def finops(new_client: Callable[..., Client], management: Management) -> Client:
    """More groups than a page holds."""
    client = new_client("finops")
    client.post("LegalEntities", {"LEGALENTITYID": "usmf", "NAME": "USMF"})
    rows = [{"dataAreaId": "usmf", "CUSTOMERGROUPID": f"G{place:05}"} for place in range(ROWS)]
    management.done("POST", f"sandboxes/{client.info['name']}/tables/CustomerGroups/rows", rows)
    return client


def pages(finops: Client, path: str, **headers: str) -> Iterator[list[str]]:
    link = path
    while link:
        answer = finops.get(link, **headers).json()
        yield [row["CUSTOMERGROUPID"] for row in answer["value"]]
        link = answer.get("@odata.nextLink", "")


def test_a_page_has_ten_thousand_rows_at_most(finops: Client) -> None:
    path = f"CustomerGroups?{ALL}&$select=CUSTOMERGROUPID"
    assert [len(page) for page in pages(finops, path)] == [10_000, 3]
    assert [len(page) for page in pages(finops, path, Prefer="odata.maxpagesize=50000")] == [10_000, 3]


def test_older_builds_give_a_thousand(finops: Client, management: Management) -> None:
    path = f"sandboxes/{finops.info['name']}"
    management.done("PATCH", path, {"max_page_rows": 1_000})
    first = finops.get(f"CustomerGroups?{ALL}&$select=CUSTOMERGROUPID").json()
    management.done("PATCH", path, {"max_page_rows": 10_000})
    assert (len(first["value"]), "@odata.nextLink" in first) == (1_000, True)


def test_the_client_may_ask_for_smaller_pages(finops: Client) -> None:
    path = f"CustomerGroups?{ALL}&$select=CUSTOMERGROUPID&$filter=CUSTOMERGROUPID lt 'G00005'"
    found = list(pages(finops, path, Prefer="odata.maxpagesize=2"))
    assert found == [["G00000", "G00001"], ["G00002", "G00003"], ["G00004"]]


def test_top_is_counted_over_all_pages(finops: Client) -> None:
    path = f"CustomerGroups?{ALL}&$select=CUSTOMERGROUPID&$top=5&$skip=1"
    found = list(pages(finops, path, Prefer="odata.maxpagesize=2"))
    assert found == [["G00001", "G00002"], ["G00003", "G00004"], ["G00005"]]
    assert [len(page) for page in pages(finops, f"CustomerGroups?{ALL}&$top=10001")] == [10_000, 1]
    assert [len(page) for page in pages(finops, f"CustomerGroups?{ALL}&$top=0")] == [0]


def test_an_altered_link_is_refused(finops: Client) -> None:
    link = finops.get(f"CustomerGroups?{ALL}", Prefer="odata.maxpagesize=2").json()["@odata.nextLink"]
    for altered in (link[:-2], link.replace("skiptoken=", "skiptoken=A"), f"{link}&$filter=CUSTOMERGROUPID eq 'x'"):
        assert finops.get(altered).status_code == 400


def test_rows_are_counted_by_count_and_with_a_list(finops: Client) -> None:
    answer = finops.get(f"CustomerGroups/$count?{ALL}")
    assert (answer.text, answer.headers["Content-Type"].partition(";")[0]) == (str(ROWS), "text/plain")
    assert finops.get(f"CustomerGroups?{ALL}&$count=true&$top=1").json()["@odata.count"] == ROWS

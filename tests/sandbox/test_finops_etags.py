"""Etags of entities over several data sources. Source: PROTOCOLS 6.2.2."""

import base64
import re
from collections.abc import Callable

import pytest

from tests.sandbox.client import Client
from tests.sandbox.conftest import Management

TABLE = {
    "set": "Workshops",
    "entity": "Workshop",
    "table": "WorkshopEntity",
    "label": "Workshops",
    "key": ["Code"],
    "columns": [
        {"name": "Code", "type": "text", "length": 20, "required": True},
        {"name": "Rate", "type": "decimal"},
        {"name": "Name", "type": "text"},
        {"name": "City", "type": "text"},
    ],
    "sources": [{"name": "DirPartyTable", "columns": ["Name"]}, {"name": "LogisticsLocation", "columns": ["City"]}],
}


@pytest.fixture(scope="module")
def finops(new_client: Callable[..., Client], management: Management) -> Client:
    client = new_client("finops")
    management.done("POST", f"sandboxes/{client.info['name']}/tables", {"tables": [TABLE]})
    return client


@pytest.fixture
def path(finops: Client) -> str:
    finops.delete("Workshops('W1')")
    assert finops.post("Workshops", {"Code": "W1", "Name": "A", "City": "B", "Rate": 1}).status_code == 201
    return "Workshops('W1')"


def versions(etag: str) -> list[tuple[int, int]]:
    """Version and id of each record."""
    text = base64.b64decode(re.fullmatch(r'W/"([A-Za-z0-9+/=]+)"', etag)[1]).decode()  # type: ignore[index]
    assert text[0] == text[-1] == "'"
    return [(int(one), int(two)) for one, two in (pair.split(",") for pair in text.strip("'").split(";"))]


def test_the_etag_holds_version_and_id_of_each_data_source(finops: Client, path: str) -> None:
    found = versions(finops.get(path).json()["@odata.etag"])
    assert [version for version, _ in found] == [1, 1, 1]
    assert len({record for _, record in found}) == 3


@pytest.mark.parametrize(("values", "changed"), [({"Rate": 2}, 0), ({"Name": "X"}, 1), ({"City": "Y"}, 2)])
def test_it_changes_with_any_source_table(finops: Client, path: str, values: dict[str, object], changed: int) -> None:
    before = versions(finops.get(path).json()["@odata.etag"])
    assert finops.patch(path, values).status_code == 204
    after = versions(finops.get(path).json()["@odata.etag"])
    assert [place for place in range(3) if before[place] != after[place]] == [changed]
    assert [record for _, record in before] == [record for _, record in after]


def test_an_update_of_a_version_needs_that_of_every_source(finops: Client, path: str) -> None:
    old = finops.get(path).json()["@odata.etag"]
    assert finops.patch(path, {"City": "Y"}, If_Match=old).status_code == 204
    assert finops.patch(path, {"Rate": 3}, If_Match=old).status_code == 412
    short = base64.b64encode(base64.b64decode(old[3:-1]).decode().partition(";")[0].encode() + b"'").decode()
    assert finops.patch(path, {"Rate": 3}, If_Match=f'W/"{short}"').status_code == 412
    assert finops.patch(path, {"Rate": 3}, If_Match=finops.get(path).json()["@odata.etag"]).status_code == 204


def test_a_copy_keeps_the_versions(finops: Client, path: str, management: Management) -> None:
    made = management.done("POST", f"sandboxes/{finops.info['name']}/copy", {"name": "copy of workshops"})
    copy = Client(info=made, http=finops.http)
    assert copy.get(path).json()["@odata.etag"] == finops.get(path).json()["@odata.etag"]


def test_silent_edits_change_the_source_that_they_write(finops: Client, path: str, management: Management) -> None:
    before = versions(finops.get(path).json()["@odata.etag"])
    rows = f"sandboxes/{finops.info['name']}/tables/Workshops/rows"
    management.done("PATCH", rows, {"filter": "Code eq 'W1'", "values": {"Name": "Silent"}})
    after = versions(finops.get(path).json()["@odata.etag"])
    assert [place for place in range(3) if before[place] != after[place]] == [1]

from typing import Any
from uuid import uuid4

import httpx
import pytest
from pytest_django import Settings

from syncengine.errors import PermanentError, UnreachableError
from syncengine.models import CaptureCursor, EntityMap, Environment
from syncengine.services import capture, sandboxes
from syncengine.states import MapState
from tests.rows import make_environment, make_link, make_map

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def finops(sandbox_http: httpx.Client) -> dict[str, Any]:
    answer = sandbox_http.post("/sandboxes", json={"name": f"finops / {uuid4()}".replace("/", "&"), "kind": "finops"})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def endpoints(management: httpx.Client, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = management.get(f"/sandboxes/{name}/endpoints").json()["endpoints"]
    return found


def make_sandboxed(name: str) -> Environment:
    return make_environment("finops", options={sandboxes.OPTION: name})


def test_a_created_sandbox_is_listed_with_how_to_reach_it(management: httpx.Client) -> None:
    made = sandboxes.create(name=f"sales {uuid4()}", kind="dataverse", tenant_id=str(uuid4()))
    assert made in sandboxes.all_sandboxes()
    draft = made.draft()
    assert (draft.kind, draft.base_url, draft.tenant) == ("dataverse", made.base_url, made.tenant_id)
    assert made.client_secret not in repr(made)
    assert made.client_secret not in repr(draft)


def test_a_name_that_is_taken_is_refused(management: httpx.Client, finops: dict[str, Any]) -> None:
    with pytest.raises(PermanentError, match="already there"):
        sandboxes.create(name=finops["name"], kind="finops")


def test_an_address_is_known_as_the_sandbox_behind_it(management: httpx.Client, finops: dict[str, Any]) -> None:
    assert sandboxes.options_of(finops["base_url"]) == {"sandbox": finops["name"]}
    assert sandboxes.options_of("https://finance.example.com") == {}


def test_registering_twice_leaves_one_endpoint(management: httpx.Client, finops: dict[str, Any]) -> None:
    environment = make_sandboxed(finops["name"])
    for url in ("http://127.0.0.1:9/hooks/old/", "http://127.0.0.1:9/hooks/new/"):
        assert sandboxes.register_endpoint(environment, url=url, secret="secret")
    assert [found["url"] for found in endpoints(management, finops["name"])] == ["http://127.0.0.1:9/hooks/new/"]


def test_a_removed_endpoint_is_gone_and_removing_it_again_does_no_harm(
    management: httpx.Client, finops: dict[str, Any]
) -> None:
    environment = make_sandboxed(finops["name"])
    sandboxes.register_endpoint(environment, url="http://127.0.0.1:9/hooks/x/", secret="secret")
    assert sandboxes.remove_endpoint(environment)
    assert sandboxes.remove_endpoint(environment)
    assert endpoints(management, finops["name"]) == []


def test_a_sandbox_pushes_until_no_map_reads_any_of_its_tables(
    management: httpx.Client, finops: dict[str, Any]
) -> None:
    environment = make_sandboxed(finops["name"])
    maps = [make_map(make_link(left=environment)) for _ in range(2)]
    sandboxes.register_endpoint(environment, url="http://127.0.0.1:9/hooks/x/", secret="secret")
    CaptureCursor.objects.create(environment=environment, table=maps[0].left_table, subscription="sandbox")
    for map_, left in zip(maps, (1, 0), strict=True):
        EntityMap.objects.filter(pk=map_.pk).update(state=MapState.NOT_RUNNING)
        capture.end_unused(environment)
        assert len(endpoints(management, finops["name"])) == left


def test_an_environment_that_is_no_sandbox_is_left_to_its_administrator() -> None:
    environment = make_environment("finops")
    assert not sandboxes.register_endpoint(environment, url="https://example.com/", secret="secret")
    assert not sandboxes.remove_endpoint(environment)


def test_a_management_that_is_away_is_named_and_hinders_nothing_else(settings: Settings) -> None:
    settings.SANDBOX_URL = "http://127.0.0.1:9"
    assert sandboxes.options_of("http://127.0.0.1:9") == {}
    with pytest.raises(UnreachableError, match=r"do not answer at http://127\.0\.0\.1:9"):
        sandboxes.register_endpoint(make_sandboxed("any"), url="http://127.0.0.1:9/", secret="secret")

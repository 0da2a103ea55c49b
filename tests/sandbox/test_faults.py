"""What a sandbox does wrong on purpose: every switch that both kinds have, seen over HTTP."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import httpx
import pytest

from tests.sandbox.client import END, BatchAnswer, Client, part
from tests.sandbox.conftest import Management
from tests.sandbox.receiver import Receiver
from tests.sandbox.rows import error_of, make_account, make_group, number
from tests.stack import wait_until

PATHS = {"dataverse": "/api/data/v9.2", "finops": "/data"}


@pytest.fixture(params=["dataverse", "finops"])
def client(request: pytest.FixtureRequest, management: Management) -> Iterator[Client]:
    made: Client = request.getfixturevalue(request.param)
    made.sign_in()
    yield made
    management.faults(made.info)


@pytest.fixture
def faulty(management: Management, finops: Client) -> Iterator[Callable[..., None]]:
    """Sets faults of finops, which has none behind the test."""
    yield lambda **faults: management.faults(finops.info, **faults)
    management.faults(finops.info)


@pytest.fixture
def limit(management: Management, dataverse: Client) -> Iterator[Callable[..., None]]:
    """Sets these limits alone; behind the test the sandbox has none, and has forgotten what was asked of it."""

    def set_limits(**limits: float) -> None:
        off = {"requests": 0, "execution_s": 0, "concurrency": 0}
        management.done("PATCH", f"sandboxes/{dataverse.info['name']}", {"limits": {**off, **limits}})

    yield set_limits
    set_limits()


def write(client: Client, key: str) -> httpx.Response:
    """Make a row with this key."""
    if client.info["kind"] == "dataverse":
        return client.post("accounts", {"accountid": id_of(key), "accountnumber": key, "name": "Contoso"})
    return client.post("CustomerGroups", {"dataAreaId": "usmf", "CUSTOMERGROUPID": key, "DESCRIPTION": "Group"})


def id_of(key: str) -> str:
    return str(uuid5(NAMESPACE_URL, key))


def is_there(client: Client, key: str) -> bool:
    if client.info["kind"] == "dataverse":
        return client.get(f"accounts({id_of(key)})").status_code == 200
    return (
        client.get(f"CustomerGroups(dataAreaId='usmf',CUSTOMERGROUPID='{key}')?cross-company=true").status_code == 200
    )


def switches(management: Management, client: Client) -> dict[str, Any]:
    found: dict[str, Any] = management.done("GET", f"sandboxes/{client.info['name']}/faults")
    return found


def reads(client: Client, count: int) -> BatchAnswer:
    name = "accounts" if client.info["kind"] == "dataverse" else "CustomerGroups"
    one = part("GET", f"{PATHS[client.info['kind']]}/{name}?$top=1")
    return client.batch(one * count + END, Prefer="odata.continue-on-error")


def test_latency_is_fixed_and_jitter_comes_on_top(management: Management, client: Client) -> None:
    management.faults(client.info, latency_s=0.2)
    assert client.get("").elapsed.total_seconds() >= 0.2
    management.faults(client.info, jitter_s=0.5)
    times = [client.get("").elapsed.total_seconds() for _ in range(8)]
    assert max(times) - min(times) > 0.05


def test_share_of_calls_is_refused_under_load(management: Management, client: Client) -> None:
    management.faults(client.info, load_percent=30, retry_after_s=9)
    answers = [client.get("") for _ in range(20)]
    refused = [one for one in answers if one.status_code == 429]
    assert len(refused) == 6
    assert {one.headers["Retry-After"] for one in refused} == {"9"}


def test_gateway_answers_html_502(management: Management, client: Client) -> None:
    management.faults(client.info, bad_gateway=2)
    answers = [client.get("") for _ in range(3)]
    assert [one.status_code for one in answers] == [502, 502, 200]
    assert answers[0].headers["Content-Type"] == "text/html"
    assert switches(management, client)["bad_gateway"] == 0


def test_connection_dropped_before_the_commit_writes_nothing(management: Management, client: Client) -> None:
    key = number()
    management.faults(client.info, drop_before=1)
    with pytest.raises(httpx.TransportError):
        write(client, key)
    assert not is_there(client, key)
    assert write(client, key).status_code in (201, 204)


def test_connection_dropped_after_the_commit_has_written(management: Management, client: Client) -> None:
    key = number()
    management.faults(client.info, drop_after=1)
    with pytest.raises(httpx.TransportError):
        write(client, key)
    assert is_there(client, key)
    assert write(client, key).status_code in (400, 412)


def test_dropped_connections_do_not_touch_reads(management: Management, client: Client) -> None:
    management.faults(client.info, drop_before=1, drop_after=1)
    assert client.get("").status_code == 200


def test_token_can_expire_in_the_middle_of_a_batch(management: Management, client: Client) -> None:
    client.sign_in()
    management.faults(client.info, expire_tokens_after=3)  # the batch itself, and two of its parts
    answer = reads(client, 4)
    assert answer.statuses == [200, 401, 401, 401]
    assert client.get("").status_code == 401
    client.sign_in()
    assert client.get("").status_code == 200


def test_read_only_sandbox_refuses_every_write(management: Management, client: Client) -> None:
    key = number()
    management.faults(client.info, is_read_only=True)
    answer = write(client, key)
    assert answer.status_code == 400
    assert "read-only" in answer.text
    assert not is_there(client, key)


def test_sandbox_is_down_for_some_seconds(management: Management, client: Client) -> None:
    management.faults(client.info, down_s=0.5)
    assert client.get("").status_code == 503
    assert 0 < switches(management, client)["down_s"] <= 0.5
    wait_until(what="the sandbox to answer again", found=lambda: client.get("").status_code == 200)


def test_sign_in_can_be_refused(management: Management, client: Client) -> None:
    management.faults(client.info, refuses_tokens=True)
    assert client.sign_in().status_code == 401


def test_events_come_twice_on_purpose(faulty: Callable[..., None], finops: Client, told: Receiver) -> None:
    faulty(double_every=2)
    groups = [make_group(finops) for _ in range(2)]
    found = [message["KeyValues"]["CUSTOMERGROUPID"] for message in told.wait(4)[1:]]
    assert sorted(found) == sorted([groups[0], groups[1], groups[1]])


def test_events_come_out_of_order_on_purpose(faulty: Callable[..., None], finops: Client, told: Receiver) -> None:
    faulty(shuffle_s=0.6)
    first, second = make_group(finops), make_group(finops)
    found = [message["KeyValues"]["CUSTOMERGROUPID"] for message in told.wait(3)[1:]]
    assert found == [second, first]


# --- service protection


def test_requests_over_the_limit_are_told_how_long_to_wait(limit: Callable[..., None], dataverse: Client) -> None:
    limit(requests=3, window_s=1.0)
    statuses = [dataverse.get("WhoAmI") for _ in range(5)]
    assert [one.status_code for one in statuses] == [200, 200, 200, 429, 429]
    assert error_of(statuses[3]) == (429, "0x80072322")
    assert int(statuses[3].headers["Retry-After"]) == 1
    wait_until(what="the window to have room", found=lambda: dataverse.get("WhoAmI").status_code == 200)


def test_execution_time_over_the_limit_has_a_code_of_its_own(limit: Callable[..., None], dataverse: Client) -> None:
    limit(execution_s=0.0001)
    dataverse.get("WhoAmI")
    assert error_of(dataverse.get("WhoAmI")) == (429, "0x80072321")


def test_rate_headers_count_down(limit: Callable[..., None], dataverse: Client) -> None:
    limit(requests=100, execution_s=50)
    left = [dataverse.get("WhoAmI").headers for _ in range(2)]
    first, second = (int(one["x-ms-ratelimit-burst-remaining-xrm-requests"]) for one in left)
    assert second == first - 1
    assert float(left[1]["x-ms-ratelimit-time-remaining-xrm-requests"]) <= 50


def test_finops_has_no_limits_per_user(finops: Client) -> None:
    answers = [finops.get("") for _ in range(60)]
    assert {one.status_code for one in answers} == {200}


def test_refused_calls_leave_rows_alone(management: Management, dataverse: Client) -> None:
    row = make_account(dataverse)
    management.faults(dataverse.info, throttle=1)
    assert dataverse.delete(f"accounts({row})").status_code == 429
    assert dataverse.get(f"accounts({row})").status_code == 200

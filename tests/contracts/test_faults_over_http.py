"""Environments that throttle, are away, refuse sign-in or answer late: nothing is lost, nothing is guessed."""

import threading
from dataclasses import replace

import pytest

from syncengine.connectors import connect
from syncengine.errors import CatalogError, CredentialsError, ErrorClass, ThrottledError, UnreachableError
from tests.contracts.sandboxes import Sandboxes, sandbox_world
from tests.contracts.world import World


def test_expired_token_is_renewed_without_notice(sandboxes: Sandboxes, kind: str, http_world: World) -> None:
    http_world.connector.count(http_world.groups, None)
    sandboxes.ask("POST", f"/sandboxes/contract {kind}/expire-tokens")
    assert http_world.connector.count(http_world.things, http_world.mine) == 0


def test_short_throttle_is_waited_for(sandboxes: Sandboxes, kind: str, http_world: World) -> None:
    sandboxes.set_faults(kind, throttle=1, retry_after_s=1)
    assert http_world.connector.count(http_world.things, http_world.mine) == 0


def test_long_throttle_raises_in_reads_and_postpones_in_writes(
    sandboxes: Sandboxes, kind: str, http_world: World
) -> None:
    thing = http_world.thing("a")
    sandboxes.set_faults(kind, throttle=2, retry_after_s=60)
    with pytest.raises(ThrottledError):
        http_world.connector.count(http_world.things, http_world.mine)
    outcome = http_world.write(creates=[thing])
    assert outcome.later.height == 1
    assert http_world.write(creates=[thing]).written.height == 1


def test_service_that_is_down_raises_in_reads_and_postpones_in_writes(
    sandboxes: Sandboxes, kind: str, http_world: World
) -> None:
    http_world.connector.count(http_world.groups, None)
    sandboxes.set_faults(kind, is_down=True)
    with pytest.raises(UnreachableError):
        http_world.connector.count(http_world.things, http_world.mine)
    assert http_world.write(creates=[http_world.thing("a")]).later.height == 1


def test_refused_sign_in_is_a_credentials_error(sandboxes: Sandboxes, kind: str, http_world: World) -> None:
    sandboxes.ask("POST", f"/sandboxes/contract {kind}/expire-tokens")
    sandboxes.set_faults(kind, refuses_tokens=True)
    with pytest.raises(CredentialsError):
        http_world.connector.count(http_world.things, http_world.mine)


def test_slow_service_times_out_as_unreachable(sandboxes: Sandboxes, kind: str) -> None:
    settings = replace(sandboxes.settings[kind], options={"timeout_s": "0.3"})
    connector = connect(settings)
    sandboxes.set_faults(kind, latency_s=1.0)
    with pytest.raises(UnreachableError):
        connector.clock_offset_s()
    connector.close()
    sandboxes.set_faults(kind)


def test_rule_error_of_status_500_is_a_refusal_too(sandboxes: Sandboxes) -> None:
    world = sandbox_world(sandboxes, "finops")
    sandboxes.ask("PATCH", "/sandboxes/contract finops", json={"refuses_with_500": True})
    world.refuse("name", "bad", "No such names")
    outcome = world.write(creates=[world.thing("a", name="bad")])
    sandboxes.ask("PATCH", "/sandboxes/contract finops", json={"refuses_with_500": False})
    world.lift()
    world.connector.close()
    assert outcome.refused.select("message", "error_class").row(0) == ("No such names.", ErrorClass.BUSINESS)


def test_table_that_is_not_there_is_a_catalog_error(http_world: World) -> None:
    gone = replace(http_world.things, name="nothings")
    with pytest.raises(CatalogError):
        http_world.connector.count(gone, None)


def test_rows_written_while_the_delta_is_read_are_all_told(sandboxes: Sandboxes) -> None:
    world = sandbox_world(sandboxes, "dataverse")
    cursor = world.connector.poll(world.things, columns=[], cursor=None).cursor
    written: list[str] = []
    things = [[world.thing(f"{writer}-{number}") for number in range(5)] for writer in range(4)]
    writers = [threading.Thread(target=lambda mine=mine: written.extend(world.put(*mine))) for mine in things]
    for writer in writers:
        writer.start()
    told: set[str] = set()
    is_over = False
    while not is_over:
        is_over = not any(writer.is_alive() for writer in writers)  # then one more poll, behind the last commit
        poll = world.connector.poll(world.things, columns=[], cursor=cursor)
        told, cursor = told | set(poll.events["row_id"]), poll.cursor
    world.connector.close()
    assert len(written) == 20
    assert set(written) <= told

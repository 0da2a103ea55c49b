"""How every connector tells of changes: polling from a cursor on, and pushed messages."""

import polars as pl
import pytest

from syncengine.connectors.base import EVENT_SCHEMA, Poll
from syncengine.errors import CursorExpiredError, PermanentError
from tests.contracts.world import World


def poll_all(world: World, cursor: str) -> tuple[dict[str, str], str]:
    """What happened to each row since the cursor, and the cursor to go on from."""
    events, cursor = poll_events(world, cursor)
    return dict(events.select("row_id", "operation").rows()), cursor


def poll_events(world: World, cursor: str) -> tuple[pl.DataFrame, str]:
    """The events of this test's rows since the cursor, and the cursor to go on from."""
    events = []
    while True:
        poll = world.connector.poll(world.things, columns=["code"], cursor=cursor)
        assert poll.events.schema == pl.Schema(EVENT_SCHEMA)
        events.append(mine(world, poll))
        cursor = poll.cursor
        if not poll.has_more:
            return pl.concat(events), cursor


def mine(world: World, poll: Poll) -> pl.DataFrame:
    """Its events of this test's rows: polling by time also tells what other tests did a moment ago."""
    if not world.has_natural_ids:
        return poll.events
    return poll.events.filter(pl.col("row_id").str.contains(world.prefix, literal=True))


def start(world: World) -> str:
    """A cursor that stands for now, with nothing left to tell."""
    first: Poll = world.connector.poll(world.things, columns=["code"], cursor=None)
    assert first.events.is_empty()
    return poll_all(world, first.cursor)[1]


def test_traits_say_what_polling_sees(world: World) -> None:
    traits = world.connector.capture_traits(world.things)
    assert traits.polls
    assert traits.polls_deletes is not world.has_natural_ids


def test_creates_and_updates_are_told(world: World) -> None:
    (old,) = world.put(world.thing("old"))
    cursor = start(world)
    (new,) = world.put(world.thing("new"))
    world.change(old, name="x")
    events, _ = poll_all(world, cursor)
    assert events == {old: "upsert", new: "upsert"}


def test_event_carries_the_version_after_the_change(world: World) -> None:
    cursor = start(world)
    (row_id,) = world.put(world.thing("a"))
    events, _ = poll_events(world, cursor)
    assert events.select("row_id", "version").rows() == [(row_id, world.version(row_id))]


def test_told_changes_are_not_told_again(world: World) -> None:
    cursor = start(world)
    world.put(world.thing("a"))
    _, cursor = poll_all(world, cursor)
    assert poll_all(world, cursor)[0] == {}


def test_same_cursor_tells_the_same_again(world: World) -> None:
    cursor = start(world)
    (row_id,) = world.put(world.thing("a"))
    assert [poll_all(world, cursor)[0] for _ in range(2)] == [{row_id: "upsert"}] * 2


def test_row_changed_twice_between_polls_is_told_in_its_last_state(world: World) -> None:
    cursor = start(world)
    (row_id,) = world.put(world.thing("a"))
    world.change(row_id, name="x")
    events, _ = poll_all(world, cursor)
    assert events == {row_id: "upsert"}


def test_deletes_are_told_where_the_traits_say_so(world: World) -> None:
    (row_id,) = world.put(world.thing("a"))
    cursor = start(world)
    world.delete(row_id)
    events, _ = poll_all(world, cursor)
    sees = world.connector.capture_traits(world.things).polls_deletes
    assert events == ({row_id: "delete"} if sees else {})
    assert row_id not in pl.concat(world.connector.listing(world.things))["_row_id"].to_list()


def test_many_changes_come_without_loss(world: World) -> None:
    cursor = start(world)
    ids = world.put(*(world.thing(number) for number in range(250)))
    events, _ = poll_all(world, cursor)
    assert events == dict.fromkeys(ids, "upsert")


def test_cursor_that_is_not_known_has_expired(world: World) -> None:
    cursor = start(world)
    with pytest.raises(CursorExpiredError):
        world.connector.poll(world.things, columns=["code"], cursor=cursor.replace(cursor[-6:], "zz"))


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"a":1}', b"\xff\xfe"])
def test_something_else_than_a_notification_is_a_named_problem(world: World, body: bytes) -> None:
    with pytest.raises(PermanentError):
        world.connector.read_notification(body, [world.things])


def test_subscribing_twice_leaves_one_registration(world: World) -> None:
    columns = {world.things.name: ["code", "name"]}
    made = [
        world.connector.subscribe([world.things], url="http://127.0.0.1:9/hook", secret="s", columns=columns)
        for _ in range(2)
    ]
    assert made[0] == made[1]
    assert [each.table for each in made[0]] == [world.things.name]
    if not made[0][0].is_ours:
        assert "http://127.0.0.1:9/hook" in made[0][0].note
    for _ in range(2):
        world.connector.unsubscribe(made[0])

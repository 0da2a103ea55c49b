"""Pushed messages, from a real sender to a real receiver."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from queue import Empty, Queue

import polars as pl
import pytest

from tests.contracts.sandboxes import Sandboxes, sandbox_world
from tests.contracts.world import World


@contextmanager
def listening() -> Iterator[tuple[str, "Queue[tuple[dict[str, str], bytes]]"]]:
    """An address, and the messages that come to it: headers (names in lower case) and body."""
    messages: Queue[tuple[dict[str, str], bytes]] = Queue()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            messages.put(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/hook", messages
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def next_events(world: World, messages: "Queue[tuple[dict[str, str], bytes]]") -> tuple[dict[str, str], pl.DataFrame]:
    """The headers and events of the next message that has any."""
    while True:
        headers, body = messages.get(timeout=20)
        events = world.connector.read_notification(body, [world.things])
        if not events.is_empty():
            return headers, events


def test_pushed_webhooks_tell_each_change_once_with_secret_and_mark(sandboxes: Sandboxes) -> None:
    world = sandbox_world(sandboxes, "dataverse")
    with listening() as (url, messages):
        columns = {world.things.name: ["code", "name"]}
        made = world.connector.subscribe([world.things], url=url, secret='s&"cret', columns=columns)
        assert world.connector.subscribe([world.things], url=url, secret='s&"cret', columns=columns) == made
        row_id = world.write(creates=[world.thing("a")], mark="OURS").written["_row_id"].item()
        headers, events = next_events(world, messages)
        assert headers["x-twofold-secret"] == 's&"cret'
        assert events.select("row_id", "operation", "origin").row(0) == (row_id, "upsert", "OURS")
        world.change(row_id, quantity=1)  # not a mapped column
        world.change(row_id, name="x")
        assert next_events(world, messages)[1].select("row_id", "operation").row(0) == (row_id, "upsert")
        world.delete(row_id)
        assert next_events(world, messages)[1].select("row_id", "operation").row(0) == (row_id, "delete")
        world.connector.unsubscribe(made)
        world.put(world.thing("b"))
        with pytest.raises(Empty):
            messages.get(timeout=0.5)
    world.connector.close()


def test_changed_columns_change_the_registration(sandboxes: Sandboxes) -> None:
    world = sandbox_world(sandboxes, "dataverse")
    with listening() as (url, messages):
        made = [
            world.connector.subscribe([world.things], url=url, secret="s", columns={world.things.name: columns})
            for columns in (["name"], ["quantity"])
        ]
        assert made[0] == made[1]
        (row_id,) = world.put(world.thing("a"))
        next_events(world, messages)
        world.change(row_id, name="x")
        world.change(row_id, quantity=5)
        events = next_events(world, messages)[1]
        assert events["row_id"].item() == row_id
        world.connector.unsubscribe(made[0])
        assert messages.empty()
    world.connector.close()


def test_pushed_business_events_tell_row_ids_and_test_messages_tell_nothing(sandboxes: Sandboxes) -> None:
    world = sandbox_world(sandboxes, "finops")
    with listening() as (url, messages):
        endpoint = {"name": "suite", "url": url, "secret_header": "x-twofold-secret", "secret": "s"}
        sandboxes.ask("POST", "/sandboxes/contract finops/endpoints", json=endpoint)
        headers, body = messages.get(timeout=20)
        assert headers["x-twofold-secret"] == "s"
        assert world.connector.read_notification(body, [world.things]).is_empty()
        (row_id,) = world.put(world.thing("a|B"))
        events = next_events(world, messages)[1]
        assert events.select("row_id", "operation", "version").row(0) == (row_id, "upsert", world.version(row_id))
        world.delete(row_id)
        assert next_events(world, messages)[1].select("row_id", "operation").row(0) == (row_id, "delete")
        sandboxes.ask("DELETE", "/sandboxes/contract finops/endpoints/suite")
    world.connector.close()

"""A table that is declared to running sandboxes is learned from their metadata, mapped and synced, over HTTP alone."""

from collections.abc import Iterator

import pytest
from django.utils import timezone

from syncengine.mapping.definition import KeyPart
from syncengine.models import Run, RunMap
from syncengine.pipeline.live import Lane, take_once
from syncengine.pipeline.load import Checkpoint, Load, steps
from syncengine.repository import journal
from syncengine.services import environments
from syncengine.services.database import raw
from syncengine.services.works import work_of
from syncengine.states import Side
from tests.contracts.sandboxes import Sandboxes, run_sandboxes
from tests.integration.make import make_link, make_map
from tests.integration.pairs import fence, line

pytestmark = pytest.mark.django_db

ADDED = {
    "finops": {
        "set": "Regions",
        "entity": "Region",
        "table": "RegionEntity",
        "label": "Regions",
        "key": ["REGIONID"],
        "columns": [
            {"name": "REGIONID", "type": "text", "length": 10, "required": True},
            {"name": "NAME", "type": "text", "length": 60},
        ],
    },
    "dataverse": {
        "set": "new_regions",
        "logical": "new_region",
        "label": "Region",
        "primary_id": "new_regionid",
        "primary_name": "new_name",
        "keys": [{"name": "code_key", "columns": ["new_code"]}],
        "columns": [
            {"name": "new_code", "type": "text", "length": 10, "required": True},
            {"name": "new_name", "type": "text", "length": 60},
        ],
    },
}
REGION_MAP = {
    "name": "Regions",
    "left_table": "Regions",
    "right_table": "new_regions",
    "key": (KeyPart(left="REGIONID", right="new_code"),),
    "fields": (line("REGIONID", "new_code"), line("NAME", "new_name")),
}


@pytest.fixture
def sandboxes(new_database: object) -> Iterator[Sandboxes]:
    with run_sandboxes(new_database()) as running:  # type: ignore[operator]
        yield running


def add_table(sandboxes: Sandboxes, kind: str) -> None:
    sandboxes.ask("POST", f"/sandboxes/contract {kind}/tables", json={"tables": [ADDED[kind]]})


def put_row(sandboxes: Sandboxes, kind: str, **row: str) -> None:
    sandboxes.ask("POST", f"/sandboxes/contract {kind}/tables/{ADDED[kind]['set']}/rows", json=[row])


def rows_of(connector, table, columns):
    chunk = next(connector.chunks(table, columns=columns, where=None))
    return set(chunk.rows.select(columns).iter_rows())


@pytest.fixture
def connectors(sandboxes):
    opened = {Side.LEFT: sandboxes.connector("finops"), Side.RIGHT: sandboxes.connector("dataverse")}
    yield opened
    for connector in opened.values():
        connector.close()


def test_a_table_added_to_running_sandboxes_is_mapped_and_synced(sandboxes, connectors, monkeypatch, tmp_path):
    add_table(sandboxes, "finops")
    add_table(sandboxes, "dataverse")
    put_row(sandboxes, "finops", REGIONID="N", NAME="North")
    link = make_link()
    sides = {link.left_id: Side.LEFT, link.right_id: Side.RIGHT}
    catalogs = {side: connectors[side].catalog() for side in Side}
    monkeypatch.setattr(environments, "open_connector", lambda environment: connectors[sides[environment.pk]])
    monkeypatch.setattr(environments, "catalog_of", lambda environment: catalogs[sides[environment.pk]])
    map_ = make_map(link, **REGION_MAP)
    work = work_of(map_, [map_])

    run_map = RunMap.objects.create(run=Run.objects.create(link=link), map=map_, position=0, master="right")
    load = Load(
        run_map_id=run_map.pk,
        work=work,
        folder=tmp_path / "spool",
        writes=True,
        fence=fence,
        save=lambda checkpoint: None,
        now=timezone.now,
    )
    assert list(steps(raw(), load, Checkpoint()))[-1].phase == "done"
    right = work.table(Side.RIGHT)
    assert rows_of(connectors[Side.RIGHT], right, ["new_code", "new_name"]) == {("N", "North")}

    start = connectors[Side.RIGHT].poll(right, columns=[], cursor=None)
    put_row(sandboxes, "dataverse", new_code="S", new_name="South")
    poll = connectors[Side.RIGHT].poll(right, columns=[], cursor=start.cursor)
    journal.append_events(raw(), link.right_id, poll.events)
    lane = Lane(lane_id=map_.lane_id, order=[map_.pk], works=lambda _: work, fence=fence, now=timezone.now)
    assert take_once(raw(), lane, limit=10) == 1
    left = rows_of(connectors[Side.LEFT], work.table(Side.LEFT), ["REGIONID", "NAME"])
    assert left == {("N", "North"), ("S", "South")}

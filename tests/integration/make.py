"""Rows of the portal's database for tests of the engine's SQL."""

from itertools import count
from typing import Any

import polars as pl

from syncengine.connectors.base import EVENT_SCHEMA
from syncengine.mapping.definition import Direction, FieldMapping, KeyPart, MapDefinition, to_json
from syncengine.models import EntityMap, Environment, Lane, Link, MapVersion
from syncengine.repository import bindings
from syncengine.services.database import raw
from syncengine.states import MapState

_numbers = count(1)


def make_environment(kind: str = "finops") -> Environment:
    number = next(_numbers)
    return Environment.objects.create(
        name=f"{kind} {number}",
        kind=kind,
        base_url=f"http://127.0.0.1:1/{number}",
        token_url="http://127.0.0.1:1/token",
        tenant="contoso",
        client_id="twofold",
        secret_encrypted="",
    )


def make_link(left: Environment | None = None, right: Environment | None = None) -> Link:
    left, right = left or make_environment("finops"), right or make_environment("dataverse")
    link = Link.objects.create(name=f"{left} ⇄ {right}", left=left, right=right)
    Lane.objects.create(link=link)
    return link


def make_definition(**changes: Any) -> MapDefinition:
    defaults = {
        "name": "Colors",
        "group": "Products",
        "description": "",
        "left_table": "ProductColors",
        "right_table": "msdyn_productcolors",
        "key": (KeyPart(left="COLORID", right="msdyn_productcolorname"),),
        "fields": (FieldMapping(left="COLORID", right="msdyn_productcolorname", direction=Direction.BOTH),),
    }
    return MapDefinition(**{**defaults, **changes})


def make_map(link: Link | None = None, state: MapState = MapState.RUNNING, **changes: Any) -> EntityMap:
    link = link or make_link()
    definition = make_definition(**{"name": f"Map {next(_numbers)}", **changes})
    map_ = EntityMap.objects.create(
        link=link,
        lane=link.lanes.get(),
        name=definition.name,
        left_table=definition.left_table,
        right_table=definition.right_table,
        state=state,
    )
    version = MapVersion.objects.create(map=map_, publisher="Test", number="1.0.0.0", definition=to_json(definition))
    map_.version = version
    map_.save()
    bindings.create_partition(raw(), map_.pk)
    return map_


def make_events(*rows: dict[str, Any]) -> pl.DataFrame:
    """Events of EVENT_SCHEMA: `row_id` and what differs from an upsert of ProductColors without a version."""
    defaults = dict.fromkeys(EVENT_SCHEMA) | {"table": "ProductColors", "operation": "upsert"}
    return pl.DataFrame([{**defaults, **row} for row in rows], schema=EVENT_SCHEMA)


def make_pairs(*rows: dict[str, Any]) -> pl.DataFrame:
    """Pairs as `bindings.save` takes them."""
    schema = {**bindings.BINDING_SCHEMA}
    del schema["state"]
    defaults = dict.fromkeys(schema) | {"left_base": "{}", "right_base": "{}"}
    return pl.DataFrame([{**defaults, **row} for row in rows], schema=schema)

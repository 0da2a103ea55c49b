"""Rows for tests, each with what a test needs to name and no more."""

from itertools import count
from typing import Any

from django.contrib.auth.models import Permission, User
from django.db import connection
from django.utils import timezone

from syncengine.mapping.definition import Direction, FieldMapping, KeyPart, MapDefinition, to_json
from syncengine.models import (
    AlertRule,
    Change,
    EntityMap,
    Environment,
    Lane,
    Link,
    LinkCompany,
    MapVersion,
    StoredCatalog,
    StoredSyncError,
)
from syncengine.repository import bindings
from syncengine.services import catalogs, secrets
from syncengine.services.database import raw
from syncengine.states import MapState, Side

NUMBERS = count(1)


def make_user(*permissions: str) -> User:
    user = User.objects.create_user(f"user{next(NUMBERS)}", password="x")
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    return user


def make_environment(kind: str = "finops", *, catalog: Any = None, **overrides: Any) -> Environment:
    number = next(NUMBERS)
    values: dict[str, Any] = {
        "name": f"{kind} {number}",
        "kind": kind,
        "base_url": f"http://{kind}{number}.test",
        "token_url": f"http://{kind}{number}.test/token",
        "tenant": "contoso",
        "client_id": "client",
        "secret_encrypted": secrets.encrypt("secret"),
        "organization_id": f"{kind}-{number}",
    }
    environment = Environment.objects.create(**values | overrides)
    if catalog is not None:
        StoredCatalog.objects.create(environment=environment, text=catalogs.to_text(catalog))
        environment.catalog_read_at = timezone.now()
        environment.save()
    return environment


def make_link(*, companies: tuple[str, ...] = ("usmf",), **overrides: Any) -> Link:
    values: dict[str, Any] = {"name": f"link {next(NUMBERS)}"}
    if "left" not in overrides:
        values["left"] = make_environment("finops")
    if "right" not in overrides:
        values["right"] = make_environment("dataverse")
    link = Link.objects.create(**values | overrides)
    Lane.objects.create(link=link)
    for code in companies:
        LinkCompany.objects.create(link=link, code=code)
    return link


def make_definition(**overrides: Any) -> MapDefinition:
    values: dict[str, Any] = {
        "name": "Colors",
        "group": "Products",
        "description": "",
        "left_table": "ProductColors",
        "right_table": "msdyn_productcolors",
        "key": (KeyPart(left="COLORID", right="msdyn_colorid"),),
        "fields": (
            FieldMapping(left="COLORID", right="msdyn_colorid", direction=Direction.BOTH),
            FieldMapping(left="COLORNAME", right="msdyn_name", direction=Direction.BOTH),
        ),
    }
    return MapDefinition(**values | overrides)


def make_map(
    link: Link | None = None, *, definition: MapDefinition | None = None, number: str = "1.0.0.0", **overrides: Any
) -> EntityMap:
    link = link or make_link()
    definition = definition or make_definition(name=f"map {next(NUMBERS)}")
    values: dict[str, Any] = {
        "name": definition.name,
        "left_table": definition.left_table,
        "right_table": definition.right_table,
        "state": MapState.RUNNING,
        "lane": link.lanes.get(),
    }
    made = EntityMap.objects.create(link=link, **values | overrides)
    made.version = MapVersion.objects.create(
        map=made, publisher="Twofold", number=number, definition=to_json(definition)
    )
    made.save(update_fields=["version"])
    bindings.create_partition(raw(), made.pk)
    return made


def make_error(map_: EntityMap, **overrides: Any) -> StoredSyncError:
    values: dict[str, Any] = {
        "side": Side.LEFT,
        "left_id": f"row {next(NUMBERS)}",
        "error_class": "data",
        "message": "Too long.",
    }
    return StoredSyncError.objects.create(map=map_, **values | overrides)


def make_change(map_: EntityMap, row_id: str, **overrides: Any) -> Change:
    values: dict[str, Any] = {"side": "left", "operation": "upsert", "state": "parked"} | overrides
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO syncengine_change (map_id, side, row_id, operation, state, waiting_table, waiting_key, due_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, coalesce(%s, now())) RETURNING id",
            [
                map_.pk,
                values["side"],
                row_id,
                values["operation"],
                values["state"],
                values.get("waiting_table"),
                values.get("waiting_key"),
                values.get("due_at"),
            ],
        )
        return Change.objects.get(pk=cursor.fetchone()[0])


def make_rule(link: Link, **overrides: Any) -> AlertRule:
    values: dict[str, Any] = {
        "name": f"rule {next(NUMBERS)}",
        "count": 3,
        "window_minutes": 15,
        "subscribers": ["ann@example.com"],
    }
    return AlertRule.objects.create(link=link, **values | overrides)

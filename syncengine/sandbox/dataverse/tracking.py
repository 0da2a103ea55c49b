"""Change tracking of a table, switched by its clients. Source: Dataverse Web API documentation, table definitions."""

import time
from dataclasses import replace
from typing import Any

import msgspec
from psycopg import Connection

from syncengine.sandbox.calls import Answer, Call, ServiceError
from syncengine.sandbox.dataverse import errors, metadata
from syncengine.sandbox.dataverse.payload import read_body
from syncengine.sandbox.registry import TableChange, save_settings
from syncengine.sandbox.site import Site


def change(site: Site, connection: Connection[Any], call: Call) -> Answer:
    """Switch the change tracking of a table, which makes its feed begin anew. Raises: ServiceError."""
    first, *rest = call.address.segments
    if first.key is None or rest:
        raise ServiceError(405, "Metadata of a sandbox is changed by its declarations.", code=errors.URI)
    shape = metadata.shape_of(site, first)
    wanted = read_body(call, shape).get("ChangeTrackingEnabled")
    if not isinstance(wanted, bool):
        raise errors.bad_payload(shape, "'ChangeTrackingEnabled' must be true or false.")
    if errors.table_of(shape).is_system:
        raise ServiceError(400, "Change tracking cannot be changed for this table.", code=errors.URI)
    made = TableChange(tracks_changes=wanted, changed_at=time.time())
    settings = msgspec.structs.replace(site.settings, table_changes={**site.settings.table_changes, shape.name: made})
    save_settings(connection, site.record.id, settings)
    site.replace_record(replace(site.record, settings=settings))
    return Answer(status=204)

"""The files with the rows that an import could not stage, and with the keys of those that it could not write."""

import csv
import io
from typing import Any
from uuid import UUID

from psycopg import Connection, sql

from syncengine.sandbox.finops.packages import blobs
from syncengine.sandbox.finops.packages.staging import STAGING
from syncengine.sandbox.shape import Shape
from syncengine.sandbox.site import Site


def make(site: Site, connection: Connection[Any], execution_id: str, shape: Shape, stage: str) -> UUID | None:
    """The file, made when it is first asked for; None when no row failed in this stage."""
    found = find(site, connection, execution_id, shape, stage)
    rows = [] if found else _rows(site, connection, execution_id, shape, stage)
    if not rows:
        return found
    names = list(rows[0]) if stage == STAGING else _key_names(shape, rows[0])
    out = io.StringIO()
    writer = csv.DictWriter(out, names, extrasaction="ignore", lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    blob_id = blobs.make(site, connection, name_of(execution_id, shape, stage), out.getvalue().encode("utf-8-sig"))
    connection.execute(
        sql.SQL("INSERT INTO {}._error_file VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING").format(
            sql.Identifier(site.schema)
        ),
        (execution_id, shape.name, stage, blob_id),
    )
    return blob_id


def find(site: Site, connection: Connection[Any], execution_id: str, shape: Shape, stage: str) -> UUID | None:
    row = connection.execute(
        sql.SQL("SELECT blob_id FROM {}._error_file WHERE (execution_id, set_name, stage) = (%s, %s, %s)").format(
            sql.Identifier(site.schema)
        ),
        (execution_id, shape.name, stage),
    ).fetchone()
    return UUID(str(row[0])) if row else None


def name_of(execution_id: str, shape: Shape, stage: str) -> str:
    kind = "Errors" if stage == STAGING else "ErrorKeys"
    return f"{shape.name}_{kind}_{execution_id}.csv"


def _rows(site: Site, connection: Connection[Any], execution_id: str, shape: Shape, stage: str) -> list[dict[str, str]]:
    """The failed rows as the package's file had them."""
    found = connection.execute(
        sql.SQL(
            "SELECT row FROM {}._execution_error WHERE execution_id = %s AND set_name = %s AND stage = %s ORDER BY id"
        ).format(sql.Identifier(site.schema)),
        (execution_id, shape.name, stage),
    )
    return [row for (row,) in found]


def _key_names(shape: Shape, row: dict[str, str]) -> list[str]:
    """The names of the key's fields, as the package's file writes them."""
    key = {one.name.lower() for one in shape.key}
    return [name for name in row if name.strip().lower() in key]

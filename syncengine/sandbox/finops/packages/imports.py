"""An import: the rows of a package are staged and then written, each by the rules for a write of its own.

Source: data management overview. A row whose key is there changes that row, another is created; one that is refused
leaves the others alone.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Any

import psycopg
from psycopg import Connection

from syncengine.sandbox.calls import ServiceError
from syncengine.sandbox.counts import Work
from syncengine.sandbox.declarations import FinopsTable
from syncengine.sandbox.finops import bulk, errors, keys, write
from syncengine.sandbox.finops.packages import blobs, definition_groups, package_csv, package_files, staging
from syncengine.sandbox.finops.packages.executions import Execution, Result, Status
from syncengine.sandbox.finops.packages.package_files import BadPackage, Part
from syncengine.sandbox.finops.packages.staging import TARGET, Staged, Tally
from syncengine.sandbox.shape import Shape
from syncengine.sandbox.site import Site

ROWS_A_TRANSACTION = 1_000
CLIENT = "packages"  # stands for the client in the counts


def run(site: Site, execution: Execution) -> Result:
    """Import the package, transaction by transaction. Raises: psycopg.Error when the database is away."""
    tally, message = Tally(), ""
    try:
        content, parts = _package(site, execution)
        for part in parts:
            _import(site, execution, part, package_files.read_file(content, part.file), tally)
    except BadPackage as error:
        message = str(error)
    staging.keep_failures(site, execution, tally)
    site.forget()
    counts = {"created": tally.created, "updated": tally.updated, "staged": tally.staged, "failed": tally.failed}
    return Result(status=Status.FAILED if message else tally.status, message=message, counts=counts)


def _package(site: Site, execution: Execution) -> tuple[bytes, list[Part]]:
    with site.reading() as connection:
        content = blobs.content_of(site, connection, execution.blob_id) if execution.blob_id else None
        group = definition_groups.find(site, connection, execution.group)
    if content is None:
        raise BadPackage("The package is gone.")
    return content, package_files.read_parts(content, tables_of(site), group.entities if group else [])


def tables_of(site: Site) -> list[FinopsTable]:
    """The entities that packages can hold."""
    return [table for table in site.stock.inventory.tables.values() if isinstance(table, FinopsTable)]


def _import(site: Site, execution: Execution, part: Part, content: bytes, tally: Tally) -> None:
    shape = site.stock.shapes[part.table.set]
    site.need([shape.name])
    rows = staging.staged(site, execution, shape, package_csv.read(content, part, shape), tally)
    if not execution.runs_target:
        tally.staged += sum(1 for _ in rows)
        return
    while some := list(islice(rows, ROWS_A_TRANSACTION)):
        with site.transaction() as connection:
            _write(site, connection, shape, some, tally)


def _write(site: Site, connection: Connection[Any], shape: Shape, rows: Sequence[Staged], tally: Tally) -> None:
    """Rows with a key that is there, or that an earlier row of these has, are changes."""
    known = _there(connection, shape, rows)
    new: list[Staged] = []
    changed: list[Staged] = []
    for one in rows:
        key = _key(shape, one.values)
        (changed if key in known else new).append(one)
        if key is not None:
            known.add(key)
    _create(site, connection, shape, new, tally)
    _update(site, connection, shape, changed, tally)


def _create(site: Site, connection: Connection[Any], shape: Shape, rows: Sequence[Staged], tally: Tally) -> None:
    """All at once, and one by one where some are refused."""
    if not rows:
        return
    try:
        with connection.transaction():
            write.create_rows(site, connection, shape, [_filled(one) for one in rows])
        created = len(rows)
    except (ServiceError, psycopg.DatabaseError) as error:
        _check_is_refusal(error)
        created = sum(
            _tried(
                site,
                connection,
                shape,
                one,
                tally,
                partial(write.create_rows, site, connection, shape, [_filled(one)]),
            )
            for one in rows
        )
    tally.created += created
    site.counts.add_work(Work.CREATES, CLIENT, created)


def _update(site: Site, connection: Connection[Any], shape: Shape, rows: Sequence[Staged], tally: Tally) -> None:
    """All at once where that is possible, else one by one."""
    if not rows:
        return
    if _changed_at_once(site, connection, shape, rows):
        updated = len(rows)
    else:
        updated = sum(
            _tried(site, connection, shape, one, tally, partial(_change, site, connection, shape, one)) for one in rows
        )
    tally.updated += updated
    site.counts.add_work(Work.UPDATES, CLIENT, updated)


def _changed_at_once(site: Site, connection: Connection[Any], shape: Shape, rows: Sequence[Staged]) -> bool:
    values = [one.values for one in rows]
    are_different = len({_key(shape, row) for row in values}) == len(rows)
    if not are_different or not bulk.can_change(site, connection, shape, values):
        return False
    try:
        with connection.transaction():
            bulk.change(site, connection, shape, values)
    except (ServiceError, psycopg.DatabaseError) as error:
        _check_is_refusal(error)
        return False
    return True


def _filled(one: Staged) -> dict[str, Any]:
    """What a create gets: an empty cell leaves the value to the service."""
    return {name: value for name, value in one.values.items() if name not in one.empty}


def _change(site: Site, connection: Connection[Any], shape: Shape, one: Staged) -> None:
    key = [(each, one.values[each.column]) for each in shape.key]
    write.change(site, connection, shape, key, dict(one.values))


def _tried(
    site: Site, connection: Connection[Any], shape: Shape, one: Staged, tally: Tally, work: Callable[[], Any]
) -> bool:
    """Whether it was done; what is refused is undone alone."""
    try:
        with connection.transaction():
            work()
    except (ServiceError, psycopg.DatabaseError) as error:
        _check_is_refusal(error)
        told = errors.translated(error, site.stock) if isinstance(error, psycopg.Error) else error
        tally.fail(errors.table_of(shape), TARGET, one.line, str(told))
        return False
    return True


def _check_is_refusal(error: Exception) -> None:
    """Raises: the error itself when the database is away."""
    if isinstance(error, psycopg.OperationalError):
        raise error


def _key(shape: Shape, values: Mapping[str, Any]) -> tuple[Any, ...] | None:
    """The key's values as keys are compared; None when the service is to number the row."""
    key = [values.get(one.column) for one in shape.key]
    if any(value in (None, "") for value in key):
        return None
    return tuple(value.lower() if isinstance(value, str) else value for value in key)


def _there(connection: Connection[Any], shape: Shape, rows: Sequence[Staged]) -> set[tuple[Any, ...]]:
    """Which of these rows' keys are taken."""
    asked = [key for one in rows if (key := _key(shape, one.values)) is not None]
    if not asked:
        return set()
    found = connection.execute(
        shape.composed(("taken keys",), lambda: keys.taken(shape, shape.key)),
        [[key[place] for key in asked] for place in range(len(shape.key))],
    )
    return set(found.fetchall())

"""The version of an entity's row: base64 of a quoted text with version and id of each data source's record.

Source: Finance and Operations OData documentation; `'0,5637144577;0,0'` as the service answers it.
"""

import base64
import re
from collections.abc import Collection, Sequence

from psycopg import sql

from syncengine.sandbox.calls import Call
from syncengine.sandbox.finops import errors
from syncengine.sandbox.shape import Shape

Versions = tuple[tuple[int, int], ...]  # version and id of each record
_ONE = sql.SQL("""'W/"' || encode(convert_to('''' || _recversion || ',' || _recid || '''', 'UTF8'), 'base64') || '"'""")
_SEVERAL = sql.SQL(
    """'W/"' || translate(encode(convert_to('''' || _recversion || ',' || _recid || (SELECT string_agg(';' || version"""
    """ || ',' || record, '' ORDER BY place) FROM unnest(_source_versions, _source_records) WITH ORDINALITY"""
    """ AS other (version, record, place)) || '''', 'UTF8'), 'base64'), E'\\n', '') || '"'"""
)
_TOUCH = sql.SQL("_touched = date_trunc('second', clock_timestamp()), _changed_by = pg_current_xact_id()")
_TOUCH_FIRST = sql.SQL("_recversion = _recversion + 1, {}").format(_TOUCH)
_ETAG = re.compile(r'(?:W/)?"([A-Za-z0-9+/=]{1,2000})"')
_VERSIONS = re.compile(r"'\d{1,18},\d{1,18}(?:;\d{1,18},\d{1,18})*'")


def etag(shape: Shape) -> sql.SQL:
    """The etag of a row of the table."""
    return _SEVERAL if errors.table_of(shape).sources else _ONE


def touch(shape: Shape, columns: Collection[str]) -> sql.Composable:
    """What an UPDATE of these columns sets besides: the version of each record that they lie in."""
    sources = errors.table_of(shape).sources
    if not sources:
        return _TOUCH_FIRST
    written = set(columns)
    touched = [place for place, source in enumerate(sources, start=1) if written & set(source.columns)]
    is_first = not touched or bool(written - {name for source in sources for name in source.columns})
    return sql.SQL(", ").join(
        [
            *(sql.SQL(f"_source_versions[{place}] = _source_versions[{place}] + 1") for place in touched),
            _TOUCH_FIRST if is_first else _TOUCH,
        ]
    )


def expected(call: Call) -> Versions | None:
    """The versions in If-Match; None without one. Raises: ServiceError when it is none of ours."""
    text = call.header("if-match").strip()
    if text in ("", "*"):
        return None
    outer = _ETAG.fullmatch(text)
    try:
        inner = base64.b64decode(outer[1], validate=True).decode("ascii") if outer else ""
    except ValueError:
        inner = ""
    if not _VERSIONS.fullmatch(inner):
        raise errors.version_differs()
    pairs = (pair.split(",") for pair in inner.strip("'").split(";"))
    return tuple((int(version), int(record)) for version, record in pairs)


def conditions(shape: Shape, versions: Versions | None) -> list[sql.Composable]:
    """That a row has these versions."""
    if versions is None:
        return []
    first, *others = versions
    found: list[sql.Composable] = [sql.SQL("_recversion = {} AND _recid = {}").format(*map(sql.Literal, first))]
    if others or errors.table_of(shape).sources:
        found.append(_others([version for version, _ in others], [record for _, record in others], shape))
    return found


def _others(versions: Sequence[int], records: Sequence[int], shape: Shape) -> sql.Composable:
    if len(versions) != len(errors.table_of(shape).sources):
        return sql.SQL("false")
    return sql.SQL("_source_versions = {}::bigint[] AND _source_records = {}::bigint[]").format(
        sql.Literal(list(versions)), sql.Literal(list(records))
    )

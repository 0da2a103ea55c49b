"""Rows of one side of a map, with their integration key and whether they pass."""

from collections.abc import Sequence

import polars as pl

from syncengine.frames import schema_of
from syncengine.mapping import lookups
from syncengine.mapping.compile import integration_key, written_key
from syncengine.mapping.keys import fold
from syncengine.pipeline.parents import texts_of
from syncengine.pipeline.work import Work
from syncengine.repository.rows import Database
from syncengine.states import Side

KEY, WRITTEN_KEY, INSIDE, COMPANY = "_key", "_written_key", "_inside", "_company"


def read(conn: Database, work: Work, side: Side, row_ids: Sequence[str]) -> pl.DataFrame:
    """The rows of these ids that exist, read now, in the shape of `judged`."""
    if not row_ids:
        return judged(conn, work, side, pl.DataFrame(schema=schema_of(work.table(side), work.columns(side))))
    rows = work.connectors[side].fetch(work.table(side), columns=work.columns(side), row_ids=row_ids)
    return judged(conn, work, side, rows)


def judged(conn: Database, work: Work, side: Side, rows: pl.DataFrame) -> pl.DataFrame:
    """The row frame with `_key` and `_written_key`, `_company` (folded, null for a global map) and `_inside`: it passes
    the map's filter on that side and belongs to a linked company. Right rows also get their look-up paths as text
    columns."""
    if side is Side.RIGHT:
        rows = expanded(conn, work, rows)
    company = _company(work, side)
    inside = work.compiled.passes(side)
    if work.companies is not None:
        inside = inside & company.is_in(list(work.companies)).fill_null(False)
    return rows.with_columns(
        integration_key(work.compiled, side).alias(KEY),
        written_key(work.compiled, side).alias(WRITTEN_KEY),
        company.alias(COMPANY),
        inside.alias(INSIDE),
    )


def expanded(conn: Database, work: Work, rows: pl.DataFrame) -> pl.DataFrame:
    """Right rows with the text behind each look-up path; null where the row behind it is unknown."""
    needed = lookups.needed_ids(work.compiled, rows)
    texts = {lookup: texts_of(conn, work, lookup, ids) for lookup, ids in needed.items()}
    return lookups.expand(work.compiled, rows, texts).rows


def _company(work: Work, side: Side) -> pl.Expr:
    company = work.compiled.definition.company
    if company is None:
        return pl.lit(None, dtype=pl.String)
    name = work.compiled.left_name(company.left) if side is Side.LEFT else company.right
    return fold(pl.col(name))

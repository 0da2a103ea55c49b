"""A part written row by row inside the database: one round trip that names every row which cannot be written.

The loop is a function of the session alone (`pg_temp`); each row stands in a subtransaction of its own.
"""

from typing import Any

import polars as pl
from psycopg import sql

from syncengine.connectors.outcomes import Results
from syncengine.connectors.postgres import statements
from syncengine.connectors.postgres.errors import is_passing, refusal_of
from syncengine.connectors.postgres.parts import Action, Part, back_names
from syncengine.connectors.postgres.read import same_key
from syncengine.connectors.postgres.refusals import CHANGED_SINCE, MISSING, SWALLOWED
from syncengine.connectors.postgres.session import Database
from syncengine.connectors.postgres.staging import stage, staged
from syncengine.errors import TransientError

_SAID = {"changed": CHANGED_SINCE, "missing": MISSING, "swallowed": SWALLOWED}  # beside the codes of PostgreSQL

_LOOP = """
CREATE OR REPLACE FUNCTION pg_temp.twofold_row_by_row(OUT n text, OUT code text, OUT message text, OUT detail text,
                                                      OUT key text[]) RETURNS SETOF record LANGUAGE plpgsql AS {body}
"""
_BODY = """
DECLARE
    d record;
BEGIN
    FOR d IN SELECT * FROM {stage} AS s ORDER BY s.n::bigint LOOP
        n := d.n; code := ''; message := ''; detail := ''; key := NULL;
        BEGIN
            {write} RETURNING {key} INTO key;
            IF NOT FOUND THEN
                PERFORM FROM {table} t WHERE {same};
                code := CASE WHEN {inserts} THEN 'swallowed' WHEN NOT FOUND THEN 'missing' ELSE 'changed' END;
            END IF;
        EXCEPTION WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
        END;
        RETURN NEXT;
    END LOOP;
END
"""
"""`d` is the loop's row, so the statements read it as they read the table of that name."""


def write_row_by_row(database: Database, part: Part, results: Results) -> Part:
    """The rows that are written, with their keys; the others are entered as refused or postponed."""
    stage(database, part)
    database.execute(_function(part))
    found = database.execute("SELECT n, code, message, detail, key FROM pg_temp.twofold_row_by_row()").fetchall()
    is_delete = part.action is Action.DELETE
    kept = {}
    for n, code, message, detail, key in found:
        if not code or (code == "missing" and is_delete):
            kept[n] = key
        elif is_passing(code):
            results.postpone([int(n)], TransientError(message, code=code))
        else:
            refusal = _SAID.get(code) or refusal_of(code, message, detail=detail, deletes=is_delete)
            results.refuse(int(n), refusal)
    return part.only(part.rows.filter(pl.col("n").is_in(list(kept)))) if is_delete else _done(part, kept)


def _function(part: Part) -> sql.Composed:
    nothing = sql.SQL("(SELECT) AS one")
    write: Any = {
        Action.INSERT: lambda: statements.insert(part, nothing, creates_only=False),
        Action.UPDATE: lambda: statements.update(part, nothing),
        Action.DELETE: lambda: statements.delete(part, nothing),
    }[part.action]()
    body = sql.SQL(_BODY).format(
        stage=staged(part),
        write=write,
        key=sql.SQL("ARRAY[{}]").format(sql.SQL(", ").join(field.key_text("t") for field in part.shape.key)),
        table=part.shape.identifier,
        same=same_key(part.shape),
        inserts=part.action is Action.INSERT,
    )
    return sql.SQL(_LOOP).format(body=sql.Literal(body.as_string(None)))


def _done(part: Part, keys: dict[str, list[str]]) -> Part:
    names = back_names(part.shape)
    rows = pl.DataFrame(list(keys.values()), schema=dict.fromkeys(names, pl.String()), orient="row")
    return part.only(rows.with_columns(pl.Series("n", list(keys), dtype=pl.String)))

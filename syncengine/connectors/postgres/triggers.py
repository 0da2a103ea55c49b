"""The triggers that note changes: what is installed in a captured database, and taken away again.

All lies in the schema `twofold`: `captured` names the tables, `log_<oid>` holds the changes of one of them and
`note_<oid>` is the function behind its triggers. The functions run with the rights of who installed them, so that
whoever changes a captured table needs none in that schema, and with a fixed search path and fixed forms of values.

* Three statement triggers (insert, update, delete) read the transition tables; partitions have their own, as a
  statement that names a partition fires only those. An update notes every new key, and vanished old ones as deletes.
* A row trigger, called only when the key itself changed, notes the pair.
* TRUNCATE is noted as such: which rows went nobody can say, so the table has to be compared.
* Statement triggers do not fire for rows that logical replication brings. Row triggers that fire only then do.
* What we write ourselves is left out when the session names this table and this operation, and only at the first depth:
  cascades and triggers of the application inside our transaction are noted.
* A log that outgrows its limit takes one last line, "compare needed"; the application's writes never fail for it.
"""

from collections.abc import Iterator, Sequence
from uuid import uuid4

from psycopg import sql

from syncengine.catalog import Table
from syncengine.connectors.base import Subscription
from syncengine.connectors.postgres.metadata import OWN_SCHEMA, shape_of
from syncengine.connectors.postgres.session import FORMS, Database, Session
from syncengine.connectors.postgres.shape import Shape

CHANNEL = "twofold"
LOG_LIMIT_MB = 1_024
UPSERTED, DELETED, RENAMED, EMPTIED, OVERFLOWED = "u", "d", "k", "t", "x"  # operations of a log line
_PREFIX = "twofold_"
_S = sql.Identifier(OWN_SCHEMA)

_REGISTER = sql.SQL("""
CREATE TABLE IF NOT EXISTS {s}.captured (
    relation oid PRIMARY KEY,
    name text NOT NULL,
    installed text NOT NULL,
    trimmed xid8 NOT NULL DEFAULT '0'
);
""").format(s=_S)

_LOG = """
CREATE TABLE {log} (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    xact xid8 NOT NULL DEFAULT pg_current_xact_id(),
    operation "char" NOT NULL,
    key text[],
    new_key text[],
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    origin text
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000);
CREATE INDEX ON {log} (operation) WHERE operation IN ('t', 'x');
"""

_FUNCTION = """
CREATE OR REPLACE FUNCTION {note}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER {forms} AS {body};
REVOKE ALL ON FUNCTION {note}() FROM PUBLIC;
"""

_BODY = """
DECLARE
    origin_mark text := nullif(current_setting('twofold.origin', true), '');
BEGIN
    IF pg_trigger_depth() = 1 AND current_setting('twofold.writing', true) = {relation} || ':' || TG_OP THEN
        RETURN NULL;
    END IF;
    PERFORM pg_notify({channel}, {name});
    IF pg_relation_size({log_name}::regclass) > {limit} AND TG_OP <> 'TRUNCATE' THEN
        IF NOT EXISTS (SELECT FROM {log} WHERE operation = 'x') THEN
            INSERT INTO {log} (operation) VALUES ('x');
        END IF;
    ELSIF TG_OP = 'TRUNCATE' THEN
        INSERT INTO {log} (operation, origin) VALUES ('t', origin_mark);
    ELSIF TG_LEVEL = 'ROW' THEN
        IF TG_OP = 'INSERT' THEN
            INSERT INTO {log} (operation, key, origin) SELECT 'u', {new}, origin_mark FROM (SELECT NEW.*) n;
        ELSIF TG_OP = 'DELETE' THEN
            INSERT INTO {log} (operation, key, origin) SELECT 'd', {old}, origin_mark FROM (SELECT OLD.*) o;
        ELSIF {changed} THEN
            INSERT INTO {log} (operation, key, new_key, origin)
            SELECT 'k', {old}, {new}, origin_mark FROM (SELECT OLD.*) o, (SELECT NEW.*) n;
        ELSE
            INSERT INTO {log} (operation, key, origin) SELECT 'u', {new}, origin_mark FROM (SELECT NEW.*) n;
        END IF;
    ELSIF TG_OP = 'INSERT' THEN
        INSERT INTO {log} (operation, key, origin) SELECT 'u', {new}, origin_mark FROM twofold_new n;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO {log} (operation, key, origin) SELECT 'd', {old}, origin_mark FROM twofold_old o;
    ELSE
        INSERT INTO {log} (operation, key, origin) SELECT 'u', {new}, origin_mark FROM twofold_new n;
        INSERT INTO {log} (operation, key, origin) SELECT 'd', {old}, origin_mark FROM twofold_old o
        WHERE NOT EXISTS (SELECT FROM twofold_new n WHERE {same});
    END IF;
    RETURN NULL;
END
"""

_TRANSITIONS = {
    "INSERT": "NEW TABLE AS twofold_new",
    "UPDATE": "OLD TABLE AS twofold_old NEW TABLE AS twofold_new",
    "DELETE": "OLD TABLE AS twofold_old",
}
_PARTITIONS = sql.SQL("""
SELECT n.nspname, c.relname, c.oid, EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgname = %(trigger)s)
FROM pg_partition_tree(%(oid)s::oid::regclass) p JOIN pg_class c ON c.oid = p.relid
JOIN pg_namespace n ON n.oid = c.relnamespace WHERE p.level > 0 AND c.relkind IN ('r', 'p') ORDER BY p.level, c.oid
""")


def install(session: Session, tables: Sequence[Table]) -> list[Subscription]:
    """The tables are captured from now on; those that already are stay as they are.

    Raises: CatalogError, PermanentError where a right is missing.
    """
    made = []
    for table in tables:
        shape = shape_of(session, table)
        with session.transaction() as database:
            installed(database, session, shape)
        made.append(Subscription(table=table.name, handle=f"triggers on {table.name}"))
    return made


def installed(database: Database, session: Session, shape: Shape) -> str:
    """The name of this installation, made anew where the table has none; partitions without triggers get them."""
    database.execute(sql.SQL("SELECT pg_advisory_xact_lock(hashtext({}))").format(OWN_SCHEMA))
    _set_up(database)
    found = registered(database, shape)
    if found is None:
        found = _capture(database, session, shape)
    for partition in bare_partitions(database, shape):
        _create_triggers(database, shape, partition)
    return found


def _set_up(database: Database) -> None:
    """Whoever may not create schemas can be given this one."""
    if not database.execute(sql.SQL("SELECT FROM pg_namespace WHERE nspname = {}").format(OWN_SCHEMA)).fetchall():
        database.execute(sql.SQL("CREATE SCHEMA {}").format(_S))
    database.execute(_REGISTER)


def registered(database: Database, shape: Shape) -> str | None:
    query = sql.SQL("SELECT installed FROM {}.captured WHERE relation = {} AND name = {}").format(
        _S, shape.oid, shape.table.name
    )
    row = database.execute(query).fetchone()
    return str(row[0]) if row else None


def bare_partitions(database: Database, shape: Shape) -> list[sql.Identifier]:
    """Partitions without our triggers: new ones, or attached since."""
    if not shape.is_partitioned:
        return []
    rows = database.execute(_PARTITIONS, {"oid": shape.oid, "trigger": f"{_PREFIX}insert"})
    return [sql.Identifier(schema, name) for schema, name, _, has_triggers in rows if not has_triggers]


def log_of(shape: Shape) -> sql.Identifier:
    return sql.Identifier(OWN_SCHEMA, f"log_{shape.oid}")


def _capture(database: Database, session: Session, shape: Shape) -> str:
    """What an earlier name of the table left behind goes first."""
    limit_mb, name = session.number("log_limit_mb", LOG_LIMIT_MB), uuid4().hex
    database.execute(sql.SQL("DELETE FROM {}.captured WHERE relation = {}").format(_S, shape.oid))
    _drop(database, shape.oid)
    database.execute(sql.SQL(_LOG).format(log=log_of(shape)))
    database.execute(_function(shape, limit_bytes=limit_mb * 1_048_576))
    _create_triggers(database, shape, shape.identifier)
    for statement in _root_triggers(shape):
        database.execute(statement)
    database.execute(
        sql.SQL("INSERT INTO {}.captured (relation, name, installed) VALUES ({}, {}, {})").format(
            _S, shape.oid, shape.table.name, name
        )
    )
    return name


def _note(shape: Shape) -> sql.Identifier:
    return sql.Identifier(OWN_SCHEMA, f"note_{shape.oid}")


def _function(shape: Shape, *, limit_bytes: int) -> sql.Composed:
    body = sql.SQL(_BODY).format(
        relation=str(shape.oid),
        channel=CHANNEL,
        name=shape.table.name,
        log=log_of(shape),
        log_name=f"{OWN_SCHEMA}.log_{shape.oid}",
        limit=limit_bytes,
        new=_key(shape, "n"),
        old=_key(shape, "o"),
        changed=_changed(shape),
        same=sql.SQL(" AND ").join(
            sql.SQL("{} = {}").format(sql.Identifier("n", field.name), sql.Identifier("o", field.name))
            for field in shape.key
        ),
    )
    forms = [sql.SQL("SET {} = {}").format(sql.Identifier(name), FORMS[name]) for name in _FIXED]
    path = sql.SQL("SET search_path = {}").format(sql.SQL(FORMS["search_path"]))
    forms_and_path = sql.SQL(" ").join([path, *forms])
    return sql.SQL(_FUNCTION).format(note=_note(shape), forms=forms_and_path, body=sql.Literal(body.as_string(None)))


_FIXED = ("datestyle", "timezone", "intervalstyle", "bytea_output", "extra_float_digits")


def _key(shape: Shape, of: str) -> sql.Composed:
    return sql.SQL("ARRAY[{}]").format(sql.SQL(", ").join(field.key_text(of) for field in shape.key))


def _changed(shape: Shape) -> sql.Composed:
    tests = [sql.SQL("OLD.{0} IS DISTINCT FROM NEW.{0}").format(field.identifier) for field in shape.key]
    return sql.SQL("({})").format(sql.SQL(" OR ").join(tests))


def _create_triggers(database: Database, shape: Shape, table: sql.Identifier) -> None:
    """The statement triggers, on the table or one of its partitions."""
    for event, transition in _TRANSITIONS.items():
        database.execute(
            sql.SQL(
                "CREATE OR REPLACE TRIGGER {} AFTER {} ON {} REFERENCING {} FOR EACH STATEMENT EXECUTE FUNCTION {}()"
            ).format(_trigger(event), sql.SQL(event), table, sql.SQL(transition), _note(shape))
        )
    truncated = _trigger("truncate")
    database.execute(
        sql.SQL("CREATE OR REPLACE TRIGGER {} AFTER TRUNCATE ON {} FOR EACH STATEMENT EXECUTE FUNCTION {}()").format(
            truncated, table, _note(shape)
        )
    )
    database.execute(sql.SQL("ALTER TABLE {} ENABLE ALWAYS TRIGGER {}").format(table, truncated))


def _root_triggers(shape: Shape) -> Iterator[sql.Composed]:
    """The row triggers. PostgreSQL clones them to partitions, those to come as well."""
    renamed, replicated = _trigger("renamed"), _trigger("replicated")
    yield sql.SQL(
        "CREATE OR REPLACE TRIGGER {} AFTER UPDATE ON {} FOR EACH ROW WHEN ({}) EXECUTE FUNCTION {}()"
    ).format(renamed, shape.identifier, _changed(shape), _note(shape))
    yield sql.SQL(
        "CREATE OR REPLACE TRIGGER {} AFTER INSERT OR UPDATE OR DELETE ON {} FOR EACH ROW EXECUTE FUNCTION {}()"
    ).format(replicated, shape.identifier, _note(shape))
    yield sql.SQL("ALTER TABLE {} ENABLE REPLICA TRIGGER {}").format(shape.identifier, replicated)


def _trigger(event: str) -> sql.Identifier:
    return sql.Identifier(f"{_PREFIX}{event.lower()}")


def uninstall(session: Session, names: Sequence[str]) -> None:
    """Nothing of ours is left on these tables, and with the last of them the schema goes."""
    with session.transaction() as database:
        database.execute(sql.SQL("SELECT pg_advisory_xact_lock(hashtext({}))").format(OWN_SCHEMA))
        if database.execute(sql.SQL("SELECT to_regclass({})").format(f"{OWN_SCHEMA}.captured")).fetchone() == (None,):
            return
        found = database.execute(
            sql.SQL("DELETE FROM {}.captured WHERE name = ANY ({}) RETURNING relation").format(_S, list(names))
        ).fetchall()
        for (oid,) in found:
            _drop(database, oid)
        if not database.execute(sql.SQL("SELECT FROM {}.captured").format(_S)).fetchall():
            database.execute(sql.SQL("DROP TABLE {}.captured").format(_S))
            _drop_schema(database)


def _drop(database: Database, oid: int) -> None:
    """The function takes its triggers along, wherever they are."""
    database.execute(sql.SQL("DROP FUNCTION IF EXISTS {}.{}() CASCADE").format(_S, sql.Identifier(f"note_{oid}")))
    database.execute(sql.SQL("DROP TABLE IF EXISTS {}.{}").format(_S, sql.Identifier(f"log_{oid}")))


def _drop_schema(database: Database) -> None:
    """Unless somebody else put something into it, or it is not ours."""
    row = database.execute(
        sql.SQL(
            "SELECT pg_has_role(nspowner, 'USAGE') AND NOT EXISTS (SELECT FROM pg_class WHERE relnamespace = n.oid)"
            " AND NOT EXISTS (SELECT FROM pg_proc WHERE pronamespace = n.oid) FROM pg_namespace n WHERE nspname = {}"
        ).format(OWN_SCHEMA)
    ).fetchone()
    if row == (True,):
        database.execute(sql.SQL("DROP SCHEMA {}").format(_S))


def has_log(database: Database) -> bool:
    query = sql.SQL("SELECT to_regclass({}) IS NOT NULL").format(f"{OWN_SCHEMA}.captured")
    return database.execute(query).fetchone() == (True,)

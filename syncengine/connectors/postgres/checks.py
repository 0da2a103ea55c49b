"""Who a PostgreSQL database is and whether it can be used. Source: PostgreSQL documentation."""

import time

from psycopg import sql

from syncengine.connectors.base import Check, Identity
from syncengine.connectors.checks import CheckFailed, Probe, run_probes
from syncengine.connectors.postgres.metadata import OWN_SCHEMA
from syncengine.connectors.postgres.session import Session
from syncengine.errors import CredentialsError

MINIMUM_VERSION = 150_000
MOST_OFFSET_S = 60.0

_IDENTITY = sql.SQL("""
SELECT (SELECT system_identifier FROM pg_control_system())::text, d.oid::text, d.datname,
       current_setting('server_version')
FROM pg_database d WHERE d.datname = current_database()
""")
_RIGHTS = sql.SQL("""
SELECT count(*), count(*) FILTER (WHERE has_table_privilege(c.oid, 'SELECT')),
       count(*) FILTER (WHERE has_table_privilege(c.oid, 'INSERT') AND has_table_privilege(c.oid, 'UPDATE')
                          AND has_table_privilege(c.oid, 'DELETE')),
       count(*) FILTER (WHERE pg_has_role(c.relowner, 'USAGE'))
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname <> ALL (ARRAY['information_schema', %(own)s])
  AND n.nspname !~ '^pg_'
""")
_SCHEMA = sql.SQL("""
SELECT pg_has_role(n.nspowner, 'USAGE') FROM pg_namespace n WHERE n.nspname = %(own)s
""")


def identity(session: Session) -> Identity:
    """The server's own number and the database's, which stay the same through renames and upgrades of the host."""
    system, database, name, version = session.rows(_IDENTITY)[0]
    return Identity(organization_id=f"{system}-{database}", name=name, version=version)


def clock_offset_s(session: Session) -> float:
    session.rows(sql.SQL("SELECT 1"))  # the time to connect is no offset
    begun = time.time()
    theirs = float(session.rows(sql.SQL("SELECT extract(epoch FROM clock_timestamp())"))[0][0])
    return theirs - (begun + time.time()) / 2


def check(session: Session) -> list[Check]:
    return run_probes(
        [
            Probe(
                code="reachable",
                title="The database answers",
                remedy="Check host, port, the network, the firewall and that the server runs.",
                find=lambda: _reachable(session),
                needed=True,
            ),
            Probe(
                code="sign-in",
                title="Sign-in works",
                remedy="Check user, password and database name, and that pg_hba.conf lets this machine in.",
                find=lambda: _signed_in(session),
                needed=True,
            ),
            Probe(
                code="version",
                title="The version is recent enough",
                remedy="Use PostgreSQL 15 or later.",
                find=lambda: _version(session),
                needed=True,
            ),
            Probe(
                code="clock",
                title="The clocks agree",
                remedy="Let both machines take their time from the network (NTP).",
                find=lambda: _clock(session),
            ),
            Probe(
                code="schema",
                title=f"The schema {OWN_SCHEMA} is there or may be created",
                remedy=f"GRANT CREATE ON DATABASE …, or create the schema {OWN_SCHEMA} owned by this user.",
                find=lambda: _own_schema(session),
            ),
            Probe(
                code="temporary",
                title="Temporary tables may be created",
                remedy="GRANT TEMPORARY ON DATABASE … TO this user; large batches pass through them.",
                find=lambda: _temporary(session),
            ),
            Probe(
                code="tables",
                title="Tables may be read",
                remedy="GRANT SELECT, INSERT, UPDATE, DELETE ON the tables to map; capture needs their owner.",
                find=lambda: _rights(session),
            ),
            Probe(
                code="decoding",
                title="Logical decoding",
                remedy="Nothing needs to be done: changes are captured by triggers.",
                find=lambda: _decoding(session),
            ),
        ]
    )


def _reachable(session: Session) -> str:
    try:
        session.rows(sql.SQL("SELECT 1"))
    except CredentialsError:
        pass  # it answers; the next check tells the rest
    return "The server answers."


def _signed_in(session: Session) -> str:
    user, database = session.rows(sql.SQL("SELECT current_user::text, current_database()::text"))[0]
    return f"User {user} in database {database}."


def _version(session: Session) -> str:
    query = sql.SQL("SELECT current_setting('server_version_num')::int, current_setting('server_version')")
    number, text = session.rows(query)[0]
    if number < MINIMUM_VERSION:
        raise CheckFailed(f"{session.name} is PostgreSQL {text}; at least 15 is needed.")
    return f"PostgreSQL {text}."


def _clock(session: Session) -> str:
    offset_s = clock_offset_s(session)
    if abs(offset_s) > MOST_OFFSET_S:
        raise CheckFailed(f"The clock of {session.name} is {offset_s:.0f} s away from ours.")
    return f"{offset_s * 1000:.0f} ms apart."


def _own_schema(session: Session) -> str:
    found = session.rows(_SCHEMA, {"own": OWN_SCHEMA})
    if found and not found[0][0]:
        raise CheckFailed(f"The schema {OWN_SCHEMA} belongs to another role.")
    if not found and not _may(session, "CREATE"):
        raise CheckFailed(f"There is no schema {OWN_SCHEMA}, and this user may not create one.")
    return "It is there." if found else "It may be created."


def _temporary(session: Session) -> str:
    if not _may(session, "TEMPORARY"):
        raise CheckFailed("This user may not create temporary tables.")
    return "They may be created."


def _may(session: Session, right: str) -> bool:
    query = sql.SQL("SELECT has_database_privilege(current_database(), {})").format(right)
    return bool(session.rows(query)[0][0])


def _rights(session: Session) -> str:
    tables, readable, writable, owned = session.rows(_RIGHTS, {"own": OWN_SCHEMA})[0]
    if tables and not readable:
        raise CheckFailed(f"None of {tables} tables may be read.")
    return f"{tables} tables: {readable} may be read, {writable} written, {owned} captured."


def _decoding(session: Session) -> str:
    query = sql.SQL(
        "SELECT current_setting('wal_level'), rolreplication OR rolsuper FROM pg_roles WHERE rolname = current_user"
    )
    level, may_replicate = session.rows(query)[0]
    if level == "logical" and may_replicate:
        return "It could be had; triggers capture the changes."
    return f"Not to be had (wal_level {level}); triggers capture the changes."

"""The connection to one database: how it is reached and set up, and its transactions.

It is opened with the first call and again after it broke. Every value travels as text in the one form that the
settings below fix, whatever the database or the role has set.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import conninfo, sql

from syncengine.connectors.base import Settings
from syncengine.connectors.postgres.errors import translated
from syncengine.errors import PermanentError, SyncError

Database = psycopg.Connection[Any]
Query = sql.SQL | sql.Composed

CONNECT_S = 10
LOCK_S = 10
PASSED_ON = (
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "sslpassword",
    "service",
    "passfile",
    "target_session_attrs",
)
_KEEP_ALIVE: Mapping[str, int] = {
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}
FORMS: Mapping[str, str] = {
    "search_path": "pg_catalog, pg_temp",  # names of others cannot stand before those of the system
    "datestyle": "ISO, YMD",
    "timezone": "UTC",
    "intervalstyle": "postgres",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "xmlbinary": "base64",
    "row_security": "off",  # rows that a policy hides would look like deleted ones: an error instead
}


class Session:
    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._connection: Database | None = None
        self.remembered: dict[str, Any] = {}  # what was read about tables over this connection

    @property
    def name(self) -> str:
        return self.settings.name

    def open(self) -> Database:
        """The connection, outside of any transaction. Raises: UnreachableError, CredentialsError."""
        if self._connection is None or self._connection.closed or self._connection.broken:
            self.remembered.clear()
            self._connection = _connect(self.settings, lock_s=self.number("lock_timeout_s", LOCK_S))
        return self._connection

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self.remembered.clear()

    @contextmanager
    def database(self) -> Iterator[Database]:
        """The connection, with the driver's errors translated. Each statement commits by itself."""
        try:
            with translated(self.name):
                yield self.open()
        except SyncError:
            self.remembered.clear()  # a table may have been altered
            raise

    @contextmanager
    def transaction(self) -> Iterator[Database]:
        """A transaction, committed at the end, with the driver's errors translated."""
        with self.database() as database, database.transaction():
            yield database

    def number(self, option: str, otherwise: int) -> int:
        """An option of the environment as a number. Raises: PermanentError where it is none."""
        text = self.settings.options.get(option, "")
        if text and not (text.isascii() and text.isdigit()):
            raise PermanentError(f"{self.name}: the option {option} has to be a whole number.")
        return int(text) if text else otherwise

    def rows(self, statement: Query, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> list[tuple[Any, ...]]:
        with self.database() as database:
            return database.execute(statement, parameters or None).fetchall()


def _connect(settings: Settings, *, lock_s: int) -> Database:
    try:
        made = conninfo.make_conninfo(settings.base_url, **_parameters(settings))
    except psycopg.ProgrammingError as error:
        raise PermanentError(f"{settings.name}: the address is not one of a PostgreSQL database.") from error
    with translated(settings.name):
        connection = psycopg.connect(made, autocommit=True, prepare_threshold=None)
        try:
            _set_up(connection, lock_s)
        except BaseException:
            connection.close()
            raise
    return connection


def _parameters(settings: Settings) -> dict[str, str | int]:
    given = {"user": settings.client_id, "password": settings.secret}
    given |= {name: settings.options.get(name, "") for name in PASSED_ON}
    named: dict[str, str | int] = {name: value for name, value in given.items() if value}
    fixed: dict[str, str | int] = {
        "application_name": "twofold",
        "connect_timeout": CONNECT_S,
        "client_encoding": "UTF8",
    }
    return {**_KEEP_ALIVE, **fixed, **named}


def _set_up(connection: Database, lock_s: int) -> None:
    wanted = {**FORMS, "lock_timeout": f"{lock_s}s"}
    calls = sql.SQL(", ").join(
        sql.SQL("set_config({}, {}, false)").format(name, value) for name, value in wanted.items()
    )
    connection.execute(sql.SQL("SELECT {}").format(calls))


def to_json(values: Sequence[str]) -> str:
    return json.dumps(list(values), ensure_ascii=False)

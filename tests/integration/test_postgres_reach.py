"""How a PostgreSQL environment is reached, what it is, and what its checks say."""

from collections.abc import Callable
from dataclasses import replace

import psycopg
import pytest

from syncengine.connectors.base import Settings
from syncengine.connectors.postgres.connector import PostgresConnector
from syncengine.errors import CredentialsError, PermanentError, TransientError, UnreachableError
from tests.integration.databases import Side


def found(connector: PostgresConnector) -> dict[str, bool]:
    return {check.code: check.ok for check in connector.check()}


def test_user_and_password_stand_beside_the_address(side: Side) -> None:
    parts = psycopg.conninfo.conninfo_to_dict(side.url)
    address = f"postgresql:///{parts['dbname']}?host={parts['host']}"
    settings = Settings(
        kind="postgres", name="x", base_url=address, client_id=str(parts["user"]), secret=str(parts["password"])
    )
    connector = PostgresConnector(settings)
    assert all(found(connector).values())
    connector.close()


def test_identity_is_that_of_the_database_not_of_its_name(side: Side, make_side: Callable[..., Side]) -> None:
    other = make_side()
    one, two = side.connector.identity(), other.connector.identity()
    assert one.organization_id.split("-")[0] == two.organization_id.split("-")[0]
    assert one.organization_id != two.organization_id
    assert one.version.split(".")[0].isdigit()


def test_server_that_is_not_there_is_unreachable() -> None:
    connector = PostgresConnector(Settings(kind="postgres", name="x", base_url="postgresql://127.0.0.1:9/x"))
    with pytest.raises(UnreachableError, match="x:"):
        connector.identity()
    checks = connector.check()
    assert [check.ok for check in checks] == [False] * len(checks)


def test_wrong_password_is_a_matter_of_credentials(side: Side) -> None:
    parts = psycopg.conninfo.conninfo_to_dict(side.url)
    address = f"postgresql://{parts['user']}@/{parts['dbname']}?host={parts['host']}"
    connector = PostgresConnector(replace(side.settings, base_url=address, secret="wrong"))
    with pytest.raises(CredentialsError):
        connector.identity()
    assert found(connector)["reachable"]
    assert not found(connector)["sign-in"]


@pytest.mark.parametrize("address", ["https://x", "postgresql://host:port:1/x", "\x01", "postgresql://x?nothing=1"])
def test_address_of_something_else_is_a_named_problem(address: str) -> None:
    with pytest.raises((PermanentError, TransientError)):
        PostgresConnector(Settings(kind="postgres", name="x", base_url=address)).identity()


def test_database_that_is_gone_is_a_named_problem(side: Side) -> None:
    address = side.url.replace("/t_", "/gone_")
    with pytest.raises((PermanentError, TransientError), match="gone_"):
        PostgresConnector(replace(side.settings, base_url=address)).identity()


def test_cut_connection_is_opened_anew(side: Side) -> None:
    side.run("CREATE TABLE t (id int PRIMARY KEY)")
    table = side.table("public.t")
    side.admin().execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'twofold'"
        " AND datname = current_database()"
    )
    with pytest.raises(UnreachableError):
        side.connector.count(table, None)
    assert side.connector.count(table, None) == 0


def test_missing_rights_are_named(side: Side) -> None:
    admin = side.admin()
    database = psycopg.conninfo.conninfo_to_dict(side.url)["dbname"]
    admin.execute(f"ALTER DATABASE {database} OWNER TO postgres; REVOKE ALL ON DATABASE {database} FROM PUBLIC")
    admin.execute(f"GRANT CONNECT ON DATABASE {database} TO twofold")
    failed = {code for code, ok in found(side.connector).items() if not ok}
    assert failed == {"schema", "temporary"}


def test_rows_that_a_policy_hides_are_an_error_not_a_delete(side: Side) -> None:
    side.admin().execute(
        "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1); GRANT ALL ON t TO twofold;"
        "ALTER TABLE t ENABLE ROW LEVEL SECURITY"
    )
    with pytest.raises(PermanentError, match="policy"):
        side.connector.fetch(side.table("public.t"), columns=[], row_ids=["1"])


def test_settings_of_the_database_do_not_change_what_is_read(side: Side) -> None:
    database = psycopg.conninfo.conninfo_to_dict(side.url)["dbname"]
    side.run(f"ALTER DATABASE {database} SET datestyle = 'German'")
    side.run(f"ALTER DATABASE {database} SET timezone = 'Asia/Tokyo'")
    side.run(f"ALTER DATABASE {database} SET bytea_output = 'escape'")
    side.run(
        "CREATE TABLE t (id timestamptz PRIMARY KEY, b bytea); INSERT INTO t VALUES ('2026-01-01 00:00+00', '\\x00')"
    )
    cursor = side.start("public.t")
    with psycopg.connect(side.url, autocommit=True) as theirs:
        theirs.execute("UPDATE t SET b = '\\x01'")
    assert side.events("public.t", cursor) == {"2026-01-01 00:00:00+00": "upsert"}
    assert [row["b"] for row in side.rows("public.t", "b")] == ["\\x01"]

"""Sign-in and health addresses, without a process group."""

import psycopg
import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import connection
from django.test import Client

pytestmark = pytest.mark.django_db


def test_stranger_finds_the_sign_in_page(client: Client) -> None:
    assert client.get("/accounts/login/").status_code == 200


def test_wrong_password_signs_nobody_in(client: Client) -> None:
    get_user_model().objects.create_user("ann", password="right-one-here")
    client.post("/accounts/login/", {"username": "ann", "password": "wrong"})
    assert "_auth_user_id" not in client.session


def test_sign_in_and_out(client: Client) -> None:
    get_user_model().objects.create_user("ann", password="right-one-here")
    assert client.post("/accounts/login/", {"username": "ann", "password": "right-one-here"}).status_code == 302
    assert "_auth_user_id" in client.session
    assert client.get("/accounts/logout/").status_code == 405
    client.post("/accounts/logout/")
    assert "_auth_user_id" not in client.session


def test_pages_load_nothing_from_elsewhere(client: Client) -> None:
    headers = client.get("/accounts/login/").headers
    assert "script-src 'self'" in headers["Content-Security-Policy"]
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_health_needs_no_sign_in_and_no_database(client: Client, django_assert_num_queries: object) -> None:
    with django_assert_num_queries(0):  # type: ignore[operator]
        assert client.get("/healthz").content == b"ok\n"


def test_ready_means_that_the_journal_takes_rows(client: Client) -> None:
    answer = client.get("/readyz")
    assert (answer.status_code, answer.content) == (200, b"ready\n")


def test_read_only_database_is_not_ready(client: Client) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION READ ONLY")
    answer = client.get("/readyz")
    assert (answer.status_code, answer.content) == (503, b"not ready: the database is read-only\n")


def test_missing_journal_is_not_ready(client: Client) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE syncengine_change RENAME TO gone")
    assert client.get("/readyz").content == b"not ready: the journal is not there\n"


def test_first_administrator_is_made_once(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("first_administrator")
    password = capsys.readouterr().out.split("password ")[1].split()[0]
    admin = get_user_model().objects.get(username="admin")
    assert admin.is_superuser
    assert admin.check_password(password)
    call_command("first_administrator")
    assert capsys.readouterr().out == ""
    assert get_user_model().objects.count() == 1


def test_new_database_is_empty_and_owned_by_an_ordinary_role(new_database) -> None:  # type: ignore[no-untyped-def]
    with psycopg.connect(new_database()) as other:
        assert other.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (0,)
        assert other.info.parameter_status("is_superuser") == "off"

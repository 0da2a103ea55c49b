"""What need not be done again at each start, in `var/done.json`: it only saves time, losing it costs some seconds."""

import hashlib
import json
from typing import Any

import psycopg

from portal.stack.paths import PROJECT, Layout, replace_text


def read(place: Layout) -> dict[str, Any]:
    try:
        saved = json.loads(place.done.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return saved if isinstance(saved, dict) else {}


def note(place: Layout, **facts: object) -> None:
    replace_text(place.done, json.dumps({**read(place), **facts}, indent=1) + "\n")


def migrations_fingerprint(database_url: str) -> str:
    """One hash over the migrations that the code has and those that the database says it has.

    Unchanged since the last complete `migrate` means that there is nothing to do; a database restored from a backup,
    or another one, changes it.
    """
    digest = hashlib.sha256()
    for path in sorted((*PROJECT.glob("*/migrations/*.py"), PROJECT / "requirements.txt")):
        digest.update(f"{path.relative_to(PROJECT)}\n".encode() + path.read_bytes())
    for app, name in applied(database_url):
        digest.update(f"{app}.{name}\n".encode())
    return digest.hexdigest()


def applied(database_url: str) -> list[tuple[str, str]]:
    with psycopg.connect(database_url) as connection:
        if connection.execute("SELECT to_regclass('django_migrations')").fetchone() == (None,):
            return []
        return connection.execute("SELECT app, name FROM django_migrations ORDER BY 1, 2").fetchall()


def has_administrator(database_url: str) -> bool:
    with psycopg.connect(database_url) as connection:
        if connection.execute("SELECT to_regclass('auth_user')").fetchone() == (None,):
            return False
        row = connection.execute("SELECT EXISTS (SELECT FROM auth_user WHERE is_superuser)").fetchone()
        return row == (True,)


def static_fingerprint() -> str:
    """One hash over names, sizes and times of the static files, and over the packages that bring some."""
    digest = hashlib.sha256((PROJECT / "requirements.txt").read_bytes())
    for path in sorted(PROJECT.glob("static/**/*")):
        if path.is_file():
            found = path.stat()
            digest.update(f"{path} {found.st_size} {found.st_mtime_ns}\n".encode())
    return digest.hexdigest()

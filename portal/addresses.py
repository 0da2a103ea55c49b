"""Addresses of services as the environment names them, in the shapes that Django and Celery want."""

from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit

from psycopg.conninfo import conninfo_to_dict


def database_settings(url: str) -> dict[str, object]:
    """Django's settings of a database for a libpq address; a Unix socket's folder is its host."""
    parts = {name: str(value) for name, value in conninfo_to_dict(url).items() if value is not None}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.pop("dbname", "twofold"),
        "USER": parts.pop("user", ""),
        "PASSWORD": parts.pop("password", ""),
        "HOST": parts.pop("host", ""),
        "PORT": parts.pop("port", ""),
        "OPTIONS": parts,
        "CONN_MAX_AGE": 600,
        "CONN_HEALTH_CHECKS": True,
    }


def broker_url(redis_url: str) -> str:
    """Celery's spelling of a Redis address: it differs for Unix sockets only."""
    parts = urlsplit(redis_url)
    if parts.scheme != "unix":
        return redis_url
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    query = urlencode({"virtual_host": options.pop("db", "0"), **options})
    return urlunsplit(("redis+socket", parts.netloc, parts.path, query, ""))


def cache_url(redis_url: str) -> str:
    """The address of the cache: the database after the broker's, so that emptying the cache keeps the queues."""
    parts = urlsplit(redis_url)
    if parts.scheme == "unix":
        options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        options["db"] = str(int(options.get("db", "0")) + 1)
        return urlunsplit(parts._replace(query=urlencode(options)))
    return urlunsplit(parts._replace(path=f"/{int(parts.path.strip('/') or '0') + 1}"))

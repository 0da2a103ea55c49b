"""Refusals of the database in the words of the service at hand, for work that the management does."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import Connection

from syncengine.sandbox.dataverse import errors as dataverse
from syncengine.sandbox.declarations import Kind
from syncengine.sandbox.finops import errors as finops
from syncengine.sandbox.site import Site


@contextmanager
def transaction(site: Site) -> Iterator[Connection[Any]]:
    """A transaction of the sandbox. Raises: ServiceError for what the database refuses."""
    try:
        with site.transaction() as connection:
            yield connection
    except psycopg.Error as error:
        translated = finops.translated if site.record.kind is Kind.FINOPS else dataverse.translated
        raise translated(error, site.stock) from error

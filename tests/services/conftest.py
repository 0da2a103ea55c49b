from collections.abc import Iterator

import pytest
from pytest_django import DjangoDbBlocker


@pytest.fixture
def committed(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """A test whose rows are really committed, for other connections to see; they are deleted afterwards."""
    with django_db_blocker.unblock():
        from django.db import connection

        yield
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE syncengine_environment CASCADE")
        connection.close()

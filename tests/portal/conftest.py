import shutil
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from django.test import Client

    from syncengine.models import EntityMap, Link


@pytest.fixture
def link(db: None) -> "Link":
    from tests.rows import make_link  # needs Django's apps, which load after this file

    return make_link(name="Contoso")


@pytest.fixture
def a_map(link: "Link") -> "EntityMap":
    from tests.rows import make_map

    return make_map(link, name="Customers")


@pytest.fixture
def operator(db: None) -> "Client":
    """Somebody who may do everything."""
    from tests.portal.make import CHANGE, OPERATE, make_client

    return make_client(OPERATE, CHANGE)


@pytest.fixture
def reader(db: None) -> "Client":
    """Somebody who may look."""
    from tests.portal.make import make_client

    return make_client()


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    """The system's Chromium; browser tests are skipped where there is none."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("no Chromium found")
    return {"executable_path": program, "args": ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]}

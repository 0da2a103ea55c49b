"""How Dataverse is called: address, headers, sizes."""

from urllib.parse import urlsplit

import httpx

from syncengine.connectors.base import Settings
from syncengine.connectors.dataverse.errors import error_of
from syncengine.connectors.http import HttpClient
from syncengine.connectors.service import Service, address

API_PATH = "/api/data/v9.2/"
PAGE_ROWS = 5_000  # Source: the largest page of standard tables
BATCH_CALLS = 1_000  # Source: operations in one $batch
PAGED = f"odata.maxpagesize={PAGE_ROWS}"
HEADERS = {"Accept": "application/json", "OData-MaxVersion": "4.0", "OData-Version": "4.0"}


def open_service(settings: Settings, transport: httpx.BaseTransport | None = None) -> Service:
    base = settings.base_url.rstrip("/")
    root = f"{base}/" if "/api/data/" in urlsplit(base).path else base + API_PATH
    return Service(
        client=HttpClient(settings, root=root, headers=HEADERS, transport=transport),
        error_of=error_of,
        page=PAGED,
        batch_calls=BATCH_CALLS,
        goes_on="odata.continue-on-error",
    )


def query(resource: str, *, select: str = "", where: str = "", expand: str = "") -> str:
    return address(resource, {"$select": select, "$filter": where, "$expand": expand})

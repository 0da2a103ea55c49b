"""How Finance and Operations is called: address, headers, sizes, always across companies."""

from urllib.parse import urlsplit

import httpx

from syncengine.connectors.base import Settings
from syncengine.connectors.finops.errors import error_of
from syncengine.connectors.http import HttpClient
from syncengine.connectors.service import Service, address

PAGE_ROWS = 5_000  # Source: the service gives up to 10,000; half of it keeps answers small
BATCH_CALLS = 1_000  # Source: up to 5,000; a smaller batch answers within the time limit
PAGED = f"odata.maxpagesize={PAGE_ROWS}"
HEADERS = {"Accept": "application/json", "OData-MaxVersion": "4.0", "OData-Version": "4.0"}
METADATA = "../Metadata/"  # beside the service document


def open_service(settings: Settings, transport: httpx.BaseTransport | None = None) -> Service:
    base = settings.base_url.rstrip("/")
    root = f"{base}/" if urlsplit(base).path.endswith("/data") else f"{base}/data/"
    return Service(
        client=HttpClient(settings, root=root, headers=HEADERS, transport=transport),
        error_of=error_of,
        page=PAGED,
        batch_calls=BATCH_CALLS,
        in_change_sets=True,
    )


def query(resource: str, *, select: str = "", where: str = "", order: str = "", top: str = "", count: str = "") -> str:
    """Without `cross-company` the service would see the default company of our user alone."""
    options = {"$select": select, "$filter": where, "$orderby": order, "$top": top, "$count": count}
    return address(resource, {"cross-company": "true", **options})

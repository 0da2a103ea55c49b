"""How much a page loads over the network."""

from dataclasses import dataclass
from typing import Any

from playwright.sync_api import BrowserContext, Page


@dataclass(kw_only=True)  # no slots: Playwright notes on the object which of its methods it calls
class Traffic:
    """Bytes as they came over the wire: headers and bodies, packed."""

    size_bytes: int = 0

    def count(self, event: dict[str, Any]) -> None:
        self.size_bytes += int(event["encodedDataLength"])

    def of(self, context: BrowserContext, page: Page) -> None:
        session = context.new_cdp_session(page)
        session.send("Network.enable")
        session.on("Network.loadingFinished", self.count)

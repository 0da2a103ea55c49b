"""How much a page loads over the network."""

from dataclasses import dataclass
from typing import Any

from playwright.sync_api import CDPSession


@dataclass(kw_only=True)  # no slots: Playwright notes on the object which of its methods it calls
class Traffic:
    """Bytes as they came over the wire since `begin`: headers and bodies, packed."""

    session: CDPSession
    size_bytes: int = 0

    def __post_init__(self) -> None:
        self.session.send("Network.enable")
        self.session.on("Network.loadingFinished", self.count)

    def begin(self) -> None:
        """Nothing is kept in the browser's cache."""
        self.session.send("Network.clearBrowserCache")
        self.size_bytes = 0

    def count(self, event: dict[str, Any]) -> None:
        self.size_bytes += int(event["encodedDataLength"])

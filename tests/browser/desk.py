"""Where the administrator of the browser tests sits: a page of the portal, and what lies around it."""

from dataclasses import dataclass

from playwright.sync_api import Page

from tests.browser.camera import Camera
from tests.browser.mailbox import Mailbox
from tests.browser.watch import Watch
from tests.independent.services import Dataverse, Finops, Row
from tests.scenarios.records import Records
from tests.scenarios.sandboxes import Sandbox
from tests.stack import Stack, wait_until

Key = dict[str, str]


@dataclass(slots=True, kw_only=True)
class Desk:
    """`left` and `right` are the pair of sandboxes; `finops` and `dataverse` speak with them as other systems would."""

    page: Page
    stack: Stack
    mailbox: Mailbox
    watch: Watch
    camera: Camera
    left: Sandbox
    right: Sandbox
    finops: Finops
    dataverse: Dataverse
    is_lived: bool = False

    @property
    def records(self) -> Records:
        return Records(stack=self.stack)

    def goto(self, path: str) -> None:
        self.page.goto(f"{self.stack.portal_url}{path}")

    def wait_for_quiet(self) -> None:
        """Until the sandboxes have told of every change and nothing waits to be synced."""
        sides = (self.left, self.right)
        wait_until(what="every change told", found=lambda: not any(side.undelivered() for side in sides))
        wait_until(what="no change to wait", found=lambda: not self.records.waiting())

    def target(self, table: str, column: str, value: str) -> Row:
        """The one row of the right side with this value."""
        rows = self.dataverse.rows(table, where=f"{column} eq '{value}'")
        assert len(rows) == 1, rows
        return rows[0]

    def wait_for_target(self, table: str, where: tuple[str, str], column: str, value: str) -> None:
        """Until the row of the right side has this value."""
        what = f"{table} {where[1]} with {column} {value}"
        wait_until(what=what, found=lambda: self.target(table, *where)[column] == value, limit_s=30)

    def wait_for_source(self, table: str, key: Key, column: str, value: str) -> None:
        """Until the row of the left side has this value."""
        what = f"{table} {key} with {column} {value}"
        wait_until(what=what, found=lambda: (self.finops.row(table, key) or {}).get(column) == value, limit_s=30)

"""What a person does in the portal, over HTTP: sign in, link two environments, run, pause, resume, stop, retry."""

import re
from collections.abc import Iterable, Mapping, Sequence
from html import unescape
from urllib.parse import urlencode

from tests.scenarios.browser import Browser, Page
from tests.scenarios.sandboxes import Sandbox

MAP_LINE = re.compile(r'<a class="row-link" id="open-(\d+)" href="[^"]*">([^<]+)</a>')


class Portal:
    def __init__(self, base_url: str) -> None:
        self.browser = Browser(base_url)

    def close(self) -> None:
        self.browser.close()

    def sign_in(self, password: str) -> None:
        page = self.browser.open("/accounts/login/")
        answers = {"username": "admin", "password": password}
        after = self.browser.submit(page, page.form_with("username", "password"), answers)
        assert "/accounts/login/" not in after.url, after.text

    # --- The wizard, question by question

    def link(self, left: Sandbox, right: Sandbox, *, companies: Sequence[str]) -> None:
        """Both environments added and linked, and the solution applied."""
        self.add_environment(left, kind="finops")
        self.add_environment(right, kind="dataverse")
        page = self.browser.open("/set-up/environments/")
        page = self.browser.submit(page, page.form_with("left", "right"), {})
        self.expect(page, "/set-up/companies/")
        page = self.browser.submit(page, page.form_with("companies"), {"companies": companies})
        self.expect(page, "/set-up/checks/")
        self.check(page)
        page = self.browser.open("/set-up/summary/")
        page = self.browser.submit(page, page.form_with("name", "consent"), {"consent": "on"})
        self.expect(page, "/set-up/solution/")
        page = self.browser.submit(page, page.form_with("solution"), {})
        self.expect(page, "/maps/")

    def add_environment(self, sandbox: Sandbox, *, kind: str) -> None:
        page = self.browser.open("/set-up/environments/add/")
        answers = {
            "kind": kind,
            "name": sandbox.name,
            "base_url": sandbox.account.base_url,
            "token_url": sandbox.account.token_url,
            "tenant": sandbox.tenant,
            "client_id": sandbox.account.client_id,
            "secret": sandbox.account.secret,
        }
        self.expect(self.browser.submit(page, page.form_with("base_url"), answers), "/set-up/environments/")

    def check(self, page: Page) -> None:
        """Runs the health checks; all of them must pass."""
        form = next(form for form in page.forms if form.action.endswith("/checks/run/"))
        after = self.browser.submit(page, form, {})
        failed = re.findall(r'<li class="check check--wrong".*?</li>', after.text, re.DOTALL)
        assert after.status == 200, after.text
        assert not failed, failed

    # --- Maps

    def maps(self) -> dict[str, str]:
        """Number of each map by its name."""
        text = self.browser.open("/maps/").text
        return {unescape(name): number for number, name in MAP_LINE.findall(text)}

    def run(self, names: Iterable[str], *, master: str = "left", initial_sync: bool = True) -> None:
        """These maps and no others; related ones that are offered too are unticked."""
        chosen = self.numbers(names)
        extra: dict[str, str | Sequence[str]] = {f"master-{number}": master for number in chosen}
        self.act("run", chosen, extra | {"initial_sync": chosen if initial_sync else []})

    def pause(self, names: Iterable[str]) -> None:
        self.act("pause", self.numbers(names))

    def resume(self, names: Iterable[str]) -> None:
        self.act("resume", self.numbers(names))

    def stop(self, names: Iterable[str]) -> None:
        self.act("stop", self.numbers(names))

    def numbers(self, names: Iterable[str]) -> list[str]:
        known = self.maps()
        return [known[name] for name in names]

    def act(self, action: str, chosen: Sequence[str], extra: Mapping[str, str | Sequence[str]] | None = None) -> None:
        page = self.browser.open(f"/maps/actions/{action}/?{urlencode([('map', number) for number in chosen])}")
        form = page.form_with("include")
        after = self.browser.submit(page, form, {"include": chosen, **(extra or {})})
        assert (after.status, "/actions/" in after.url) == (200, False), after.text

    # --- Errors

    def retry_all(self) -> None:
        """The button that retries every open error."""
        page = self.browser.open("/errors/")
        after = self.browser.submit(page, page.form_with("error", "next"), {"matching": "1"})
        assert after.status == 200, after.text

    @staticmethod
    def expect(page: Page, path: str) -> None:
        told = re.findall(r'role="alert">.*?</div>', page.text, re.DOTALL)
        seen = f"{page.status} {page.url}, not {path}: {told or page.text[:3000]}"
        assert (page.status, path in page.url) == (200, True), seen

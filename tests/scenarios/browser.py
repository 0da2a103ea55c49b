"""The portal as a browser without script sees it: pages, their forms, and the cookies that go along."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin

import httpx

TIMEOUT_S = 60.0


@dataclass(slots=True, kw_only=True)
class Control:
    name: str
    value: str
    is_on: bool  # a box that is ticked, an option that is chosen, any text


@dataclass(slots=True, kw_only=True)
class Form:
    action: str
    method: str
    controls: list[Control] = field(default_factory=list)

    def names(self) -> set[str]:
        return {control.name for control in self.controls}

    def values(self, name: str) -> list[str]:
        """What can be chosen under a name."""
        return [control.value for control in self.controls if control.name == name]

    def filled(self, answers: Mapping[str, str | Sequence[str]]) -> dict[str, list[str]]:
        """What is sent: what the page came with, and these answers in place of their namesakes."""
        sent: dict[str, list[str]] = {}
        for control in self.controls:
            if control.is_on and control.name not in answers:
                sent.setdefault(control.name, []).append(control.value)
        return sent | {name: [given] if isinstance(given, str) else list(given) for name, given in answers.items()}


@dataclass(slots=True, kw_only=True)
class Page:
    url: str
    status: int
    text: str
    forms: list[Form]

    def form_with(self, *names: str) -> Form:
        """The form that has all of these fields."""
        found = [form for form in self.forms if set(names) <= form.names()]
        assert len(found) == 1, f"{len(found)} forms with {names} on {self.url} ({self.status}):\n{self.text[:4000]}"
        return found[0]


class FormReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.form: Form | None = None
        self.select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.form = Form(action=given.get("action", ""), method=given.get("method", "get").lower())
            self.forms.append(self.form)
        elif tag == "select":
            self.select = given.get("name", "")
        elif tag == "option":
            self.note(self.select, given.get("value", ""), is_on="selected" in given)
        elif tag == "input":
            is_choice = given.get("type") in ("radio", "checkbox")
            value = given.get("value", "on" if is_choice else "")
            self.note(given.get("name", ""), value, is_on=not is_choice or "checked" in given)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.form = None

    def note(self, name: str, value: str, *, is_on: bool) -> None:
        if self.form is not None and name:
            self.form.controls.append(Control(name=name, value=value, is_on=is_on))


class Browser:
    def __init__(self, base_url: str) -> None:
        self.client = httpx.Client(base_url=base_url, timeout=TIMEOUT_S, follow_redirects=True)

    def close(self) -> None:
        self.client.close()

    def open(self, path: str) -> Page:
        page = self.read(self.client.get(path))
        assert page.status == 200, f"{page.status} at {path}:\n{page.text[:4000]}"
        return page

    def submit(self, page: Page, form: Form, answers: Mapping[str, str | Sequence[str]]) -> Page:
        """The page that follows; forms without an address go to their own page."""
        url = urljoin(page.url, form.action)
        words = form.filled(answers)
        if form.method == "get":
            return self.read(self.client.get(url, params=words))
        return self.read(self.client.post(url, data=words, headers={"Referer": page.url}))

    @staticmethod
    def read(answer: httpx.Response) -> Page:
        reader = FormReader()
        reader.feed(answer.text)
        return Page(url=str(answer.url), status=answer.status_code, text=answer.text, forms=reader.forms)

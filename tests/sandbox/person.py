"""A person at a sandbox's pages, over HTTP and without scripts: follows links, fills in forms."""

import re
import weakref
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

import httpx

from tests.sandbox.client import Client

Pairs = list[tuple[str, str]]


@dataclass(slots=True)
class Form:
    """`fields` are what a browser would send as the page stands."""

    action: str
    fields: Pairs = field(default_factory=list)


class _Reader(HTMLParser):
    """The forms of a page, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.words: list[str] = []
        self._select = self._textarea = ""
        self._options: Pairs = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(action=told.get("action", "")))
        elif tag == "select":
            self._select, self._options = told.get("name", ""), []
        elif tag == "option" and self._select:
            chosen = "selected" in told
            self._options.append(("selected" if chosen else "", told.get("value", "")))
        elif tag == "textarea":
            self._textarea = told.get("name", "")
            self._add(self._textarea, "")
        elif tag == "input" and (told.get("type") != "checkbox" or "checked" in told):
            self._add(told.get("name", ""), told.get("value", ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "select" and self._options:
            chosen = next((value for mark, value in self._options if mark), self._options[0][1])
            self._add(self._select, chosen)
            self._select = ""
        elif tag == "textarea":
            self._textarea = ""

    def handle_data(self, data: str) -> None:
        self.words.append(data)
        if self._textarea:
            self.forms[-1].fields[-1] = (self._textarea, data.removeprefix("\n"))

    def _add(self, name: str, value: str) -> None:
        if self.forms and name:
            self.forms[-1].fields.append((name, value))


@dataclass(slots=True, kw_only=True, weakref_slot=True)
class Person:
    """`info` is what the management tells of the sandbox; `page` the page that the person sees."""

    info: dict[str, Any]
    http: httpx.Client
    page: httpx.Response = field(default_factory=lambda: httpx.Response(200))

    def open(self, path: str) -> httpx.Response:
        self.page = self.http.get(path)
        return self.page

    def sign_in(self, **typed: str) -> httpx.Response:
        self.open("/sign-in")
        known = {name: self.info[name] for name in ("user_name", "password")}
        return self.send("/sign-in", **{**known, **typed})

    def send(self, action: str, **typed: Any) -> httpx.Response:
        """Send the form of the page in sight, with what was typed; a list is several ticks, None an input left out."""
        fields = [pair for pair in self.form(action).fields if pair[0] not in typed]
        for name, value in typed.items():
            fields += [(name, each) for each in value] if isinstance(value, list) else [(name, value)]
        pairs = [(name, value) for name, value in fields if value is not None]
        self.page = self.http.post(action, data=_together(pairs))
        return self.page

    def form(self, action: str) -> Form:
        return next(one for one in self._read().forms if one.action == action)

    def value(self, name: str) -> str:
        """What an input of the page holds."""
        return next(value for form in self._read().forms for key, value in form.fields if key == name)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self._read().words))

    def links(self, pattern: str) -> list[str]:
        return re.findall(rf'href="({pattern})"', self.page.text)

    def _read(self) -> _Reader:
        reader = _Reader()
        reader.feed(self.page.text)
        return reader


def _together(pairs: Pairs) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found


def person_of(client: Client) -> Person:
    """Somebody who has not signed in yet."""
    http = httpx.Client(base_url=client.info["base_url"], trust_env=False, timeout=30, follow_redirects=True)
    person = Person(info=client.info, http=http)
    weakref.finalize(person, http.close)
    return person


def signed_in(client: Client) -> Person:
    person = person_of(client)
    assert person.sign_in().status_code == 200
    return person

"""One request to a page, and what the page needs to answer it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode

import msgspec
from werkzeug.wrappers import Request

from syncengine.sandbox import web
from syncengine.sandbox.business.runner import Runner
from syncengine.sandbox.calls import Answer
from syncengine.sandbox.declarations import Kind
from syncengine.sandbox.faults import Switches
from syncengine.sandbox.pages import rendering, session, words
from syncengine.sandbox.pages.session import Brake, Session
from syncengine.sandbox.site import Site

HTML = "text/html; charset=utf-8"
KINDS = {Kind.FINOPS: "Training sandbox, Finance and Operations", Kind.DATAVERSE: "Training sandbox, Dataverse"}
MENU = (  # name, address, picture, key behind "g"
    ("Tables", "/", "environment", "t"),
    ("Last changes", "/last-changes", "activity", "l"),
    ("Make changes", "/make-changes", "swap", "c"),
    ("Faults", "/faults", "errors", "f"),
    ("Settings", "/settings", "set-up", "s"),
)
NO_FAULTS = msgspec.to_builtins(Switches())
MOST_DIGITS = 18  # a bigint has room for all numbers of so many
PERSON = "administrator"  # who wrote, in the change log and the counts


class NoPage(LookupError):
    """What the address names is not there; the message says what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """What the process does for the pages of a sandbox."""

    runner: Runner
    change_settings: Callable[[dict[str, Any]], object]
    set_faults: Callable[[dict[str, Any]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """`query` and `form` hold the last value of each name."""

    site: Site
    office: Office
    brake: Brake
    request: Request
    path: str
    session: Session
    query: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] = field(default_factory=dict)
    forms: Mapping[str, list[str]] = field(default_factory=dict)

    @property
    def form_token(self) -> str:
        return session.form_token(self.session, self.site.settings)

    @property
    def kind(self) -> str:
        """What sort of thing this is, in words."""
        return KINDS[self.site.record.kind]

    @property
    def menu(self) -> tuple[tuple[str, str, str, str], ...]:
        return MENU

    @property
    def here(self) -> str:
        """The entry of the menu that this page belongs to."""
        found = [path for _, path, _, _ in MENU if path != "/" and self.path.startswith(path)]
        return found[0] if found else "/"

    @property
    def fault_count(self) -> int:
        """How many faults are on."""
        return len(active_faults(self.site.faults.as_dict()))

    @property
    def said(self) -> str:
        """What the page before has done; "" for nothing."""
        return words.said(self.query.get("said", ""), self.number("n") or 0)

    @property
    def origin(self) -> str:
        return web.origin(self.request)

    def number(self, name: str) -> int | None:
        """A whole number of the address; None where there is none that the database can hold."""
        text = self.query.get(name, "")
        return int(text) if text.isdecimal() and len(text) <= MOST_DIGITS else None

    def page(self, template: str, status: int = 200, **values: Any) -> Answer:
        """The page of this template."""
        text = rendering.render(template, visit=self, site=self.site, record=self.site.record, **values)
        return Answer(status=status, headers={"Content-Type": HTML}, body=text.encode())

    def address(self, **changes: str | None) -> str:
        """This page with other options; None takes one away."""
        options = {name: value for name, value in {**self.query, **changes}.items() if value}
        return f"{self.path}?{urlencode(options)}" if options else self.path


def active_faults(values: Mapping[str, Any]) -> list[str]:
    """The names of the switches that are not as in a sandbox without faults."""
    return [name for name, usual in NO_FAULTS.items() if values.get(name, usual) != usual]


def go(path: str, **options: str | int) -> Answer:
    """To another page, after something was done."""
    where = f"{path}?{urlencode(options)}" if options else path
    return Answer(status=303, headers={"Location": where})


def pairs(text: str) -> dict[str, str]:
    """The options of an address, without the character that the database cannot hold."""
    return dict(parse_qsl(text.replace("%00", ""), keep_blank_values=True))

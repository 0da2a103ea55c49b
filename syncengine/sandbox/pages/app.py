"""From an address to its page: session, form token, the page, and the headers that all have."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from urllib.parse import parse_qs, unquote, urlsplit

import psycopg
from werkzeug.wrappers import Request

from syncengine.sandbox import routes
from syncengine.sandbox.calls import Answer, ServiceError
from syncengine.sandbox.pages import (
    changes,
    faults,
    lookups,
    making,
    record,
    rows,
    session,
    settings,
    sign_in,
    static_files,
    tables,
)
from syncengine.sandbox.pages.session import Brake
from syncengine.sandbox.pages.visit import NoPage, Office, Visit, pairs
from syncengine.sandbox.pages.words import path_of
from syncengine.sandbox.site import Site
from syncengine.sandbox.web import scheme

MAX_FORM_BYTES = 4 * 1024 * 1024
MAX_FIELDS = 5_000
_RULES = (
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
)
HEADERS = {
    "Content-Security-Policy": "; ".join(_RULES),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
View = Callable[..., Answer]


class _Form(ValueError):
    """A form that cannot be read; the message says what to do."""


OPEN = "sign-in"  # the page that everybody may see
VIEWS: Mapping[str, View] = {
    OPEN: sign_in.sign_in,
    "": tables.index,
    "sign-out": sign_in.sign_out,
    "tables/SET": rows.index,
    "tables/SET/columns": rows.columns,
    "tables/SET/options": lookups.options,
    "tables/SET/new": record.new,
    "tables/SET/rows/ROW": record.edit,
    "tables/SET/rows/ROW/delete": record.delete,
    "last-changes": changes.index,
    "make-changes": making.index,
    "make-changes/stop": making.stop,
    "make-changes/silent": making.silent,
    "faults": faults.index,
    "faults/off": faults.off,
    "settings": settings.index,
}
ROUTES = tuple((routes.pattern(path), view) for path, view in VIEWS.items())
ROOTS = {path.partition("/")[0] for path in VIEWS}
AWAY = "The database of the sandboxes does not answer. Nothing was changed; try again in a moment."
STALE = (
    "This form is too old, or came from another page. Nothing was changed. Open the page again and send the form anew."
)


def opened(site: Site, office: Office) -> Callable[[Request, str], Answer | None]:
    """Answers calls to the sandbox's pages; None for those that are not to a page."""
    brake = Brake()

    def answer(request: Request, uri: str) -> Answer | None:
        split = urlsplit(uri)
        parts = [unquote(part) for part in split.path.strip("/").split("/")]
        if parts[0] == static_files.ROOT:
            return _with_headers(static_files.answer(parts[1:], request.headers.get("If-None-Match", "")))
        if parts[0] not in ROOTS:
            return None
        return _with_headers(_page(site, office, brake, request, parts, split.path, split.query))

    return answer


def _with_headers(made: Answer) -> Answer:
    return replace(made, headers={**HEADERS, **made.headers})


def _page(
    site: Site, office: Office, brake: Brake, request: Request, parts: list[str], path: str, query: str
) -> Answer:
    name = session.cookie_name(site.record.port)
    text = request.cookies.get(name, "")
    kept = session.read(text, site.settings) if text else None
    visit = Visit(
        site=site,
        office=office,
        brake=brake,
        request=request,
        path=path,
        session=kept or session.begin(),
        query=pairs(query),
    )
    try:
        visit = _with_form(visit)
        made = _answer(visit, parts)
    except _Form as error:
        made = visit.page("problem.html", 400, title="This was not done", problem=str(error))
    except NoPage as error:
        made = visit.page("problem.html", 404, title="Not found", problem=str(error))
    except ServiceError as error:
        made = visit.page("problem.html", error.status, title="This was not done", problem=str(error))
    except psycopg.Error:
        made = visit.page("problem.html", 503, title="Not available", problem=AWAY)
    if kept is None and "Set-Cookie" not in made.headers:
        value = session.write(visit.session, site.settings)
        cookie = session.set_cookie(name, value, is_secure=scheme(request) == "https")
        made = replace(made, headers={**made.headers, "Set-Cookie": cookie})
    return made


def _with_form(visit: Visit) -> Visit:
    """The visit with what its form holds. Raises: _Form."""
    request = visit.request
    if request.method != "POST":
        return visit
    if (request.content_length or 0) > MAX_FORM_BYTES:
        raise _Form("The form is too large. Nothing was changed. Shorten what you typed and send it again.")
    try:
        text = request.get_data(cache=False).decode().replace("%00", "")  # no column can hold that character
        forms = parse_qs(text, keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError as error:
        raise _Form("The form cannot be read. Nothing was changed. Open the page again and send it anew.") from error
    form = {name: values[-1] for name, values in forms.items()}
    if not session.is_form_token(form.get("form_token", ""), visit.session, visit.site.settings):
        raise _Form(STALE)
    return replace(visit, form=form, forms=forms)


def _answer(visit: Visit, parts: list[str]) -> Answer:
    if visit.request.method not in ("GET", "HEAD", "POST"):
        return Answer(status=405, headers={"Allow": "GET, POST"})
    if not visit.session.user and parts != [OPEN]:
        return sign_in.ask(visit)
    for pattern, view in ROUTES:
        found = routes.match(pattern, parts)
        if found is not None:
            return view(visit, *found)
    raise NoPage(f"There is no page {path_of(*parts)}. Choose one from the menu.")

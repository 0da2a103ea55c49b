"""Signing in and out."""

import math
from dataclasses import replace
from uuid import UUID

from psycopg import sql

from syncengine.sandbox import inside
from syncengine.sandbox.calls import Answer
from syncengine.sandbox.declarations import Kind
from syncengine.sandbox.pages import session
from syncengine.sandbox.pages.visit import Visit, go
from syncengine.sandbox.site import Site
from syncengine.sandbox.web import scheme


def ask(visit: Visit) -> Answer:
    """To the form; the page asked for comes behind it."""
    asked = visit.address() if visit.request.method == "GET" and visit.path != "/" else ""
    return go("/sign-in", **({"next": asked} if asked else {}))


def sign_in(visit: Visit) -> Answer:
    asked = visit.form.get("next") or visit.query.get("next", "")
    if visit.request.method != "POST":
        return go("/") if visit.session.user else visit.page("sign_in.html", next=asked, problem="", user_name="")
    address = visit.request.remote_addr or ""
    wait_s = math.ceil(visit.brake.wait_s(address))
    user_name, settings = visit.form.get("user_name", ""), visit.site.settings
    if wait_s:
        problem = f"Too many wrong passwords. Wait {wait_s} s and sign in again."
        return visit.page("sign_in.html", 429, next=asked, problem=problem, user_name=user_name)
    is_right = session.is_right(settings, user_name, visit.form.get("password", ""))
    visit.brake.note(address, is_right=is_right)
    if not is_right:
        problem = "User name and password do not match. Check both and sign in again."
        return visit.page("sign_in.html", 403, next=asked, problem=problem, user_name=user_name)
    _make_user(visit.site)
    return _with_session(visit, go(asked if _is_here(asked) else "/"), session.begin(settings.user_name))


def sign_out(visit: Visit) -> Answer:
    if visit.request.method != "POST":
        return go("/")
    return _with_session(visit, go("/sign-in"), None)


def _with_session(visit: Visit, made: Answer, begun: session.Session | None) -> Answer:
    value = session.write(begun, visit.site.settings) if begun else ""
    name = session.cookie_name(visit.site.record.port)
    cookie = session.set_cookie(name, value, is_secure=scheme(visit.request) == "https")
    return replace(made, headers={**made.headers, "Set-Cookie": cookie})


def _is_here(path: str) -> bool:
    """Whether it is a page of this sandbox: a path, and no other host's."""
    return path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()


def _make_user(site: Site) -> None:
    """The person is a user of the environment, by whose name its messages tell who wrote."""
    if site.record.kind is not Kind.DATAVERSE:
        return
    with site.transaction() as connection:
        connection.execute(
            sql.SQL(
                "INSERT INTO {}.systemusers (systemuserid, fullname, domainname) VALUES (%s, %s, %s)"
                " ON CONFLICT DO NOTHING"
            ).format(sql.Identifier(site.schema)),
            (UUID(inside.user_id(site)), site.settings.user_name, site.settings.user_name),
        )

"""Sandboxes from the command line: `serve` runs the services, everything else asks the running services."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from syncengine.sandbox.certificates import CERTIFICATE
from syncengine.sandbox.origins import PortTaken
from syncengine.sandbox.server import Options, SandboxServer

TIME_LIMIT_S = 300
COLUMNS = (
    *("name", "kind", "base_url", "token_url", "tenant_id", "client_id", "client_secret"),
    *("user_name", "password"),
)


class Command(BaseCommand):
    help = "Makes, fills, resets, copies, deletes and lists sandboxes; `serve` runs them in the foreground."
    requires_system_checks = ()  # they would load all pages, which are no part of this

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        serving = actions.add_parser("serve", help="run the management and all sandboxes until stopped")
        serving.add_argument("--tls", action="store_true", help="all sandboxes speak HTTPS (self-signed certificate)")
        listing = actions.add_parser("list", help="list the sandboxes with their addresses and credentials")
        listing.add_argument("--json", action="store_true")
        creating = actions.add_parser("create", help="make a sandbox")
        creating.add_argument("name")
        creating.add_argument("kind", choices=["finops", "dataverse"])
        creating.add_argument("--demo", default="", help="fill it with these demo rows: contoso")
        creating.add_argument("--port", type=int, default=0)
        creating.add_argument("--tls", action="store_true", help="it speaks HTTPS (self-signed certificate)")
        creating.add_argument("--json", action="store_true")
        loading = actions.add_parser("load", help="load a CSV file into a table")
        loading.add_argument("name")
        loading.add_argument("table")
        loading.add_argument("file", type=Path)
        copying = actions.add_parser("copy", help="make a sandbox with the rows of another")
        copying.add_argument("name")
        copying.add_argument("new_name")
        copying.add_argument("--json", action="store_true")
        for action, text in (("reset", "remove all rows"), ("delete", "remove the sandbox")):
            ending = actions.add_parser(action, help=text)
            ending.add_argument("name")
            ending.add_argument("--force", action="store_true", help="also while it is linked")

    def handle(self, *args: Any, **options: Any) -> None:
        getattr(self, f"_{options['action']}")(options)

    def _serve(self, options: dict[str, Any]) -> None:
        if not settings.SANDBOX_TOKEN:
            raise CommandError("TWOFOLD_SANDBOX_TOKEN is not set.")
        server = SandboxServer(
            Options(
                database_url=settings.SANDBOX_DATABASE_URL,
                token=settings.SANDBOX_TOKEN,
                port=urlsplit(settings.SANDBOX_URL).port or 0,
                certificates=settings.PLACE.var,
                is_secure=options["tls"],
            )
        )
        try:
            problems = server.start()
        except PortTaken as error:
            raise CommandError(f"{error}; set TWOFOLD_SANDBOX_PORT to another.") from error
        for problem in problems:
            self.stderr.write(problem)
        self.stdout.write(f"Sandboxes are managed at {server.url}")
        for record in server.host.records():
            self.stdout.write(f"{record.name} ({record.kind}) at {server.host.base_url(record)}")
        if options["tls"]:
            self.stdout.write(f"Clients trust them by {settings.PLACE.var / CERTIFICATE}")
        server.wait()
        server.stop()

    def _list(self, options: dict[str, Any]) -> None:
        self._show(_call("GET", "sandboxes")["sandboxes"], as_json=options["json"])

    def _create(self, options: dict[str, Any]) -> None:
        asked = {name: options[name] for name in ("name", "kind", "port", "demo")}
        body = {**asked, "settings": {"is_secure": options["tls"]}}
        self._show([_call("POST", "sandboxes", json=body)], as_json=options["json"])

    def _load(self, options: dict[str, Any]) -> None:
        try:
            content = options["file"].read_bytes()
        except OSError as error:
            raise CommandError(f"{options['file']} cannot be read: {error.strerror}.") from error
        path = f"sandboxes/{quote(options['name'], safe='')}/tables/{quote(options['table'], safe='')}/rows"
        done = _call("POST", path, content=content, headers={"Content-Type": "text/csv"})
        self.stdout.write(f"{done['rows']} rows loaded into {options['table']}.")

    def _reset(self, options: dict[str, Any]) -> None:
        _refuse_linked(options)
        _call("POST", f"sandboxes/{quote(options['name'], safe='')}/reset")
        self.stdout.write(f"{options['name']} is empty.")

    def _copy(self, options: dict[str, Any]) -> None:
        path = f"sandboxes/{quote(options['name'], safe='')}/copy"
        self._show([_call("POST", path, json={"name": options["new_name"]})], as_json=options["json"])

    def _delete(self, options: dict[str, Any]) -> None:
        _refuse_linked(options)
        _call("DELETE", f"sandboxes/{quote(options['name'], safe='')}")
        self.stdout.write(f"{options['name']} is gone.")

    def _show(self, found: list[dict[str, Any]], *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(found, indent=2))
            return
        for one in found:
            self.stdout.write("\n".join(f"{name + ':':15}{one[name]}" for name in COLUMNS) + "\n")


def _refuse_linked(options: dict[str, Any]) -> None:
    """Raises: CommandError while the sandbox is linked: what goes here would be synced. Without a portal nothing is."""
    from syncengine.services import sandbox_admin  # `serve` needs nothing of it, and starts sooner without

    if options["force"]:
        return
    try:
        links = [link.name for link in sandbox_admin.links_of(options["name"])]
    except DatabaseError:
        return
    if links:
        raise CommandError(f"{options['name']} is in the link {', '.join(links)}. Unlink it first, or add --force.")


def _call(method: str, path: str, **options: Any) -> Any:
    """What the running services answer. Raises: CommandError."""
    headers = {"Authorization": f"Bearer {settings.SANDBOX_TOKEN}", **options.pop("headers", {})}
    try:
        answer = httpx.request(
            method, f"{settings.SANDBOX_URL}/{path}", headers=headers, timeout=TIME_LIMIT_S, trust_env=False, **options
        )
    except httpx.HTTPError as error:
        raise CommandError(f"The sandboxes do not answer at {settings.SANDBOX_URL}; is the server running?") from error
    if answer.status_code >= 400:
        raise CommandError(
            answer.json().get("error", answer.text) if answer.content else f"status {answer.status_code}"
        )
    return answer.json() if answer.content else None

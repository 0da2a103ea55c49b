"""What a new installation shows: a linked pair of sandboxes whose maps run, and a second pair to try the wizard on.

    1  wait until the sandboxes' management answers
    2  make the four sandboxes with their rows
    3  add them as environments
    4  link the first pair and apply the solution
    5  run all its maps with initial sync

What is there already is left as it is, so the command can be repeated at any time.
"""

import time
from argparse import ArgumentParser
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from django.core.management.base import BaseCommand, CommandError

from syncengine.errors import SyncError
from syncengine.models import EntityMap, Environment, Link
from syncengine.services import environments, links, maps, sandboxes, solutions
from syncengine.services.errors import Refused
from syncengine.services.maps import StartItem
from syncengine.services.sandboxes import Sandbox
from syncengine.states import LinkState, Side

COMPANIES = frozenset({"usmf", "demf"})
DEMO_ROWS = "contoso"
LOOK_EVERY_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    left: str
    right: str
    is_linked: bool


PAIRS = (
    Pair(left="Contoso finance", right="Contoso sales", is_linked=True),
    Pair(left="Training finance", right="Training sales", is_linked=False),
)


class Command(BaseCommand):
    help = "Makes the demo: two pairs of sandboxes, one of them linked with its maps running."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--wait", type=float, default=60.0, help="seconds to wait for the sandboxes")

    def handle(self, *args: Any, **options: Any) -> None:
        found = wait_for_sandboxes(options["wait"])
        try:
            for pair in PAIRS:
                left, right = environments_of(pair, found)
                self.stdout.write(f"{left} and {right} are there.")
                if pair.is_linked:
                    self.stdout.write(linked(left, right))
        except (Refused, SyncError) as exc:
            raise CommandError(f"The demo is not complete: {exc} Run this command again.") from exc


def wait_for_sandboxes(wait_s: float) -> dict[str, Sandbox]:
    """The sandboxes by name, once their management answers."""
    deadline = time.monotonic() + wait_s
    while True:
        try:
            return {sandbox.name: sandbox for sandbox in sandboxes.all_sandboxes()}
        except SyncError as exc:
            if time.monotonic() >= deadline:
                raise CommandError(str(exc)) from exc
        time.sleep(LOOK_EVERY_S)


def environments_of(pair: Pair, found: dict[str, Sandbox]) -> tuple[Environment, Environment]:
    """Both environments of a pair, in one tenant; made where they are missing."""
    known = found.get(pair.left) or found.get(pair.right)
    tenant_id = known.tenant_id if known is not None else str(uuid4())
    left = environment_of(pair.left, Environment.Kind.FINOPS, tenant_id, found)
    return left, environment_of(pair.right, Environment.Kind.DATAVERSE, tenant_id, found)


def environment_of(name: str, kind: str, tenant_id: str, found: dict[str, Sandbox]) -> Environment:
    sandbox = found.get(name) or sandboxes.create(name=name, kind=kind, tenant_id=tenant_id, demo=DEMO_ROWS)
    environment = Environment.objects.filter(name=name).first()
    return environment or environments.add_environment(None, draft=sandbox.draft())


def linked(left: Environment, right: Environment) -> str:
    """What became of the link of the two: made, or there already."""
    name = f"{left} ⇄ {right}"
    link = Link.objects.filter(left=left, right=right).exclude(state=LinkState.UNLINKED).first()
    if link is None:
        companies = [choice for choice in environments.company_choices(left) if choice.code.lower() in COMPANIES]
        link = links.create_link(None, name=name, left=left, right=right, companies=companies, consent=True)
    if not link.maps.exists():
        solutions.apply_solution(None, link=link, name=solutions.available()[0].name)
    if link.runs.exists():
        return f"{link} is linked and was run before."
    fit = list(EntityMap.objects.filter(link=link, problem="").select_related("link__left", "link__right", "version"))
    items = [StartItem(map=each, initial_sync=True, master=Side(each.master)) for each in fit]
    run = maps.start_maps(None, items=items)
    return f"{link} is linked; {run} starts {len(items)} maps."

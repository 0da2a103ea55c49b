"""The stage of a story: a complete process group, two sandboxes linked by the wizard, people who work on both sides.

with begin() as story:
    story.tell(rows)                  the rows enter finance, the wizard links, the maps run
    story.finance_person.update(…)
    story.wait_until_equal()
"""

import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from portal.stack import spawn
from portal.stack.members import COMMANDS
from portal.stack.spawn import Program
from tests.independent import check
from tests.independent.expected import rows_of_files
from tests.independent.facts import SHARED, MapFacts, all_facts
from tests.independent.services import Dataverse, Finops
from tests.independent.values import Value
from tests.scenarios.loading import load
from tests.scenarios.portal import Portal
from tests.scenarios.records import Records
from tests.scenarios.sandboxes import Sandbox, make_pair
from tests.stack import LIMIT_S, Stack, run_stack, wait_until

ACCOUNTS, CONTACTS = "Customers V3 (accounts)", "Customers V3 (contacts)"
CUSTOMERS = (ACCOUNTS, CONTACTS)
LOAD_LIMIT_S = 300.0
SLOW_S = 4.0  # how long a service takes to answer while a worker is to be caught inside a call
QUICK = {
    "TWOFOLD_DEMO": "0",
    "TWOFOLD_SWEEP_S": "1",
    "TWOFOLD_POLL_S": "1",
    "TWOFOLD_POLL_WITH_PUSH_S": "5",
    "TWOFOLD_LISTING_S": "5",
    "TWOFOLD_LISTING_WITH_PUSH_S": "20",
}
SOON = {"TWOFOLD_LISTING_S": "4", "TWOFOLD_LISTING_WITH_PUSH_S": "6", "TWOFOLD_POLL_WITH_PUSH_S": "3"}
Rows = Mapping[str, Sequence[Mapping[str, Value]]]


@dataclass(slots=True, kw_only=True)
class Story:
    """`finance_person` and `sales_person` are people; `finance` and `sales` are the sandboxes themselves."""

    stack: Stack
    finance: Sandbox
    sales: Sandbox
    finance_person: Finops
    sales_person: Dataverse
    portal: Portal
    records: Records
    facts: tuple[MapFacts, ...]
    companies: list[str] = field(default_factory=list)

    @property
    def maps(self) -> list[str]:
        return [one.name for one in self.facts]

    def facts_of(self, names: Sequence[str]) -> list[MapFacts]:
        return [one for one in self.facts if one.name in names]

    # --- Setting the stage

    def link(self) -> None:
        """By the wizard, with every company that finance has."""
        self.companies = [str(row["LEGALENTITYID"]) for row in self.finance_person.rows("LegalEntities")]
        self.portal.link(self.finance, self.sales, companies=self.companies)

    def run_all(self) -> None:
        """Every map, with initial sync; finance is the master."""
        self.portal.run(self.maps, master="left")
        self.wait_until_running(self.maps)

    # --- Waiting

    def wait_until_running(self, names: Sequence[str], *, limit_s: float = LOAD_LIMIT_S) -> None:
        self.wait("maps to run", lambda: self.records.has_state(names, "running"), limit_s=limit_s)

    def wait_until_empty(self, names: Sequence[str] = (), *, left: int = 0, limit_s: float = LIMIT_S) -> None:
        """Until no change of these maps (none named: of all) waits in the journal, but for so many."""
        what = f"a journal with {left} changes" if left else "an empty journal"
        self.wait(what, lambda: self.records.waiting(names) == left, limit_s=limit_s)

    def wait_until_heard(self, *, left: int = 0) -> None:
        """Until every table that can be polled was polled again, and what it told is done but for so many changes."""
        since = self.records.now()
        self.wait("all messages to be sent", lambda: not self.finance.undelivered() and not self.sales.undelivered())
        self.wait("the next poll of each table", lambda: all(at is None or at > since for at in self.polled()))
        self.wait_until_empty(left=left)

    def polled(self) -> list[Any]:
        return list(self.records.polls().values())

    def wait_until_equal(self, names: Sequence[str] = CUSTOMERS, *, limit_s: float = LIMIT_S) -> None:
        """Until the journal is empty and the independent check finds both sides of these maps equal."""
        until = time.monotonic() + limit_s
        while True:
            self.wait_until_empty(names, limit_s=limit_s)
            found = self.differences(names)
            if not found and not self.records.waiting(names):
                return
            assert time.monotonic() < until, self.told(check.shown(found))
            time.sleep(0.2)

    def differences(self, names: Sequence[str] = CUSTOMERS) -> list[str]:
        facts = self.facts_of(names)
        return check.equal_sides(facts, self.finance_person, self.sales_person, companies=self.companies)

    def wait(self, what: str, found: Callable[[], Any], *, limit_s: float = LIMIT_S) -> Any:
        """The first true answer; a failure tells what the portal's database says."""
        try:
            return wait_until(what=what, found=found, limit_s=limit_s)
        except AssertionError as exc:
            raise AssertionError(self.told(str(exc))) from None

    def told(self, why: str) -> str:
        """A failure with what a person would look at next."""
        parts = {
            "maps": {name: state for name, state in self.records.states().items() if state != "running"},
            "runs": [run for run in self.records.runs() if run["state"] != "completed"],
            "journal": self.records.journal(),
            "errors": self.records.open_errors()[:10],
        }
        lines = [f"{name}: {part}" for name, part in parts.items()]
        return "\n".join([why, *lines, self.stack.output[-3000:]])

    def registrations(self) -> tuple[int, int]:
        """How many places finance and sales were asked to push their changes to."""
        return len(self.finance.ask("GET", "endpoints")["endpoints"]), len(self.sales_person.rows("serviceendpoints"))

    # --- Harm

    def wait_until_idle(self) -> None:
        """Until no worker has the lane."""
        self.wait("the lane to be given back", lambda: self.records.leased_until() is None)

    def wait_until_writing(self, sandbox: Sandbox) -> None:
        """Until the live worker is inside a write to a service that takes its time."""
        self.wait("a write to be under way", sandbox.is_writing)

    def stop_inside_a_write(self, sandbox: Sandbox) -> None:
        """The live worker stands still from before the answer to a write on. It answers slowly, so there is time.

        A batch may hold reads alone; a worker that was caught in one of those goes on, and is caught again.
        """
        before = sandbox.writes()
        while True:
            self.wait_until_writing(sandbox)
            self.stack.kill("worker-live", signal.SIGSTOP)
            until = time.monotonic() + SLOW_S + 10
            while time.monotonic() < until:
                if sandbox.writes() != before:
                    return
                time.sleep(0.1)
            self.stack.kill("worker-live", signal.SIGCONT)

    @contextmanager
    def second_live_worker(self) -> Iterator[None]:
        """Another process beside the group's own live worker."""
        program = Program(
            name="second live worker",
            argv=(*COMMANDS["worker-live"][:-1], "second@%h"),
            environ={**self.stack.environ, **self.stack.state.environment},
            log=self.stack.folder / "second.log",
        )
        process = spawn.start(program)
        try:
            yield
        finally:
            spawn.stop(process, signal.SIGTERM, 5)

    def kill_everything(self) -> None:
        """kill -9 of every process, the database among them; then all start again on the same ports and data."""
        self.stack.stop(signal.SIGKILL)
        self.stack.start()


@contextmanager
def begin(*, demo: str = "", environ: Mapping[str, str] | None = None) -> Iterator[Story]:
    """A story that has its stage: processes, sandboxes, people, a person signed in to the portal."""
    with run_stack(environ={**QUICK, **(environ or {})}) as stack:
        finance, sales = make_pair(stack, demo=demo)
        story = Story(
            stack=stack,
            finance=finance,
            sales=sales,
            finance_person=Finops(finance.person()),
            sales_person=Dataverse(sales.person()),
            portal=Portal(stack.portal_url),
            records=Records(stack=stack),
            facts=all_facts(),
        )
        story.portal.sign_in(stack.admin_password)
        try:
            yield story
        finally:
            story.portal.close()
            story.finance_person.close()
            story.sales_person.close()


def has_adventureworks() -> bool:
    return (SHARED / "data" / "adventureworks").is_dir()


def adventureworks_in(story: Story) -> Rows:
    """The sample data's rows, which are then in finance too."""
    rows = rows_of_files()
    load(story.finance_person, rows)
    return rows


def rows_in(story: Story) -> Rows:
    """The rows that finance has before anything is linked."""
    names = dict.fromkeys(one.left_set for one in story.facts)
    return {name: story.finance_person.rows(name) for name in names}

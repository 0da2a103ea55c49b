"""Notifications that get lost, workers that die or hang: both sides come out equal, and nothing is there twice.

A service that is written to answers slowly, so that the worker can be caught while its write is under way.
"""

import signal
from collections.abc import Iterator

import pytest

from tests.scenarios.edits import Pair
from tests.scenarios.people import FIRM, People
from tests.scenarios.story import CUSTOMERS, SLOW_S, SOON, Story, begin

pytestmark = pytest.mark.story


@pytest.fixture(scope="module")
def people() -> Iterator[People]:
    """Linked demo data whose maps run."""
    with begin(demo="contoso", environ=SOON) as story:
        story.link()
        story.run_all()
        story.wait_until_equal()
        yield People(story=story, company="usmf")


@pytest.fixture
def story(people: People) -> Iterator[Story]:
    """The story while nothing is under way; all is well again afterwards."""
    people.story.wait_until_empty()
    people.story.wait_until_idle()
    yield people.story
    people.story.finance.disturb()
    people.story.sales.disturb()


def memos(story: Story, firm: Pair) -> tuple[str, str]:
    """The memo of a firm on finance and on sales."""
    left = story.finance_person.row("CustomersV3", firm.left_key) or {}
    right = story.sales_person.row("accounts", firm.right_id) or {}
    return left["SALESMEMO"], right["description"]


def test_worker_killed_while_its_write_is_under_way(story: Story, people: People) -> None:
    """The write reaches the service after the worker is dead; nobody settles it, and the next worker repeats it."""
    (firm,) = people.pairs(FIRM, count=1)
    writes = story.sales.writes()
    story.sales.disturb(latency_s=SLOW_S)
    people.change_left([firm], [{"SALESMEMO": "before the kill"}])
    story.wait_until_writing(story.sales)
    killed = story.stack.kill("worker-live")
    story.wait("the dead worker's write", lambda: story.sales.writes()["updates"] == writes["updates"] + 1)
    story.sales.disturb()
    story.records.expire_leases()
    story.stack.wait_for_another("worker-live", than=killed)
    story.wait_until_equal()
    assert memos(story, firm) == ("before the kill", "before the kill")


def test_worker_killed_between_write_and_settling(story: Story, people: People) -> None:
    """The service has made the new customer; the worker dies with the answer unread. No second one is made."""
    people.make_right(FIRM, "MADE-ONCE", "Made once")
    story.wait("the new customer on finance", lambda: people.left("MADE-ONCE"))
    story.wait_until_empty()
    story.wait_until_idle()
    story.finance.disturb(latency_s=SLOW_S)
    row = people.right(FIRM, "MADE-ONCE") or {}
    story.sales_person.update("accounts", row["accountid"], {"description": "before the kill"})
    story.stop_inside_a_write(story.finance)
    killed = story.stack.kill("worker-live")
    story.finance.disturb()
    story.records.expire_leases()
    story.stack.wait_for_another("worker-live", than=killed)
    story.wait_until_equal()
    assert (people.left("MADE-ONCE") or {})["SALESMEMO"] == "before the kill"


def test_worker_that_hangs_past_its_lease_and_then_writes(story: Story, people: People) -> None:
    """Its write comes late, after another worker took over and wrote a newer value: it is refused."""
    (firm,) = people.pairs(FIRM, count=1, skip=1)
    story.sales.disturb(latency_s=3 * SLOW_S)
    people.change_left([firm], [{"SALESMEMO": "old"}])
    people.make_left(FIRM, "HANGS", "Made once")
    story.wait_until_writing(story.sales)
    story.stack.kill("worker-live", signal.SIGSTOP)
    story.sales.disturb()
    story.records.expire_leases()
    with story.second_live_worker():
        story.wait("the other worker's writes", lambda: memos(story, firm)[1] == "old" and people.right(FIRM, "HANGS"))
        people.change_left([firm], [{"SALESMEMO": "new"}])
        story.wait("the newer value", lambda: memos(story, firm)[1] == "new")
        story.stack.kill("worker-live", signal.SIGCONT)
        story.wait("the late worker to give up", lambda: "lease lost" in story.stack.output)
        story.wait_until_equal()
    assert memos(story, firm) == ("new", "new")
    assert people.right(FIRM, "HANGS")


def test_killed_load_goes_on_where_it_was(story: Story, people: People) -> None:
    story.portal.stop(CUSTOMERS)
    firms = people.pairs(FIRM, count=50, skip=10)
    people.change_left(firms, [{"SALESMEMO": f"while stopped {number}"} for number in range(50)])
    story.sales.disturb(latency_s=SLOW_S / 4)
    story.portal.run(CUSTOMERS)
    story.wait("the load to write", lambda: "write" in {run["phase"] for run in story.records.runs()})
    killed = story.stack.kill("worker-load")
    story.sales.disturb()
    story.records.expire_leases()
    story.stack.wait_for_another("worker-load", than=killed)
    story.wait_until_running(CUSTOMERS)
    story.wait_until_equal()


def test_all_changes_arrive_though_every_third_notification_is_lost(story: Story, people: People) -> None:
    assert story.registrations() == (1, 1)
    for sandbox in (story.finance, story.sales):
        sandbox.disturb(drop_every=3)
    people.change_both_sides(skip=60)
    story.wait_until_equal()
    assert not story.records.open_errors()

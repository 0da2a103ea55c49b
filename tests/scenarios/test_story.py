"""The main story: real data enters finance by its API, a person links finance with sales, and life goes on.

Each test is a chapter; all of them happen in one installation, one after the other, and each leaves both sides equal.
Without the shared sample data the same story is told with the demo data.
"""

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from tests.independent import check
from tests.independent.expected import COUNTS
from tests.independent.services import Dataverse, Finops
from tests.scenarios.edits import Editor, plan
from tests.scenarios.people import FIRM, KINDS, PERSON, Kind, People
from tests.scenarios.story import (
    ACCOUNTS,
    CONTACTS,
    CUSTOMERS,
    Rows,
    Story,
    adventureworks_in,
    begin,
    has_adventureworks,
    rows_in,
)

pytestmark = pytest.mark.story


@pytest.fixture(scope="module")
def told() -> Iterator[tuple[Story, Rows]]:
    """The story after its first chapter: linked by the wizard, all twelve maps run; with the rows that finance had."""
    has_data = has_adventureworks()
    with begin(demo="" if has_data else "contoso") as story:
        rows = adventureworks_in(story) if has_data else rows_in(story)
        story.link()
        story.run_all()
        yield story, rows


@pytest.fixture(scope="module")
def story(told: tuple[Story, Rows]) -> Story:
    return told[0]


@pytest.fixture(scope="module")
def people(story: Story) -> People:
    return People(story=story, company="awus" if "awus" in story.companies else "usmf")


def test_first_sync_makes_what_the_facts_say(told: tuple[Story, Rows]) -> None:
    story, rows = told
    story.wait_until_empty()
    found = check.differences(story.facts, rows, story.sales_person, may_have_more=not has_adventureworks())
    assert not found, check.shown(found)
    assert not story.records.open_errors()
    assert not story.differences(story.maps)


@pytest.mark.skipif(not has_adventureworks(), reason="the shared sample data is absent: the demo data tells the story")
def test_first_sync_makes_as_many_rows_as_the_sample_data_has(story: Story) -> None:
    assert check.counts(story.facts, story.sales_person) == COUNTS


@pytest.mark.parametrize("kind", KINDS, ids=["firm", "person"])
def test_customer_made_changed_and_deleted_on_finance_arrives_on_sales(
    story: Story, people: People, kind: Kind
) -> None:
    account = f"LEFT-{kind.party}"
    key = people.make_left(kind, account, "Made here")
    story.wait("the new customer on sales", lambda: people.right(kind, account))
    story.finance_person.update("CustomersV3", key, {kind.left_name: "Changed here"})
    story.wait("the change on sales", lambda: (people.right(kind, account) or {}).get(kind.name) == "Changed here")
    story.finance_person.delete("CustomersV3", key)
    story.wait("the delete on sales", lambda: people.right(kind, account) is None)


@pytest.mark.parametrize("kind", KINDS, ids=["firm", "person"])
def test_customer_made_changed_and_deleted_on_sales_arrives_on_finance(
    story: Story, people: People, kind: Kind
) -> None:
    account = f"RIGHT-{kind.party}"
    row_id = people.make_right(kind, account, "Made there")
    story.wait("the new customer on finance", lambda: people.left(account))
    story.sales_person.update(kind.right_set, row_id, {kind.name: "Changed there"})
    story.wait("the change on finance", lambda: (people.left(account) or {}).get(kind.left_name) == "Changed there")
    story.sales_person.delete(kind.right_set, row_id)
    story.wait("the delete on finance", lambda: people.left(account) is None)


def test_edit_is_written_once_and_does_not_come_back(story: Story, people: People) -> None:
    firms, persons = people.pairs(FIRM, count=20), people.pairs(PERSON, count=20)
    story.wait_until_heard()
    finance, sales = story.finance.writes(), story.sales.writes()
    people.change_left(firms, [{"SALESMEMO": f"from finance {number}"} for number in range(20)])
    people.change_right(persons, [{"description": f"from sales {number}"} for number in range(20)])
    story.wait_until_equal()
    story.wait_until_heard()
    assert story.sales.writes() == sales | {"updates": sales["updates"] + 20}
    assert story.finance.writes() == finance | {"updates": finance["updates"] + 20}


def test_edit_under_the_integration_users_own_credentials_syncs_too(story: Story, people: People) -> None:
    (firm,), (person,) = people.pairs(FIRM, count=1, skip=20), people.pairs(PERSON, count=1, skip=20)
    story.wait_until_heard()
    finance, sales = story.finance.writes(), story.sales.writes()
    with closing(Finops(story.finance.account)) as itself:
        itself.update("CustomersV3", firm.left_key, {"SALESMEMO": "by the integration user"})
    with closing(Dataverse(story.sales.account)) as itself:
        itself.update("contacts", person.right_id, {"description": "by the integration user"})
    story.wait_until_equal()
    story.wait_until_heard()
    firm_row = story.sales_person.row("accounts", firm.right_id) or {}
    person_row = story.finance_person.row("CustomersV3", person.left_key) or {}
    assert (firm_row["description"], person_row["SALESMEMO"]) == ("by the integration user",) * 2
    one_by_hand_and_one_by_sync = 2
    assert story.sales.writes()["updates"] == sales["updates"] + one_by_hand_and_one_by_sync
    assert story.finance.writes()["updates"] == finance["updates"] + one_by_hand_and_one_by_sync


def test_three_refused_rows_are_three_errors_until_retry_brings_them(story: Story, people: People) -> None:
    firms = people.pairs(FIRM, count=5, skip=30)
    names = ["Refused 1", "Welcome 1", "Refused 2", "Welcome 2", "Refused 3"]
    rule = {"table": "accounts", "column": "name", "pattern": "Refused*", "message": "The credit office says no."}
    story.sales.disturb(rules=[rule])
    people.change_left(firms, [{"ORGANIZATIONNAME": name} for name in names])
    story.wait("three sync errors", lambda: len(story.records.open_errors()) == 3)
    story.wait_until_heard(left=3)
    errors = story.records.open_errors()
    assert [error["name"] for error in errors] == [ACCOUNTS] * 3
    assert all("The credit office says no." in error["message"] for error in errors)
    there = [(story.sales_person.row("accounts", firm.right_id) or {})["name"] for firm in firms]
    assert [name for name in there if name in names] == ["Welcome 1", "Welcome 2"]

    story.sales.disturb()
    story.portal.retry_all()
    story.wait("no sync error", lambda: not story.records.open_errors())
    there = [(story.sales_person.row("accounts", firm.right_id) or {})["name"] for firm in firms]
    assert there == names
    story.wait_until_equal()


def test_thousand_edits_during_a_load_are_kept_or_told(story: Story, people: People) -> None:
    """Both sides are edited at random while the customers' maps load anew. Whatever the sync overwrote is told."""
    pairs = [*people.pairs(FIRM, count=60, skip=40), *people.pairs(PERSON, count=60, skip=40)]
    editor = Editor(finops=story.finance_person, dataverse=story.sales_person)
    edits = plan(pairs, count=1_000, seed=20_260)
    story.portal.stop(CUSTOMERS)
    with ThreadPoolExecutor(3) as hands:
        for edit in edits[:200]:
            hands.submit(editor.apply, edit)
    story.portal.run(CUSTOMERS, master="left")
    with ThreadPoolExecutor(3) as hands:
        done = [hands.submit(editor.apply, edit) for edit in edits[200:]]
    assert all(one.exception() is None for one in done)
    assert len(editor.written) == len(edits)

    story.wait_until_running(CUSTOMERS)
    story.wait_until_equal()
    kept = "\n".join(f"{row['left']} {row['right']}" for row in story.records.conflicts())
    lost = editor.overwritten(pairs)
    assert lost, "no edit met another one: the story tells nothing"
    assert [value for value in sorted(lost) if f"'{value}'" not in kept] == []


def test_paused_contacts_catch_up_after_every_process_was_killed(story: Story, people: People) -> None:
    """250 customers of each kind change while contacts are paused; then everything dies, and Valkey forgets."""
    story.portal.pause([CONTACTS])
    for kind in KINDS:
        change_250(people, kind)
    story.wait_until_equal([ACCOUNTS])
    assert story.records.waiting([CONTACTS]) >= 250
    assert story.differences([CONTACTS])

    story.kill_everything()
    story.stack.flush_valkey()
    assert story.records.has_state([CONTACTS], "paused")
    story.portal.resume([CONTACTS])
    story.wait_until_running([CONTACTS])
    story.wait_until_equal(story.maps)
    assert story.records.waiting() == 0
    assert not story.records.open_errors()


def change_250(people: People, kind: Kind) -> None:
    """90 changed on each side, 15 made on each side, 20 deleted on each side."""
    pairs = people.pairs(kind, count=220, skip=100)
    random.Random(250).shuffle(pairs)
    people.change_left(pairs[:90], [{"SALESMEMO": f"while paused {number}"} for number in range(90)])
    people.change_right(pairs[90:180], [{"description": f"while paused {number}"} for number in range(90)])
    for number in range(15):
        people.make_left(kind, f"PL-{kind.party[0]}-{number}", "Made while paused")
        people.make_right(kind, f"PR-{kind.party[0]}-{number}", "Made while paused")
    people.delete_left(pairs[180:200])
    people.delete_right(pairs[200:])

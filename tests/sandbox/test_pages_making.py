"""The page that makes random changes, and silent ones."""

import re
import time
from collections.abc import Callable

import pytest

from tests.sandbox.client import Client
from tests.sandbox.conftest import Management
from tests.sandbox.person import Person, signed_in
from tests.sandbox.receiver import receiving

PAGE, SILENT = "/make-changes", "/make-changes/silent"


@pytest.fixture(scope="module")
def finance(new_client: Callable[..., Client]) -> Client:
    return new_client("finops", demo="contoso")


@pytest.fixture
def person(finance: Client) -> Person:
    made = signed_in(finance)
    made.open(PAGE)
    return made


def wait(person: Person) -> None:
    until = time.monotonic() + 30
    while "Changes are being made" in person.text:
        assert time.monotonic() < until
        time.sleep(0.05)
        person.open(PAGE)


def test_changes_are_made_and_their_progress_is_told(person: Person) -> None:
    person.send(PAGE, count="30", rate="0", seed="4", tables=["CustomersV3"])
    wait(person)
    assert "All changes are made" in person.text
    assert "30 of 30" in person.text
    person.open("/last-changes?table=CustomersV3")
    assert "random changes" in person.text


def test_the_page_refreshes_itself_while_they_are_made_and_stops_them(person: Person) -> None:
    person.send(PAGE, count="100000", rate="20", seed="4")
    assert '<meta http-equiv="refresh" content="2">' in person.page.text
    assert "Changes are being made" in person.text
    person.send(f"{PAGE}/stop")
    assert "Stopped early" in person.text
    assert "http-equiv" not in person.page.text


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"count": "0"}, "count"),
        ({"count": "many"}, "count"),
        ({"creates": "0", "updates": "0", "deletes": "0"}, "must have a share"),
        ({"tables": ["none"]}, "There is no table"),
    ],
)
def test_a_wish_that_makes_no_sense_is_told_and_kept(person: Person, typed: dict[str, str], said: str) -> None:
    person.send(PAGE, **{"rate": "3", **typed})
    assert person.page.status_code == 400
    assert said in person.text
    assert person.value("rate") == "3"


def test_silent_changes_are_made_at_once_and_told_to_nobody(
    new_client: Callable[..., Client], management: Management
) -> None:
    finance = new_client("finops", demo="contoso")
    person = signed_in(finance)
    with receiving() as receiver:
        body = {"name": "here", "url": receiver.url}
        management.done("POST", f"sandboxes/{finance.info['name']}/endpoints", body)
        receiver.wait(1)
        person.open(PAGE)
        person.send(SILENT, count="12", seed="3", tables=["CustomersV3"])
        finance.post("ProductColors", {"COLORID": "Last"})
        told = receiver.wait(2)
    found = re.search(r"(\d+) rows changed silently", person.text)
    assert found is not None
    assert int(found[1]) >= 10
    assert [one["EntitySetName"] for one in told] == ["", "ProductColors"]


def test_too_many_silent_changes_are_refused(person: Person) -> None:
    person.send(SILENT, count="5001")
    assert person.page.status_code == 400
    assert "At most 5,000" in person.text


def test_without_rows_the_page_says_what_to_do(new_client: Callable[..., Client]) -> None:
    person = signed_in(new_client("dataverse"))
    person.open(PAGE)
    assert "there is nothing to change" in person.text
    assert "Open a table and create a row" in person.text

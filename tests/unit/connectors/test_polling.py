"""Polling of finops by modified time, against scripted answers."""

import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from syncengine.connectors.base import Poll
from syncengine.connectors.finops.connector import FinopsConnector
from syncengine.errors import CatalogError, CursorExpiredError
from tests.unit.connectors.make import Script, answer, make_accounts, make_customers, make_settings

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
TABLE = make_customers()


def page(at: datetime, *rows: tuple[str, str, datetime], next_link: str = "") -> httpx.Response:
    """Rows as (account, version, modified), answered at this time."""
    value = [
        {
            "@odata.etag": version,
            "dataAreaId": "usmf",
            "CustomerAccount": account,
            "ModifiedDateTime": f"{modified:%Y-%m-%dT%H:%M:%SZ}",
        }
        for account, version, modified in rows
    ]
    more = {"@odata.nextLink": next_link} if next_link else {}
    return answer(body={"value": value, **more}, date=f"{at:%a, %d %b %Y %H:%M:%S} GMT")


def poll_all(*pages: httpx.Response, cursor: str | None = None) -> tuple[list[Poll], Script]:
    """A first cursor at noon, then a poll for each page."""
    script = Script(*([page(NOON), page(NOON)] if cursor is None else []), *pages)
    connector = FinopsConnector(make_settings(kind="finops"), transport=script)
    polls = [] if cursor is not None else [connector.poll(TABLE, columns=(), cursor=None)]
    for _ in pages:
        polls.append(connector.poll(TABLE, columns=(), cursor=polls[-1].cursor if polls else cursor))
    return polls, script


def ids(poll: Poll) -> list[str]:
    return poll.events["row_id"].to_list()


def seconds(number: float) -> datetime:
    return NOON + timedelta(seconds=number)


def test_first_cursor_brings_no_events_and_stands_an_overlap_before_the_services_clock() -> None:
    (start, _), script = poll_all(page(seconds(5)))
    assert start.events.is_empty()
    assert "$filter=ModifiedDateTime%20ge%202026-11-21T11:59:00Z" in str(script.requests[2].url)
    assert "$orderby=ModifiedDateTime" in str(script.requests[2].url)
    assert "$select=dataAreaId,CustomerAccount,ModifiedDateTime" in str(script.requests[2].url)


def test_rows_modified_just_before_the_first_cursor_are_not_told() -> None:
    old, link = ("C1", "v1", seconds(-30)), "http://service.test/data/CustomersV3?$skiptoken=1"
    first = [page(NOON), page(NOON, old, next_link=link), page(seconds(1), ("C2", "v1", seconds(-20)))]
    later = page(seconds(5), old, ("C2", "v2", seconds(3)), ("C3", "v1", seconds(-40)))
    connector = FinopsConnector(make_settings(kind="finops"), transport=Script(*first, later))
    start = connector.poll(TABLE, columns=(), cursor=None)
    assert start.events.is_empty()
    assert not start.has_more
    assert ids(connector.poll(TABLE, columns=(), cursor=start.cursor)) == ["usmf|c2", "usmf|c3"]


def test_event_tells_row_version_and_time() -> None:
    _, poll = poll_all(page(seconds(5), ("C1", "v1", seconds(3))))[0]
    assert poll.events.row(0) == ("CustomersV3", "usmf|c1", "upsert", "v1", seconds(3), None, "v1")
    assert not poll.has_more


def test_row_seen_again_within_the_overlap_is_told_once() -> None:
    row = ("C1", "v1", seconds(3))
    polls, _ = poll_all(page(seconds(5), row), page(seconds(6), row), page(seconds(7), row))
    assert [ids(poll) for poll in polls[1:]] == [["usmf|c1"], [], []]


def test_row_changed_again_is_told_again() -> None:
    polls, _ = poll_all(page(seconds(5), ("C1", "v1", seconds(3))), page(seconds(6), ("C1", "v2", seconds(3))))
    assert [ids(poll) for poll in polls[1:]] == [["usmf|c1"], ["usmf|c1"]]


def test_late_committing_row_within_the_overlap_is_told() -> None:
    early, late = ("C1", "v1", seconds(30)), ("C2", "v1", seconds(1))
    polls, script = poll_all(page(seconds(31), early), page(seconds(59), late, early))
    assert ids(polls[2]) == ["usmf|c2"]
    assert "11:59:31Z" in str(script.requests[3].url)


def test_floor_moves_on_without_changes_so_that_nothing_is_read_for_ever() -> None:
    _, script = poll_all(page(seconds(5), ("C1", "v1", seconds(3))), page(seconds(600)), page(seconds(660)))
    assert "ge%202026-11-21T12:09:00Z" in str(script.requests[4].url)


def test_floor_never_moves_back() -> None:
    _, script = poll_all(page(seconds(600)), page(seconds(0)), page(seconds(1)))
    assert "ge%202026-11-21T12:09:00Z" in str(script.requests[4].url)


def test_round_of_pages_keeps_its_first_clock() -> None:
    link = "http://service.test/data/CustomersV3?$skiptoken=1"
    first = page(seconds(5), ("C1", "v1", seconds(1)), next_link=link)
    polls, script = poll_all(first, page(seconds(90), ("C2", "v1", seconds(2))), page(seconds(95)))
    assert [poll.has_more for poll in polls] == [False, True, False, False]
    assert str(script.requests[3].url) == link
    assert "ge%202026-11-21T11:59:05Z" in str(script.requests[4].url)


def test_rows_of_an_earlier_page_are_known_in_the_next_round() -> None:
    link = "http://service.test/data/CustomersV3?$skiptoken=1"
    one, two = ("C1", "v1", seconds(1)), ("C2", "v1", seconds(2))
    polls, _ = poll_all(page(seconds(5), one, next_link=link), page(seconds(6), two), page(seconds(7), one, two))
    assert [ids(poll) for poll in polls[1:]] == [["usmf|c1"], ["usmf|c2"], []]


def test_forgotten_page_link_starts_the_round_anew() -> None:
    link = "http://service.test/data/CustomersV3?$skiptoken=1"
    first = page(seconds(5), ("C1", "v1", seconds(1)), next_link=link)
    script = Script(
        page(NOON), page(NOON), first, answer(400), page(seconds(9), ("C1", "v1", seconds(1)), ("C2", "v1", seconds(2)))
    )
    connector = FinopsConnector(make_settings(kind="finops"), transport=script)
    cursor = connector.poll(TABLE, columns=(), cursor=None).cursor
    cursor = connector.poll(TABLE, columns=(), cursor=cursor).cursor
    assert ids(connector.poll(TABLE, columns=(), cursor=cursor)) == ["usmf|c2"]


def test_cursor_stays_small_in_a_burst() -> None:
    rows = [(f"C{number}", "v1", seconds(1)) for number in range(50_500)]
    polls, _ = poll_all(page(seconds(5), *rows), page(seconds(6), *rows))
    assert polls[1].events.height == 50_500
    assert polls[2].events.height == 500
    assert len(polls[2].cursor) < 450_000


def test_cursor_that_is_not_ours_has_expired() -> None:
    with pytest.raises(CursorExpiredError, match="CustomersV3"):
        poll_all(page(NOON), cursor="http://x")


def test_table_without_modified_time_cannot_be_polled() -> None:
    table = make_accounts()
    plain = type(table)(name="T", logical_name="T", label="", columns=table.columns)
    with pytest.raises(CatalogError, match="no modified time"):
        FinopsConnector(make_settings(), transport=Script(answer())).poll(plain, columns=(), cursor=None)


def test_cursor_is_text_that_survives_storage() -> None:
    (start, poll), _ = poll_all(page(seconds(5), ("C1", "v1", seconds(3))))
    assert json.loads(poll.cursor)["floor"] >= json.loads(start.cursor)["floor"]

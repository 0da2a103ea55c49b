"""The delta feed of Dataverse, against scripted answers."""

from typing import Any

import pytest

from syncengine.connectors.base import Poll
from syncengine.connectors.dataverse.connector import DataverseConnector
from syncengine.errors import CatalogError, CredentialsError, CursorExpiredError, PermanentError, ThrottledError
from tests.unit.connectors.make import Reply, Script, answer, make_accounts, make_settings

TABLE = make_accounts()
BASE = "http://service.test/api/data/v9.2/accounts"


def poll(*replies: Reply, cursor: str | None) -> tuple[Poll, Script]:
    script = Script(*replies)
    return DataverseConnector(make_settings(), transport=script).poll(TABLE, columns=("name",), cursor=cursor), script


def page(*rows: dict[str, Any], **links: str) -> Any:
    return answer(body={"value": rows, **{f"@odata.{name}": link for name, link in links.items()}})


def test_first_cursor_is_the_delta_link_behind_all_pages() -> None:
    second = page({"accountid": "b"}, deltaLink=f"{BASE}?$deltatoken=1")
    start, script = poll(page({"accountid": "a"}, nextLink=f"{BASE}?$skiptoken=2"), second, cursor=None)
    assert (start.cursor, start.events.is_empty()) == (f"{BASE}?$deltatoken=1", True)
    assert "odata.track-changes" in script.requests[0].headers["prefer"]
    assert str(script.requests[0].url) == f"{BASE}?$select=accountid,modifiedon"


def test_changed_and_deleted_rows_are_events() -> None:
    changed = {"@odata.etag": 'W/"9"', "accountid": "AA", "modifiedon": "2026-11-21T03:00:00Z"}
    gone = {"@odata.context": "x/$deletedEntity", "id": "BB", "reason": "deleted"}
    told, _ = poll(page(changed, gone, deltaLink=f"{BASE}?$deltatoken=2"), cursor=f"{BASE}?$deltatoken=1")
    assert told.events.select("row_id", "operation", "version").rows() == [
        ("aa", "upsert", 'W/"9"'),
        ("bb", "delete", None),
    ]
    assert told.events["changed_at"][0] is not None
    assert (told.cursor, told.has_more) == (f"{BASE}?$deltatoken=2", False)


def test_page_with_a_next_link_has_more() -> None:
    told, _ = poll(page(nextLink=f"{BASE}?$skiptoken=3"), cursor=f"{BASE}?$deltatoken=1")
    assert (told.cursor, told.has_more) == (f"{BASE}?$skiptoken=3", True)


@pytest.mark.parametrize("status", [400, 404, 410, 412])
def test_refused_delta_link_has_expired(status: int) -> None:
    body = {"error": {"code": "0x80044352", "message": "Version stamp has expired."}}
    with pytest.raises(CursorExpiredError, match="Version stamp has expired") as caught:
        poll(answer(status, body), cursor=f"{BASE}?$deltatoken=1")
    assert caught.value.code == "0x80044352"


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (answer(401), CredentialsError),
        (answer(403, {"error": {"code": "0x80040220", "message": "m"}}), PermanentError),
        (answer(429, retry_after="60"), ThrottledError),
    ],
)
def test_other_refusals_of_a_delta_link_are_no_expiry(reply: Any, expected: type[Exception]) -> None:
    with pytest.raises(expected) as caught:
        poll(reply, cursor=f"{BASE}?$deltatoken=1")
    assert not isinstance(caught.value, CursorExpiredError)


def test_delta_link_of_another_host_is_refused() -> None:
    with pytest.raises(PermanentError, match="another host"):
        poll(page(), cursor="http://evil.test/api/data/v9.2/accounts?$deltatoken=1")


def test_table_without_change_tracking_is_a_catalog_error() -> None:
    with pytest.raises(CatalogError, match="does not track changes"):
        poll(page({"accountid": "a"}), cursor=None)


def test_page_that_leads_to_itself_or_nowhere_is_refused() -> None:
    with pytest.raises(PermanentError, match="leads to itself"):
        poll(page(nextLink=f"{BASE}?$deltatoken=1"), cursor=f"{BASE}?$deltatoken=1")
    with pytest.raises(PermanentError, match="without a link"):
        poll(page(), cursor=f"{BASE}?$deltatoken=1")

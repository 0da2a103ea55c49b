from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from portal.views import sync_errors as view
from syncengine.models import Change, EntityMap, Link, StoredSyncError
from tests.portal.make import CHANGE, make_client
from tests.rows import make_change, make_error, make_link, make_map

pytestmark = pytest.mark.django_db
RETRY = "retry-errors"


def found(client: Client, **query: str) -> list[StoredSyncError]:
    return client.get(reverse("error-list"), query).context["page"].rows


def test_no_errors_is_told(link: Link, reader: Client) -> None:
    assert "No open error." in reader.get(reverse("error-list")).content.decode()
    assert "No error matches." in reader.get(reverse("error-list"), {"q": "x"}).content.decode()


def test_open_errors_come_newest_first(a_map: EntityMap, reader: Client) -> None:
    now = timezone.now()
    old, new = (make_error(a_map, last_at=now - timedelta(hours=hours)) for hours in (2, 1))
    make_error(a_map, state="resolved")
    assert found(reader) == [new, old]


def test_the_filter_is_in_the_address(link: Link, reader: Client) -> None:
    first, second = make_map(link), make_map(link)
    one = make_error(first, error_class="data", side="left", company="usmf", key="US-001|usmf")
    two = make_error(second, error_class="business", side="right", state="resolved", message="Field is empty.")
    assert found(reader, map=str(first.pk)) == [one]
    assert found(reader, map=str(second.pk)) == []
    assert found(reader, kind="business", state="resolved") == [two]
    assert found(reader, side="left", company="usmf") == [one]
    assert found(reader, q="us-001") == [one]
    assert found(reader, q="IS EMPTY", state="resolved") == [two]
    assert found(reader, q=str(one.pk)) == [one]
    assert found(reader, q=f"#{one.pk}") == [one]


@pytest.mark.parametrize("query", [{"map": "999"}, {"map": "x"}, {"kind": "odd"}, {"side": "up"}, {"cursor": "x"}])
def test_a_filter_that_is_no_choice_is_as_if_not_there(a_map: EntityMap, reader: Client, query: dict[str, str]) -> None:
    error = make_error(a_map)
    assert found(reader, **query) == [error]


@pytest.mark.parametrize("text", ["'", "%", "_", "9" * 40, "²", "\\", "#"])
def test_any_text_can_be_searched_for(a_map: EntityMap, reader: Client, text: str) -> None:
    make_error(a_map, key="US-001")
    assert found(reader, q=text) == []


def test_errors_of_another_link_are_not_shown(link: Link, reader: Client) -> None:
    make_error(make_map(make_link(name="Zebra")))
    assert found(reader) == []


def test_pages_go_on_by_key_and_keep_the_filter(a_map: EntityMap, reader: Client) -> None:
    for _ in range(51):
        make_error(a_map, key="same")
    response = reader.get(reverse("error-list"), {"q": "same"})
    html = response.content.decode()
    assert "Showing 50 of 51, newest first" in html
    assert "?q=same&amp;cursor=" in html
    assert len(found(reader, q="same", cursor=response.context["page"].next)) == 1


def test_only_those_who_may_operate_can_select_and_retry(a_map: EntityMap, operator: Client, reader: Client) -> None:
    make_error(a_map)
    assert "Retry all that match (1)" in operator.get(reverse("error-list")).content.decode()
    html = reader.get(reverse("error-list")).content.decode()
    assert 'name="error"' not in html
    assert "Retry" not in html.split("<main")[1].split("</main>")[0]


def test_errors_that_ended_cannot_be_retried(a_map: EntityMap, operator: Client) -> None:
    make_error(a_map, state="resolved")
    html = operator.get(reverse("error-list"), {"state": "resolved"}).content.decode()
    assert 'name="matching"' not in html


def test_retry_selected_wakes_the_records_and_says_how_many(a_map: EntityMap, operator: Client) -> None:
    errors = [make_error(a_map, left_id=row) for row in "123"]
    for row in "123":
        make_change(a_map, row, state="parked")
    data = {"error": [errors[0].pk, errors[1].pk], "next": "/errors/?kind=data"}
    response = operator.post(reverse(RETRY), data, follow=True)
    assert response.redirect_chain == [("/errors/?kind=data", 302)]
    assert "2 records are tried again." in response.content.decode()
    assert sorted(Change.objects.filter(state="ready").values_list("row_id", flat=True)) == ["1", "2"]


def test_retry_all_that_match_leaves_the_others(link: Link, operator: Client) -> None:
    mine, other = make_map(link), make_map(link)
    for map_ in (mine, mine, other):
        make_error(map_)
    operator.post(reverse(RETRY), {"matching": "1", "map": str(mine.pk)})
    assert set(Change.objects.values_list("map_id", flat=True)) == {mine.pk}


def test_one_press_retries_no_more_than_the_limit(
    a_map: EntityMap, operator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(view, "RETRY_LIMIT", 2)
    for _ in range(3):
        make_error(a_map)
    operator.post(reverse(RETRY), {"matching": "1"})
    assert Change.objects.count() == 2


def test_retrying_what_is_not_open_any_more_is_told(a_map: EntityMap, operator: Client) -> None:
    error = make_error(a_map, state="resolved")
    response = operator.post(reverse(RETRY), {"error": error.pk}, follow=True)
    assert "none of these errors is open any more" in response.content.decode()


def test_a_refusal_is_told(link: Link, operator: Client) -> None:
    error = make_error(make_map(link, name="Colors", state="not running"))
    response = operator.post(reverse(RETRY), {"error": error.pk}, follow=True)
    assert "Colors is not running." in response.content.decode()


def test_retry_takes_a_post_and_the_right_to_operate(a_map: EntityMap, operator: Client, reader: Client) -> None:
    error = make_error(a_map)
    assert operator.get(reverse(RETRY)).status_code == 405
    assert reader.post(reverse(RETRY), {"error": error.pk}).status_code == 403
    assert make_client(CHANGE).post(reverse(RETRY), {"error": error.pk}).status_code == 403
    assert not Change.objects.exists()


@pytest.mark.parametrize("to", ["https://elsewhere.example/", "//elsewhere.example", "javascript:alert(1)", ""])
def test_another_site_is_no_place_to_come_back_to(a_map: EntityMap, operator: Client, to: str) -> None:
    response = operator.post(reverse(RETRY), {"error": make_error(a_map).pk, "next": to})
    assert response["Location"] == reverse("error-list")


def test_classes_lead_to_their_errors(a_map: EntityMap, reader: Client) -> None:
    make_error(a_map, error_class="missing parent")
    assert "?kind=missing%20parent" in reader.get(reverse("error-list")).content.decode()


def test_the_number_of_queries_does_not_grow_with_the_errors(
    a_map: EntityMap, operator: Client, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    for _ in range(30):
        make_error(a_map)
    with django_assert_max_num_queries(13):
        found(operator)

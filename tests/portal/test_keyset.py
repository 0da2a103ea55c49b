from datetime import timedelta

import pytest
from django.utils import timezone

from portal.selectors.keyset import page_of
from syncengine.models import Activity, Link
from tests.portal.make import make_activity

pytestmark = pytest.mark.django_db
ORDER = ("-at", "-id")


def walk(size: int) -> list[int]:
    """The rows of all pages, from the first to the last."""
    found, cursor = [], ""
    while True:
        page = page_of(Activity.objects.all(), order=ORDER, cursor=cursor, size=size)
        found += [row.pk for row in page.rows]
        if not page.next:
            return found
        cursor = page.next


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8])
def test_pages_hold_every_row_once_also_where_times_are_equal(link: Link, size: int) -> None:
    now = timezone.now()
    for number in range(7):
        make_activity(link, at=now - timedelta(seconds=number // 3))
    assert walk(size) == list(Activity.objects.order_by(*ORDER).values_list("pk", flat=True))


def test_going_back_shows_the_page_before(link: Link) -> None:
    for _ in range(6):
        make_activity(link)
    rows = Activity.objects.all()
    first = page_of(rows, order=ORDER, size=2)
    second = page_of(rows, order=ORDER, cursor=first.next, size=2)
    third = page_of(rows, order=ORDER, cursor=second.next, size=2)
    assert page_of(rows, order=ORDER, cursor=third.previous, size=2).rows == second.rows
    assert page_of(rows, order=ORDER, cursor=second.previous, size=2).rows == first.rows


def test_the_first_page_has_none_before_and_the_last_none_behind(link: Link) -> None:
    for _ in range(3):
        make_activity(link)
    first = page_of(Activity.objects.all(), order=ORDER, size=2)
    last = page_of(Activity.objects.all(), order=ORDER, cursor=first.next, size=2)
    assert (first.previous, last.next) == ("", "")


def test_a_cursor_whose_rows_are_gone_shows_the_first_page(link: Link) -> None:
    for _ in range(3):
        make_activity(link)
    first = page_of(Activity.objects.all(), order=ORDER, size=2)
    Activity.objects.order_by(*ORDER).last().delete()  # type: ignore[union-attr]
    assert page_of(Activity.objects.all(), order=ORDER, cursor=first.next, size=2).rows == first.rows


@pytest.mark.parametrize("cursor", ["x", "W10", "a:b:c", "💥", "'; drop table"])
def test_what_is_no_cursor_shows_the_first_page(link: Link, cursor: str) -> None:
    made = make_activity(link)
    assert page_of(Activity.objects.all(), order=ORDER, cursor=cursor).rows == [made]


def test_a_cursor_of_another_list_shows_the_first_page(link: Link) -> None:
    for _ in range(3):
        make_activity(link)
    cursor = page_of(Activity.objects.all(), order=("-id",), size=1).next
    assert len(page_of(Activity.objects.all(), order=ORDER, cursor=cursor).rows) == 3

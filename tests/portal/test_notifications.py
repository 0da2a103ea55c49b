from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from syncengine.models import EntityMap, Link
from tests.portal.make import make_notification
from tests.rows import make_link, make_map, make_rule

pytestmark = pytest.mark.django_db


def page(client: Client, **query: str) -> str:
    return client.get(reverse("notifications"), query).content.decode()


def test_nothing_sent_says_what_belongs_there(link: Link, reader: Client) -> None:
    assert "belong here" in page(reader)


def test_a_notification_says_to_whom_when_and_how_it_went(a_map: EntityMap, reader: Client) -> None:
    rule = make_rule(a_map.link, subscribers=["anna@contoso.example", "ben@contoso.example"])
    make_notification(rule, a_map, state="sent", sent_at=timezone.now(), subject="12 errors on Customers")
    html = page(reader)
    assert "12 errors on Customers" in html
    assert 'title="anna@contoso.example, ben@contoso.example"' in html
    assert 'data-state="sent"' in html


def test_a_mail_that_failed_says_why(a_map: EntityMap, reader: Client) -> None:
    make_notification(make_rule(a_map.link), a_map, state="failed", problem="Connection refused.", attempts=2)
    html = page(reader)
    assert "Connection refused." in html
    assert "2 tries" in html


def test_notifications_of_another_link_are_not_shown(link: Link, reader: Client) -> None:
    other = make_map(make_link(name="Zebra"))
    make_notification(make_rule(other.link), other, subject="Elsewhere")
    assert "Elsewhere" not in page(reader)


def test_pages_go_on_by_key(a_map: EntityMap, reader: Client) -> None:
    rule = make_rule(a_map.link)
    for number in range(51):
        make_notification(rule, a_map, subject=f"mail {number}")
    response = reader.get(reverse("notifications"))
    assert "Showing 50 of 51, newest first" in response.content.decode()
    assert "mail 0<" in page(reader, cursor=response.context["page"].next)


def test_the_number_of_queries_does_not_grow_with_the_rows(
    link: Link, reader: Client, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    for _ in range(10):
        make_notification(make_rule(link), make_map(link))
    with django_assert_max_num_queries(13):
        page(reader)

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from syncengine.models import AlertRule, EntityMap, Link
from tests.portal.make import OPERATE, make_client, make_notification
from tests.rows import make_link, make_map, make_rule

pytestmark = pytest.mark.django_db


def form(**overrides: Any) -> dict[str, Any]:
    values = {
        "name": "Burst",
        "kind": "business",
        "count": "10",
        "window_minutes": "15",
        "action": "pause",
        "subscribers": "anna@contoso.example\r\n\r\nben@contoso.example\r\nanna@contoso.example",
        "is_enabled": "on",
    }
    return {name: value for name, value in (values | overrides).items() if value is not None}


def test_no_rules_is_told_and_offers_to_make_one(link: Link, operator: Client, reader: Client) -> None:
    assert reverse("alert-add") in operator.get(reverse("alert-list")).content.decode()
    assert reverse("alert-add") not in reader.get(reverse("alert-list")).content.decode()


def test_rules_of_this_link_are_listed_with_their_last_firing(a_map: EntityMap, reader: Client) -> None:
    rule = make_rule(a_map.link)
    make_rule(make_link(name="Zebra"))
    sent = make_notification(rule, a_map)
    rows = reader.get(reverse("alert-list")).context["rows"]
    assert [(row.rule, row.fired_at) for row in rows] == [(rule, sent.fired_at)]


def test_a_rule_is_saved_as_it_was_entered(a_map: EntityMap, operator: Client) -> None:
    response = operator.post(reverse("alert-add"), form(maps=a_map.pk))
    rule = AlertRule.objects.get()
    assert response["Location"] == reverse("alert-list")
    assert (rule.name, rule.error_class, rule.count, rule.window_minutes) == ("Burst", "business", 10, 15)
    assert (rule.action, rule.is_enabled, list(rule.maps.all())) == ("pause", True, [a_map])
    assert rule.subscribers == ["anna@contoso.example", "ben@contoso.example"]


def test_no_map_ticked_and_any_class_stand_for_all(a_map: EntityMap, operator: Client) -> None:
    operator.post(reverse("alert-add"), form(kind="", is_enabled=None))
    rule = AlertRule.objects.get()
    assert (rule.error_class, rule.maps.count(), rule.is_enabled) == ("", 0, False)


def test_editing_shows_what_is_kept_and_changes_it(a_map: EntityMap, operator: Client) -> None:
    rule = make_rule(a_map.link, name="Old", subscribers=["anna@contoso.example"])
    address = reverse("alert-edit", args=[rule.pk])
    html = operator.get(address).content.decode()
    assert 'value="Old"' in html
    assert "anna@contoso.example</textarea>" in html
    operator.post(address, form(name="New"))
    rule.refresh_from_db()
    assert (rule.name, AlertRule.objects.count()) == ("New", 1)


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("name", "", "This field is required."),
        ("count", "0", "greater than or equal to 1"),
        ("window_minutes", "99999", "less than or equal to 10080"),
        ("action", "explode", "Select a valid choice"),
        ("kind", "odd", "Select a valid choice"),
        ("subscribers", "anna", "“anna” is not an e-mail address."),
        ("subscribers", " \n ", "This field is required."),
        ("maps", "999999", "Select a valid choice"),
    ],
)
def test_what_is_wrong_stands_at_its_field_and_nothing_is_saved(
    link: Link, operator: Client, field: str, value: str, problem: str
) -> None:
    response = operator.post(reverse("alert-add"), form(**{field: value}))
    assert response.status_code == 422
    assert any(problem in error for error in response.context["form"].errors[field])
    assert not AlertRule.objects.exists()


def test_what_was_entered_is_kept_when_something_is_wrong(link: Link, operator: Client) -> None:
    html = operator.post(reverse("alert-add"), form(count="0")).content.decode()
    assert 'value="Burst"' in html
    assert "anna@contoso.example" in html


def test_a_refusal_stands_at_the_form(link: Link, operator: Client) -> None:
    make_rule(link, name="Burst")
    response = operator.post(reverse("alert-add"), form())
    assert response.status_code == 422
    assert "There is already an alert called Burst." in response.content.decode()


def test_maps_of_another_link_cannot_be_chosen(link: Link, operator: Client) -> None:
    other = make_map(make_link(name="Zebra"))
    assert operator.post(reverse("alert-add"), form(maps=other.pk)).status_code == 422


def test_deleting_asks_first(link: Link, operator: Client) -> None:
    rule = make_rule(link, name="Burst")
    address = reverse("alert-delete", args=[rule.pk])
    assert "The rule Burst" in operator.get(address).content.decode()
    assert AlertRule.objects.count() == 1
    assert operator.post(address)["Location"] == reverse("alert-list")
    assert not AlertRule.objects.exists()


def test_rules_of_another_link_are_not_found(link: Link, operator: Client) -> None:
    rule = make_rule(make_link(name="Zebra"))
    for name in ("alert-edit", "alert-delete"):
        assert operator.get(reverse(name, args=[rule.pk])).status_code == 404


def test_changing_takes_the_right_to_change(link: Link, reader: Client) -> None:
    rule = make_rule(link)
    addresses = [reverse("alert-add"), *(reverse(name, args=[rule.pk]) for name in ("alert-edit", "alert-delete"))]
    for client in (reader, make_client(OPERATE)):
        for address in addresses:
            assert client.get(address).status_code == 403
            assert client.post(address, form()).status_code == 403
    assert AlertRule.objects.count() == 1


def test_a_reader_sees_rules_without_ways_to_change_them(link: Link, reader: Client) -> None:
    rule = make_rule(link)
    html = reader.get(reverse("alert-list")).content.decode()
    assert rule.name in html
    assert reverse("alert-edit", args=[rule.pk]) not in html

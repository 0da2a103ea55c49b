from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from syncengine.mapping.definition import Company, Direction, FieldMapping, KeyPart, ValuePair
from syncengine.models import CaptureCursor, EntityMap, Link
from tests.doubles import Live
from tests.rows import make_definition, make_error, make_link, make_map

pytestmark = pytest.mark.django_db


def page(client: Client, map_: EntityMap, name: str = "map-page", **query: str) -> str:
    return client.get(reverse(name, args=[map_.pk]), query).content.decode()


def test_the_head_names_key_company_version_and_tables(link: Link, reader: Client) -> None:
    definition = make_definition(
        key=(KeyPart(left="GROUPID", right="msdyn_groupid"),),
        company=Company(left="dataAreaId", right="msdyn_company.cdm_companycode"),
    )
    html = page(reader, make_map(link, definition=definition, number="1.2.3.4"))
    for word in ("GROUPID", "msdyn_groupid", "dataAreaId", "msdyn_company.cdm_companycode", "1.2.3.4", "ProductColors"):
        assert word in html


def test_the_key_comes_first_and_types_are_shown(live: Live, reader: Client) -> None:
    link = make_link(left=live("finops")[0], right=live("dataverse")[0])
    fields = (
        FieldMapping(left="COLORNAME", right="msdyn_name", direction=Direction.TO_RIGHT),
        FieldMapping(left="COLORID", right="msdyn_colorid", direction=Direction.BOTH),
    )
    map_ = make_map(link, definition=make_definition(fields=fields))
    lines = reader.get(reverse("map-page", args=[map_.pk])).context["lines"]
    assert [(line.left, line.is_key, line.left_type) for line in lines] == [
        ("COLORID", True, "text 10"),
        ("COLORNAME", False, "text 60"),
    ]


@pytest.mark.parametrize(
    ("direction", "default", "glyph"),
    [
        (Direction.BOTH, None, "="),
        (Direction.TO_RIGHT, None, ">"),
        (Direction.TO_LEFT, None, "<"),
        (Direction.BOTH, "x", "><"),
        (Direction.TO_RIGHT, "x", "≫"),
        (Direction.TO_LEFT, "x", "≪"),
    ],
)
def test_each_direction_has_its_sign(
    link: Link, reader: Client, direction: Direction, default: str | None, glyph: str
) -> None:
    field = FieldMapping(left="A", right="b", direction=direction, default=default)
    map_ = make_map(link, definition=make_definition(fields=(field,)))
    assert reader.get(reverse("map-page", args=[map_.pk])).context["lines"][0].glyph == glyph


def test_a_value_map_lists_its_pairs_and_names_no_value(link: Link, reader: Client) -> None:
    pairs = (ValuePair(left="Yes", right="1"), ValuePair(left="", right="2"))
    field = FieldMapping(left="A", right="b", direction=Direction.BOTH, value_map=pairs, note="As published.")
    html = page(reader, make_map(link, definition=make_definition(fields=(field,))))
    assert "Value map, 2 pairs" in html
    assert "no value" in html
    assert "As published." in html


def test_an_empty_default_is_a_default(link: Link, reader: Client) -> None:
    field = FieldMapping(left=None, right="b", direction=Direction.TO_RIGHT, default="")
    assert "Default (empty text)" in page(reader, make_map(link, definition=make_definition(fields=(field,))))


def test_the_head_says_how_changes_arrive(a_map: EntityMap, reader: Client) -> None:
    now = timezone.now()
    environment = a_map.link.left
    CaptureCursor.objects.create(
        environment=environment,
        table=a_map.left_table,
        polled_at=now,
        pushed_at=now,
        subscription="handle",
        note="Register the address by hand.",
    )
    html = page(reader, a_map)
    assert "notifications" in html
    assert "polled" in html
    assert "Register the address by hand." in html


def test_only_what_the_state_allows_can_be_pressed(link: Link, operator: Client) -> None:
    html = page(operator, make_map(link, state="paused"))
    assert 'id="do-resume"' in html
    assert 'id="do-stop"' in html
    assert 'id="do-run"' not in html


def test_a_reader_sees_no_buttons(a_map: EntityMap, reader: Client) -> None:
    assert 'id="do-' not in page(reader, a_map)


def test_a_map_that_does_not_go_on_says_why(link: Link, reader: Client) -> None:
    assert "The column is gone." in page(reader, make_map(link, problem="The column is gone."))


def test_the_polled_head_is_sent_only_when_changed(a_map: EntityMap, operator: Client) -> None:
    address = reverse("map-now", args=[a_map.pk])
    first = operator.get(address)
    assert operator.get(address, headers={"If-None-Match": first["ETag"]}).status_code == 304
    EntityMap.objects.update(state="paused")
    assert operator.get(address, headers={"If-None-Match": first["ETag"]}).status_code == 200


def test_the_error_tab_lists_open_errors_of_this_map(a_map: EntityMap, reader: Client) -> None:
    mine = make_error(a_map)
    make_error(a_map, state="resolved")
    make_error(make_map(a_map.link))
    rows = reader.get(reverse("map-errors", args=[a_map.pk])).context["page"].rows
    assert rows == [mine]


def test_an_empty_error_tab_says_what_belongs_there(a_map: EntityMap, reader: Client) -> None:
    assert "No open error." in page(reader, a_map, "map-errors")


def test_an_empty_activity_tab_says_what_belongs_there(a_map: EntityMap, reader: Client) -> None:
    assert "appears here" in page(reader, a_map, "map-activity")


def test_the_page_takes_few_queries(
    a_map: EntityMap, reader: Client, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    with django_assert_max_num_queries(13):
        page(reader, a_map)

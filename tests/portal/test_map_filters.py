import pytest
from django.test import Client
from django.urls import reverse

from portal.views.map_filters import line_at
from syncengine.models import EntityMap
from tests.doubles import Live
from tests.portal.make import OPERATE, make_client
from tests.rows import make_definition, make_link, make_map

pytestmark = pytest.mark.django_db


@pytest.fixture
def stopped(live: Live) -> EntityMap:
    """A map at rest with three rows on its left."""
    left, finops = live("finops")
    for color in ("Black", "Blue", "Red"):
        finops.put("ProductColors", COLORID=color, COLORNAME=color)
    link = make_link(left=left, right=live("dataverse")[0])
    definition = make_definition(left_filter='(COLORNAME == "Red")')
    return make_map(link, definition=definition, state="not running")


def at(map_: EntityMap, name: str = "map-filters") -> str:
    return reverse(name, args=[map_.pk])


def test_a_map_at_rest_can_be_edited(stopped: EntityMap, operator: Client) -> None:
    html = operator.get(at(stopped)).content.decode()
    assert 'name="left_filter"' in html
    assert "(COLORNAME == &quot;Red&quot;)" in html


def test_a_running_map_shows_its_filters_and_says_why_they_are_fixed(a_map: EntityMap, operator: Client) -> None:
    html = operator.get(at(a_map)).content.decode()
    assert 'name="left_filter"' not in html
    assert "Stop the map first" in html


def test_a_reader_sees_the_filters_only(stopped: EntityMap, reader: Client) -> None:
    html = reader.get(at(stopped)).content.decode()
    assert "COLORNAME" in html
    assert 'name="left_filter"' not in html


def test_the_preview_counts_rows_of_both_sides_and_saves_nothing(stopped: EntityMap, operator: Client) -> None:
    data = {"left_filter": '(COLORNAME like "B*")', "right_filter": ""}
    response = operator.post(at(stopped, "filters-preview"), data, headers={"HX-Request": "true"})
    html = response.content.decode()
    assert "2 of 3 rows match" in html
    assert "0 of 0 rows match" in html
    assert stopped.versions.count() == 1


def test_a_filter_that_does_not_parse_is_marked_where(stopped: EntityMap, operator: Client) -> None:
    data = {"left_filter": '(COLORNAME == "B*"', "right_filter": "msdyn_name eq"}
    response = operator.post(at(stopped, "filters-preview"), data, headers={"HX-Request": "true"})
    for tried in response.context["tried"]:
        assert tried.preview.problem
        assert tried.line == data[f"{tried.side}_filter"]
        assert tried.caret.endswith("^")


def test_without_script_the_preview_is_a_page_that_keeps_what_was_typed(stopped: EntityMap, operator: Client) -> None:
    html = operator.post(at(stopped, "filters-preview"), {"left_filter": "", "right_filter": "x eq"}).content.decode()
    assert "<html" in html
    assert "x eq</textarea>" in html


def test_saving_makes_the_next_version(stopped: EntityMap, operator: Client) -> None:
    response = operator.post(at(stopped), {"left_filter": '(COLORNAME == "Blue")', "right_filter": ""}, follow=True)
    stopped.refresh_from_db()
    assert stopped.definition.left_filter == '(COLORNAME == "Blue")'
    assert f"Saved as version {stopped.version}".split(" (")[0] in response.content.decode()


def test_what_is_refused_stands_at_the_form_with_what_was_typed(stopped: EntityMap, operator: Client) -> None:
    response = operator.post(at(stopped), {"left_filter": "(COLORNAME ==", "right_filter": ""})
    html = response.content.decode()
    assert response.status_code == 422
    assert "The left filter, at character" in html
    assert "(COLORNAME ==</textarea>" in html
    assert stopped.versions.count() == 1


def test_a_map_that_runs_by_now_is_not_changed(stopped: EntityMap, operator: Client) -> None:
    EntityMap.objects.update(state="running")
    assert operator.post(at(stopped), {"left_filter": "", "right_filter": ""}).status_code == 422
    assert stopped.versions.count() == 1


@pytest.mark.parametrize("name", ["map-filters", "filters-preview"])
def test_changing_takes_the_right_to_change(stopped: EntityMap, reader: Client, name: str) -> None:
    data = {"left_filter": "", "right_filter": ""}
    assert reader.post(at(stopped, name), data).status_code == 403
    assert make_client(OPERATE).post(at(stopped, name), data).status_code == 403
    assert stopped.versions.count() == 1


def test_the_preview_takes_a_post(stopped: EntityMap, operator: Client) -> None:
    assert operator.get(at(stopped, "filters-preview")).status_code == 405


@pytest.mark.parametrize(
    ("text", "position", "found"),
    [
        ("a eq", 4, ("a eq", 4)),
        ("a\nb eq", 3, ("b eq", 1)),
        ("a\r\nb", 0, ("a", 0)),
        ("", 0, ("", 0)),
        ("a\n", 2, ("", 0)),
    ],
)
def test_the_line_of_a_position_is_found(text: str, position: int, found: tuple[str, int]) -> None:
    assert line_at(text, position) == found

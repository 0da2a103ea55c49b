import pytest
from django.test import Client
from django.urls import reverse

from syncengine.models import EntityMap, StoredSyncError
from tests.doubles import Live
from tests.rows import make_error, make_link, make_map

pytestmark = pytest.mark.django_db


def page(client: Client, error: StoredSyncError, name: str = "error-page") -> str:
    return client.get(reverse(name, args=[error.pk])).content.decode()


def test_the_page_says_what_happened_and_what_to_do_with_the_code_last(a_map: EntityMap, reader: Client) -> None:
    error = make_error(a_map, message="The group is not there.", remedy="Create it, then retry.", code="0x80060891")
    html = page(reader, error)
    assert html.index("The group is not there.") < html.index("0x80060891") < html.index("Create it, then retry.")


def test_the_raw_answer_is_folded_and_no_markup(a_map: EntityMap, reader: Client) -> None:
    html = page(reader, make_error(a_map, raw="<b>boom</b>"))
    assert "<details" in html
    assert "&lt;b&gt;boom&lt;/b&gt;" in html


def test_open_errors_can_be_retried_by_those_who_may(a_map: EntityMap, operator: Client, reader: Client) -> None:
    error = make_error(a_map)
    ended = make_error(a_map, state="resolved")
    assert 'data-key="r"' in page(operator, error)
    assert 'data-key="r"' not in page(operator, ended)
    assert 'data-key="r"' not in page(reader, error)


def test_retry_comes_back_to_the_error(a_map: EntityMap, operator: Client) -> None:
    error = make_error(a_map)
    address = reverse("error-page", args=[error.pk])
    response = operator.post(reverse("retry-errors"), {"error": error.pk, "next": address}, follow=True)
    assert response.redirect_chain == [(address, 302)]
    assert "1 record is tried again." in response.content.decode()


def test_the_values_of_both_sides_stand_beside_each_other(live: Live, reader: Client) -> None:
    (left, finops), (right, dataverse) = live("finops"), live("dataverse")
    map_ = make_map(make_link(left=left, right=right))
    finops.put("ProductColors", COLORID="Red", COLORNAME="Bright red")
    row_id = dataverse.put("msdyn_productcolors", msdyn_colorid="Red", msdyn_name="Dark red")
    html = page(reader, make_error(map_, left_id="red", right_id=row_id), "error-values")
    differing = html.split('class="differs"')[1].split("</tr>")[0]
    assert "Bright red" in differing
    assert "Dark red" in differing
    assert html.count('class="differs"') == 1


def test_a_side_that_cannot_be_read_says_so(live: Live, reader: Client) -> None:
    map_ = make_map(make_link(left=live("finops")[0], right=live("dataverse")[0]))
    html = page(reader, make_error(map_, left_id="gone", right_id=None), "error-values")
    assert html.count('class="problem"') == 2


def test_htmx_gets_the_values_alone(a_map: EntityMap, reader: Client) -> None:
    address = reverse("error-values", args=[make_error(a_map).pk])
    assert "<html" not in reader.get(address, headers={"HX-Request": "true"}).content.decode()
    assert "<html" in reader.get(address).content.decode()


def test_the_page_itself_asks_no_environment(a_map: EntityMap, reader: Client) -> None:
    assert 'hx-trigger="load"' in page(reader, make_error(a_map))

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from syncengine.models import EntityMap, Link, Run
from tests.portal.make import make_leg, make_run, make_run_map
from tests.rows import make_error, make_link, make_map

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(a_map: EntityMap) -> Run:
    """A run half way through one map, with two companies."""
    made = make_run(a_map.link)
    run_map = make_run_map(made, a_map)
    make_leg(run_map, company="USMF", expected=600, read=400, created=390, refused=10)
    make_leg(run_map, company="DEMF", expected=400, read=100, equal=99, updated=1)
    return made


def page(client: Client, run: Run, name: str = "run-page") -> str:
    return client.get(reverse(name, args=[run.pk])).content.decode()


def test_a_link_without_runs_says_what_belongs_there(link: Link, reader: Client) -> None:
    assert "Initial syncs belong here" in reader.get(reverse("run-list")).content.decode()


def test_runs_come_newest_first_and_of_this_link_only(link: Link, reader: Client) -> None:
    runs = [make_run(link) for _ in range(3)]
    make_run(make_link(name="Zebra"))
    rows = reader.get(reverse("run-list")).context["page"].rows
    assert [row.run for row in rows] == runs[::-1]


def test_the_list_adds_up_each_run(run: Run, reader: Client) -> None:
    row = reader.get(reverse("run-list")).context["page"].rows[0]
    assert (row.maps.all, row.maps.ended, row.progress.counters.refused) == (1, 0, 10)


def test_the_page_shows_how_far_it_is(run: Run, reader: Client) -> None:
    html = page(reader, run)
    assert "500 of 1,000" in html
    assert "rows/s" in html
    assert "left" in html


def test_each_company_and_target_has_its_counts(run: Run, reader: Client) -> None:
    cells = page(reader, run).split("DEMF")[1].split("</tr>")[0]
    for count in ("400", "100", "99", "1"):
        assert f">{count}</td>" in cells


def test_a_map_that_is_read_says_which_side(a_map: EntityMap, reader: Client) -> None:
    run = make_run(a_map.link)
    make_leg(make_run_map(run, a_map, phase="read left"), expected=8_000)
    html = page(reader, run)
    assert "is being read" in html
    assert "8,000 rows so far" in html


def test_a_map_whose_turn_has_not_come_has_no_bar(a_map: EntityMap, reader: Client) -> None:
    run = make_run(a_map.link)
    make_run_map(run, a_map, state="waiting", phase="", started_at=None)
    assert 'aria-label="Customers"' not in page(reader, run)


def test_a_failed_map_says_why(a_map: EntityMap, reader: Client) -> None:
    run = make_run(a_map.link, state="failed")
    make_run_map(run, a_map, state="failed", message="The table is gone.", ended_at=timezone.now())
    assert "The table is gone." in page(reader, run)


def test_open_errors_of_the_run_are_counted_and_linked(run: Run, reader: Client) -> None:
    run_map = run.run_maps.get()
    make_error(run_map.map, run_map=run_map)
    make_error(run_map.map, run_map=run_map, state="resolved")
    make_error(run_map.map)
    html = page(reader, run)
    assert "1 open error of this run" in html
    assert f"{reverse('error-list')}?map={run_map.map_id}" in html


def test_maps_come_in_the_order_in_which_they_are_synced(link: Link, reader: Client) -> None:
    run = make_run(link)
    later, first = make_map(link), make_map(link)
    make_run_map(run, later, position=1)
    make_run_map(run, first, position=0)
    rows = reader.get(reverse("run-page", args=[run.pk])).context["rows"]
    assert [row.run_map.map for row in rows] == [first, later]


def test_the_end_is_announced(run: Run, reader: Client) -> None:
    run.state, run.ended_at = "completed", timezone.now()
    run.save()
    assert f'data-announce="Run {run.pk}: Completed"' in page(reader, run, "run-now")


def test_an_ended_run_is_sent_once(run: Run, reader: Client) -> None:
    Run.objects.update(state="completed", ended_at=timezone.now())
    run.run_maps.update(state="completed", ended_at=timezone.now())
    address = reverse("run-now", args=[run.pk])
    etag = reader.get(address)["ETag"]
    assert reader.get(address, headers={"If-None-Match": etag}).status_code == 304


def test_the_number_of_queries_does_not_grow_with_the_maps(
    link: Link, reader: Client, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    run = make_run(link)
    for _ in range(8):
        make_leg(make_run_map(run, make_map(link)), expected=1)
    with django_assert_max_num_queries(13):
        page(reader, run)


# --- Cancelling --------------------------------------------------------------------------------------------------


@pytest.fixture
def loading(link: Link) -> Run:
    """A run with a map that is done, one that is being loaded, and one that was paused and takes over a company."""
    made = make_run(link)
    make_run_map(made, make_map(link, name="Done map"), state="completed", ended_at=timezone.now())
    make_run_map(made, make_map(link, name="Loading map", state="initializing"))
    company_only = {"companies": ["usmf"], "returns_to": "paused", "state": "waiting"}
    make_run_map(made, make_map(link, name="Company map", state="initializing"), **company_only)
    return made


def cancel_address(run: Run) -> str:
    return reverse("run-cancel", args=[run.pk])


def test_an_active_run_has_its_cancel_button_for_who_may_operate(
    loading: Run, operator: Client, reader: Client
) -> None:
    for name in ("run-page", "run-now"):
        assert f'hx-get="{cancel_address(loading)}"' in page(operator, loading, name)
        assert cancel_address(loading) not in page(reader, loading, name)


def test_a_run_that_is_over_has_no_cancel_button(loading: Run, operator: Client) -> None:
    Run.objects.update(state="completed", ended_at=timezone.now())
    assert cancel_address(loading) not in page(operator, loading)


def test_the_dialog_says_which_maps_come_to_rest_and_that_what_was_written_stays(
    loading: Run, operator: Client
) -> None:
    html = operator.get(cancel_address(loading), headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in html
    assert "What was written stays on both sides." in html
    loading_line, company_line = re.findall(r"<li>(.*?)</li>", html)
    assert "Loading map" in loading_line
    assert "comes to rest" in loading_line
    assert "Company map" in company_line
    assert 'goes back to <span class="chip chip--attention" data-state="paused">' in company_line


def test_without_script_the_question_is_a_page(loading: Run, operator: Client) -> None:
    html = operator.get(cancel_address(loading)).content.decode()
    assert "<html" in html
    assert f'action="{cancel_address(loading)}"' in html


def test_a_cancelled_run_is_shown_with_what_became_of_its_maps(loading: Run, operator: Client) -> None:
    response = operator.post(cancel_address(loading), follow=True)
    assert response.redirect_chain == [(reverse("run-page", args=[loading.pk]), 302)]
    assert f"Run {loading.pk} is cancelled. What it wrote stays." in response.content.decode()
    assert "1 of 3 maps done" in response.content.decode()
    states = dict(EntityMap.objects.values_list("name", "state"))
    assert states == {"Done map": "running", "Loading map": "not running", "Company map": "paused"}
    assert Run.objects.get().state == "cancelled"


def test_htmx_is_sent_on_to_the_run_by_a_header(loading: Run, operator: Client) -> None:
    response = operator.post(cancel_address(loading), headers={"HX-Request": "true"})
    assert response["HX-Redirect"] == reverse("run-page", args=[loading.pk])


def test_a_run_that_ended_meanwhile_is_told_and_left_as_it_is(loading: Run, operator: Client) -> None:
    Run.objects.update(state="completed")
    html = operator.post(cancel_address(loading), follow=True).content.decode()
    assert f"Run {loading.pk} is over already." in html
    assert Run.objects.get().state == "completed"


def test_looking_cancels_nothing_and_a_reader_may_not_even_ask(loading: Run, operator: Client, reader: Client) -> None:
    operator.get(cancel_address(loading))
    assert reader.get(cancel_address(loading)).status_code == 403
    assert reader.post(cancel_address(loading)).status_code == 403
    assert operator.put(cancel_address(loading)).status_code == 405
    assert Run.objects.get().state == "running"


def test_cancelling_without_its_token_is_refused(loading: Run, operator: Client) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = operator.cookies
    assert strict.post(cancel_address(loading)).status_code == 403
    assert Run.objects.get().state == "running"

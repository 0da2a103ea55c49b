from io import StringIO

import httpx
import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from syncengine.models import Environment, Link, Run
from syncengine.services import sandboxes
from syncengine.states import MapState

pytestmark = pytest.mark.django_db


def demo() -> str:
    said = StringIO()
    call_command("demo", wait=0, stdout=said)
    return said.getvalue()


def test_the_demo_is_a_linked_pair_whose_maps_start_and_a_pair_to_try_the_wizard_on(management: httpx.Client) -> None:
    said = demo()
    link = Link.objects.get()
    assert (link.left.name, link.right.name) == ("Contoso finance", "Contoso sales")
    assert {company.code for company in link.companies.all()} == {"usmf", "demf"}
    assert {(map_.state, map_.problem) for map_ in link.maps.all()} == {(MapState.INITIALIZING, "")}
    assert Run.objects.get(link=link).run_maps.count() == 12
    assert Environment.objects.filter(name__startswith="Training", options__has_key="sandbox").count() == 2
    assert "starts 12 maps" in said

    again = demo()
    assert (Environment.objects.count(), Link.objects.count(), Run.objects.count()) == (4, 1, 1)
    assert "was run before" in again
    assert len([each for each in sandboxes.all_sandboxes() if each.name.startswith(("Contoso", "Training"))]) == 4


def test_without_sandboxes_it_says_where_it_looked(settings: Settings) -> None:
    settings.SANDBOX_URL = "http://127.0.0.1:9"
    with pytest.raises(CommandError, match=r"do not answer at http://127\.0\.0\.1:9"):
        demo()
    assert not Environment.objects.exists()

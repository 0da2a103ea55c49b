"""The page of the sandboxes, over sandboxes that run."""

from typing import Any
from uuid import uuid4

import httpx
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from syncengine.models import Activity
from tests.portal.make import CHANGE, OPERATE, make_client
from tests.rows import make_environment, make_link

pytestmark = pytest.mark.django_db
ABOUT = {"tenant_id": "t", "version": "10.0.1", "build": "1.2.3", "data_centre": "asia", "default_company": "usmf"}


@pytest.fixture
def admin() -> Client:
    return make_client(OPERATE, CHANGE)


@pytest.fixture
def sandbox(management: httpx.Client) -> dict[str, Any]:
    made: dict[str, Any] = management.post("/sandboxes", json={"name": f"finance {uuid4()}", "kind": "finops"}).json()
    return made


def page(name: str, sandbox: dict[str, Any]) -> str:
    return reverse(name, args=[sandbox["name"]])


def names(management: httpx.Client) -> set[str]:
    return {one["name"] for one in management.get("/sandboxes").json()["sandboxes"]}


def test_sandboxes_are_listed_with_their_addresses(admin: Client, sandbox: dict[str, Any]) -> None:
    found = admin.get(reverse("sandbox-list")).content.decode()
    assert sandbox["name"] in found
    assert f'href="{sandbox["base_url"]}/"' in found


def test_sandboxes_that_do_not_answer_are_said_to(admin: Client, settings: Settings) -> None:
    settings.SANDBOX_URL = "http://127.0.0.1:9"
    assert "do not answer" in admin.get(reverse("sandbox-list")).content.decode()


def test_only_who_may_change_sees_sandboxes(sandbox: dict[str, Any]) -> None:
    pages = [reverse("sandbox-list"), reverse("sandbox-add"), page("sandbox-page", sandbox)]
    for client in (make_client(), make_client(OPERATE)):
        assert {client.get(one).status_code for one in pages} == {403}
        assert client.post(page("sandbox-delete", sandbox)).status_code == 403
        assert reverse("sandbox-list") not in client.get(reverse("set-up")).content.decode()


def test_a_sandbox_is_made_with_demo_data(admin: Client, management: httpx.Client) -> None:
    name = f"Practice {uuid4()}"
    answer = admin.post(reverse("sandbox-add"), {"name": name, "kind": "dataverse", "rows": "demo"})
    assert answer["Location"] == reverse("sandbox-page", args=[name])
    assert name in names(management)
    assert Activity.objects.filter(text=f"The sandbox {name} was made with demo data.").exists()


def test_a_name_that_is_taken_is_told_and_the_form_kept(admin: Client, sandbox: dict[str, Any]) -> None:
    answer = admin.post(reverse("sandbox-add"), {"name": sandbox["name"], "kind": "finops", "rows": "none"})
    assert answer.status_code == 422
    assert "already there" in answer.content.decode()


def test_its_page_tells_how_to_sign_in(admin: Client, sandbox: dict[str, Any]) -> None:
    found = admin.get(page("sandbox-page", sandbox)).content.decode()
    for name in ("base_url", "token_url", "client_id", "client_secret", "user_name", "password"):
        assert sandbox[name] in found


def test_what_it_tells_of_itself_is_changed(admin: Client, management: httpx.Client, sandbox: dict[str, Any]) -> None:
    assert admin.post(page("sandbox-page", sandbox), {**ABOUT, "is_trial": "on"}).status_code == 302
    found = management.get(f"/sandboxes/{sandbox['name']}").json()
    assert {name: found[name] for name in (*ABOUT, "is_trial")} == {**ABOUT, "is_trial": True}


def test_a_file_is_loaded(admin: Client, sandbox: dict[str, Any]) -> None:
    file = SimpleUploadedFile("c.csv", b"LEGALENTITYID,NAME\nusmf,Contoso\ndemf,Contoso DE\n", "text/csv")
    answer = admin.post(page("sandbox-load", sandbox), {"table": "LegalEntities", "file": file}, follow=True)
    assert "2 rows are loaded into LegalEntities." in answer.content.decode()


def test_a_file_with_a_bad_row_is_refused_with_the_reason(admin: Client, sandbox: dict[str, Any]) -> None:
    file = SimpleUploadedFile("c.csv", b"LEGALENTITYID,NOTHING\nusmf,Contoso\n", "text/csv")
    answer = admin.post(page("sandbox-load", sandbox), {"table": "LegalEntities", "file": file})
    assert answer.status_code == 422
    assert "NOTHING" in answer.content.decode()


def test_a_copy_has_a_name_of_its_own(admin: Client, management: httpx.Client, sandbox: dict[str, Any]) -> None:
    copy = f"copy {uuid4()}"
    assert admin.post(page("sandbox-copy", sandbox), {"new_name": sandbox["name"]}).status_code == 422
    assert admin.post(page("sandbox-copy", sandbox), {"new_name": copy}).status_code == 302
    assert copy in names(management)


def test_emptying_and_deleting_ask_first(admin: Client, management: httpx.Client, sandbox: dict[str, Any]) -> None:
    for name in ("sandbox-reset", "sandbox-delete"):
        assert "for good" in admin.get(page(name, sandbox)).content.decode()
    assert sandbox["name"] in names(management)
    assert admin.post(page("sandbox-reset", sandbox)).status_code == 302
    assert admin.post(page("sandbox-delete", sandbox)).status_code == 302
    assert sandbox["name"] not in names(management)


def test_a_linked_sandbox_is_neither_emptied_nor_deleted(
    admin: Client, management: httpx.Client, sandbox: dict[str, Any]
) -> None:
    environment = make_environment("finops", options={"sandbox": sandbox["name"]})
    link = make_link(left=environment)
    for name in ("sandbox-reset", "sandbox-delete"):
        answer = admin.post(page(name, sandbox))
        assert answer.status_code == 422
        assert f"is in the link {link.name}" in answer.content.decode()
    assert sandbox["name"] in names(management)


def test_a_sandbox_that_is_gone_is_not_found(admin: Client, management: httpx.Client) -> None:
    assert admin.get(reverse("sandbox-page", args=["nothing"])).status_code == 404

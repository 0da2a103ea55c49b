import pytest
from django.test import Client
from django.urls import reverse

from tests.rows import make_link, make_user

pytestmark = pytest.mark.django_db


def test_the_right_password_leads_to_the_page_that_was_asked_for(client: Client) -> None:
    make_link()
    user = make_user()
    data = {"username": user.username, "password": "x", "next": "/maps/"}
    assert client.post(reverse("login"), data)["Location"] == "/maps/"


def test_a_wrong_password_is_told_in_a_sentence_and_the_name_is_kept(client: Client) -> None:
    response = client.post(reverse("login"), {"username": "anna", "password": "wrong"})
    html = response.content.decode()
    assert "User name and password do not match." in html
    assert 'value="anna"' in html


def test_signing_out_takes_a_post(reader: Client) -> None:
    assert reader.get(reverse("logout")).status_code == 405
    assert reader.post(reverse("logout"))["Location"] == reverse("login")


def test_another_site_is_no_place_to_go_on_to(client: Client) -> None:
    user = make_user()
    data = {"username": user.username, "password": "x", "next": "https://elsewhere.example/"}
    assert client.post(reverse("login"), data)["Location"] == "/"

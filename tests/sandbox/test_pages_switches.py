"""The pages of faults and settings: each field has its words, is set from the form, and refused if nonsense."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from syncengine.sandbox.declarations import Kind
from syncengine.sandbox.faults import Switches
from syncengine.sandbox.pages import switches, wording
from syncengine.sandbox.pages.visit import NO_FAULTS
from syncengine.sandbox.registry import Settings
from tests.sandbox.client import Client
from tests.sandbox.conftest import Management
from tests.sandbox.person import Person, signed_in
from tests.sandbox.rows import make_account

STRUCTS = [*wording.WORDING]


@pytest.fixture
def dataverse(new_client: Callable[..., Client]) -> Client:
    return new_client("dataverse")


def at(client: Client, path: str) -> Person:
    person = signed_in(client)
    person.open(path)
    return person


def faults_of(management: Management, client: Client) -> dict[str, Any]:
    found: dict[str, Any] = management.done("GET", f"sandboxes/{client.info['name']}/faults")
    return found


@pytest.mark.parametrize("struct", STRUCTS)
def test_every_field_has_its_words(struct: type[msgspec.Struct]) -> None:
    words = wording.WORDING[struct]
    assert words.keys() == {*struct.__struct_fields__}
    assert all(one.is_hidden or one.label for one in words.values())


@pytest.mark.parametrize("struct", [Switches, Settings])
def test_structs_within_a_struct_have_their_words_too(struct: type[msgspec.Struct]) -> None:
    parts = switches.parts(struct, {}, {}, Kind.DATAVERSE)
    inner = [one for one in parts if one.kind in ("rows", "group")]
    assert len(inner) == {Switches: 2, Settings: 1}[struct]
    for one in inner:
        assert all(each.label != each.name.rpartition(".")[2] for each in [*one.parts, *sum(one.rows, ())])


@pytest.mark.parametrize("name", ["clients", "signing_key", "password", "user_name", "tokens_valid_from", "is_secure"])
def test_credentials_are_not_on_the_page(dataverse: Client, name: str) -> None:
    person = at(dataverse, "/settings")
    assert wording.SETTINGS[name].is_hidden
    assert f'name="{name}"' not in person.page.text
    assert dataverse.info["client_secret"] not in person.page.text
    assert dataverse.info["password"] not in person.page.text


def test_every_plain_switch_is_set_from_the_form(dataverse: Client, management: Management) -> None:
    person = at(dataverse, "/faults")
    plain = [one for one in switches.parts(Switches, NO_FAULTS, {}, Kind.DATAVERSE) if one.kind in ("number", "yes-no")]
    typed = {one.name: "true" if one.kind == "yes-no" else "2" for one in plain}
    person.send("/faults", **typed)
    assert "The faults are set." in person.text
    found = faults_of(management, dataverse)
    assert len(plain) > 15
    for one in plain:
        assert found[one.name] == (True if one.kind == "yes-no" else pytest.approx(2, abs=0.5)), one.name
    person.send("/faults/off")
    assert "All faults are off." in person.text
    assert faults_of(management, dataverse) == NO_FAULTS


def test_the_form_shows_what_is_set(dataverse: Client, management: Management) -> None:
    management.faults(dataverse.info, latency_s=0.25, throttle=3, is_silent=True)
    person = at(dataverse, "/faults")
    assert (person.value("latency_s"), person.value("throttle"), person.value("is_silent")) == ("0.25", "3", "true")
    assert "On now:" in person.text
    assert "3 on" in person.text


def test_rules_are_added_changed_and_taken_away(dataverse: Client, management: Management) -> None:
    person = at(dataverse, "/faults")
    rule = {"rules.0.table": "accounts", "rules.0.column": "name", "rules.0.pattern": "bad*", "rules.0.count": "1"}
    person.send("/faults", **rule, **{"rules.0.message": "Not this.", "rules.0.operations": ["create"]})
    (found,) = faults_of(management, dataverse)["rules"]
    assert found == {
        "table": "accounts",
        "column": "name",
        "pattern": "bad*",
        "message": "Not this.",
        "operations": ["create"],
        "count": 1,
    }
    refused = dataverse.post("accounts", {"name": "Badly named"})
    assert "Not this." in refused.text
    person.open("/faults")
    person.send("/faults", **{"rules.1.table": "contacts", "rules.1.operations": ["delete", "update"]})
    tables = [(one["table"], one["count"]) for one in faults_of(management, dataverse)["rules"]]
    assert tables == [("accounts", 0), ("contacts", None)]
    person.open("/faults")
    person.send("/faults", **{"rules.0.table": "", "rules.1.table": ""})
    assert faults_of(management, dataverse)["rules"] == []


@pytest.mark.parametrize(("typed", "stored"), [("5", 5), ("true", True), ("Some text", "Some text"), ("", None)])
def test_a_plug_in_sets_a_value_of_any_type(
    dataverse: Client, management: Management, typed: str, stored: object
) -> None:
    person = at(dataverse, "/faults")
    person.send("/faults", **{"plug_ins.0.table": "accounts", "plug_ins.0.column": "name", "plug_ins.0.value": typed})
    (found,) = faults_of(management, dataverse)["plug_ins"]
    assert found["value"] == stored
    assert found["operations"] == ["create", "update"]


@pytest.mark.parametrize(
    ("name", "typed"), [("latency_s", "slow"), ("latency_s", "inf"), ("throttle", "1.5"), ("rules.0.count", "x")]
)
def test_what_is_no_number_is_told_at_its_field(
    dataverse: Client, management: Management, name: str, typed: str
) -> None:
    person = at(dataverse, "/faults")
    person.send("/faults", **{"rules.0.table": "accounts", "drop_every": "7", name: typed})
    assert person.page.status_code == 400
    assert "number" in person.text
    assert person.value("drop_every") == "7"
    assert faults_of(management, dataverse) == NO_FAULTS


def test_settings_are_saved_and_count_at_once(dataverse: Client, management: Management) -> None:
    person = at(dataverse, "/settings")
    person.send("/settings", version="9.2.1.2", is_trial="true", data_centre="unitedstates")
    assert "The settings are saved." in person.text
    assert dataverse.get("RetrieveVersion").json()["Version"] == "9.2.1.2"
    (info,) = (one for one in management.done("GET", "sandboxes")["sandboxes"] if one["name"] == dataverse.info["name"])
    assert (info["is_trial"], info["data_centre"]) == (True, "unitedstates")
    assert (info["password"], info["client_secret"]) == (dataverse.info["password"], dataverse.info["client_secret"])


def test_limits_are_set_within_the_settings(dataverse: Client) -> None:
    make_account(dataverse)
    person = at(dataverse, "/settings")
    assert person.value("limits.requests") == "6000"
    person.send("/settings", **{"limits.requests": "1"})
    assert [dataverse.get("accounts").status_code for _ in range(2)][-1] == 429
    person.open("/settings")
    person.send("/settings", **{"limits.requests": "0"})
    assert "The settings are saved." in person.text


def test_a_setting_out_of_its_range_is_refused(finops: Client) -> None:
    person = at(finops, "/settings")
    person.send("/settings", max_page_rows="0", build="Kept")
    assert person.page.status_code == 400
    assert "Nothing was changed" in person.text
    assert person.value("build") == "Kept"


def test_settings_of_the_other_kind_are_not_shown(dataverse: Client, finops: Client) -> None:
    assert 'name="max_page_rows"' not in at(dataverse, "/settings").page.text
    assert 'name="max_page_rows"' in at(finops, "/settings").page.text


def test_saving_the_settings_as_they_are_changes_nothing(dataverse: Client, finops: Client, server: Any) -> None:
    for client in (dataverse, finops):
        before = server.host.site(client.info["name"]).settings
        at(client, "/settings").send("/settings")
        assert server.host.site(client.info["name"]).settings == before


def test_saving_the_faults_as_they_are_changes_nothing(dataverse: Client, management: Management) -> None:
    management.faults(
        dataverse.info,
        rules=[{"table": "accounts", "operations": ["delete"], "count": 3}],
        plug_ins=[{"table": "accounts", "column": "name", "value": "5", "is_after": True}],
        jitter_s=0.001,
    )
    before = faults_of(management, dataverse)
    at(dataverse, "/faults").send("/faults")
    assert faults_of(management, dataverse) == before


def test_a_field_without_words_yet_is_shown_by_its_name() -> None:
    assert wording.of(Switches, "not_yet").label == "not_yet"

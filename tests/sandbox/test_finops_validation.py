"""Rules of validateField, default values and mandatory fields, as data. Source: PROTOCOLS 6.2.3, 6.2.4 and 6.3 (12)."""

from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

from tests.sandbox.client import Client
from tests.sandbox.conftest import Management
from tests.sandbox.rows import infolog_of

WRITE_REFUSED = "Microsoft.Dynamics.Platform.Integration.Services.OData.AxODataWriteException"
TABLE: dict[str, Any] = {
    "set": "Trips",
    "entity": "Trip",
    "table": "TripEntity",
    "label": "Trips",
    "key": ["Code"],
    "columns": [
        {"name": "Code", "type": "text", "length": 20, "required": True},
        {"name": "Country", "type": "text", "label": "Country/region", "default": "FR"},
        {"name": "Seats", "type": "integer", "label": "Seats", "default": 4},
        {"name": "Rate", "type": "decimal", "default": 1.25, "maximum": 100},
        {"name": "IsOpen", "type": "enum", "enum": "NoYes", "default": "Yes"},
        {"name": "Start", "type": "date", "label": "Start"},
        {"name": "End", "type": "date", "label": "End"},
        {"name": "Note", "type": "text"},
    ],
    "validations": [
        {"column": "Country", "pattern": "[A-Z]{2}"},
        {"column": "Seats", "minimum": 1, "maximum": 9},
        {"column": "End", "needs": ["Start"]},
        {"column": "Note", "pattern": "[^!]*", "message": "Do not shout."},
    ],
}
_codes = count(1)


@pytest.fixture(scope="module")
def finops(new_client: Callable[..., Client], management: Management) -> Client:
    client = new_client("finops")
    management.done("POST", f"sandboxes/{client.info['name']}/tables", {"tables": [TABLE]})
    return client


def make(finops: Client, **values: Any) -> Any:
    return finops.post("Trips", {"Code": f"T{next(_codes)}", **values})


def path(finops: Client, **values: Any) -> str:
    return f"Trips('{make(finops, **values).json()['Code']}')"


def test_columns_that_a_create_leaves_out_get_their_defaults(finops: Client) -> None:
    row = make(finops).json()
    assert (row["Country"], row["Seats"], row["Rate"], row["IsOpen"], row["Note"]) == ("FR", 4, 1.25, "Yes", "")
    row = make(finops, Country="DE", Seats=5, IsOpen="No", Rate=0).json()
    assert (row["Country"], row["Seats"], row["Rate"], row["IsOpen"]) == ("DE", 5, 0, "No")


def test_a_full_replacement_brings_the_defaults_back(finops: Client) -> None:
    own = path(finops, Country="DE", Note="x")
    assert finops.call("PUT", own, {"Seats": 7}).status_code == 204
    row = finops.get(own).json()
    assert (row["Country"], row["Seats"], row["Note"]) == ("FR", 7, "")


@pytest.mark.parametrize(
    ("values", "lines"),
    [
        (
            {"Country": "x1"},
            (
                "Warning: The value 'x1' in field 'Country/region' is not valid; "
                "Warning: validateField failed on field 'TripEntity.Country'"
            ),
        ),
        (
            {"Seats": 10},
            (
                "Warning: Field 'Seats' must be less than or equal to 9; "
                "Warning: validateField failed on field 'TripEntity.Seats'"
            ),
        ),
        (
            {"Seats": 0},
            (
                "Warning: Field 'Seats' must be greater than or equal to 1; "
                "Warning: validateField failed on field 'TripEntity.Seats'"
            ),
        ),
        (
            {"Rate": 100.5},
            (
                "Warning: Field 'Rate' must be less than or equal to 100; "
                "Warning: validateField failed on field 'TripEntity.Rate'"
            ),
        ),
        ({"End": "2026-11-21T12:00:00Z"}, "Error: Field 'Start' must be filled in"),
        ({"Note": "No!"}, "Error: Do not shout."),
    ],
)
def test_a_row_that_breaks_a_rule_is_refused_with_its_words(finops: Client, values: dict[str, Any], lines: str) -> None:
    for answer in (make(finops, **values), finops.patch(path(finops), values)):
        assert (answer.status_code, answer.json()["error"]["innererror"]["type"]) == (400, WRITE_REFUSED)
        assert infolog_of(answer) == f"Write failed for table row of type 'TripEntity'. Infolog: {lines}."


def test_every_broken_rule_has_its_line(finops: Client) -> None:
    text = infolog_of(make(finops, Country="x", Seats=77))
    assert "TripEntity.Country" in text
    assert "TripEntity.Seats" in text


def test_fields_that_belong_together_are_asked_for_with_what_is_stored(finops: Client) -> None:
    day = "2026-11-21T12:00:00Z"
    own = path(finops, Start=day)
    assert finops.patch(own, {"End": day}).status_code == 204
    assert "Field 'Start' must be filled in" in infolog_of(finops.patch(own, {"Start": None}))
    assert finops.patch(own, {"Start": None, "End": None}).status_code == 204


def test_empty_values_pass_a_pattern(finops: Client) -> None:
    assert finops.patch(path(finops), {"Country": ""}).status_code == 204


def test_a_mandatory_field_must_be_filled_in(finops: Client) -> None:
    answer = finops.post("Trips", {"Country": "FR"})
    assert infolog_of(answer).endswith("Infolog: Error: Field 'Code' must be filled in.")


def test_the_same_rules_hold_for_rows_loaded_at_once(finops: Client, management: Management) -> None:
    rows = f"sandboxes/{finops.info['name']}/tables/Trips/rows"
    assert management.call("POST", rows, [{"Code": "L1"}, {"Code": "L2", "Seats": 10}]).status_code == 400
    assert finops.get("Trips('L1')").status_code == 404
    management.done("POST", rows, [{"Code": "L1"}])
    assert finops.get("Trips('L1')").json()["Country"] == "FR"


@pytest.mark.parametrize(
    "change",
    [
        {"columns": [*TABLE["columns"], {"name": "X", "type": "integer", "default": "a"}]},
        {"columns": [*TABLE["columns"], {"name": "X", "type": "enum", "enum": "NoYes", "default": "Maybe"}]},
        {"columns": [*TABLE["columns"], {"name": "X", "type": "text", "length": 1, "default": "ab"}]},
        {"columns": [*TABLE["columns"], {"name": "X", "type": "integer", "default": True}]},
        {"validations": [{"column": "Nothing"}]},
        {"validations": [{"column": "Note", "needs": ["Nothing"]}]},
        {"validations": [{"column": "Note", "pattern": "("}]},
        {"sources": [{"name": "A", "columns": ["Nothing"]}]},
        {"sources": [{"name": "A", "columns": ["Note"]}, {"name": "B", "columns": ["Note"]}]},
    ],
)
def test_a_declaration_that_does_not_fit_is_refused(
    finops: Client, management: Management, change: dict[str, Any]
) -> None:
    table = {**TABLE, "set": "Others", "entity": "Other", **change}
    answer = management.call("POST", f"sandboxes/{finops.info['name']}/tables", {"tables": [table]})
    assert answer.status_code == 400
    assert "Table Others" in answer.json()["error"]

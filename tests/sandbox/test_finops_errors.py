"""Shapes and statuses of refusals. Source: PROTOCOLS 6.2.3 and 6.2.4."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.sandbox.client import Client
from tests.sandbox.conftest import Management
from tests.sandbox.rows import make_customer, make_group

CONFLICT = (
    "An update conflict occurred due to another user process deleting the record or changing one or more fields in the"
    " record."
)
WRITE_TYPE = "Microsoft.Dynamics.Platform.Integration.Services.OData.AxODataWriteException"
NOBODY = "CustomerGroups(dataAreaId='usmf',CUSTOMERGROUPID='none')?cross-company=true"


@pytest.fixture
def settings(finops: Client, management: Management) -> Iterator[Any]:
    path = f"sandboxes/{finops.info['name']}"
    before = {
        "refuses_with_500": False,
        "throttled_body": "error",
        "sends_retry_after": True,
        "forbidden_sets": [],
    }
    yield lambda **changes: management.done("PATCH", path, changes)
    management.done("PATCH", path, before)
    management.faults(finops.info)


def throttled(finops: Client, management: Management, **switches: Any) -> httpx.Response:
    management.faults(finops.info, throttle=1, retry_after_s=7, **switches)
    return finops.get("LegalEntities")


def test_a_rule_error_has_an_empty_code_and_the_reason_inside(finops: Client) -> None:
    answer = finops.post("CustomersV3", {"dataAreaId": "usmf", "CUSTOMERGROUPID": "Local"})
    error = answer.json()["error"]
    assert (error["code"], error["message"]) == ("", "An error has occurred.")
    assert error["innererror"].keys() == {"message", "type", "stacktrace"}
    assert error["innererror"]["type"] == WRITE_TYPE
    assert error["innererror"]["stacktrace"].startswith("   at ")


@pytest.mark.parametrize(("is_500", "status"), [(False, 400), (True, 500)])
def test_a_rule_error_is_400_or_500_by_a_setting(finops: Client, settings: Any, is_500: bool, status: int) -> None:
    group = make_group(finops)
    make_customer(finops, CUSTOMERGROUPID=group)
    settings(refuses_with_500=is_500)
    refused = [
        finops.post("CustomersV3", {"dataAreaId": "usmf", "CUSTOMERGROUPID": "Local"}),
        finops.delete(f"CustomerGroups(dataAreaId='usmf',CUSTOMERGROUPID='{group}')?cross-company=true"),
        finops.post("CustomerGroups", {"dataAreaId": "usmf", "CUSTOMERGROUPID": group}),
    ]
    assert [answer.status_code for answer in refused] == [status] * 3
    assert finops.post("CustomersV3", {"Nothing": 1}).status_code == 400
    assert finops.patch(NOBODY, {}).status_code == 404


def test_a_duplicate_names_table_and_key(finops: Client) -> None:
    group = make_group(finops)
    answer = finops.post("CustomerGroups", {"dataAreaId": "usmf", "CUSTOMERGROUPID": group})
    text = answer.json()["error"]["innererror"]["message"]
    assert "Cannot create a record in Customer groups (CustCustomerGroupEntity)." in text
    assert f"{group.lower()}. The record already exists." in text.replace(group, group.lower())


def test_a_missing_row_is_not_found(finops: Client) -> None:
    for answer in (finops.get(NOBODY), finops.patch(NOBODY, {"DESCRIPTION": "x"}), finops.delete(NOBODY)):
        assert (answer.status_code, answer.json()["error"]["message"]) == (404, "Not found.")


def test_an_unknown_resource_has_a_message_at_the_top(finops: Client) -> None:
    for path in ("Nothings", "Nothings(1)", "CustomersV3/Nothing"):
        answer = finops.get(path)
        assert answer.status_code == 404
        assert answer.json().keys() == {"Message"}
        assert answer.json()["Message"].startswith("No HTTP resource was found that matches the request URI 'http")


def test_an_unknown_action_has_a_message_at_the_top(finops: Client) -> None:
    for name in ("DataManagementEntities", "DataManagementDefinitionGroups"):
        answer = finops.post(f"{name}/Microsoft.Dynamics.DataEntities.Nothing", {})
        assert (answer.status_code, list(answer.json())) == (404, ["Message"])


def test_an_update_conflict_is_412_with_its_text(finops: Client) -> None:
    group = make_group(finops)
    path = f"CustomerGroups(dataAreaId='usmf',CUSTOMERGROUPID='{group}')?cross-company=true"
    old = finops.get(path).json()["@odata.etag"]
    finops.patch(path, {"DESCRIPTION": "B"})
    for answer in (finops.patch(path, {"DESCRIPTION": "C"}, If_Match=old), finops.delete(path, If_Match=old)):
        assert (answer.status_code, answer.json()["error"]["innererror"]["message"]) == (412, CONFLICT)


def test_a_throttled_call_says_how_long_to_wait(finops: Client, management: Management, settings: Any) -> None:
    answer = throttled(finops, management)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")
    assert answer.json()["error"].keys() == {"code", "message"}
    assert answer.json()["error"]["code"] == "429"


def test_a_throttled_call_may_leave_out_how_long(finops: Client, management: Management, settings: Any) -> None:
    settings(sends_retry_after=False)
    answer = throttled(finops, management)
    assert (answer.status_code, "Retry-After" in answer.headers) == (429, False)


@pytest.mark.parametrize(
    ("form", "start"), [("message", '{"Message":"Too many'), ("html", "<html>"), ("empty", ""), ("error", '{"error"')]
)
def test_the_body_of_a_throttled_call_has_any_form(
    finops: Client, management: Management, settings: Any, form: str, start: str
) -> None:
    settings(throttled_body=form)
    answer = throttled(finops, management)
    assert answer.status_code == 429
    assert answer.text.startswith(start)
    assert bool(answer.text) is bool(start)


def test_without_privilege_on_an_entity_the_answer_is_403(finops: Client, settings: Any) -> None:
    settings(forbidden_sets=["CustomerGroups"])
    for answer in (finops.get("CustomerGroups"), finops.post("CustomerGroups", {}), finops.delete(NOBODY)):
        assert answer.status_code == 403
    assert finops.get("CustomersV3").status_code == 200
    assert finops.get("CustomersV3?$expand=CustomerGroup").status_code == 403


def test_gateways_answer_html(finops: Client, management: Management, settings: Any) -> None:
    management.faults(finops.info, is_down=True)
    answer = finops.get("LegalEntities")
    assert (answer.status_code, answer.headers["Content-Type"]) == (503, "text/html")

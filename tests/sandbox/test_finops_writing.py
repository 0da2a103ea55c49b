"""Creates, updates, deletes and their refusals. Source: Finance and Operations OData documentation."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

import pytest

from tests.sandbox.client import Client
from tests.sandbox.conftest import Management
from tests.sandbox.rows import infolog_of, make_customer, make_group, number

WRITE_REFUSED = "Microsoft.Dynamics.Platform.Integration.Services.OData.AxODataWriteException"


def address(account: str, company: str = "usmf") -> str:
    return f"CustomersV3(dataAreaId='{company}',CUSTOMERACCOUNT='{account}')?cross-company=true"


@pytest.fixture
def account(finops: Client) -> str:
    return make_customer(finops, ORGANIZATIONNAME="A")


def test_a_create_answers_with_the_whole_row_and_its_address(finops: Client) -> None:
    own = number()
    answer = finops.post("CustomerGroups", {"dataAreaId": "USMF", "CUSTOMERGROUPID": own})
    assert answer.status_code == 201
    path = f"/data/CustomerGroups(dataAreaId='usmf',CUSTOMERGROUPID='{own}')"
    assert answer.headers["Location"] == finops.info["base_url"] + path
    row = answer.json()
    assert (row["dataAreaId"], row["CUSTOMERGROUPID"], row["DESCRIPTION"]) == ("usmf", own, "")
    assert finops.get(f"{answer.headers['Location']}?cross-company=true").json() == row


def test_a_row_without_company_goes_to_the_default_one(finops: Client) -> None:
    row = finops.post("CustomerGroups", {"CUSTOMERGROUPID": number()}).json()
    assert row["dataAreaId"] == "demf"


def test_a_company_must_be_there(finops: Client) -> None:
    answer = finops.post("CustomerGroups", {"dataAreaId": "none", "CUSTOMERGROUPID": number()})
    assert answer.status_code == 400
    assert "The value 'none' in field 'Company' is not found" in infolog_of(answer)


def test_a_key_left_out_is_numbered(finops: Client) -> None:
    body = {"dataAreaId": "usmf", "CUSTOMERGROUPID": make_group(finops)}
    first, second = (finops.post("CustomersV3", body).json()["CUSTOMERACCOUNT"] for _ in range(2))
    assert first.startswith("C-")
    assert len(first) == len("C-000000")
    assert first < second
    assert finops.post("CustomerGroups", {"dataAreaId": "usmf"}).status_code == 400


def test_a_number_that_is_taken_is_passed_over(finops: Client) -> None:
    body = {"dataAreaId": "usmf", "CUSTOMERGROUPID": make_group(finops)}
    last = int(finops.post("CustomersV3", body).json()["CUSTOMERACCOUNT"][2:])
    taken = [f"C-{last + step:06}" for step in (1, 2)]
    for one in taken:
        assert finops.post("CustomersV3", {**body, "CUSTOMERACCOUNT": one}).status_code == 201
    assert finops.post("CustomersV3", body).json()["CUSTOMERACCOUNT"] == f"C-{last + 3:06}"


def test_a_taken_key_is_refused_in_any_letter_case(finops: Client, account: str) -> None:
    body = {"dataAreaId": "usmf", "CUSTOMERACCOUNT": account.lower(), "CUSTOMERGROUPID": make_group(finops)}
    answer = finops.post("CustomersV3", body)
    assert answer.status_code == 400
    assert "Cannot create a record in Customers V3" in infolog_of(answer)
    assert "The record already exists." in infolog_of(answer)
    assert answer.json()["error"]["innererror"]["type"] == WRITE_REFUSED
    make_customer(finops, "demf", CUSTOMERGROUPID=make_group(finops, "demf"))


def test_an_update_changes_what_it_names(finops: Client, account: str) -> None:
    answer = finops.patch(address(account), {"ORGANIZATIONNAME": "B", "CREDITLIMIT": 1.239})
    assert (answer.status_code, answer.content) == (204, b"")
    row = finops.get(address(account)).json()
    assert (row["ORGANIZATIONNAME"], row["CREDITLIMIT"]) == ("B", 1.24)


def test_a_full_replacement_empties_the_rest(finops: Client) -> None:
    own = make_group(finops)
    path = f"CustomerGroups(dataAreaId='usmf',CUSTOMERGROUPID='{own}')?cross-company=true"
    assert finops.call("PUT", path, {"ISSALESTAXINCLUDEDINPRICE": "Yes"}).status_code == 204
    row = finops.get(path).json()
    assert (row["DESCRIPTION"], row["ISSALESTAXINCLUDEDINPRICE"]) == ("", "Yes")


def test_there_is_no_upsert(finops: Client) -> None:
    answer = finops.patch(address("nobody"), {"ORGANIZATIONNAME": "B"})
    assert answer.status_code == 404
    assert answer.json()["error"]["message"] == "Not found."
    assert finops.delete(address("nobody")).status_code == 404


@pytest.mark.parametrize("key", ["%s 10%", "%%", "{0}'%d"])
def test_a_key_may_hold_any_sign(finops: Client, key: str) -> None:
    finops.post("CustomerGroups", {"dataAreaId": "usmf", "CUSTOMERGROUPID": key})
    quoted = quote(key.replace("'", "''"), safe="")
    path = f"CustomerGroups(dataAreaId='usmf',CUSTOMERGROUPID='{quoted}')?cross-company=true"
    assert finops.patch(path, {"DESCRIPTION": "50 %s"}).status_code == 204
    assert finops.get(path).json()["DESCRIPTION"] == "50 %s"
    assert finops.delete(path).status_code == 204


def test_an_update_of_a_version_needs_that_version(finops: Client, account: str) -> None:
    etag = finops.get(address(account)).json()["@odata.etag"]
    assert finops.patch(address(account), {"ORGANIZATIONNAME": "B"}, If_Match=etag).status_code == 204
    answer = finops.patch(address(account), {"ORGANIZATIONNAME": "C"}, If_Match=etag)
    assert answer.status_code == 412
    assert infolog_of(answer).startswith("An update conflict occurred due to another user process")
    assert finops.patch(address(account), {"ORGANIZATIONNAME": "C"}, If_Match="*").status_code == 204
    assert finops.patch(address(account), {"ORGANIZATIONNAME": "C"}, If_Match='W/"x"').status_code == 412


def test_a_delete_of_a_version_needs_that_version(finops: Client, account: str) -> None:
    etag = finops.get(address(account)).json()["@odata.etag"]
    finops.patch(address(account), {"ORGANIZATIONNAME": "B"})
    assert finops.delete(address(account), If_Match=etag).status_code == 412
    etag = finops.get(address(account)).json()["@odata.etag"]
    assert finops.delete(address(account), If_Match=etag).status_code == 204
    assert finops.get(address(account)).status_code == 404


def test_the_key_cannot_be_changed(finops: Client, account: str) -> None:
    assert finops.patch(address(account), {"CUSTOMERACCOUNT": account, "dataAreaId": "USMF"}).status_code == 204
    answer = finops.patch(address(account), {"CUSTOMERACCOUNT": "other"})
    assert answer.status_code == 400
    assert "changing it is not allowed" in infolog_of(answer)


def test_another_company_needs_cross_company(finops: Client, account: str) -> None:
    path = address(account).replace("?cross-company=true", "")
    assert finops.patch(path, {"ORGANIZATIONNAME": "B"}).status_code == 404
    assert finops.delete(path).status_code == 404


# --- references


def test_a_missing_parent_is_told_in_the_words_of_the_infolog(finops: Client) -> None:
    body = {"dataAreaId": "usmf", "CUSTOMERACCOUNT": number(), "CUSTOMERGROUPID": "Local"}
    answer = finops.post("CustomersV3", body)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == "An error has occurred."
    text = infolog_of(answer)
    assert text.startswith(
        "Write failed for table row of type 'CustCustomerV3Entity'. Infolog: Warning: The value 'Local'"
    )
    assert "is not found in the related table 'Customer groups'.; Warning: validateField failed on field" in text


def test_a_parent_is_of_the_same_company(finops: Client) -> None:
    group = make_group(finops, "demf")
    assert finops.post("CustomersV3", {"dataAreaId": "usmf", "CUSTOMERGROUPID": group}).status_code == 400
    assert finops.post("CustomersV3", {"dataAreaId": "demf", "CUSTOMERGROUPID": group.lower()}).status_code == 201


def test_an_update_is_asked_for_the_references_that_it_writes(finops: Client, account: str) -> None:
    assert finops.patch(address(account), {"PAYMENTTERMS": "none"}).status_code == 400
    assert finops.patch(address(account), {"INVOICEACCOUNT": account}).status_code == 204
    assert finops.patch(address(account), {"INVOICEACCOUNT": ""}).status_code == 204


def test_a_row_may_name_itself(finops: Client) -> None:
    own = number()
    make = {"dataAreaId": "usmf", "CUSTOMERACCOUNT": own, "CUSTOMERGROUPID": make_group(finops), "INVOICEACCOUNT": own}
    assert finops.post("CustomersV3", make).status_code == 201
    assert finops.delete(address(own)).status_code == 204


def test_a_row_that_others_name_stays(finops: Client) -> None:
    group = make_group(finops)
    own = make_customer(finops, CUSTOMERGROUPID=group)
    path = f"CustomerGroups(dataAreaId='usmf',CUSTOMERGROUPID='{group}')?cross-company=true"
    answer = finops.delete(path)
    assert answer.status_code == 400
    assert "Record cannot be deleted while dependent Customers V3 exist" in infolog_of(answer)
    finops.delete(address(own))
    assert finops.delete(path).status_code == 204


# --- values


@pytest.mark.parametrize(
    ("column", "sent", "stored"),
    [
        ("ORGANIZATIONNAME", None, ""),
        ("ORGANIZATIONNAME", "x  ", "x"),
        ("ONHOLDSTATUS", "aLL", "All"),
        ("ONHOLDSTATUS", 1, "Invoice"),
        ("ONHOLDSTATUS", None, "No"),
        ("CREDITLIMIT", None, 0),
        ("CREDITLIMIT", 2, 2),
        ("PAYMENTTERMSBASEDAYS", None, 0),
        ("DELIVERYADDRESSLATITUDE", -47.1234567, -47.123457),
    ],
)
def test_values_are_stored_as_the_service_stores_them(
    finops: Client, account: str, column: str, sent: Any, stored: Any
) -> None:
    assert finops.patch(address(account), {column: sent}).status_code == 204
    assert finops.get(address(account)).json()[column] == stored


@pytest.mark.parametrize(
    "values",
    [
        {"ONHOLDSTATUS": "Perhaps"},
        {"ONHOLDSTATUS": 9},
        {"ONHOLDSTATUS": True},
        {"CREDITLIMIT": "5"},
        {"PAYMENTTERMSBASEDAYS": 1.5},
        {"PAYMENTTERMSBASEDAYS": 2**31},
        {"ORGANIZATIONNAME": 5},
        {"ORGANIZATIONNAME": "a\x00"},
        {"organizationname": "x"},
        {"Nothing": 1},
    ],
)
def test_values_of_another_type_make_the_request_invalid(finops: Client, account: str, values: dict[str, Any]) -> None:
    answer = finops.patch(address(account), values)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == "The request is invalid."
    assert finops.get(address(account)).json()["ORGANIZATIONNAME"] == "A"


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"ORGANIZATIONNAME": "x" * 101}, "exceeds the maximum length of 100"),
        ({"CREDITLIMIT": 10**16}, "is out of range"),
        ({"CUSTOMERGROUPID": ""}, "must be filled in"),
    ],
)
def test_values_that_break_a_rule_are_refused_with_an_infolog(
    finops: Client, account: str, values: dict[str, Any], reason: str
) -> None:
    answer = finops.patch(address(account), values)
    assert (answer.status_code, answer.json()["error"]["innererror"]["type"]) == (400, WRITE_REFUSED)
    assert reason in infolog_of(answer)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"5", b'{"NAME": "\xff"}'])
def test_a_body_that_is_no_object_is_refused(finops: Client, body: bytes) -> None:
    answer = finops.call("POST", "CustomerGroups", body)
    assert (answer.status_code, answer.json()["error"]["message"]) == (400, "The request is invalid.")


def test_builds_differ_in_the_status_of_a_refusal(finops: Client, management: Management) -> None:
    management.done("PATCH", f"sandboxes/{finops.info['name']}", {"refuses_with_500": True})
    answer = finops.post("CustomersV3", {"dataAreaId": "usmf", "CUSTOMERGROUPID": "Local"})
    management.done("PATCH", f"sandboxes/{finops.info['name']}", {"refuses_with_500": False})
    assert (answer.status_code, answer.json()["error"]["innererror"]["type"]) == (500, WRITE_REFUSED)


def test_a_business_rule_refuses_as_often_as_it_was_told(finops: Client, management: Management, account: str) -> None:
    rule = {
        "table": "CustomersV3",
        "column": "ORGANIZATIONNAME",
        "pattern": "*bad*",
        "message": "No bad names.",
        "count": 2,
    }
    management.faults(finops.info, rules=[rule])
    answers = [finops.patch(address(account), {"ORGANIZATIONNAME": "Bad"}) for _ in range(3)]
    assert [one.status_code for one in answers] == [400, 400, 204]
    assert infolog_of(answers[0]).endswith("Infolog: Error: No bad names..")
    management.faults(finops.info)


def test_concurrent_creates_of_one_key_make_one_row(finops: Client) -> None:
    body = {"dataAreaId": "usmf", "CUSTOMERGROUPID": number()}
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: finops.post("CustomerGroups", body).status_code, range(12)))
    assert sorted(answers) == [201] + [400] * 11

"""Lists, single rows, companies of the finops service. Source: Finance and Operations OData documentation."""

import base64
import re
from collections.abc import Callable

import pytest

from tests.sandbox.client import Client
from tests.sandbox.conftest import Management
from tests.sandbox.rows import infolog_of, make_customer, make_group

ALL = "cross-company=true"
NO = "Microsoft.Dynamics.DataEntities.NoYes'No'"


@pytest.fixture(scope="module")
def finops(new_client: Callable[..., Client]) -> Client:
    """A sandbox whose user's company is demf, with groups in two companies."""
    client = new_client("finops", settings={"default_company": "demf"})
    for company in ("usmf", "demf"):
        client.post("LegalEntities", {"LEGALENTITYID": company, "NAME": company})
    for company, group, text in (
        ("usmf", "10", "Retail stores"),
        ("usmf", "20", "Big retail"),
        ("usmf", "30", ""),
        ("demf", "10", "Wholesale 100%_"),
        ("demf", "40", "Other"),
    ):
        client.post("CustomerGroups", {"dataAreaId": company, "CUSTOMERGROUPID": group, "DESCRIPTION": text})
    return client


def groups(finops: Client, path: str) -> list[str]:
    return [f"{row['dataAreaId']} {row['CUSTOMERGROUPID']}" for row in finops.rows(f"CustomerGroups?{path}")]


def test_only_rows_of_the_default_company_are_seen(finops: Client) -> None:
    assert groups(finops, "") == ["demf 10", "demf 40"]
    assert groups(finops, "$filter=dataAreaId eq 'usmf'") == []
    assert finops.get("CustomerGroups/$count").text == "2"


def test_across_companies_all_rows_are_seen(finops: Client) -> None:
    assert len(groups(finops, ALL)) == 5
    assert groups(finops, f"{ALL}&$filter=dataAreaId eq 'USMF' and CUSTOMERGROUPID eq '10'") == ["usmf 10"]
    assert finops.get(f"CustomerGroups/$count?{ALL}&$filter=dataAreaId eq 'usmf'").text == "3"


def test_a_row_of_another_company_needs_cross_company(finops: Client) -> None:
    path = "CustomerGroups(CUSTOMERGROUPID='30',dataAreaId='USMF')"
    assert finops.get(path).json()["error"]["message"] == "Not found."
    assert finops.get(path).status_code == 404
    assert finops.get(f"{path}?{ALL}").json()["CUSTOMERGROUPID"] == "30"


@pytest.mark.parametrize("key", ["CUSTOMERGROUPID='10'", "'10'", "dataAreaId='usmf',CUSTOMERGROUPID='10',x='1'"])
def test_a_key_names_all_its_fields(finops: Client, key: str) -> None:
    assert finops.get(f"CustomerGroups({key})?{ALL}").status_code == 400


def test_tables_without_company_are_seen_by_everybody(finops: Client) -> None:
    assert [row["LEGALENTITYID"] for row in finops.rows("LegalEntities?$orderby=LEGALENTITYID")] == ["demf", "usmf"]
    assert finops.get("LegalEntities('USMF')").json()["NAME"] == "usmf"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("DESCRIPTION eq '*retail*'", ["usmf 10", "usmf 20"]),
        ("DESCRIPTION eq 'RETAIL*'", ["usmf 10"]),
        ("DESCRIPTION ne '*retail*'", ["usmf 30", "demf 10", "demf 40"]),
        ("DESCRIPTION eq ''", ["usmf 30"]),
        ("DESCRIPTION eq '*100%_*'", ["demf 10"]),
        ("DESCRIPTION gt '*'", ["usmf 10", "usmf 20", "demf 10", "demf 40"]),
        ("not (CUSTOMERGROUPID le '20' or dataAreaId eq 'usmf')", ["demf 40"]),
        (f"ISSALESTAXINCLUDEDINPRICE eq {NO} and CUSTOMERGROUPID ge '20'", ["usmf 20", "usmf 30", "demf 40"]),
        (f"ISSALESTAXINCLUDEDINPRICE ne {NO}", []),
        ("contains(DESCRIPTION,'tail') and startswith(CUSTOMERGROUPID,'1')", ["usmf 10"]),
        ("ModifiedDateTime ge 2001-01-01T00:00:00Z and dataAreaId eq 'demf'", ["demf 10", "demf 40"]),
        ("ModifiedDateTime lt 2001-01-01T00:00:00Z", []),
    ],
)
def test_filters_follow_the_service(finops: Client, text: str, expected: list[str]) -> None:
    assert groups(finops, f"{ALL}&$filter={text}") == expected


@pytest.mark.parametrize(
    "text",
    [
        "ISSALESTAXINCLUDEDINPRICE eq 'No'",
        "ISSALESTAXINCLUDEDINPRICE gt Microsoft.Dynamics.DataEntities.NoYes'No'",
        "ISSALESTAXINCLUDEDINPRICE eq Microsoft.Dynamics.DataEntities.Other'No'",
        "CUSTOMERGROUPID in ('10','20')",
        "description eq 'x'",
        "DESCRIPTION eq",
        "CUSTOMERGROUPID eq 10",
        "ISSALESTAXINCLUDEDINPRICE has Microsoft.Dynamics.DataEntities.NoYes'No'",
        "CustomersV3/any(c:c/CUSTOMERACCOUNT eq 'x')",
        "CustomersV3/any(c:c/Lines/any(l:l/x eq 1))",
    ],
)
def test_filters_that_the_service_does_not_take_are_refused(finops: Client, text: str) -> None:
    answer = finops.get(f"CustomerGroups?{ALL}&$filter={text}")
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == "The request is invalid."
    assert infolog_of(answer)


def test_selection_order_top_skip_and_count(finops: Client) -> None:
    path = f"CustomerGroups?{ALL}&$select=CUSTOMERGROUPID&$orderby=CUSTOMERGROUPID desc,dataAreaId"
    answer = finops.get(f"{path}&$top=2&$skip=1&$count=true").json()
    assert [row["CUSTOMERGROUPID"] for row in answer["value"]] == ["30", "20"]
    assert answer["@odata.count"] == 5
    assert answer["value"][0].keys() == {"@odata.etag", "CUSTOMERGROUPID"}
    assert answer["@odata.context"].endswith("/data/$metadata#CustomerGroups")


@pytest.mark.parametrize("order", ["", "&$orderby=DESCRIPTION desc", "&$orderby=CUSTOMERGROUPID"])
def test_pages_hold_every_row_once(finops: Client, order: str) -> None:
    path, found = f"CustomerGroups?{ALL}{order}", []
    whole = [row["@odata.etag"] for row in finops.rows(path)]
    link = path
    while link:
        answer = finops.get(link, Prefer="odata.maxpagesize=2").json()
        found += [row["@odata.etag"] for row in answer["value"]]
        link = answer.get("@odata.nextLink", "")
    assert found == whole
    assert len(found) == 5


def test_a_changed_page_link_is_refused(finops: Client) -> None:
    link = finops.get(f"CustomerGroups?{ALL}", Prefer="odata.maxpagesize=2").json()["@odata.nextLink"]
    assert finops.get(link.replace("skiptoken=", "skiptoken=A")).status_code == 400
    assert finops.get(link.replace("CustomerGroups", "CustomersV3")).status_code == 400


def test_values_have_the_types_and_stand_ins_of_the_service(finops: Client) -> None:
    group = make_group(finops, "demf")
    account = make_customer(finops, "demf", CUSTOMERGROUPID=group, CREDITLIMIT=10.5)
    row = finops.get(f"CustomersV3(dataAreaId='demf',CUSTOMERACCOUNT='{account}')").json()
    assert (row["CREDITLIMIT"], row["PAYMENTTERMSBASEDAYS"], row["SALESMEMO"]) == (10.5, 0, "")
    assert (row["ONHOLDSTATUS"], row["ISONETIMECUSTOMER"]) == ("No", "No")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", row["ModifiedDateTime"])


@pytest.mark.parametrize("none", ["1900-01-01T12:00:00Z", "1900-01-01T00:00:00Z", None])
def test_no_date_is_written_in_both_forms(finops: Client, none: str | None) -> None:
    finops.post("VendorGroups", {"dataAreaId": "demf", "VENDORGROUPID": "N"})
    path = "VendorsV2(dataAreaId='demf',VENDORACCOUNTNUMBER='N')"
    finops.post("VendorsV2", {"dataAreaId": "demf", "VENDORACCOUNTNUMBER": "N", "VENDORGROUPID": "N"})
    finops.patch(path, {"VENDORHOLDRELEASEDATE": "2026-11-21T12:00:00Z"})
    assert finops.patch(path, {"VENDORHOLDRELEASEDATE": none}).status_code == 204
    assert finops.get(path).json()["VENDORHOLDRELEASEDATE"] == "1900-01-01T12:00:00Z"
    for form in ("12", "00"):
        found = finops.rows(f"VendorsV2?$filter=VENDORHOLDRELEASEDATE eq 1900-01-01T{form}:00:00Z")
        assert "N" in {row["VENDORACCOUNTNUMBER"] for row in found}


def test_no_date_of_a_date_time_is_midnight(finops: Client, management: Management) -> None:
    columns = [{"name": "Code", "type": "text", "required": True}, {"name": "At", "type": "datetime"}]
    table = {"set": "Moments", "entity": "Moment", "table": "M", "label": "M", "key": ["Code"], "columns": columns}
    management.done("POST", f"sandboxes/{finops.info['name']}/tables", {"tables": [table]})
    for place, sent in enumerate((None, "1900-01-01T12:00:00Z", "1900-01-01T00:00:00Z")):
        row = finops.post("Moments", {"Code": str(place), "At": sent}).json()
        assert row["At"] == "1900-01-01T00:00:00Z"


def test_the_format_may_be_asked_for_as_json_alone(finops: Client) -> None:
    assert finops.get("LegalEntities?$format=json").status_code == 200
    assert finops.get("LegalEntities?$format=atom").status_code == 400


@pytest.mark.parametrize("option", ["$apply=groupby((dataAreaId))", "$search=x", "$compute=1", "$deltatoken=x"])
def test_options_that_the_service_does_not_have_are_refused(finops: Client, option: str) -> None:
    assert finops.get(f"CustomerGroups?{ALL}&{option}").status_code == 400


def test_no_date_is_the_first_of_january_1900(finops: Client) -> None:
    finops.post("VendorGroups", {"dataAreaId": "demf", "VENDORGROUPID": "10"})
    vendor = {"dataAreaId": "demf", "VENDORACCOUNTNUMBER": "V1", "VENDORGROUPID": "10"}
    made = finops.post("VendorsV2", vendor).json()
    assert made["VENDORHOLDRELEASEDATE"] == "1900-01-01T12:00:00Z"
    path = "VendorsV2(dataAreaId='demf',VENDORACCOUNTNUMBER='V1')"
    finops.patch(path, {"VENDORHOLDRELEASEDATE": "2026-11-21T12:00:00Z"})
    assert finops.get(path).json()["VENDORHOLDRELEASEDATE"] == "2026-11-21T12:00:00Z"
    finops.patch(path, {"VENDORHOLDRELEASEDATE": None})
    assert finops.get(path).json()["VENDORHOLDRELEASEDATE"] == "1900-01-01T12:00:00Z"


def test_the_etag_is_version_and_id_of_the_record(finops: Client) -> None:
    path = "CustomerGroups(dataAreaId='demf',CUSTOMERGROUPID='40')"
    first = finops.get(path).json()["@odata.etag"]
    finops.patch(path, {"DESCRIPTION": "Other"})
    second = finops.get(path).json()["@odata.etag"]
    texts = [base64.b64decode(one.removeprefix('W/"').removesuffix('"')).decode() for one in (first, second)]
    (version, record), (later, same) = (re.findall(r"\d+", text) for text in texts)
    assert texts[0] == f"'{version},{record}'"
    assert (int(later), same) == (int(version) + 1, record)


def test_only_some_tables_tell_when_a_row_was_modified(finops: Client) -> None:
    assert "ModifiedDateTime" in finops.rows(f"CustomerGroups?{ALL}&$top=1")[0]
    assert "ModifiedDateTime" not in finops.rows("LegalEntities?$top=1")[0]
    assert finops.get("LegalEntities?$filter=ModifiedDateTime ge 2001-01-01T00:00:00Z").status_code == 400


def test_there_is_no_delta_feed(finops: Client) -> None:
    answer = finops.get(f"CustomerGroups?{ALL}", Prefer="odata.track-changes")
    assert "@odata.deltaLink" not in answer.json()
    assert "Preference-Applied" not in answer.headers
    assert finops.get("CustomerGroups?$deltatoken=x&$apply=y").status_code == 400


def test_an_unknown_entity_set_is_told_by_its_address(finops: Client) -> None:
    answer = finops.get("Nothings")
    assert answer.status_code == 404
    text = f"No HTTP resource was found that matches the request URI '{finops.info['api_url']}/Nothings'"
    assert answer.json() == {"Message": text}


def test_answers_carry_the_headers_of_the_service(finops: Client) -> None:
    found = finops.get("LegalEntities", x_ms_client_request_id="mine").headers
    assert {"ms-dyn-aid", "server-timing", "x-ms-request-id", "date"} <= set(found)
    assert {"ms-dyn-aid", "server-timing"} <= set(finops.get("Nothings").headers)


def test_whole_numbers_are_compared_unquoted(finops: Client) -> None:
    make_customer(finops, "demf", PAYMENTTERMSBASEDAYS=77)
    assert len(finops.rows("CustomersV3?$filter=PAYMENTTERMSBASEDAYS eq 77")) == 1
    assert finops.get("CustomersV3?$filter=PAYMENTTERMSBASEDAYS eq '77'").status_code == 400

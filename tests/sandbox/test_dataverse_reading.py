"""Lists, single rows and counts of the Web API. Source: Dataverse Web API documentation."""

import re
from urllib.parse import quote

import pytest

from tests.sandbox.client import Client
from tests.sandbox.conftest import Management
from tests.sandbox.rows import error_of, make_account, make_company


@pytest.fixture(scope="module")
def seven(dataverse: Client) -> list[str]:
    """Seven payment days by name, in a table of their own."""
    names = ["alpha", "Beta", "gamma", "Delta", "epsilon", "O'Brien", "100%_x"]
    for place, name in enumerate(names):
        dataverse.make(
            "msdyn_paymentdays", {"msdyn_name": name, **({"msdyn_description": f"d{place}"} if place < 4 else {})}
        )
    return names


def names(dataverse: Client, path: str) -> list[str]:
    return [row["msdyn_name"] for row in dataverse.rows(path)]


def test_a_row_carries_its_etag_and_the_number_in_it_is_its_version(dataverse: Client) -> None:
    row = dataverse.get(f"accounts({make_account(dataverse)})").json()
    assert re.fullmatch(r'W/"\d+"', row["@odata.etag"])
    assert row["@odata.etag"] == f'W/"{row["versionnumber"]}"'


def test_a_selection_holds_the_named_columns_and_the_id(dataverse: Client) -> None:
    made = make_account(dataverse, name="Ä & 'b'")
    row = dataverse.get(f"accounts({made})?$select=name").json()
    assert row.pop("@odata.context").endswith("/api/data/v9.2/$metadata#accounts(name)/$entity")
    assert row.keys() == {"@odata.etag", "accountid", "name"}
    assert (row["accountid"], row["name"]) == (made, "Ä & 'b'")


def test_values_have_the_types_of_the_service(dataverse: Client) -> None:
    company = make_company(dataverse)
    made = make_account(
        dataverse,
        creditlimit=10.5,
        numberofemployees=3,
        customertypecode=3,
        msdyn_onetimecustomer=True,
        **{"msdyn_company@odata.bind": f"/cdm_companies({company})"},
    )
    row = dataverse.get(f"accounts({made})").json()
    assert (row["creditlimit"], row["numberofemployees"], row["customertypecode"]) == (10.5, 3, 3)
    assert row["msdyn_onetimecustomer"] is True
    assert row["_msdyn_company_value"] == company
    assert "msdyn_company" not in row
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", row["createdon"])
    assert (row["description"], row["statecode"], row["statuscode"]) == (None, 0, 1)


def test_ids_are_told_in_small_letters(dataverse: Client) -> None:
    made = make_account(dataverse)
    assert dataverse.get(f"accounts({made.upper()})?$select=name").json()["accountid"] == made


def test_a_row_is_found_by_its_alternate_key_in_any_letter_case(dataverse: Client) -> None:
    company = make_company(dataverse)
    bound = {"msdyn_company@odata.bind": f"/cdm_companies({company})"}
    made = make_account(dataverse, accountnumber="Key/1'", **bound)
    key = quote("accountnumber='KEY/1''',_msdyn_company_value=" + company)
    assert dataverse.get(f"accounts({key})?$select=name").json()["accountid"] == made


@pytest.mark.parametrize("key", ["accountnumber='A'", "accountnumber='A',msdyn_company={}", "name='A'", "'A'"])
def test_a_key_that_is_not_declared_is_refused(dataverse: Client, key: str) -> None:
    answer = dataverse.get(f"accounts({key.format(make_company(dataverse))})")
    assert error_of(answer) == (400, "0x80060888")
    assert "The key in the request URI is not valid for resource 'Microsoft.Dynamics.CRM.account'" in answer.text


def test_a_missing_row_is_told_by_id_and_by_key(dataverse: Client) -> None:
    missing = "0f3c1a52-6f0e-4d7a-9a0e-3a8f5d1c2b4e"
    by_id = dataverse.get(f"accounts({missing})")
    assert error_of(by_id) == (404, "0x80040217")
    assert by_id.json()["error"]["message"] == f"account With Id = {missing} Does Not Exist"
    assert error_of(dataverse.get("uoms(msdyn_symbol='none')")) == (404, "0x80060891")


def test_an_unknown_set_is_told(dataverse: Client) -> None:
    answer = dataverse.get("nothings")
    assert error_of(answer) == (404, "0x8006088a")
    assert answer.json()["error"]["message"] == "Resource not found for the segment 'nothings'."


def test_an_unchanged_row_is_not_sent_again(dataverse: Client) -> None:
    path = f"accounts({make_account(dataverse)})?$select=name"
    etag = dataverse.get(path).json()["@odata.etag"]
    again = dataverse.get(path, If_None_Match=etag)
    assert (again.status_code, again.content) == (304, b"")
    assert dataverse.get(path, If_None_Match='W/"1"').status_code == 200


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("msdyn_name eq 'ALPHA'", ["alpha"]),
        ("msdyn_name ne 'alpha'", ["100%_x", "Beta", "Delta", "epsilon", "gamma", "O'Brien"]),
        ("msdyn_description eq null", ["100%_x", "epsilon", "O'Brien"]),
        ("msdyn_description eq ''", ["100%_x", "epsilon", "O'Brien"]),
        ("msdyn_description ne null", ["alpha", "Beta", "Delta", "gamma"]),
        ("msdyn_description ne 'd0'", ["100%_x", "Beta", "Delta", "epsilon", "gamma", "O'Brien"]),
        ("msdyn_description gt 'd1'", ["Delta", "gamma"]),
        ("not (msdyn_description gt 'd1')", ["100%_x", "alpha", "Beta", "epsilon", "O'Brien"]),
        ("contains(msdyn_name,'%_')", ["100%_x"]),
        ("startswith(msdyn_name,'o''b')", ["O'Brien"]),
        ("endswith(msdyn_name,'TA')", ["Beta", "Delta"]),
        ("msdyn_name eq 'alpha' or (msdyn_name eq 'gamma' and statecode eq 0)", ["alpha", "gamma"]),
        ("Microsoft.Dynamics.CRM.In(PropertyName='msdyn_name',PropertyValues=['BETA','gamma'])", ["Beta", "gamma"]),
        ("msdyn_name eq @p1&@p1='delta'", ["Delta"]),
        ("createdon gt 2001-01-01T00:00:00Z and statecode le 0.5 and msdyn_name eq 'alpha'", ["alpha"]),
    ],
)
def test_filters_follow_the_service(dataverse: Client, seven: list[str], text: str, expected: list[str]) -> None:
    assert names(dataverse, f"msdyn_paymentdays?$filter={text}&$orderby=msdyn_name") == expected


def test_look_ups_and_ids_are_filtered_by_guid(dataverse: Client) -> None:
    company, other = make_company(dataverse), make_company(dataverse)
    made = make_account(dataverse, **{"msdyn_company@odata.bind": f"/cdm_companies({company})"})
    by_company = dataverse.rows(f"accounts?$filter=_msdyn_company_value eq {company}")
    assert [row["accountid"] for row in by_company] == [made]
    values = f"['{made}','{other}']"
    text = f"Microsoft.Dynamics.CRM.In(PropertyName='accountid',PropertyValues={values})"
    assert [row["accountid"] for row in dataverse.rows(f"accounts?$filter={text}")] == [made]


@pytest.mark.parametrize(
    "text",
    ["nothing eq 1", "name eq", "name eq 1", "statecode eq 'a'", "contains(statecode,'a')", "name eq 'a", "a/b eq 1"],
)
def test_a_filter_that_makes_no_sense_is_refused(dataverse: Client, text: str) -> None:
    assert error_of(dataverse.get(f"accounts?$filter={text}")) == (400, "0x80060888")


def test_rows_come_in_the_order_asked_for_with_nothing_first(dataverse: Client, seven: list[str]) -> None:
    path = "msdyn_paymentdays?$orderby=msdyn_description,msdyn_name desc"
    assert names(dataverse, path) == ["O'Brien", "epsilon", "100%_x", "alpha", "Beta", "gamma", "Delta"]


@pytest.mark.parametrize("order", ["msdyn_name", "msdyn_name desc", "msdyn_description desc", "msdyn_description", ""])
def test_pages_hold_every_row_once_in_order(dataverse: Client, seven: list[str], order: str) -> None:
    path = f"msdyn_paymentdays?$select=msdyn_name{f'&$orderby={order}' if order else ''}"
    whole, paged, link = names(dataverse, path), [], path
    while link:
        answer = dataverse.get(link, Prefer="odata.maxpagesize=2").json()
        assert len(answer["value"]) <= 2
        paged += [row["msdyn_name"] for row in answer["value"]]
        link = answer.get("@odata.nextLink", "")
    assert paged == whole
    assert sorted(paged) == sorted(seven)


def test_a_changed_or_borrowed_page_link_is_refused(dataverse: Client, seven: list[str]) -> None:
    link = dataverse.get("msdyn_paymentdays?$select=msdyn_name", Prefer="odata.maxpagesize=2").json()["@odata.nextLink"]
    token = re.search(r"pagingcookie%3D%22([^%]+)", link)
    assert token
    changed = ("B" if token[1][0] == "A" else "A") + token[1][1:]
    for bad in (
        link.replace(token[1], changed),
        link.replace("msdyn_name", "msdyn_description"),
        link.replace("paymentdays", "paymentschedules"),
        link + "&$filter=statecode eq 0",
    ):
        assert error_of(dataverse.get(bad)) == (400, "0x80060888")


def test_top_ends_the_list(dataverse: Client, seven: list[str]) -> None:
    answer = dataverse.get("msdyn_paymentdays?$top=3", Prefer="odata.maxpagesize=2").json()
    assert len(answer["value"]) == 3
    assert "@odata.nextLink" not in answer


def test_counts_are_of_all_rows_that_pass(dataverse: Client, seven: list[str]) -> None:
    text = "$filter=msdyn_description ne null"
    assert dataverse.get(f"msdyn_paymentdays?$count=true&$top=1&{text}").json()["@odata.count"] == 4
    assert dataverse.get(f"msdyn_paymentdays/$count?{text}").text.lstrip("\ufeff") == "4"


def test_counts_and_pages_end_at_five_thousand(dataverse: Client) -> None:
    rows = [
        {"@odata.type": "Microsoft.Dynamics.CRM.uom", "name": f"u{n}", "msdyn_symbol": f"u{n}"} for n in range(5001)
    ]
    assert dataverse.post("uoms/Microsoft.Dynamics.CRM.CreateMultiple", {"Targets": rows}).status_code == 200
    answer = dataverse.get("uoms?$select=name&$count=true").json()
    assert (answer["@odata.count"], len(answer["value"])) == (5000, 5000)
    assert len(dataverse.rows(answer["@odata.nextLink"])) == 1
    assert dataverse.get("uoms/$count").text.lstrip("\ufeff") == "5000"


@pytest.mark.parametrize("option", ["$skip=1", "$apply=groupby((name))", "$foo=1", "$top=-1", "$orderby=name up"])
def test_options_that_the_service_does_not_take_are_refused(dataverse: Client, option: str) -> None:
    assert error_of(dataverse.get(f"accounts?{option}")) == (400, "0x80060888")


def test_an_unknown_column_is_refused(dataverse: Client) -> None:
    answer = dataverse.get("accounts?$select=nothing")
    assert error_of(answer) == (400, "0x80060888")
    assert "Could not find a property named 'nothing'" in answer.text


def test_answers_carry_the_headers_of_the_service(dataverse: Client) -> None:
    headers = dataverse.get("WhoAmI").headers
    assert headers["OData-Version"] == "4.0"
    assert headers["Content-Type"] == "application/json; odata.metadata=minimal"
    assert {"x-ms-service-request-id", "x-ms-ratelimit-burst-remaining-xrm-requests", "x-ms-dop-hint", "date"} <= set(
        headers
    )


def test_who_am_i_names_user_unit_and_organization(dataverse: Client) -> None:
    answer = dataverse.get("WhoAmI").json()
    assert answer["OrganizationId"] == dataverse.info["organization_id"]
    user = dataverse.get(f"systemusers({answer['UserId']})").json()
    assert user["applicationid"] == dataverse.info["client_id"]
    roles = dataverse.rows(f"systemusers({answer['UserId']})/systemuserroles_association?$select=name")
    assert [role["name"] for role in roles] == ["System Administrator"]


def test_skip_tokens_are_opaque_where_the_sandbox_is_set_so(
    dataverse: Client, seven: list[str], management: Management
) -> None:
    path = f"sandboxes/{dataverse.info['name']}"
    management.done("PATCH", path, {"has_opaque_skip_tokens": True})
    first = dataverse.get("msdyn_paymentdays?$select=msdyn_name", Prefer="odata.maxpagesize=4").json()
    assert "cookie" not in first["@odata.nextLink"]
    second = dataverse.get(first["@odata.nextLink"], Prefer="odata.maxpagesize=4").json()
    fed = dataverse.get("msdyn_paymentdays", Prefer="odata.track-changes,odata.maxpagesize=4").json()
    rest = dataverse.get(fed["@odata.nextLink"], Prefer="odata.track-changes,odata.maxpagesize=4").json()
    management.done("PATCH", path, {"has_opaque_skip_tokens": False})
    assert sorted(row["msdyn_name"] for row in first["value"] + second["value"]) == sorted(seven)
    assert (len(rest["value"]), "@odata.deltaLink" in rest) == (3, True)


def test_skip_is_refused_in_the_service_s_words(dataverse: Client) -> None:
    answer = dataverse.get("accounts?$skip=1")
    assert error_of(answer) == (400, "0x80060888")
    assert answer.json()["error"]["message"] == "Skip Clause is not supported in CRM"


def test_a_next_link_is_encoded_and_followed_as_it_is(dataverse: Client, seven: list[str]) -> None:
    path = "msdyn_paymentdays?$select=msdyn_name&$filter=msdyn_name ne 'a b%26c'"
    link = dataverse.get(path, Prefer="odata.maxpagesize=5").json()["@odata.nextLink"]
    assert link.startswith(f"{dataverse.info['api_url']}/msdyn_paymentdays?$select=")
    assert " " not in link
    assert "$skiptoken=%3Ccookie%20pagenumber%3D%222%22%20" in link
    assert len(dataverse.rows(link, Prefer="odata.maxpagesize=5")) == 2
